"""Paid work: what a module asks before it does what a company's plan may not hold, whoever sells plans, if anybody does.

await parts.paid_work.reserve(actor, (Use(feature="ocr_scans_per_month", key=f"ocr:{scan_id}"),))
...                                                # the work, which costs money and may fail
await parts.paid_work.confirm(actor, (use,))       # or release
"""

import time
from collections.abc import Callable
from typing import Protocol

from pydantic import Field

from converto.kernel.actor import Actor
from converto.kernel.errors import PaymentRequired
from converto.kernel.interface import Interface, Value, command, query

LARGEST_QUANTITY = 10**12
KNOWN_FOR_S = 60.0
"""Plans that begin to be sold are asked about this much later at most."""


class Use(Value):
    """So much of a feature, for one piece of work."""

    feature: str = Field(min_length=1, max_length=50)
    key: str = Field(min_length=1, max_length=200)
    """Names the piece of work, and is the same at each attempt: `ocr:{scan_id}`. What has been counted under a key is counted once."""
    quantity: int = Field(default=1, ge=0, le=LARGEST_QUANTITY)


class LimitReached(PaymentRequired):
    """The plan holds no more of this."""

    code = "billing.limit_reached"
    message = "The plan allows {limit} of {feature}, and {used} are used."


class PaidWork(Interface, Protocol):
    """What a company may still do."""

    @command
    async def reserve(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """Hold room for a piece of work, all of it or nothing; what is neither confirmed nor released is free again after a while.

        Raises LimitReached.
        """
        ...

    @command
    async def confirm(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """Count work that is done, with the quantity that it came to; never refused, for it has cost what it cost."""
        ...

    @command
    async def release(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """Give back the room for work that came to nothing."""
        ...

    @query
    async def allow(self, actor: Actor, feature: str, *, level: int = 1) -> None:
        """Go on only where the plan holds a feature that is not counted by the month, up to a level: `seats`, the fifth.

        Raises LimitReached.
        """
        ...

    @query
    async def plan_of(self, actor: Actor) -> str | None:
        """Return the name of the company's plan; None where nobody sells any."""
        ...


class WhoeverSells(PaidWork):
    """Asks the module that sells plans, which may come later or live elsewhere; where there is none, everything is allowed.

    That nobody sells anything is remembered for a while: no room need be held then, and so each piece of work is spared a call.
    """

    def __init__(self, find: Callable[[], PaidWork | None] = lambda: None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._monotonic = monotonic
        self._sells = False
        self._known_until = 0.0

    async def reserve(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.reserve`."""
        seller = await self._seller(actor)
        if seller is not None:
            await seller.reserve(actor, uses)

    async def confirm(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.confirm`."""
        seller = self._find()
        if seller is not None:  # what is done is counted all the same
            await seller.confirm(actor, uses)

    async def release(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.release`."""
        seller = await self._seller(actor)
        if seller is not None:
            await seller.release(actor, uses)

    async def allow(self, actor: Actor, feature: str, *, level: int = 1) -> None:
        """See `PaidWork.allow`."""
        seller = await self._seller(actor)
        if seller is not None:
            await seller.allow(actor, feature, level=level)

    async def plan_of(self, actor: Actor) -> str | None:
        """See `PaidWork.plan_of`."""
        seller = self._find()
        return None if seller is None else await seller.plan_of(actor)

    async def _seller(self, actor: Actor) -> PaidWork | None:
        seller = self._find()
        if seller is None:
            return None
        moment = self._monotonic()
        if moment >= self._known_until:
            self._sells = await seller.plan_of(actor) is not None
            self._known_until = moment + KNOWN_FOR_S
        return seller if self._sells else None
