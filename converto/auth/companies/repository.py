"""All SQL of companies, their members and their invitations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update

from converto.auth.audit.models import AuditRow
from converto.auth.companies.models import InvitationRow
from converto.auth.models import PERSON, MembershipRow, SessionRow, TenantRow, UserRow
from converto.auth.roles import Role
from converto.kernel.clock import new_id
from converto.kernel.database import Transaction, changed, insert_into

Membership = tuple[UserRow, MembershipRow]


class Members:
    """Companies and the people who belong to them."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def company(self, tenant_id: UUID) -> TenantRow:
        """Return a company that is there."""
        return (await self._session.scalars(select(TenantRow).where(TenantRow.id == tenant_id))).one()

    async def lock(self, tenant_id: UUID) -> TenantRow | None:
        """Return a company, of which nobody else changes who belongs to it until this transaction ends."""
        return await self._session.scalar(select(TenantRow).where(TenantRow.id == tenant_id).with_for_update())

    async def page(self, tenant_id: UUID, limit: int, *, after: UUID | None) -> Sequence[Membership]:
        """Return people of a company, by id."""
        wanted = _memberships().where(MembershipRow.tenant_id == tenant_id)
        if after is not None:
            wanted = wanted.where(UserRow.id > after)
        return [(user, member) for user, member in await self._session.execute(wanted.order_by(UserRow.id).limit(limit))]

    async def get(self, tenant_id: UUID, user_id: UUID) -> Membership | None:
        """Return a person of a company."""
        wanted = _memberships().where(MembershipRow.tenant_id == tenant_id, MembershipRow.user_id == user_id)
        row = (await self._session.execute(wanted)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def by_email(self, tenant_id: UUID, email: str) -> Membership | None:
        """Return a person of a company by their address."""
        wanted = _memberships().where(MembershipRow.tenant_id == tenant_id, UserRow.email == email)
        row = (await self._session.execute(wanted)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def count(self, tenant_id: UUID) -> int:
        """Return how many people belong to a company; programs are none."""
        counted = select(func.count()).select_from(MembershipRow).join(UserRow, UserRow.id == MembershipRow.user_id)
        return await self._session.scalar(counted.where(MembershipRow.tenant_id == tenant_id, UserRow.kind == PERSON)) or 0

    async def has_owner(self, tenant_id: UUID, *, beside: UUID | None = None) -> bool:
        """Tell whether a company has an owner who can act and stays, beside this one."""
        owners = (
            select(MembershipRow.user_id)
            .join(UserRow, UserRow.id == MembershipRow.user_id)
            .where(MembershipRow.tenant_id == tenant_id, MembershipRow.role == Role.OWNER.value)
            .where(UserRow.disabled_at.is_(None), UserRow.deletion_due_at.is_(None))
        )
        if beside is not None:
            owners = owners.where(MembershipRow.user_id != beside)
        return await self._session.scalar(owners.limit(1)) is not None

    async def add(self, tenant_id: UUID, user_id: UUID, role: Role, *, at: datetime) -> Role:
        """Have somebody belong to a company, and turn to it; who belongs to it already stays what they are, which is returned."""
        values = {"tenant_id": tenant_id, "user_id": user_id, "role": role.value, "joined_at": at}
        await self._session.execute(insert_into(self._session, MembershipRow).values(values).on_conflict_do_nothing())
        await self.turn_to(tenant_id, user_id, at=at)
        mine = (MembershipRow.tenant_id == tenant_id) & (MembershipRow.user_id == user_id)
        return Role((await self._session.scalars(select(MembershipRow.role).where(mine))).one())

    async def turn_to(self, tenant_id: UUID, user_id: UUID, *, at: datetime) -> None:
        """Remember which company a person has turned to last."""
        mine = (MembershipRow.tenant_id == tenant_id) & (MembershipRow.user_id == user_id)
        await changed(self._session, update(MembershipRow).where(mine).values(used_at=at))

    async def remove(self, tenant_id: UUID, user_id: UUID) -> None:
        """Have somebody belong to a company no more; their sessions and API keys there go with it."""
        mine = (MembershipRow.tenant_id == tenant_id) & (MembershipRow.user_id == user_id)
        await self._session.execute(delete(MembershipRow).where(mine))

    async def sessions(self, tenant_id: UUID, user_id: UUID) -> Sequence[SessionRow]:
        """Return the sessions of a person in a company that stand, locked."""
        mine = (SessionRow.tenant_id == tenant_id) & (SessionRow.user_id == user_id)
        wanted = select(SessionRow).where(mine, SessionRow.ended_at.is_(None)).order_by(SessionRow.id)
        return (await self._session.scalars(wanted.with_for_update())).all()

    async def of_person(self, user_id: UUID, limit: int, *, after: UUID | None) -> Sequence[tuple[TenantRow, MembershipRow]]:
        """Return companies of a person, by id."""
        wanted = select(TenantRow, MembershipRow).join(MembershipRow, MembershipRow.tenant_id == TenantRow.id)
        wanted = wanted.where(MembershipRow.user_id == user_id)
        if after is not None:
            wanted = wanted.where(TenantRow.id > after)
        return [(tenant, member) for tenant, member in await self._session.execute(wanted.order_by(TenantRow.id).limit(limit))]


class Invitations:
    """Who is invited."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def add(
        self, tenant_id: UUID, email: str, role: Role, *, token_hash: bytes, invited_by: UUID | None, at: datetime, ends_at: datetime
    ) -> InvitationRow:
        """Invite somebody; what was sent to that address before is good for nothing."""
        earlier = (InvitationRow.tenant_id == tenant_id) & (InvitationRow.email == email)
        await self._session.execute(delete(InvitationRow).where(earlier))
        row = InvitationRow(tenant_id=tenant_id, id=new_id(), email=email, role=role.value, token_hash=token_hash)
        row.invited_by, row.invited_at, row.ends_at = invited_by, at, ends_at
        self._session.add(row)
        await self._session.flush()
        return row

    async def sent_since(self, tenant_id: UUID, since: datetime) -> int:
        """Return how many invitations a company has sent since a moment, those withdrawn and replaced included."""
        mine = (AuditRow.tenant_id == tenant_id) & (AuditRow.action == "auth.member_invited") & (AuditRow.at >= since)
        return await self._session.scalar(select(func.count()).select_from(AuditRow).where(mine)) or 0

    async def page(self, tenant_id: UUID, limit: int, *, after: UUID | None, at: datetime) -> Sequence[InvitationRow]:
        """Return invitations of a company that wait, the oldest first."""
        wanted = select(InvitationRow).where(InvitationRow.tenant_id == tenant_id, InvitationRow.ends_at > at)
        if after is not None:
            wanted = wanted.where(InvitationRow.id > after)
        return (await self._session.scalars(wanted.order_by(InvitationRow.id).limit(limit))).all()

    async def count(self, tenant_id: UUID, *, beside: str, at: datetime) -> int:
        """Return how many others than somebody are invited to a company."""
        waiting = (InvitationRow.tenant_id == tenant_id) & (InvitationRow.ends_at > at) & (InvitationRow.email != beside)
        return await self._session.scalar(select(func.count()).select_from(InvitationRow).where(waiting)) or 0

    async def by_token(self, token_hash: bytes, *, at: datetime) -> InvitationRow | None:
        """Return the invitation that a token is for, of whichever company."""
        return await self._session.scalar(select(InvitationRow).where(InvitationRow.token_hash == token_hash, InvitationRow.ends_at > at))

    async def remove(self, tenant_id: UUID, invitation_id: UUID) -> bool:
        """Let an invitation be good for nothing; False where it was not there."""
        this = (InvitationRow.tenant_id == tenant_id) & (InvitationRow.id == invitation_id)
        return await changed(self._session, delete(InvitationRow).where(this)) == 1


def _memberships() -> Select[UserRow, MembershipRow]:
    return select(UserRow, MembershipRow).join(MembershipRow, MembershipRow.user_id == UserRow.id).where(UserRow.kind == PERSON)
