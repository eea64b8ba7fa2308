"""What every carrier of events over Redis can be asked in the measurements."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, Self

from bench.measuring.sale import SaleMade

Handler = Callable[[SaleMade], Awaitable[None]]


class Carrier(Protocol):
    """Something that carries events over one Redis stream to a typed handler."""

    name: str

    async def publish(self, event: SaleMade) -> None:
        """Add one event to the stream; it is there when this returns."""
        ...

    async def fill(self, events: Sequence[SaleMade]) -> None:
        """Add many events, however it goes fastest: this is not measured."""
        ...

    def heard(self, handler: Handler) -> AbstractAsyncContextManager[None]:
        """Have each event of the stream handled and acknowledged while the block runs."""
        ...

    async def unacknowledged(self) -> int:
        """Return how many entries of the stream nobody has acknowledged."""
        ...

    async def empty(self) -> None:
        """Remove the stream with its groups, and make a new group that reads from the start."""
        ...

    async def __aenter__(self) -> Self:
        """Connect."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        ...
