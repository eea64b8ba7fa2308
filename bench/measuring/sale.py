"""The event that all carry in the measurements, ours and the rivals': as large as a typical one."""

from typing import ClassVar
from uuid import UUID, uuid4

from converto.kernel.clock import new_id
from converto.kernel.event import Event

STREAM = "bench"
TENANT = uuid4()


class SaleMade(Event):
    """Something was sold."""

    type: ClassVar[str] = f"{STREAM}.sale_made"

    sale_id: UUID
    customer: str
    lines: int
    cents: int
    currency: str = "EUR"


def sale(number: int = 0) -> SaleMade:
    """Return an event of its own id."""
    return SaleMade(tenant_id=TENANT, sale_id=new_id(), customer=f"Kahvila Köökki {number} Oy", lines=3, cents=1295 + number)
