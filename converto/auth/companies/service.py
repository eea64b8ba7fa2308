"""Decides who belongs to a company, and as what."""

from functools import partial
from uuid import UUID

from converto.auth.audit.repository import Audit
from converto.auth.companies.interface import (
    Companies,
    Company,
    CompanyChange,
    Founding,
    FoundingClosed,
    LastOwner,
    Member,
    MyCompany,
    RoleChange,
    UnknownCompany,
    UnknownMember,
)
from converto.auth.companies.invitations import InvitationDesk, company_of
from converto.auth.companies.repository import Members, Membership
from converto.auth.desk import person
from converto.auth.events import EndReason
from converto.auth.models import MembershipRow, TenantRow, UserRow
from converto.auth.people import Client, InvalidToken, SignedIn
from converto.auth.repository import People
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction, after_commit
from converto.kernel.paging import Page, after


class CompaniesDesk(InvitationDesk, Companies):
    """Companies and the people who belong to them."""

    async def tenant(self, actor: Actor) -> Company:
        """Return the actor's company."""
        actor.require("auth:read")
        async with self._database.reading() as session:
            return company_of(await Members(session).company(actor.tenant_id))

    async def change_tenant(self, actor: Actor, change: CompanyChange) -> Company:
        """Change the names of the actor's company."""
        actor.require("auth:write")
        async with self._database.writing() as session:
            row = await Members(session).company(actor.tenant_id)
            row.name = change.name or row.name
            row.business_id = row.business_id if change.business_id is None else change.business_id or None
            await Audit(session).note(actor.tenant_id, "auth.company_changed", by=actor, name=row.name, business_id=row.business_id)
        return company_of(row)

    async def members(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Member]:
        """Return the people of the actor's company."""
        actor.require("auth:read")
        async with self._database.reading() as session:
            rows = await Members(session).page(actor.tenant_id, limit + 1, after=after(cursor))
        return Page[Member].of([member_of(row) for row in rows], limit, cursor=lambda member: member.id)

    async def change_role(self, actor: Actor, user_id: UUID, *, change: RoleChange) -> Member:
        """Give a member another role."""
        async with self._database.writing() as session:
            members, (user, row) = Members(session), await self._touched(session, actor, user_id)
            await self._require_may_give(session, actor, change.role)
            if row.role == change.role.value:
                return member_of((user, row))
            if Role(row.role) is Role.OWNER and not await members.has_owner(actor.tenant_id, beside=user_id):
                raise LastOwner
            before, row.role = row.role, change.role.value
            for each in await members.sessions(actor.tenant_id, user_id):
                each.version += 1  # tokens that name the former role are refused; a refresh gives one that names this
                after_commit(session, partial(self._standing.forget, each.id))
            await Audit(session).note(actor.tenant_id, "auth.role_changed", by=actor, target=user_id, before=before, after=row.role)
        return member_of((user, row))

    async def remove_member(self, actor: Actor, user_id: UUID) -> None:
        """Have somebody belong to the company no more."""
        async with self._database.writing() as session:
            _, row = await self._touched(session, actor, user_id)
            await self._part(session, row, "member_removed")
            await Audit(session).note(actor.tenant_id, "auth.member_removed", by=actor, target=user_id, role=row.role)

    async def companies(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[MyCompany]:
        """Return the companies of the actor's person."""
        user_id, _ = person(actor)
        async with self._across_tenants.reading() as session:
            rows = await Members(session).of_person(user_id, limit + 1, after=after(cursor))
        mine = [my_company_of(tenant, row, actor) for tenant, row in rows]
        return Page[MyCompany].of(mine, limit, cursor=lambda company: company.id)

    async def found_company(self, actor: Actor, founding: Founding) -> MyCompany:
        """Open one more company."""
        user_id, _ = person(actor)
        if not self._settings.registration_open:
            raise FoundingClosed
        async with self._across_tenants.writing() as session:
            members, moment = Members(session), now()
            found = await members.get(actor.tenant_id, user_id)
            if found is None:
                raise InvalidToken
            tenant = await People(session).found(founding.name, found[0], at=moment)
            tenant.business_id = founding.business_id or None
            await Audit(session).note(tenant.id, "auth.company_founded", by=actor)
        row = MembershipRow(tenant_id=tenant.id, user_id=user_id, role=Role.OWNER.value, joined_at=moment)
        return my_company_of(tenant, row, actor)

    async def switch_company(self, actor: Actor, tenant_id: UUID, *, client: Client) -> SignedIn:
        """Go on in another company of the person's."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            member = await People(session).member(tenant_id, user_id)
            if member is None:
                raise UnknownCompany
            opened, token = await self._move(session, actor, member, client=client)
        user, tenant, role = member
        return await self._signed_in(user, tenant, opened, role=role, refresh_token=token)

    async def leave_company(self, actor: Actor, tenant_id: UUID) -> None:
        """Belong to a company no more."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            members = Members(session)
            await members.lock(tenant_id)
            found = await members.get(tenant_id, user_id)
            if found is None:
                raise UnknownCompany
            if Role(found[1].role) is Role.OWNER:
                await self._require_fresh(session, actor)
            await self._part(session, found[1], "company_left")
            await Audit(session).note(tenant_id, "auth.company_left", by=actor, target=user_id, role=found[1].role)

    async def _touched(self, session: Transaction, actor: Actor, user_id: UUID) -> Membership:
        """Return a member whom the actor may change, in a company that nobody else changes meanwhile."""
        actor.require("auth:write")
        members = Members(session)
        await members.lock(actor.tenant_id)
        found = await members.get(actor.tenant_id, user_id)
        if found is None:
            raise UnknownMember
        await self._require_may_give(session, actor, Role(found[1].role))
        return found

    async def _part(self, session: Transaction, row: MembershipRow, reason: EndReason) -> None:
        """End what a person has in a company that is locked. Raises LastOwner."""
        members = Members(session)
        if Role(row.role) is Role.OWNER and not await members.has_owner(row.tenant_id, beside=row.user_id):
            raise LastOwner
        for each in await members.sessions(row.tenant_id, row.user_id):
            await self._end(session, each, reason)
        await members.remove(row.tenant_id, row.user_id)


def my_company_of(tenant: TenantRow, row: MembershipRow, actor: Actor) -> MyCompany:
    """Return a company as one of its people sees it in a list of theirs."""
    is_current = tenant.id == actor.tenant_id
    return MyCompany(**company_of(tenant).model_dump(), role=Role(row.role), joined_at=row.joined_at, is_current=is_current)


def member_of(found: tuple[UserRow, MembershipRow]) -> Member:
    """Return a person who belongs to a company."""
    user, row = found
    return Member(
        id=user.id,
        email=user.email,
        full_name=user.full_name,
        role=Role(row.role),
        joined_at=row.joined_at,
        disabled=user.disabled_at is not None,
    )
