"""Decides who reads the audit log, and what becomes of a person's own data."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from pydantic_core import to_jsonable_python

from converto.auth.audit.models import AuditRow
from converto.auth.audit.repository import Audit
from converto.auth.companies.repository import Members
from converto.auth.desk import Desk, person, user_of
from converto.auth.people import Client, InvalidToken, User
from converto.auth.records.interface import AuditEntry, AuditFilter, Deletion, Export, MustHandOver, Records
from converto.auth.records.repository import Belonging, PersonalRecords
from converto.auth.repository import Sessions
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction, after_commit
from converto.kernel.paging import BadCursor, Page

DOCUMENTS = (
    "Documents, bookings and invoices belong to the company that they were made for, which keeps them as the Finnish Accounting Act "
    "(1336/1997, chapter 2, section 10) demands: vouchers and their audit trail six years from the end of the year in which the financial "
    "year ended, books and financial statements ten years from the end of the financial year. They name no account of yours."
)
LOG = (
    "The companies' audit logs keep what you did there under your account's number, with address and device, until their time is over "
    "({days} days); your name and e-mail do not stand in them."
)
SHORT_LIVED = "Events that name you, and copies in backups, go when their own time is over, within days."


class RecordsDesk(Desk, Records):
    """The audit log, and a person's own data."""

    async def audit(
        self, actor: Actor, wanted: AuditFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Return entries of the company's audit log."""
        actor.require("auth:audit")
        filters = (wanted or AuditFilter()).model_dump()
        async with self._database.reading() as session:
            rows = await Audit(session).page(actor.tenant_id, limit + 1, below=_number(cursor), **filters)
        shown = tuple(_entry(row) for row in rows[:limit])
        return Page[AuditEntry](items=shown, next_cursor=str(shown[-1].number) if len(rows) > limit else None)

    async def export_me(self, actor: Actor) -> Export:
        """Return all that auth keeps of the actor's person."""
        user_id, _ = person(actor)
        async with self._across_tenants.reading() as session:
            records = PersonalRecords(session, user_id)
            account = await records.account()
            kept, (deeds, left_out) = await records.kept(), await records.deeds()
        return Export(
            exported_at=now(),
            person=user_of(account),
            kept=to_jsonable_python(kept),
            audit=[{"tenant_id": str(row.tenant_id), **_entry(row).model_dump(mode="json")} for row in deeds],
            audit_left_out=left_out,
            elsewhere=self._stays(),
        )

    async def delete_me(self, actor: Actor, *, client: Client) -> Deletion:
        """Have the account of the actor's person emptied after the days of grace."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            await self._require_fresh(session, actor)
            records = PersonalRecords(session, user_id)
            account = await records.lock()
            if account is None:
                raise InvalidToken
            companies = await records.companies()
            await self._require_handed_over(session, records, companies)
            account.deletion_due_at = due_at = now() + timedelta(days=self._settings.deletion_grace_days)
            for each in await Sessions(session).open_ones(user_id):
                await self._end(session, each, "user_deleted")
            for tenant, _ in companies:
                if not await records.has_colleagues(tenant.id):
                    await records.withdraw_invitations(tenant.id)
                await Audit(session).note(tenant.id, "auth.deletion_asked", by=actor, target=user_id, client=client)
        return Deletion(deletes_at=due_at, stays=self._stays())

    async def restore_me(self, actor: Actor, *, client: Client) -> User:
        """Take back that the account of the actor's person is to be emptied."""
        user_id, _ = person(actor)
        async with self._across_tenants.writing() as session:
            records = PersonalRecords(session, user_id)
            account = await records.lock()
            if account is None:
                raise InvalidToken
            if account.deletion_due_at is not None:
                account.deletion_due_at = None
                for each in await Sessions(session).open_ones(user_id):
                    after_commit(session, partial(self._standing.forget, each.id))
                for tenant, _ in await records.companies():
                    await Audit(session).note(tenant.id, "auth.deletion_taken_back", by=actor, target=user_id, client=client)
        return user_of(account)

    async def _require_handed_over(self, session: Transaction, records: PersonalRecords, companies: Sequence[Belonging]) -> None:
        """Go on only where no company of others would be left without an owner. Raises MustHandOver."""
        members, left = Members(session), []
        for tenant, row in companies:
            is_needed = Role(row.role) is Role.OWNER and not await members.has_owner(tenant.id, beside=row.user_id)
            if is_needed and await records.has_colleagues(tenant.id):
                left.append(tenant.name)
        if left:
            raise MustHandOver(companies=", ".join(left))

    def _stays(self) -> tuple[str, ...]:
        return (DOCUMENTS, LOG.format(days=self._settings.audit_keep_days), SHORT_LIVED)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 9:
        raise BadCursor
    return int(cursor)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=row.at,
        action=row.action,
        user_id=row.user_id,
        api_key_id=row.api_key_id,
        session_id=row.session_id,
        target=row.target,
        address=row.address,
        user_agent=row.user_agent,
        request_id=row.request_id,
        facts=row.facts,
        hash=row.hash.hex(),
    )
