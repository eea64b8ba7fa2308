"""Paid work: what a module asks before it does what a company's plan may not hold, whoever sells plans, if anybody does.

await parts.paid_work.reserve(actor, (Use(feature="ocr_scans_per_month", key=f"ocr:{scan_id}"),))
...                                                # the work, which costs money and may fail
await parts.paid_work.confirm(actor, (use,))       # or release
"""

from collections.abc import Callable
from typing import Protocol

from pydantic import Field

from converto.kernel.actor import Actor
from converto.kernel.errors import PaymentRequired
from converto.kernel.interface import Interface, Value, command, query

LARGEST_QUANTITY = 10**12


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
    """Asks the module that sells plans, which may come later or live elsewhere; where there is none, everything is allowed."""

    def __init__(self, find: Callable[[], PaidWork | None] = lambda: None) -> None:
        self._find = find

    async def reserve(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.reserve`."""
        seller = self._find()
        if seller is not None:
            await seller.reserve(actor, uses)

    async def confirm(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.confirm`."""
        seller = self._find()
        if seller is not None:
            await seller.confirm(actor, uses)

    async def release(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.release`."""
        seller = self._find()
        if seller is not None:
            await seller.release(actor, uses)

    async def allow(self, actor: Actor, feature: str, *, level: int = 1) -> None:
        """See `PaidWork.allow`."""
        seller = self._find()
        if seller is not None:
            await seller.allow(actor, feature, level=level)

    async def plan_of(self, actor: Actor) -> str | None:
        """See `PaidWork.plan_of`."""
        seller = self._find()
        return None if seller is None else await seller.plan_of(actor)
