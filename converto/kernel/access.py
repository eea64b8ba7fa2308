"""What the edge knows of a route before it is entered: who may use it, and how it is treated."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PUBLIC: Final = "public"
"""Instead of a scope: nobody has to be signed in."""
OPERATORS: Final = "operators"
"""Instead of a scope: nobody is signed in; the route itself asks for the operators' token where one is set."""
PROCESSES: Final = "processes"
"""Instead of a scope: the route itself asks for the signature of one of our own processes."""
CLOSED: Final = "closed"
"""Instead of a scope: nobody may use it, for no table says who may."""
OPEN: Final = frozenset({PUBLIC, OPERATORS, PROCESSES})
"""What the edge lets through without an actor."""


class Admission(StrEnum):
    """Which requests a route competes with when there are more than can be answered; each class has a cap of its own."""

    HEALTH = "health"
    """Short looks of operators and their machines."""
    AUTH = "auth"
    """Signing in and out, and what else costs a password's hash."""
    MONEY = "money"
    """What books, pays or files: refused last."""
    READ = "read"
    """Short requests, whether they read or write."""
    BULK = "bulk"
    """Uploads, exports and whatever else takes long: refused first."""


@dataclass(frozen=True, slots=True)
class Access:
    """One route's entry in the access table."""

    scope: str | None
    """The scope that it needs, PUBLIC and the like instead of one, or None: whoever is signed in."""
    admission: Admission
    cache_s: int = 0
    """For how many seconds the same answer may be given again to the same principal; 0 means never."""
    creates: bool = False
    """Whether it creates something, and so takes an `Idempotency-Key`."""
    waits: bool = False
    """Whether its caller may ask to wait for something to happen: time that says nothing of how busy we are."""
    elsewhere: bool = False
    """Whether most of its time is spent by somebody outside, such as a provider of models: that says nothing of how busy we are either."""

    @property
    def needs_actor(self) -> bool:
        """Whether somebody has to be signed in."""
        return self.scope not in OPEN

    @property
    def is_look(self) -> bool:
        """Whether it is one of the short looks for which nobody signs in, and that are answered to the end."""
        return self.admission is Admission.HEALTH and not self.needs_actor

    @property
    def is_counted(self) -> bool:
        """Whether it competes for a place with others of its class; what our own processes ask is bounded where it comes from."""
        return self.scope != PROCESSES


INTERNAL: Final = Access(PROCESSES, Admission.HEALTH)
"""How calls between our own processes are treated: the edge that sent them has admitted and limited what they are for."""
UNLISTED: Final = Access(CLOSED, Admission.READ)
"""How a route is treated that no table names."""
