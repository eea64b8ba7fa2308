"""All SQL of letters, and of the secrets that they bring."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import delete, func, select

from converto.auth.events import LetterWritten
from converto.auth.letters.models import LetterRow, MailedTokenRow
from converto.auth.letters.order import Order
from converto.auth.vault import Vault
from converto.events.outbox import publish
from converto.kernel.clock import new_id, now
from converto.kernel.database import Transaction, changed, insert_into

Purpose = Literal["verify", "change", "reset"]
NO_TENANT: Final = UUID(int=0)
"""Stands for the tenant of what concerns a person and no company."""
KEPT_FOR: Final = timedelta(days=7)
"""A letter that could not be sent is kept so long for an operator to have it tried again; what its link carries is over by then."""


def _place(letter_id: UUID) -> str:
    return f"letters:{letter_id}"


class Letters:
    """Letters that wait."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def write(self, vault: Vault, order: Order, *, tenant_id: UUID | None = None) -> None:
        """Have a letter sent if this transaction commits, and only then; `tenant_id` is the company that it concerns, if any."""
        row = LetterRow(tenant_id=tenant_id or NO_TENANT, id=new_id(), written_at=now())
        row.sealed = vault.close(order.model_dump_json(), of=_place(row.id))
        self._session.add(row)
        await self._session.flush()
        await publish(self._session, LetterWritten(tenant_id=row.tenant_id, letter_id=row.id))

    async def find(self, vault: Vault, tenant_id: UUID, letter_id: UUID) -> Order | None:
        """Return a letter, or None where it was sent. Raises CannotOpen."""
        row = await self._session.get(LetterRow, (tenant_id, letter_id))
        return None if row is None else Order.model_validate_json(vault.open(row.sealed, of=_place(row.id)))

    async def forget(self, tenant_id: UUID, letter_id: UUID, *, at: datetime) -> None:
        """Remove a letter that was sent, and what has waited for too long."""
        sent = (LetterRow.tenant_id == tenant_id) & (LetterRow.id == letter_id)
        await self._session.execute(delete(LetterRow).where(sent | (LetterRow.written_at < at - KEPT_FOR)))


class MailedTokens:
    """Secrets that were sent to an address, by their hash."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

    async def add(self, token_hash: bytes, purpose: Purpose, *, user_id: UUID, email: str, ends_at: datetime) -> None:
        """Keep a secret, once; those that are over go."""
        await self._session.execute(delete(MailedTokenRow).where(MailedTokenRow.ends_at < now()))
        values = {"token_hash": token_hash, "purpose": purpose, "user_id": user_id, "email": email, "ends_at": ends_at}
        await self._session.execute(insert_into(self._session, MailedTokenRow).values(values).on_conflict_do_nothing())

    async def find(self, token_hash: bytes, purposes: Sequence[Purpose], *, at: datetime) -> MailedTokenRow | None:
        """Return a secret that is still good."""
        row = await self._session.get(MailedTokenRow, token_hash)
        return row if row is not None and row.purpose in purposes and row.ends_at > at else None

    async def use(self, row: MailedTokenRow) -> bool:
        """Use a secret, and with it all others of its purpose; False where another one was faster."""
        used = await changed(self._session, delete(MailedTokenRow).where(MailedTokenRow.token_hash == row.token_hash))
        await self.forget(row.user_id, row.purpose)
        return used == 1

    async def forget(self, user_id: UUID, *purposes: str) -> None:
        """Let what was sent to a person for these purposes be good for nothing."""
        mine = (MailedTokenRow.user_id == user_id) & MailedTokenRow.purpose.in_(purposes)
        await self._session.execute(delete(MailedTokenRow).where(mine))

    async def count(self, user_id: UUID, purpose: Purpose) -> int:
        """Return how many secrets of a purpose a person has been sent that are still good."""
        mine = (MailedTokenRow.user_id == user_id) & (MailedTokenRow.purpose == purpose)
        return await self._session.scalar(select(func.count()).select_from(MailedTokenRow).where(mine)) or 0
