"""REST: companies, their people and their invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from converto.auth.client import TheClient, Uncached
from converto.auth.companies.interface import (
    Acceptance,
    AccountNeeded,
    AlreadyMember,
    Companies,
    Company,
    CompanyChange,
    Founding,
    FoundingClosed,
    InvalidInvitation,
    Invitation,
    InvitedAsAnother,
    Invitee,
    Joined,
    LastOwner,
    Member,
    MyCompany,
    RoleChange,
    SignInFirst,
    TooManyInvitations,
    UnknownCompany,
    UnknownInvitation,
    UnknownMember,
)
from converto.auth.cookies import TheBrowser
from converto.auth.people import InBrowser, InvalidToken, Overloaded, SignedIn, StepUpRequired, WeakPassword
from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.kernel.paging import BadCursor, Page
from converto.kernel.paid_work import LimitReached
from converto.kernel.web import CurrentActor, Cursor, Limit, problems, the

router = APIRouter(tags=["auth"])
TheCompanies = Annotated[Companies, Depends(the(Companies))]


def _actor_if_any(request: Request) -> Actor | None:
    """Return who is signed in, or None; a token that was sent on purpose and is not good is refused."""
    actor: Actor | None = request.scope.get("converto.actor")
    if actor is None and "authorization" in request.headers and "converto.refusal" in request.scope:
        raise request.scope["converto.refusal"]
    return actor


@router.get("/auth/tenant", responses=problems(InvalidToken, Forbidden))
async def tenant(companies: TheCompanies, actor: CurrentActor) -> Company:
    """Return the company that you act for."""
    return await companies.tenant(actor)


@router.patch("/auth/tenant", responses=problems(InvalidToken, Forbidden))
async def change_tenant(companies: TheCompanies, actor: CurrentActor, change: CompanyChange) -> Company:
    """Change the company's name or business id; what is left out stays."""
    return await companies.change_tenant(actor, change)


@router.get("/auth/tenant/members", responses=problems(InvalidToken, Forbidden, BadCursor))
async def members(companies: TheCompanies, actor: CurrentActor, limit: Limit = 50, cursor: Cursor = None) -> Page[Member]:
    """List the people of the company."""
    return await companies.members(actor, limit=limit, cursor=cursor)


@router.patch("/auth/tenant/members/{user_id}", responses=problems(InvalidToken, Forbidden, StepUpRequired, UnknownMember, LastOwner))
async def change_role(companies: TheCompanies, actor: CurrentActor, user_id: UUID, change: RoleChange) -> Member:
    """Give a member another role: never more than you have; owners are changed by owners who have just proved that it is them."""
    return await companies.change_role(actor, user_id, change=change)


@router.delete(
    "/auth/tenant/members/{user_id}",
    status_code=204,
    responses=problems(InvalidToken, Forbidden, StepUpRequired, UnknownMember, LastOwner),
)
async def remove_member(companies: TheCompanies, actor: CurrentActor, user_id: UUID) -> None:
    """Have somebody belong to the company no more: their sessions in it and the API keys that they made end at once."""
    await companies.remove_member(actor, user_id)


@router.get("/auth/tenant/invitations", responses=problems(InvalidToken, Forbidden, BadCursor))
async def invitations(companies: TheCompanies, actor: CurrentActor, limit: Limit = 50, cursor: Cursor = None) -> Page[Invitation]:
    """List the invitations that wait."""
    return await companies.invitations(actor, limit=limit, cursor=cursor)


@router.post(
    "/auth/tenant/invitations",
    status_code=201,
    responses=problems(InvalidToken, Forbidden, StepUpRequired, AlreadyMember, TooManyInvitations, LimitReached),
)
async def invite(companies: TheCompanies, actor: CurrentActor, invitee: Invitee, response: Response) -> Invitation:
    """Send an invitation by e-mail: good once, for seven days. Another one to the same address takes its place."""
    invitation = await companies.invite(actor, invitee)
    response.headers["location"] = f"/auth/tenant/invitations/{invitation.id}"
    return invitation


@router.delete(
    "/auth/tenant/invitations/{invitation_id}",
    status_code=204,
    responses=problems(InvalidToken, Forbidden, UnknownInvitation),
)
async def withdraw_invitation(companies: TheCompanies, actor: CurrentActor, invitation_id: UUID) -> None:
    """Let an invitation be good for nothing."""
    await companies.withdraw_invitation(actor, invitation_id)


@router.post(
    "/auth/invitations/accept",
    status_code=201,
    dependencies=[Uncached],
    responses=problems(
        InvalidToken, InvitedAsAnother, InvalidInvitation, AccountNeeded, SignInFirst, WeakPassword, Overloaded, LimitReached
    ),
)
async def accept_invitation(
    companies: TheCompanies,
    acceptance: Acceptance,
    client: TheClient,
    actor: Annotated[Actor | None, Depends(_actor_if_any)],
    browser: TheBrowser,
    response: Response,
) -> Joined:
    """Join the company that has invited you: signed in with that e-mail, or with a name and a password for a new account."""
    joined = await companies.accept_invitation(acceptance, client, actor=actor)
    response.headers["location"] = "/auth/tenant"
    if not isinstance(joined.signed_in, SignedIn):
        return joined
    answered = browser.answered(joined.signed_in) if actor is None else browser.continued(joined.signed_in)
    return joined.model_copy(update={"signed_in": answered})


@router.get("/auth/companies", responses=problems(InvalidToken, Forbidden, BadCursor))
async def mine(companies: TheCompanies, actor: CurrentActor, limit: Limit = 50, cursor: Cursor = None) -> Page[MyCompany]:
    """List the companies that you belong to."""
    return await companies.companies(actor, limit=limit, cursor=cursor)


@router.post("/auth/companies", status_code=201, responses=problems(InvalidToken, Forbidden, FoundingClosed))
async def found_company(companies: TheCompanies, actor: CurrentActor, founding: Founding, response: Response) -> MyCompany:
    """Open one more company, whose owner you become; switch to it to work for it."""
    company = await companies.found_company(actor, founding)
    response.headers["location"] = f"/auth/companies/{company.id}"
    return company


@router.post("/auth/companies/{company_id}/switch", dependencies=[Uncached], responses=problems(InvalidToken, Forbidden, UnknownCompany))
async def switch_company(
    companies: TheCompanies, actor: CurrentActor, company_id: UUID, client: TheClient, browser: TheBrowser
) -> SignedIn | InBrowser:
    """Go on in another company of yours: new tokens, and those of before are refused."""
    return browser.continued(await companies.switch_company(actor, company_id, client=client))


@router.post(
    "/auth/companies/{company_id}/leave",
    status_code=204,
    responses=problems(InvalidToken, Forbidden, StepUpRequired, UnknownCompany, LastOwner),
)
async def leave_company(companies: TheCompanies, actor: CurrentActor, company_id: UUID) -> None:
    """Belong to a company no more; its only owner cannot leave it."""
    await companies.leave_company(actor, company_id)
