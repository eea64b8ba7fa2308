"""What may be asked about programs: API keys, and accounts of programs."""

from datetime import datetime
from ipaddress import ip_network
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field

from converto.auth.people import Name
from converto.auth.roles import FOR_KEYS, Role
from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.paging import Page
from converto.kernel.written import WHOLE, WRITTEN_MOMENT


def _known(scope: str) -> str:
    if scope not in FOR_KEYS:
        msg = "there is no such scope that a program may have"
        raise ValueError(msg)
    return scope


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        msg = "this is no address and no network, such as 192.0.2.7 or 2001:db8::/32"
        raise ValueError(msg) from error


def _no_owner(role: Role) -> Role:
    if role is Role.OWNER:
        msg = "a program owns no company"
        raise ValueError(msg)
    return role


KeyScope = Annotated[str, Field(max_length=40, json_schema_extra={"x-wire-enum": sorted(FOR_KEYS)}), AfterValidator(_known)]
Network = Annotated[str, Field(max_length=64, json_schema_extra={"x-wire-format": "network"}), AfterValidator(_network)]


class UnknownApiKey(NotFound):
    """No API key of that id is the company's."""

    code = "auth.unknown_api_key"
    message = "The company has no API key of that id."


class UnknownServiceAccount(NotFound):
    """No service account of that id is the company's."""

    code = "auth.unknown_service_account"
    message = "The company has no service account of that id."


class WrongNetwork(Forbidden):
    """A good API key from an address that it is not good from."""

    code = "auth.wrong_network"
    message = "This API key is not good from this address."


class WrongEnd(Invalid):
    """An end that has passed, or is further away than a key may last."""

    code = "auth.wrong_end"
    message = "The key's end has passed, or is more than {most_days} days away."


class TooManyKeys(Conflict):
    """As many API keys, or service accounts, as a company may have."""

    code = "auth.too_many_keys"
    message = "A company may have {most} of these: remove one that nobody uses."


class NewApiKey(Value):
    """What a new API key is to be."""

    name: Name
    scopes: tuple[KeyScope, ...] = Field(min_length=1, max_length=len(FOR_KEYS))
    ends_at: Annotated[AwareDatetime, WRITTEN_MOMENT] | None = Field(
        default=None, description="a year from now where it is left out; at most five years"
    )
    networks: tuple[Network, ...] = Field(default=(), max_length=20, description="where alone it is good, such as 192.0.2.0/24")
    service_account_id: UUID | None = Field(default=None, description="whose key it is; without one it is the key of whoever makes it")


class ApiKey(Value):
    """An API key, without what a program sends."""

    id: UUID
    name: str
    holder_id: UUID = Field(description="the person who made it, or the service account: it gives no more than their role does")
    holder_name: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_at: datetime
    ends_at: datetime
    used_at: datetime | None = Field(description="when it was last used, to the minute")
    previous_until: datetime | None = Field(description="until when the secret of before the last rotation is still taken")


class IssuedApiKey(ApiKey):
    """A new API key, or a new secret of one: shown now, and never again."""

    key: str = Field(repr=False, description="what a program sends as `Authorization: Bearer`")


class Rotation(Value):
    """How a key gets a new secret."""

    overlap_hours: Annotated[int, Field(ge=0, le=168, description="for how long the secret of before is still taken"), WHOLE] = 24


class NewServiceAccount(Value):
    """What a new account of a program is to be."""

    name: Name
    role: Annotated[Role, Field(json_schema_extra={"x-wire-not": {"const": Role.OWNER.value}}), AfterValidator(_no_owner)]


class ServiceAccount(Value):
    """The account of a program: it belongs to a company as people do, has a role, and comes in by API keys alone."""

    id: UUID
    name: str
    role: Role
    created_at: datetime


class ApiKeys(Interface, Protocol):
    """What programs come in with."""

    @query
    async def api_keys(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[ApiKey]:
        """Return the company's API keys. Raises BadCursor."""
        ...

    @command
    async def make_api_key(self, actor: Actor, new: NewApiKey) -> IssuedApiKey:
        """Make an API key; what a program sends is in the answer, and nowhere else.

        Its scopes are never more than the maker's, nor, for a service account, than that one's role gives.
        Raises StepUpRequired, Forbidden naming the scope, UnknownServiceAccount, WrongEnd, TooManyKeys.
        """
        ...

    @command
    async def rotate_api_key(self, actor: Actor, key_id: UUID, *, rotation: Rotation) -> IssuedApiKey:
        """Give a key a new secret; the one of before is taken for some hours more, and any earlier one no longer.

        Raises StepUpRequired, UnknownApiKey.
        """
        ...

    @command
    async def revoke_api_key(self, actor: Actor, key_id: UUID) -> None:
        """Have a key be good for nothing, at once. Raises UnknownApiKey."""
        ...

    @query
    async def service_accounts(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[ServiceAccount]:
        """Return the company's service accounts. Raises BadCursor."""
        ...

    @command
    async def make_service_account(self, actor: Actor, new: NewServiceAccount) -> ServiceAccount:
        """Make an account for a program, of any role but owner; nobody gives more than they have. Raises Forbidden, TooManyKeys."""
        ...

    @command
    async def remove_service_account(self, actor: Actor, account_id: UUID) -> None:
        """Remove the account of a program, and its keys. Raises UnknownServiceAccount."""
        ...
