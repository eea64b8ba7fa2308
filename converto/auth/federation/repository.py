"""All SQL of sign-ins by other providers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from converto.auth.federation.interface import IdentityTaken
from converto.auth.federation.models import IdentityRow, OidcFlowRow
from converto.auth.models import UserRow
from converto.kernel.database import changed, insert_into


class Flows:
    """People on their way to a provider and back."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: OidcFlowRow, *, at: datetime) -> None:
        """Keep one, and forget those who have not come back in time."""
        await self._session.execute(delete(OidcFlowRow).where(OidcFlowRow.ends_at <= at))
        self._session.add(row)
        await self._session.flush()

    async def take(self, state_hash: bytes, *, at: datetime) -> OidcFlowRow | None:
        """Return and remove one; None where there is none, or another process has taken it."""
        row = await self._session.get(OidcFlowRow, state_hash)
        taken = await changed(self._session, delete(OidcFlowRow).where(OidcFlowRow.state_hash == state_hash)) == 1
        return row if taken and row is not None and row.ends_at > at else None


class KnownIdentities:
    """Who people are at other providers."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, issuer: str, subject: str) -> tuple[IdentityRow, UserRow] | None:
        """Return an identity and whose it is."""
        wanted = select(IdentityRow, UserRow).join(UserRow, UserRow.id == IdentityRow.user_id)
        row = (await self._session.execute(wanted.where(IdentityRow.issuer == issuer, IdentityRow.subject == subject))).one_or_none()
        return None if row is None else (row[0], row[1])

    async def of(self, user_id: UUID) -> Sequence[IdentityRow]:
        """Return a person's identities, the oldest first."""
        wanted = select(IdentityRow).where(IdentityRow.user_id == user_id).order_by(IdentityRow.linked_at, IdentityRow.issuer)
        return (await self._session.scalars(wanted)).all()

    async def add(self, row: IdentityRow, *, name: str) -> None:
        """Link an identity. Raises IdentityTaken where it, or another one of its provider, is linked already."""
        kept = {column.name: getattr(row, column.name) for column in IdentityRow.__table__.columns}
        if await changed(self._session, insert_into(self._session, IdentityRow).values(kept).on_conflict_do_nothing()) != 1:
            raise IdentityTaken(name=name)

    async def remove(self, user_id: UUID, issuer: str) -> bool:
        """Unlink a provider from a person; False where it was not linked."""
        mine = (IdentityRow.user_id == user_id) & (IdentityRow.issuer == issuer)
        return await changed(self._session, delete(IdentityRow).where(mine)) == 1

    async def count(self, user_id: UUID) -> int:
        """Return how many providers a person has linked."""
        return int(await self._session.scalar(select(func.count()).where(IdentityRow.user_id == user_id)) or 0)
