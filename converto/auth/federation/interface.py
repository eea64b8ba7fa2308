"""What may be asked of sign-in by other providers."""

from datetime import datetime
from typing import Annotated, Protocol

from pydantic import Field, SecretStr, StringConstraints

from converto.auth.people import Client, SignedIn
from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unavailable
from converto.kernel.interface import Interface, Value, command, query

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]


class UnknownProvider(NotFound):
    """Nobody can sign in by this provider here."""

    code = "auth.unknown_provider"
    message = "There is no provider {name} here; GET /auth/oidc lists those there are."


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or answers what makes no sense."""

    code = "auth.provider_unavailable"
    message = "{name} cannot be asked at this moment; try again, or sign in another way."


class OidcRefused(Unauthenticated):
    """What came back from the provider is not an answer to what this browser was sent for; what is wrong is never told."""

    code = "auth.oidc_refused"
    message = "The provider's answer is not taken; start the sign-in again."


class EmailUnverified(Forbidden):
    """The provider does not vouch for an e-mail of this person."""

    code = "auth.oidc_email_unverified"
    message = "{name} does not say that your e-mail address is verified; verify it there, or register here."


class LinkRequired(Conflict):
    """There is an account with this e-mail, and it takes more than the e-mail to show that it is the same person's."""

    code = "auth.oidc_link_required"
    message = "There is an account with this e-mail; sign in to it and link {name} there: POST /auth/oidc/{name}/link."


class IdentityTaken(Conflict):
    """This account of the provider, or another one of it, is linked already."""

    code = "auth.identity_taken"
    message = "This account is linked to somebody already, or you have linked another one of {name}."


class UnknownIdentity(NotFound):
    """The person has linked no account of this provider."""

    code = "auth.unknown_identity"
    message = "You have linked no account of {name}."


class LastWayIn(Conflict):
    """Without this nobody could sign in to the account any more."""

    code = "auth.last_way_in"
    message = "You have no other way to sign in; set a password or add a passkey first."


Page = Annotated[str, StringConstraints(pattern=r"^/([A-Za-z0-9._~!$&'()*+,;=:@%?-][A-Za-z0-9._~!$&'()*+,;=:@%?/-]*)?$", max_length=300)]
"""A page of this installation: a path that cannot be read as the address of another."""


class Provider(Value):
    """Another service that people may sign in by."""

    name: str
    title: str


class Providers(Value):
    """Who else people may sign in by."""

    items: tuple[Provider, ...]


class OidcStart(Value):
    """Where a browser is sent, and what it has to bring back beside the answer."""

    authorization_url: str = Field(repr=False)
    browser: str = Field(repr=False)


class Authorization(Value):
    """Where your browser goes to link an account."""

    authorization_url: str


class ProviderAnswer(Value):
    """What a provider sends a browser back with."""

    state: str | None = Field(default=None, max_length=512, repr=False)
    code: str | None = Field(default=None, max_length=4096, repr=False)
    iss: str | None = Field(default=None, max_length=512)
    error: str | None = Field(default=None, max_length=512)


class Identity(Value):
    """Who a person is at another provider."""

    provider: str = Field(description="Its name here, or its address where it is no longer set up.")
    email: str | None
    linked_at: datetime
    last_used_at: datetime | None


class Identities(Value):
    """Who a person is at other providers."""

    items: tuple[Identity, ...]


class Landing(Value):
    """What came of a way to a provider and back: a sign-in, or a link."""

    signed_in: SignedIn | None = None
    linked: Identity | None = None
    return_to: str | None = None


class Federation(Interface, Protocol):
    """Sign-in by other providers, as OpenID Connect has it."""

    @query
    async def oidc_providers(self) -> Providers:
        """Return who else people may sign in by."""
        ...

    @command
    async def start_oidc(self, name: str, browser: SecretStr | None, *, return_to: Page | None = None) -> OidcStart:
        """Return where a browser is sent to sign in; `browser` is what it was given earlier, `return_to` where it goes on at last.

        Raises UnknownProvider, ProviderUnavailable.
        """
        ...

    @command
    async def start_oidc_link(self, actor: Actor, name: str, *, browser: SecretStr | None, return_to: Page | None = None) -> OidcStart:
        """Return where a browser is sent to link an account. Raises StepUpRequired, UnknownProvider, ProviderUnavailable."""
        ...

    @command
    async def finish_oidc(self, name: str, answer: ProviderAnswer, *, browser: SecretStr | None, client: Client) -> Landing:
        """Sign a person in, or link their account, by what a provider has sent their browser back with.

        Somebody new gets an account where registration is open. An account of the same e-mail is linked where both sides have verified the
        address and no second factor protects it; otherwise its owner links it from within.
        Raises UnknownProvider, OidcRefused, ProviderUnavailable, EmailUnverified, EmailTaken, LinkRequired, RegistrationClosed,
        IdentityTaken, NoCompany.
        """
        ...

    @query
    async def identities(self, actor: Actor) -> Identities:
        """Return who the actor's person is at other providers."""
        ...

    @command
    async def unlink_oidc(self, actor: Actor, name: str) -> None:
        """Let nobody sign in by this provider to the actor's account.

        Raises StepUpRequired, UnknownProvider, UnknownIdentity, LastWayIn.
        """
        ...
