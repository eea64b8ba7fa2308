"""All SQL of API keys and service accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update

from converto.auth.api_keys.models import ApiKeyRow
from converto.auth.models import NO_PASSWORD, SERVICE_ACCOUNT, MembershipRow, UserRow
from converto.auth.roles import Role
from converto.kernel.clock import new_id
from converto.kernel.database import Transaction, changed, take_turns

USED_AT_MOST_EVERY: Final = timedelta(minutes=1)
"""How often it is written down that a key was used."""


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """What the database says of a key whose holder may come in."""

    tenant_id: UUID
    holder_id: UUID
    is_programs: bool
    """Whether it is a service account's."""
    role: Role
    """What its holder is now."""
    scopes: frozenset[str]
    networks: tuple[str, ...]
    ends_at: datetime
    used_at: datetime | None
    previous_until: datetime | None
    secret_hash: bytes = field(repr=False)
    previous_hash: bytes | None = field(repr=False)


class Keys:
    """API keys."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def take_turns(self, tenant_id: UUID) -> None:
        """Let nobody else make keys or accounts for a company until this transaction ends."""
        await take_turns(self._session, f"api_keys:{tenant_id}")

    def add(self, row: ApiKeyRow) -> None:
        """Add a key."""
        self._session.add(row)

    async def page(self, tenant_id: UUID, limit: int, *, after: UUID | None) -> Sequence[tuple[ApiKeyRow, UserRow]]:
        """Return keys of a company and their holders, by id."""
        wanted = _held().where(ApiKeyRow.tenant_id == tenant_id)
        if after is not None:
            wanted = wanted.where(ApiKeyRow.id > after)
        return [(row, holder) for row, holder in await self._session.execute(wanted.order_by(ApiKeyRow.id).limit(limit))]

    async def get(self, tenant_id: UUID, key_id: UUID) -> tuple[ApiKeyRow, UserRow] | None:
        """Return a key of a company and its holder, locked."""
        wanted = _held().where(ApiKeyRow.tenant_id == tenant_id, ApiKeyRow.id == key_id).with_for_update(of=ApiKeyRow)
        row = (await self._session.execute(wanted)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def count(self, tenant_id: UUID) -> int:
        """Return how many keys a company has."""
        return await self._session.scalar(select(func.count()).select_from(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id)) or 0

    async def remove(self, tenant_id: UUID, key_id: UUID) -> bool:
        """Remove a key; False where it was not there."""
        return await changed(self._session, delete(ApiKeyRow).where(ApiKeyRow.tenant_id == tenant_id, ApiKeyRow.id == key_id)) == 1

    async def standing(self, key_id: UUID) -> KeyStanding | None:
        """Return what a key is and what its holder may do now, of whichever company; None where the holder may not come in."""
        member = (MembershipRow.tenant_id == ApiKeyRow.tenant_id) & (MembershipRow.user_id == ApiKeyRow.user_id)
        wanted = (
            select(ApiKeyRow, MembershipRow.role, UserRow.kind)
            .join(MembershipRow, member)
            .join(UserRow, UserRow.id == ApiKeyRow.user_id)
            .where(ApiKeyRow.id == key_id, UserRow.disabled_at.is_(None), UserRow.deletion_due_at.is_(None))
        )
        found = (await self._session.execute(wanted)).one_or_none()
        if found is None:
            return None
        row: ApiKeyRow = found[0]
        return KeyStanding(
            tenant_id=row.tenant_id,
            holder_id=row.user_id,
            is_programs=found.kind == SERVICE_ACCOUNT,
            role=Role(found.role),
            scopes=frozenset(row.scopes),
            networks=tuple(row.networks),
            ends_at=row.ends_at,
            used_at=row.used_at,
            previous_until=row.previous_until,
            secret_hash=row.secret_hash,
            previous_hash=row.previous_hash,
        )

    async def use(self, tenant_id: UUID, key_id: UUID, at: datetime) -> None:
        """Write down that a key was used, where that was not done a moment ago."""
        this = (ApiKeyRow.tenant_id == tenant_id) & (ApiKeyRow.id == key_id)
        stale = ApiKeyRow.used_at.is_(None) | (ApiKeyRow.used_at <= at - USED_AT_MOST_EVERY)
        await changed(self._session, update(ApiKeyRow).where(this, stale).values(used_at=at))


class ServiceAccounts:
    """The accounts of programs."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def add(self, tenant_id: UUID, name: str, role: Role, *, at: datetime) -> tuple[UserRow, MembershipRow]:
        """Add an account to a company. Its address is one that no letter reaches, and no password is its own."""
        account_id = new_id()
        row = UserRow(id=account_id, email=f"{account_id}@programs.invalid", full_name=name, password_hash=NO_PASSWORD)
        row.kind, row.created_at = SERVICE_ACCOUNT, at
        self._session.add(row)
        await self._session.flush()
        member = MembershipRow(tenant_id=tenant_id, user_id=row.id, role=role.value, joined_at=at)
        self._session.add(member)
        await self._session.flush()
        return row, member

    async def page(self, tenant_id: UUID, limit: int, *, after: UUID | None) -> Sequence[tuple[UserRow, MembershipRow]]:
        """Return accounts of a company, by id."""
        wanted = _accounts().where(MembershipRow.tenant_id == tenant_id)
        if after is not None:
            wanted = wanted.where(UserRow.id > after)
        return [(account, member) for account, member in await self._session.execute(wanted.order_by(UserRow.id).limit(limit))]

    async def get(self, tenant_id: UUID, account_id: UUID) -> tuple[UserRow, MembershipRow] | None:
        """Return an account of a company."""
        wanted = _accounts().where(MembershipRow.tenant_id == tenant_id, UserRow.id == account_id)
        row = (await self._session.execute(wanted)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def count(self, tenant_id: UUID) -> int:
        """Return how many accounts a company has."""
        return len(await self.page(tenant_id, 1000, after=None))

    async def remove(self, tenant_id: UUID, account: UserRow, *, at: datetime) -> None:
        """Have an account belong to no company more; its keys go with that, its name stays for whoever reads the audit log."""
        mine = (MembershipRow.tenant_id == tenant_id) & (MembershipRow.user_id == account.id)
        await self._session.execute(delete(MembershipRow).where(mine))
        account.disabled_at = at
        await self._session.flush()


def _held() -> Select[ApiKeyRow, UserRow]:
    return select(ApiKeyRow, UserRow).join(UserRow, UserRow.id == ApiKeyRow.user_id)


def _accounts() -> Select[UserRow, MembershipRow]:
    return select(UserRow, MembershipRow).join(MembershipRow, MembershipRow.user_id == UserRow.id).where(UserRow.kind == SERVICE_ACCOUNT)
