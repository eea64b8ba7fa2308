"""Roles of a member of a company, and the scopes that each one gives."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a person is in a company, from the most to the least allowed."""

    OWNER = "owner"
    ADMIN = "admin"
    ACCOUNTANT = "accountant"
    MEMBER = "member"
    VIEWER = "viewer"


AREAS = ("ai", "auth", "billing", "events", "ocr", "vat", "vision")
"""Every module that a person may be let into; each has the scopes `<area>:read` and `<area>:write`."""

_READ = frozenset(f"{area}:read" for area in AREAS)
_WRITE = frozenset(f"{area}:write" for area in AREAS)
_WORK = frozenset({"ai:write", "ocr:write", "vision:write"})
_AUDIT = frozenset({"auth:audit"})
"""Who did what, when and from where: it names people, so it is for those who answer for them."""
SELF = frozenset({"auth:self"})
"""One's own name, password and sessions: every person has this, whatever their role."""

SCOPES: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.OWNER: SELF | _READ | _WRITE | _AUDIT | {"auth:owner"},
        Role.ADMIN: SELF | _READ | _WRITE | _AUDIT,
        Role.ACCOUNTANT: SELF | (_READ - {"events:read"}) | _WORK | {"vat:write"},
        Role.MEMBER: SELF | frozenset({"ai:read", "auth:read", "ocr:read", "vat:read", "vision:read"}) | _WORK,
        Role.VIEWER: SELF | frozenset({"auth:read", "ocr:read", "vat:read", "vision:read"}),
    }
)
"""The one table of who may do what. `auth:owner` is what only an owner may: other owners, and the end of the company."""

FOR_KEYS = _READ | _WRITE | _AUDIT
"""What a program may be given by an API key: never what only a person, or an owner, may do."""


def scopes(role: Role) -> frozenset[str]:
    """Return the scopes that a role gives."""
    return SCOPES[role]


def allows(role: Role, scope: str) -> bool:
    """Tell whether a role gives a scope; an unknown scope is given to nobody."""
    return scope in SCOPES[role]
