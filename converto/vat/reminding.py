"""Tells companies that a period is due soon."""

import datetime
from typing import Final
from uuid import UUID

import structlog

from converto.events.outbox import publish
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.money import Money
from converto.vat.boxes import PAYABLE, installed_form
from converto.vat.events import PeriodDueSoon
from converto.vat.filing import standings
from converto.vat.models import DueNoticeRow
from converto.vat.repository import Entries, Notices
from converto.vat.returns import PeriodStanding, ReturnStatus, boxes_of
from converto.vat.today import today

log = structlog.get_logger()

DAYS_BEFORE: Final = (7, 1)
"""A period is told of so many days before it is due, once each."""


class Reminding:
    """Looks which periods are due soon."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, day: datetime.date | None = None) -> int:
        """Tell each company of its periods that are due soon after a day, today in Finland; returns how many it had not told of yet."""
        async with self._database.across_tenants.reading() as session:
            companies = await Entries(session).liable()
        told = [await self._tell(tenant_id, day or today()) for tenant_id in companies]
        log.info("vat.told_what_is_due", companies=len(companies), periods=sum(told))
        return sum(told)

    async def _tell(self, tenant_id: UUID, day: datetime.date) -> int:
        count = 0
        async with self._database.reading(tenant_id) as session:
            if not any(_is_soon(one, left=(one.due - day).days) for one in await standings(session, tenant_id, day)):
                return 0
        async with self._database.writing(tenant_id) as session:
            entries, notices = Entries(session), Notices(session)
            await entries.hold(tenant_id)
            known = await notices.told(tenant_id)
            for one in await standings(session, tenant_id, day):
                left = (one.due - day).days
                new = [days for days in DAYS_BEFORE if left <= days and (one.period, days) not in known]
                if not _is_soon(one, left=left) or not new:
                    continue
                payable = boxes_of(await entries.contributions(tenant_id, one.first, one.last), installed_form(), on=one.last)[PAYABLE]
                for days in new:
                    notices.add(DueNoticeRow(tenant_id=tenant_id, period=one.period, days_before=days, told_at=now()))
                event = PeriodDueSoon(tenant_id=tenant_id, period=one.period, due=one.due, days_left=left, payable=Money(amount=payable))
                await publish(session, event)
                count += 1
        return count


def _is_soon(one: PeriodStanding, *, left: int) -> bool:
    return one.status is ReturnStatus.ENDED and 0 <= left <= max(DAYS_BEFORE)
