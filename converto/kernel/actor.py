"""Who acts, and for which tenant."""

from enum import StrEnum
from typing import Self
from uuid import UUID

from converto.kernel.errors import Forbidden
from converto.kernel.interface import Value


class ActorKind(StrEnum):
    """What sort of actor this is."""

    USER = "user"
    API_KEY = "api_key"
    SERVICE = "service"


class Actor(Value):
    """Somebody who acts for one tenant, with the scopes that this gives; it travels as an ordinary first argument."""

    kind: ActorKind = ActorKind.USER
    tenant_id: UUID
    user_id: UUID | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    role: str | None = None
    scopes: frozenset[str] = frozenset()

    @classmethod
    def service(cls, tenant_id: UUID, *scopes: str) -> Self:
        """Return the program itself, acting for a tenant: what a job or a reaction to an event runs as."""
        return cls(kind=ActorKind.SERVICE, tenant_id=tenant_id, scopes=frozenset(scopes))

    def require(self, scope: str) -> None:
        """Go on only with this scope. Raises Forbidden, naming it."""
        if scope not in self.scopes:
            raise Forbidden(scope=scope)
