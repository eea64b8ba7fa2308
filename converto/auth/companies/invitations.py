"""Decides who is invited, and what becomes of an invitation that is accepted."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from converto.auth.audit.repository import Audit
from converto.auth.companies.interface import (
    Acceptance,
    AccountNeeded,
    AlreadyMember,
    Company,
    InvalidInvitation,
    Invitation,
    InvitedAsAnother,
    Invitee,
    Joined,
    SignInFirst,
    TooManyInvitations,
    UnknownInvitation,
)
from converto.auth.companies.models import InvitationRow
from converto.auth.companies.repository import Invitations, Members
from converto.auth.desk import Desk, person
from converto.auth.letters.order import Order
from converto.auth.letters.repository import Letters
from converto.auth.models import SessionRow, TenantRow, UserRow
from converto.auth.people import Client, InvalidToken
from converto.auth.refresh_tokens import hash_of, new_token
from converto.auth.repository import People, Sessions
from converto.auth.roles import SELF, Role, scopes
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction
from converto.kernel.errors import Forbidden
from converto.kernel.paging import Page, after

PREFIX: Final = "cvi_"
GOOD_FOR: Final = timedelta(days=7)
MOST_A_DAY: Final = 100
"""Letters in our name go to whomever an inviter names: so many a day are for work, more would be for advertising."""
OF_A_PLAN: Final = "seats"


class _SeatTaken(Exception):
    """Somebody else has come meanwhile: ask anew whether the plan holds one more."""


class InvitationDesk(Desk):
    """Who is invited to a company, and who comes."""

    async def invitations(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Invitation]:
        """Return the invitations that wait."""
        actor.require("auth:write")
        async with self._database.reading() as session:
            rows = await Invitations(session).page(actor.tenant_id, limit + 1, after=after(cursor), at=now())
        return Page[Invitation].of([_invitation(row) for row in rows], limit, cursor=lambda invitation: invitation.id)

    async def invite(self, actor: Actor, invitee: Invitee) -> Invitation:
        """Send an invitation."""
        actor.require("auth:write")
        while True:
            async with self._database.reading() as session:
                seats = await _taken_beside(session, actor.tenant_id, invitee.email) + 1
            await self._means.paid_work.allow(actor, OF_A_PLAN, level=seats)
            with suppress(_SeatTaken):
                return await self._invite(actor, invitee, seats=seats)

    async def _invite(self, actor: Actor, invitee: Invitee, *, seats: int) -> Invitation:
        token, moment = new_token(PREFIX), now()
        async with self._database.writing() as session:
            members, invitations = Members(session), Invitations(session)
            await members.lock(actor.tenant_id)
            if await _taken_beside(session, actor.tenant_id, invitee.email) >= seats:
                raise _SeatTaken
            await self._require_may_give(session, actor, invitee.role)
            if await members.by_email(actor.tenant_id, invitee.email) is not None:
                raise AlreadyMember
            if await invitations.sent_since(actor.tenant_id, moment - timedelta(days=1)) >= MOST_A_DAY:
                raise TooManyInvitations(most_a_day=MOST_A_DAY)
            row = await invitations.add(
                actor.tenant_id,
                invitee.email,
                invitee.role,
                token_hash=hash_of(token),
                invited_by=None if actor.session_id is None else actor.user_id,
                at=moment,
                ends_at=moment + GOOD_FOR,
            )
            company = (await members.company(actor.tenant_id)).name
            inviter = None if actor.user_id is None else await members.get(actor.tenant_id, actor.user_id)
            facts = {"company": company, "inviter": company if inviter is None else inviter[0].full_name}
            order = Order(kind="invitation", to=invitee.email, language=invitee.language, token=token, facts=facts)
            await Letters(session).write(self._means.vault, order, tenant_id=actor.tenant_id)
            await Audit(session).note(actor.tenant_id, "auth.member_invited", by=actor, target=row.id, role=row.role)
        return _invitation(row)

    async def withdraw_invitation(self, actor: Actor, invitation_id: UUID) -> None:
        """Let an invitation be good for nothing."""
        actor.require("auth:write")
        async with self._database.writing() as session:
            if not await Invitations(session).remove(actor.tenant_id, invitation_id):
                raise UnknownInvitation
            await Audit(session).note(actor.tenant_id, "auth.invitation_withdrawn", by=actor, target=invitation_id)

    async def accept_invitation(self, acceptance: Acceptance, client: Client, *, actor: Actor | None = None) -> Joined:
        """Have somebody join the company that invited them."""
        token_hash = hash_of(acceptance.token.get_secret_value())
        while True:
            async with self._across_tenants.reading() as session:
                members, row = Members(session), await self._good(session, token_hash, now())
                company = await members.company(row.tenant_id)
                known = await People(session).by_email(row.email)
                is_new = known is None or await members.get(row.tenant_id, known.id) is None
                seats = await members.count(row.tenant_id) + is_new
            if actor is not None and (known is None or person(actor)[0] != known.id):
                raise InvitedAsAnother
            if is_new:  # the plan may hold fewer than when they were invited
                await self._means.paid_work.allow(Actor.service(row.tenant_id), OF_A_PLAN, level=seats)
            with suppress(_SeatTaken):
                if known is None:
                    return await self._join_anew(acceptance, row, company, client=client, seats=seats)
                return await self._join(token_hash, known.id, actor, client=client, seats=seats)

    async def _join_anew(self, acceptance: Acceptance, row: InvitationRow, company: TenantRow, *, client: Client, seats: int) -> Joined:
        """Open an account with an invitation, and sign its person in."""
        if acceptance.full_name is None or acceptance.password is None:
            raise AccountNeeded
        password = acceptance.password.get_secret_value()
        await self._require_good_password(password, row.email, (company.name,))
        password_hash = await self._hasher.hash(password)
        moment = now()
        async with self._across_tenants.writing() as session:
            row, company = await self._taken(session, row.token_hash, moment)
            user = await People(session).add(email=row.email, full_name=acceptance.full_name, password_hash=password_hash, at=moment)
            user.email_verified_at = moment
            role = await self._come(session, row, user, client=client, seats=seats)
            arrival = await self._come_in(session, user, client, methods=("pwd",))
        return Joined(company=company_of(company), role=role, signed_in=await self._welcome(arrival))

    async def _join(self, token_hash: bytes, user_id: UUID, actor: Actor | None, *, client: Client, seats: int) -> Joined:
        """Have an account that is there join; one that is signed in goes on in the company."""
        moment = now()
        async with self._across_tenants.writing() as session:
            row, company = await self._taken(session, token_hash, moment)
            user = await People(session).by_email(row.email)
            if user is None or user.id != user_id or user.disabled_at is not None:
                raise InvalidInvitation
            if actor is None and (user.email_verified_at is None or await People(session).last_company(user.id) is not None):
                # whoever opened the account may have done so to be let in here by a letter to somebody else
                raise SignInFirst
            user.email_verified_at = user.email_verified_at or moment
            await self._hold_logs(session, row.tenant_id, actor)
            role = await self._come(session, row, user, client=client, seats=seats)
            opened = None if actor is None else await self._move(session, actor, (user, company, role), client=client)
        joined = Joined(company=company_of(company), role=role, signed_in=None)
        if opened is None:
            return joined
        signed_in = await self._signed_in(user, company, opened[0], role=role, refresh_token=opened[1])
        return joined.model_copy(update={"signed_in": signed_in})

    async def _good(self, session: Transaction, token_hash: bytes, at: datetime) -> InvitationRow:
        """Return the invitation of a token, if it may still be accepted. Raises InvalidInvitation."""
        row, members = await Invitations(session).by_token(token_hash, at=at), Members(session)
        # where nobody answers for the company any more, nobody comes to it: it would have no owner
        if row is None or not await members.has_owner(row.tenant_id):
            raise InvalidInvitation
        if row.invited_by is not None:
            inviter = await members.get(row.tenant_id, row.invited_by)
            if inviter is None or not scopes(Role(row.role)) <= scopes(Role(inviter[1].role)):
                raise InvalidInvitation
        return row

    async def _taken(self, session: Transaction, token_hash: bytes, at: datetime) -> tuple[InvitationRow, TenantRow]:
        """Use an invitation up; returns it and its company, locked. Raises InvalidInvitation."""
        row = await Invitations(session).by_token(token_hash, at=at)
        company = None if row is None else await Members(session).lock(row.tenant_id)
        row = await self._good(session, token_hash, at)  # as it is now that nobody else can use it
        if company is None or not await Invitations(session).remove(row.tenant_id, row.id):
            raise InvalidInvitation
        return row, company

    async def _come(self, session: Transaction, row: InvitationRow, user: UserRow, *, client: Client, seats: int) -> Role:
        members = Members(session)
        role = await members.add(row.tenant_id, user.id, Role(row.role), at=now())
        if await members.count(row.tenant_id) > seats:
            raise _SeatTaken
        audit = Audit(session)
        await audit.note(row.tenant_id, "auth.member_joined", user_id=user.id, target=row.id, client=client, role=role.value)
        return role

    async def _move(
        self, session: Transaction, actor: Actor, to: tuple[UserRow, TenantRow, Role], *, client: Client
    ) -> tuple[SessionRow, str]:
        """End the actor's session and open one like it in another company: it ends when this one would have, and proves what this one did.

        Returns the session and its refresh token. Raises InvalidToken.
        """
        _, session_id = person(actor)
        (user, tenant, _), sessions, token = to, Sessions(session), new_token()
        of = await sessions.get(actor.tenant_id, session_id)
        if of is None:
            raise InvalidToken
        methods = of.methods.split()
        opened = await sessions.open(tenant.id, user.id, token_hash=hash_of(token), client=client, ends_at=of.ends_at, methods=methods)
        opened.proved_at = of.proved_at
        await self._end(session, of, "company_switched")
        await Members(session).turn_to(tenant.id, user.id, at=now())
        await self._hold_logs(session, tenant.id, actor)
        for company in {actor.tenant_id, tenant.id}:
            await Audit(session).note(company, "auth.company_switched", by=actor, target=opened.id, client=client)
        return opened, token

    async def _hold_logs(self, session: Transaction, tenant_id: UUID, actor: Actor | None) -> None:
        """Hold the audit logs of the company that an actor leaves and of the one that they go to, always in one order.

        Otherwise two who go opposite ways at once would wait for one another.
        """
        for company in sorted({tenant_id, tenant_id if actor is None else actor.tenant_id}):
            await Audit(session).hold(company)

    async def _require_may_give(self, session: Transaction, actor: Actor, role: Role) -> None:
        """Go on only where the actor may do all that a role gives; for an owner the person proves first that it is them."""
        missing = sorted(scopes(role) - SELF - actor.scopes)
        if missing:
            raise Forbidden(scope="auth:owner" if "auth:owner" in missing else missing[0])
        if role is Role.OWNER:
            await self._require_fresh(session, actor)


async def _taken_beside(session: Transaction, tenant_id: UUID, email: str) -> int:
    """Return how many seats of a company are taken by others: by who belongs to it, and by who is invited."""
    return await Members(session).count(tenant_id) + await Invitations(session).count(tenant_id, beside=email, at=now())


def company_of(row: TenantRow) -> Company:
    """Return a company as its members see it."""
    return Company(id=row.id, name=row.name, business_id=row.business_id, created_at=row.created_at, closed_at=row.closed_at)


def _invitation(row: InvitationRow) -> Invitation:
    return Invitation(
        id=row.id, email=row.email, role=Role(row.role), invited_by=row.invited_by, invited_at=row.invited_at, ends_at=row.ends_at
    )
