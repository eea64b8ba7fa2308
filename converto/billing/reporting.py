"""Usage that Stripe's meters are told of: from an outbox of its own, each piece under the id of the event that told of it."""

from converto.billing.events import UsageRecorded
from converto.billing.payments import PaymentRefused, Payments
from converto.billing.repository import Reports
from converto.kernel.clock import now
from converto.kernel.database import Database

AT_ONCE = 200


class Reporting:
    """Reports usage; without anybody to report to it does nothing."""

    def __init__(self, database: Database, payments: Payments | None) -> None:
        self._database = database
        self._payments = payments

    async def note(self, event: UsageRecorded) -> None:
        """Have usage reported; the same event once."""
        if self._payments is None or event.quantity <= 0:  # meters take no corrections
            return
        async with self._database.writing(event.tenant_id) as session:
            reports = Reports(session)
            await reports.add(event.tenant_id, event.id, feature=event.feature, quantity=event.quantity, used_at=event.time)

    async def send(self) -> int:
        """Report what waits, oldest first; returns how much that was. Raises PaymentsAway, and goes on from there the next time."""
        if self._payments is None:
            return 0
        async with self._database.across_tenants.reading() as session:
            due = await Reports(session).due(limit=AT_ONCE)
        for row, customer_id in due:
            try:
                await self._payments.report(customer_id, meter=row.feature, quantity=row.quantity, identifier=str(row.id), at=row.used_at)
            except PaymentRefused:
                continue  # it stays, and stands in the list of what is due; the others go on
            async with self._database.across_tenants.writing() as session:
                await Reports(session).sent(row.tenant_id, row.id, at=now())
        return len(due)
