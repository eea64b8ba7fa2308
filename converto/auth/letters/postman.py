"""Sends letters that wait, and takes note of what their links carry."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from converto.auth.letters.order import Kind, Order
from converto.auth.letters.repository import Letters, MailedTokens
from converto.auth.letters.texts import written
from converto.auth.refresh_tokens import hash_of
from converto.auth.repository import People
from converto.auth.vault import CannotOpen, Vault
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction
from converto.kernel.mail import Mail, Undeliverable

RESET_WITHIN: Final = timedelta(minutes=30)
MOST_RESETS: Final = 5
"""So many links that reset a password may be good at once: whoever asks for more is sent none, so that nobody's mailbox is flooded."""
_ASKED_BY_ANYBODY: Final[Kind] = "reset_password"
log = structlog.get_logger()


class Postman:
    """Takes letters from the table to the mail server."""

    def __init__(self, database: Database, mail: Mail, vault: Vault, *, public_url: str) -> None:
        self._database = database.across_tenants
        self._mail = mail
        self._vault = vault
        self._public_url = public_url

    async def send(self, tenant_id: UUID, letter_id: UUID) -> None:
        """Send a letter that waits; one that was sent is not there any more. Raises what the mail server's connection raises."""
        try:
            async with self._database.writing() as session:
                order = await Letters(session).find(self._vault, tenant_id, letter_id)
                if order is None:
                    return
                if order.kind == _ASKED_BY_ANYBODY:
                    order = await self._for_whom_we_know(session, order)
        except CannotOpen:
            log.error("auth.letter_cannot_be_opened", letter_id=str(letter_id), fix="the secret that sealed it is needed")  # noqa: TRY400
            order = None
        if order is not None:
            await self._post(order, letter_id)
        async with self._database.writing() as session:
            await Letters(session).forget(tenant_id, letter_id, at=now())

    async def _post(self, order: Order, letter_id: UUID) -> None:
        try:
            await self._mail.send(written(order, letter_id, public_url=self._public_url))
        except Undeliverable:
            log.warning("auth.letter_undeliverable", letter_id=str(letter_id), kind=order.kind)  # the server's words name the person

    async def _for_whom_we_know(self, session: Transaction, order: Order) -> Order | None:
        """Return the letter that resets a password, its link good from now on, or None for an address that we do not know.

        Asking for it looks nothing up, so that its answer takes the same time for everybody; here nobody watches the clock.
        """
        tokens, found = MailedTokens(session), await People(session).by_email(order.to)
        if found is None or found.disabled_at is not None or order.token is None:
            return None
        kept = await tokens.find(hash_of(order.token), ("reset",), at=now())
        if kept is None and await tokens.count(found.id, "reset") >= MOST_RESETS:
            log.warning("auth.too_many_resets", user_id=str(found.id))
            return None
        ends_at = now() + RESET_WITHIN
        await tokens.add(hash_of(order.token), "reset", user_id=found.id, email=order.to, ends_at=ends_at)
        return order.model_copy(update={"facts": {"name": found.full_name}})
