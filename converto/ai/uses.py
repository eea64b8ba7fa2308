"""What answers take of a company's plan, in billing's terms: tokens, and money in millionths of a euro."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING
from uuid import UUID

from converto.ai.accounts import Settled
from converto.ai.catalogue import Exchange
from converto.ai.conversation import Outcome
from converto.ai.events import UsageSettled
from converto.kernel.paid_work import Use

TOKENS = "ai_tokens_per_month"
SPEND = "ai_spend_per_month"
PAID = frozenset({Outcome.OK, Outcome.LEFT})
"""An answer that broke off is paid by nobody but who left it."""
TOLD_TOGETHER = 100


def uses_of(completion_id: UUID, *, tokens: int, nano_usd: int, exchange: Exchange) -> tuple[Use, Use]:
    """Return what one answer takes; the same names stand for what is held for it."""
    micros = int(exchange.euros(nano_usd).amount.scaleb(6).to_integral_value(ROUND_CEILING))
    key = f"ai:{completion_id}"
    return Use(feature=TOKENS, key=key, quantity=tokens), Use(feature=SPEND, key=key, quantity=micros)


def usage_settled(settled: Sequence[Settled], exchange: Exchange) -> Iterator[UsageSettled]:
    """Yield what billing is to hear of answers that are over: of each company by itself, and of many of its answers together."""
    by_company: dict[UUID, list[Settled]] = {}
    for one in settled:
        if one.outcome in PAID:
            by_company.setdefault(one.hold.tenant_id, []).append(one)
    for tenant_id, paid in by_company.items():
        for first in range(0, len(paid), TOLD_TOGETHER):
            uses = [
                use
                for one in paid[first : first + TOLD_TOGETHER]
                for use in uses_of(one.hold.completion_id, tokens=one.prompt + one.completion, nano_usd=one.cost, exchange=exchange)
            ]
            yield UsageSettled(tenant_id=tenant_id, uses=tuple(uses))
