"""What a question takes of its company's plan: held before a model is asked, counted once it has answered, and else given back.

Billing counts when it hears `ai.usage.settled`: a process that dies with the answer in its hands loses nothing of it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from converto.ai.catalogue import Exchange
from converto.ai.executor import Order
from converto.ai.uses import uses_of
from converto.kernel.errors import Error
from converto.kernel.paid_work import PaidWork, Use


class PlanRoom:
    """Holds room in a plan while a question is on its way."""

    def __init__(self, paid_work: PaidWork, exchange: Exchange) -> None:
        self._paid_work = paid_work
        self._exchange = exchange

    @asynccontextmanager
    async def held(self, order: Order) -> AsyncIterator[None]:
        """Hold the most that a question may take; nothing is charged where no model answers. Raises LimitReached."""
        uses = self._most(order)
        await self._paid_work.reserve(order.actor, uses)
        try:
            yield
        except BaseException as error:
            # whoever left in the middle of an answer pays for what has come of it: the ledger tells of that
            if isinstance(error, Error) or not order.attempts:
                with suppress(Error):  # what cannot be given back now is free again by itself after a while
                    await self._paid_work.release(order.actor, uses)
            raise

    def _most(self, order: Order) -> tuple[Use, ...]:
        demand, specs = order.demand, [choice.spec for choice in order.ranking.choices]
        tokens = demand.most_prompt_tokens + max(map(demand.tokens_for, specs), default=0)
        return uses_of(order.id, tokens=tokens, nano_usd=max(map(demand.worst_nano, specs), default=0), exchange=self._exchange)
