"""Which plan a company has, as far as the limits ask."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID


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
