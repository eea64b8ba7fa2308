"""All SQL of a person's own account."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from converto.auth.models import MembershipRow, SessionRow, TenantRow, UserRow
from converto.auth.people import EmailTaken
from converto.kernel.database import Transaction, changed


class Accounts:
    """Persons, whatever company they act for."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def locked(self, user_id: UUID) -> UserRow | None:
        """Return a person who may come in, locked until the transaction ends."""
        wanted = select(UserRow).where(UserRow.id == user_id, UserRow.disabled_at.is_(None))
        return await self._session.scalar(wanted.with_for_update())

    async def with_companies(self, user_id: UUID) -> tuple[UserRow | None, tuple[str, ...]]:
        """Return a person, and the names of their companies."""
        mine = select(TenantRow.name).join(MembershipRow, MembershipRow.tenant_id == TenantRow.id)
        names = await self._session.scalars(mine.where(MembershipRow.user_id == user_id))
        return await self._session.get(UserRow, user_id), tuple(names)

    async def move(self, user: UserRow, email: str) -> None:
        """Give a person another address. Raises EmailTaken, also when somebody takes it at this moment."""
        user.email = email
        try:
            await self._session.flush()
        except IntegrityError:
            raise EmailTaken from None

    async def set_password(self, user_id: UUID, *, old: str, new: str) -> bool:
        """Put a new hash in the place of the old one; False where that was changed meanwhile."""
        same = (UserRow.id == user_id) & (UserRow.password_hash == old)
        return await changed(self._session, update(UserRow).where(same).values(password_hash=new)) == 1

    async def sessions(self, user_id: UUID, *, at: datetime, refreshed_after: datetime) -> Sequence[tuple[SessionRow, TenantRow]]:
        """Return the sessions of a person that stand, each with its company, the one seen last first."""
        stands = (SessionRow.ended_at.is_(None)) & (SessionRow.ends_at > at) & (SessionRow.refreshed_at > refreshed_after)
        wanted = select(SessionRow, TenantRow).join(TenantRow, TenantRow.id == SessionRow.tenant_id)
        mine = wanted.where(SessionRow.user_id == user_id, stands).order_by(SessionRow.refreshed_at.desc(), SessionRow.id)
        return [(row, tenant) for row, tenant in await self._session.execute(mine)]
