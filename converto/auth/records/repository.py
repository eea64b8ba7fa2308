"""All SQL on what is kept of a person, in whichever part of auth."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, LargeBinary, Table, delete, func, select, update

from converto.auth.audit.models import AuditRow
from converto.auth.companies.models import InvitationRow
from converto.auth.models import NO_PASSWORD, PERSON, SERVICE_ACCOUNT, MembershipRow, Row, TenantRow, UserRow
from converto.kernel.database import Transaction

MOST_ENTRIES: Final = 10_000
KEPT_FOR_THE_COMPANY: Final = frozenset({AuditRow.__tablename__})
"""What names a person by their id alone and belongs to the company: it stays until its own time is over."""
Belonging = tuple[TenantRow, MembershipRow]
_SECRET_NAMES: Final = ("hash", "secret", "sealed")


def tables_of_a_person() -> Sequence[Table]:
    """Return every table of auth that names a person, such that what others point at comes last: one that is added later is among them."""
    return [table for table in reversed(Row.metadata.sorted_tables) if "user_id" in table.c]


class PersonalRecords:
    """What is kept of one person."""

    def __init__(self, session: Transaction, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def lock(self) -> UserRow | None:
        """Return the account, which nobody else changes until this transaction ends."""
        return await self._session.scalar(select(UserRow).where(UserRow.id == self._user_id).with_for_update())

    async def account(self) -> UserRow:
        """Return the account."""
        return (await self._session.scalars(select(UserRow).where(UserRow.id == self._user_id))).one()

    async def companies(self) -> Sequence[Belonging]:
        """Return the companies that the person belongs to, by id, locked."""
        wanted = select(TenantRow, MembershipRow).join(MembershipRow, MembershipRow.tenant_id == TenantRow.id)
        mine = wanted.where(MembershipRow.user_id == self._user_id).order_by(TenantRow.id).with_for_update(of=TenantRow)
        return [(tenant, member) for tenant, member in await self._session.execute(mine)]

    async def has_colleagues(self, tenant_id: UUID) -> bool:
        """Tell whether other people belong to a company."""
        others = (MembershipRow.tenant_id == tenant_id) & (MembershipRow.user_id != self._user_id)
        wanted = select(UserRow.id).join(MembershipRow, MembershipRow.user_id == UserRow.id).where(others, UserRow.kind == PERSON)
        return await self._session.scalar(wanted.limit(1)) is not None

    async def withdraw_invitations(self, tenant_id: UUID) -> None:
        """Let nobody come to a company any more who was invited."""
        await self._session.execute(delete(InvitationRow).where(InvitationRow.tenant_id == tenant_id))

    async def kept(self) -> Mapping[str, list[dict[str, Any]]]:
        """Return what is kept of the person by table, without secrets; the audit log apart."""
        found = {}
        for table in tables_of_a_person():
            if table.name not in KEPT_FOR_THE_COMPANY:
                shown = [column for column in table.c if _may_be_shown(column)]
                rows = await self._session.execute(select(*shown).where(table.c.user_id == self._user_id))
                found[table.name] = [dict(row) for row in rows.mappings()]
        return found

    async def deeds(self) -> tuple[Sequence[AuditRow], int]:
        """Return what the person did, the newest first, and how many entries are older than those."""
        mine = AuditRow.user_id == self._user_id
        rows = (await self._session.scalars(select(AuditRow).where(mine).order_by(AuditRow.at.desc()).limit(MOST_ENTRIES))).all()
        total = await self._session.scalar(select(func.count()).select_from(AuditRow).where(mine)) or 0
        return rows, total - len(rows)

    async def erase(self, at: datetime) -> None:
        """Remove what is kept of the person; of the account its id stays, which the audit log names."""
        account = await self.account()
        await self._session.execute(delete(InvitationRow).where(InvitationRow.email == account.email))
        for table in tables_of_a_person():
            if table.name not in KEPT_FOR_THE_COMPANY:
                await self._session.execute(delete(table).where(table.c.user_id == self._user_id))
        account.email, account.full_name, account.password_hash = f"{account.id}@erased.invalid", "", NO_PASSWORD
        account.email_verified_at, account.deletion_due_at = None, None
        account.disabled_at = account.erased_at = at
        await self._session.flush()

    async def close(self, tenant: TenantRow, at: datetime) -> None:
        """Close a company whose last person has gone: its programs come in no more, its invitations are over."""
        tenant.closed_at = at
        programs = select(MembershipRow.user_id).where(MembershipRow.tenant_id == tenant.id)
        accounts = UserRow.id.in_(programs) & (UserRow.kind == SERVICE_ACCOUNT)
        await self._session.execute(
            update(UserRow).where(accounts).values(disabled_at=at), execution_options={"synchronize_session": False}
        )
        await self._session.execute(delete(MembershipRow).where(MembershipRow.tenant_id == tenant.id))
        await self.withdraw_invitations(tenant.id)


class Due:
    """What the sweep looks for."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def accounts(self, at: datetime) -> Sequence[UUID]:
        """Return the accounts whose days of grace are over."""
        return (await self._session.scalars(select(UserRow.id).where(UserRow.deletion_due_at <= at).order_by(UserRow.id))).all()

    async def forget_invitations(self, before: datetime) -> None:
        """Remove invitations that were over before a moment."""
        await self._session.execute(delete(InvitationRow).where(InvitationRow.ends_at < before))


def _may_be_shown(column: Column[Any]) -> bool:
    return not isinstance(column.type, LargeBinary) and not any(part in column.name for part in _SECRET_NAMES)
