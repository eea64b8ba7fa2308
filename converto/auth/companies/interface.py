"""What may be asked of a company: its names, who belongs to it, and who is invited."""

from datetime import datetime
from typing import Annotated, Literal, Protocol
from uuid import UUID

from pydantic import AfterValidator, Field
from stdnum.exceptions import ValidationError
from stdnum.fi import ytunnus

from converto.auth.people import Client, Email, InBrowser, Name, OpaqueToken, Password, SignedIn, Tenant
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Forbidden, Limited, NotFound
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.paging import Page


def _business_id(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return str(ytunnus.format(ytunnus.validate(text)))
    except ValidationError as error:
        msg = "this is no Finnish business id: seven digits, a hyphen and a check digit, such as 2077474-0"
        raise ValueError(msg) from error


BusinessId = Annotated[str, Field(max_length=32, json_schema_extra={"x-wire-format": "business-id"}), AfterValidator(_business_id)]
"""A Finnish business id with its check digit right; empty for none."""


class UnknownMember(NotFound):
    """Nobody of that id belongs to the company."""

    code = "auth.unknown_member"
    message = "Nobody of that id belongs to this company."


class UnknownCompany(NotFound):
    """No company of that id is one of the person's."""

    code = "auth.unknown_company"
    message = "You belong to no company of that id; GET /auth/companies lists yours."


class UnknownInvitation(NotFound):
    """No invitation of that id waits."""

    code = "auth.unknown_invitation"
    message = "No invitation of that id waits."


class LastOwner(Conflict):
    """The only owner: a company has at least one, always."""

    code = "auth.last_owner"
    message = "This is the company's only owner: make somebody else an owner first."


class AlreadyMember(Conflict):
    """Somebody is invited who belongs to the company already."""

    code = "auth.already_member"
    message = "A person with this e-mail belongs to the company already."


class InvalidInvitation(NotFound):
    """An invitation that is unknown, over, used, replaced or withdrawn; which of them is never told."""

    code = "auth.invalid_invitation"
    message = "This invitation is not good any more; ask for a new one."


class InvitedAsAnother(Forbidden):
    """Somebody is signed in whose e-mail is not the one that was invited."""

    code = "auth.invited_as_another"
    message = "This invitation is for another e-mail than the one you are signed in with."


class AccountNeeded(Conflict):
    """Nobody has an account with the invited e-mail, and what opens one was not sent."""

    code = "auth.account_needed"
    message = "There is no account with this e-mail yet: send full_name and password too, and this opens one."


class SignInFirst(Conflict):
    """Nobody is signed in, and there is an account with the invited e-mail."""

    code = "auth.sign_in_first"
    message = (
        "There is an account with this e-mail: sign in with it, and send this again. If it is none that you opened, take it over first by "
        "POST /auth/password/forgot."
    )


class TooManyInvitations(Limited):
    """More invitations in a day than a company may send."""

    code = "auth.too_many_invitations"
    message = "A company may send {most_a_day} invitations a day; try again tomorrow."


class FoundingClosed(Forbidden):
    """This installation opens no companies by itself."""

    code = "auth.founding_closed"
    message = "New companies are opened by the administrator here."


class Company(Tenant):
    """A company as its members see it."""

    business_id: str | None = None
    closed_at: datetime | None = None


class MyCompany(Company):
    """A company that somebody belongs to, and what they are there."""

    role: Role
    joined_at: datetime
    is_current: bool = Field(description="whether this session works for it")


class CompanyChange(Value):
    """What is to be different; what is left out stays."""

    name: Name | None = None
    business_id: BusinessId | None = Field(default=None, description="an empty text removes it")


class Founding(Value):
    """What a person gives to open one more company."""

    name: Name
    business_id: BusinessId | None = None


class Member(Value):
    """A person who belongs to a company."""

    id: UUID
    email: str
    full_name: str
    role: Role
    joined_at: datetime
    disabled: bool = Field(description="whether an administrator of the installation has closed the account")


class RoleChange(Value):
    """What a member is to be."""

    role: Role


class Invitee(Value):
    """Who is invited, and as what."""

    email: Email
    role: Role = Role.MEMBER
    language: Literal["fi", "en"] = "fi"
    """Of the letter."""


class Invitation(Value):
    """An invitation that waits; what its letter carries is shown to nobody else."""

    id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    invited_at: datetime
    ends_at: datetime


class Acceptance(Value):
    """What is given to accept an invitation: the token of the letter, and where nobody is signed in what opens the account."""

    token: OpaqueToken
    full_name: Name | None = None
    password: Password | None = None


class Joined(Value):
    """The company that somebody has joined; `signed_in` is null for an account that belonged to none: a sign-in with it leads there."""

    company: Company
    role: Role
    signed_in: SignedIn | InBrowser | None


class Companies(Interface, Protocol):
    """Companies, who belongs to them, as what, and who is invited."""

    @query
    async def tenant(self, actor: Actor) -> Company:
        """Return the actor's company."""
        ...

    @command
    async def change_tenant(self, actor: Actor, change: CompanyChange) -> Company:
        """Change the names of the actor's company."""
        ...

    @query
    async def members(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Member]:
        """Return the people of the actor's company. Raises BadCursor."""
        ...

    @command
    async def change_role(self, actor: Actor, user_id: UUID, *, change: RoleChange) -> Member:
        """Give a member another role; the access tokens they hold are refused at once, their refresh tokens give new ones.

        Nobody gives, or takes from somebody, more than they have; owners are made and unmade by owners alone, who prove first that it is
        them. Raises UnknownMember, LastOwner, StepUpRequired, Forbidden.
        """
        ...

    @command
    async def remove_member(self, actor: Actor, user_id: UUID) -> None:
        """Have somebody belong to the company no more: their sessions there and the API keys that they made end.

        Raises UnknownMember, LastOwner, StepUpRequired for an owner, Forbidden.
        """
        ...

    @query
    async def invitations(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Invitation]:
        """Return the invitations that wait. Raises BadCursor."""
        ...

    @command
    async def invite(self, actor: Actor, invitee: Invitee) -> Invitation:
        """Send an invitation that is good once, for seven days, for whoever reads that address; an earlier one to it is replaced.

        Raises AlreadyMember, TooManyInvitations, StepUpRequired for an owner, Forbidden, and LimitReached without a free seat.
        """
        ...

    @command
    async def withdraw_invitation(self, actor: Actor, invitation_id: UUID) -> None:
        """Let an invitation be good for nothing. Raises UnknownInvitation."""
        ...

    @command
    async def accept_invitation(self, acceptance: Acceptance, client: Client, *, actor: Actor | None = None) -> Joined:
        """Have somebody join the company that invited them; the token shows that they read the letters to that address.

        Whoever is signed in with the invited e-mail goes on in that company. Where nobody is, `full_name` and `password` open an account;
        a verified account that belongs to no company, and so cannot sign in, joins and signs in after that.
        Raises InvalidInvitation, InvitedAsAnother, AccountNeeded, SignInFirst, WeakPassword, Overloaded, and LimitReached where the
        plan has no seat left.
        """
        ...

    @query
    async def companies(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[MyCompany]:
        """Return the companies that the actor's person belongs to. Raises BadCursor."""
        ...

    @command
    async def found_company(self, actor: Actor, founding: Founding) -> MyCompany:
        """Open one more company, of which the actor's person becomes the owner; the session stays where it is. Raises FoundingClosed."""
        ...

    @command
    async def switch_company(self, actor: Actor, tenant_id: UUID, *, client: Client) -> SignedIn:
        """Go on in another company of the person's: this session ends, and one like it begins there, with the same end and proofs.

        Raises UnknownCompany, InvalidToken.
        """
        ...

    @command
    async def leave_company(self, actor: Actor, tenant_id: UUID) -> None:
        """Belong to a company no more; the person's sessions there and the API keys that they made end.

        Raises UnknownCompany, LastOwner, StepUpRequired for an owner.
        """
        ...
