"""What is done in time: accounts whose days of grace are over are emptied, and old entries of the audit logs go."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from converto.auth.audit.repository import Audit
from converto.auth.events import UserDeleted
from converto.auth.records.repository import Due, PersonalRecords
from converto.auth.settings import AuthSettings
from converto.events.outbox import publish
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.upkeep import now_and_then

INVITATIONS_KEPT_FOR: Final = timedelta(days=30)
FIRST_AFTER_S: Final = 5.0
"""A start is not the moment for it; and a database that is behind its migrations is refused by then."""
log = structlog.get_logger()


class Sweep:
    """Runs beside the service, in every process: two that run at once find one another's work done."""

    def __init__(self, database: Database, settings: AuthSettings) -> None:
        self._database = database.across_tenants
        self._settings = settings

    async def once(self) -> None:
        """Do all that is due."""
        moment = now()
        oldest = moment - timedelta(days=self._settings.audit_keep_days)
        async with self._database.reading() as session:
            accounts, companies = await Due(session).accounts(moment), await Audit(session).with_entries_before(oldest)
        for user_id in accounts:
            await self._erase(user_id)
        for tenant_id in companies:
            async with self._database.writing() as session:
                gone = await Audit(session).forget(tenant_id, before=oldest)
            log.info("auth.audit_shortened", tenant_id=str(tenant_id), entries=gone)
        async with self._database.writing() as session:
            await Due(session).forget_invitations(moment - INVITATIONS_KEPT_FOR)

    async def _erase(self, user_id: UUID) -> None:
        async with self._database.writing() as session:
            records, moment = PersonalRecords(session, user_id), now()
            account = await records.lock()
            if account is None or account.deletion_due_at is None or account.deletion_due_at > moment:
                return
            for tenant, _ in await records.companies():
                is_last = not await records.has_colleagues(tenant.id)
                await Audit(session).note(tenant.id, "auth.user_erased", target=user_id, company_closed=is_last)
                await publish(session, UserDeleted(tenant_id=tenant.id, user_id=user_id))
                if is_last:
                    await records.close(tenant, moment)
            await records.erase(moment)
        log.info("auth.user_erased", user_id=str(user_id))


def sweeping(database: Database, settings: AuthSettings) -> AbstractAsyncContextManager[None]:
    """Sweep now and then while the block runs."""
    every_s = settings.sweep_every_s
    return now_and_then(Sweep(database, settings).once, name="auth.sweep", after_s=min(FIRST_AFTER_S, every_s), every_s=every_s)
