"""Which plan a company has, as far as the limits ask."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from converto.kernel.actor import Actor
from converto.kernel.errors import Error
from converto.kernel.paid_work import PaidWork


class Plans(Protocol):
    """Whoever knows the plans of companies."""

    async def plan(self, tenant_id: UUID) -> str:
        """Return the name of a company's plan."""
        ...


class OnePlan:
    """Every company has the same plan: where nobody sells any."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def plan(self, tenant_id: UUID) -> str:  # noqa: ARG002 - it is the same for all
        """See `Plans.plan`."""
        return self._name


class PlansSold:
    """Whoever sells plans knows them; where nobody does, or does not answer, every company has the same: it is no reason to refuse."""

    def __init__(self, paid_work: PaidWork, *, otherwise: str) -> None:
        self._paid_work = paid_work
        self._otherwise = otherwise

    async def plan(self, tenant_id: UUID) -> str:
        """See `Plans.plan`."""
        try:
            return await self._paid_work.plan_of(Actor.service(tenant_id)) or self._otherwise
        except Error:
            return self._otherwise


def limits(written: str) -> Mapping[str, int]:
    """Return the requests a minute by plan from `starter=1200,professional=6000`. Raises ValueError."""
    found = {}
    for part in written.split(","):
        name, _, number = part.strip().partition("=")
        if not name or not number.strip().isdigit() or int(number) < 1:
            msg = f"{part.strip()!r} is no plan with its limit: write starter=1200,professional=6000"
            raise ValueError(msg)
        found[name] = int(number)
    return found
