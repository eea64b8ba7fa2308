"""What may be asked of sign-in."""

from typing import Protocol

from converto.auth.people import Client, Email, Ended, Me, Name, OpaqueToken, Password, SecondStep, SignedIn
from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.kernel.interface import Interface, Value, command, query


class RegistrationClosed(Forbidden):
    """This installation takes no registrations; an administrator adds people."""

    code = "auth.registration_closed"
    message = "Registration is closed here; ask the administrator for an account."


class Registration(Value):
    """What a person gives to open an account for themselves and their company."""

    email: Email
    password: Password
    full_name: Name
    company_name: Name


class Credentials(Value):
    """What a person gives to sign in."""

    email: Email
    password: Password
    otp: SecondStep | None = None
    """The code of an authenticator app, or a recovery code, where the person has set one up."""


class Refresh(Value):
    """What a client gives for its next pair of tokens; a browser whose tokens lie in cookies gives none."""

    refresh_token: OpaqueToken | None = None


class SignIn(Interface, Protocol):
    """Accounts, sessions and tokens."""

    @command
    async def register(self, registration: Registration, client: Client) -> SignedIn:
        """Open an account and a company, of which the person becomes the owner, and sign them in.

        Raises EmailTaken, WeakPassword, RegistrationClosed, Overloaded.
        """
        ...

    @command
    async def login(self, credentials: Credentials, client: Client) -> SignedIn:
        """Sign a person in to the company they joined first. Raises WrongCredentials, TooManyFailures, NoCompany, Overloaded."""
        ...

    @command
    async def refresh(self, refresh_token: OpaqueToken) -> SignedIn:
        """Exchange a refresh token for the next pair.

        The same token within ten seconds gets the same successor: two tabs, or a lost answer. Later it is taken as stolen:
        the session ends for everybody who holds one of its tokens. Raises InvalidRefreshToken.
        """
        ...

    @command
    async def logout(self, actor: Actor) -> None:
        """End the actor's session: its access token is refused from now on, its refresh token too."""
        ...

    @command
    async def logout_all(self, actor: Actor) -> Ended:
        """End every session of the actor's person, this one included, in every company."""
        ...

    @query
    async def me(self, actor: Actor) -> Me:
        """Return the actor's person, company and scopes."""
        ...
