import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select, text, update

from converto.auth.audit.models import AuditHeadRow, AuditRow
from converto.auth.audit.repository import Audit
from converto.auth.companies.interface import CompanyChange
from converto.auth.records.interface import AuditFilter
from converto.auth.records.verification import verify
from converto.auth.roles import Role
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Transaction
from converto.kernel.errors import Forbidden
from converto.kernel.paging import BadCursor
from converto.kernel.sealed_chain import Verdict, chained
from tests.auth.conftest import opened
from tests.auth.staff import Office, everywhere, founded, joined

ENTRIES = 6


async def written(office: Office, entries: int = ENTRIES) -> Actor:
    """Return the owner of a company in which some things were done."""
    owner = await founded(office)
    async with everywhere(office).writing() as session:
        for number in range(entries):
            await Audit(session).note(
                owner.tenant_id, "auth.tried", by=owner, target=number, amount="12.34", ä="ö", many=[1, None, {"a": 2.5}]
            )
    return owner


async def verdict_on(office: Office, tenant_id: UUID) -> Verdict:
    (verdict,) = [verdict async for verdict in verify(office.database, only=tenant_id)]
    return verdict


async def test_who_answers_for_a_company_reads_what_was_done_the_newest_first(office: Office) -> None:
    owner = await written(office)
    admin = await joined(office, owner, Role.ADMIN)

    first = await office.auth.audit(admin, limit=4)
    rest = await office.auth.audit(admin, limit=4, cursor=first.next_cursor)

    assert [entry.number for entry in (*first.items, *rest.items)] == [6, 5, 4, 3, 2, 1]
    assert rest.next_cursor is None
    assert (first.items[0].user_id, first.items[0].facts) == (owner.user_id, {"amount": "12.34", "ä": "ö", "many": [1, None, {"a": 2.5}]})


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.MEMBER, Role.VIEWER])
async def test_others_do_not(office: Office, role: Role) -> None:
    with pytest.raises(Forbidden, match="auth:audit"):
        await office.auth.audit(await joined(office, await founded(office), role))


async def test_entries_are_found_by_action_person_and_time(office: Office) -> None:
    owner, stranger = await written(office, 2), await written(office, 2)
    began = now()
    await office.auth.change_tenant(owner, CompanyChange(name="Uusi Oy"))

    async def found(wanted: AuditFilter) -> list[int]:
        return [entry.number for entry in (await office.auth.audit(owner, wanted)).items]

    assert await found(AuditFilter(action="auth.tried")) == [2, 1]
    assert await found(AuditFilter(user_id=owner.user_id)) == [3, 2, 1]
    assert await found(AuditFilter(user_id=stranger.user_id)) == []
    assert await found(AuditFilter(since=began)) == [3]
    assert await found(AuditFilter(until=began)) == [2, 1]


@pytest.mark.parametrize("cursor", ["-1", "x", "1e9", "٣", "9999999999", str(UUID(int=1))])
async def test_a_cursor_that_was_never_given_is_refused(office: Office, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await office.auth.audit(await founded(office), cursor=cursor)


async def test_a_log_that_nobody_touched_is_whole(office: Office) -> None:
    owner = await written(office)

    verdict = await verdict_on(office, owner.tenant_id)

    assert (verdict.entries, verdict.fault) == (ENTRIES, None)
    assert verdict.hash == (await office.auth.audit(owner, limit=1)).items[0].hash


async def test_every_company_is_looked_at(office: Office) -> None:
    owners = [await written(office, entries) for entries in (2, 1)]

    found = {verdict.tenant_id: verdict.entries async for verdict in verify(office.database)}

    assert [found[owner.tenant_id] for owner in owners] == [2, 1]


async def test_entries_that_come_at_once_make_one_chain(office: Office) -> None:
    owner = await written(office, 0)

    await asyncio.gather(*(office.auth.change_tenant(owner, CompanyChange(name=f"Lumo {number} Oy")) for number in range(12)))

    verdict = await verdict_on(office, owner.tenant_id)
    assert (verdict.entries, verdict.fault) == (12, None)


async def test_a_log_that_is_written_to_while_it_is_looked_at_is_whole(office: Office) -> None:
    owner = await written(office)
    done = asyncio.Event()

    async def write() -> None:
        for number in range(25):
            await office.auth.change_tenant(owner, CompanyChange(name=f"Lumo {number} Oy"))
        done.set()

    async def look() -> list[str | None]:
        found = []
        while not done.is_set():
            found.append((await verdict_on(office, owner.tenant_id)).fault)
        return found

    _, faults = await asyncio.gather(write(), look())
    assert set(faults) <= {None}


Tampering = Callable[[Transaction, UUID], Awaitable[object]]


def change(**values: object) -> Tampering:
    return lambda session, tenant_id: session.execute(
        update(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number == 3).values(**values)
    )


async def remove(session: Transaction, tenant_id: UUID) -> None:
    await session.execute(delete(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number == 3))


async def remove_and_close_the_gap(session: Transaction, tenant_id: UUID) -> None:
    await remove(session, tenant_id)
    for number in range(4, ENTRIES + 1):
        await session.execute(update(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number == number).values(number=number - 1))


async def swap(session: Transaction, tenant_id: UUID) -> None:
    for before, after in ((3, 99), (4, 3), (99, 4)):
        await session.execute(update(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number == before).values(number=after))


async def cut_the_tail(session: Transaction, tenant_id: UUID) -> None:
    await session.execute(delete(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number > 4))


async def cut_the_tail_and_say_so(session: Transaction, tenant_id: UUID) -> None:
    await cut_the_tail(session, tenant_id)
    kept = (await session.scalars(select(AuditRow.hash).where(AuditRow.tenant_id == tenant_id, AuditRow.number == 4))).one()
    await session.execute(update(AuditHeadRow).where(AuditHeadRow.tenant_id == tenant_id).values(last=4, hash=kept))


async def cut_the_beginning(session: Transaction, tenant_id: UUID) -> None:
    await session.execute(delete(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number < 3))


async def remove_all(session: Transaction, tenant_id: UUID) -> None:
    await session.execute(delete(AuditRow).where(AuditRow.tenant_id == tenant_id))
    await session.execute(delete(AuditHeadRow).where(AuditHeadRow.tenant_id == tenant_id))


async def add_one(session: Transaction, tenant_id: UUID) -> None:
    last = (await session.scalars(select(AuditRow).where(AuditRow.tenant_id == tenant_id, AuditRow.number == ENTRIES))).one()
    values = {column.name: getattr(last, column.name) for column in AuditRow.__table__.c} | {"number": ENTRIES + 1}
    await session.execute(insert(AuditRow).values(**values))


async def write_anew(session: Transaction, tenant_id: UUID) -> None:
    """Change an entry as somebody would who knows how the chain is made, but not the installation's secret."""
    rows = (await session.scalars(select(AuditRow).where(AuditRow.tenant_id == tenant_id).order_by(AuditRow.number))).all()
    rows[2].target = "another"
    before = rows[1].hash
    for row in rows[2:]:
        said = [
            str(row.tenant_id), row.number, row.at.isoformat(timespec="microseconds"), row.action,
            *(None if one is None else str(one) for one in (row.user_id, row.api_key_id, row.session_id)),
            row.target, row.address, row.user_agent, row.request_id, row.facts,
        ]  # fmt: skip
        before = row.hash = chained(before, said)


async def write_anew_and_say_so(session: Transaction, tenant_id: UUID) -> None:
    await write_anew(session, tenant_id)
    last = (await session.scalars(select(AuditRow.hash).where(AuditRow.tenant_id == tenant_id, AuditRow.number == ENTRIES))).one()
    await session.execute(update(AuditHeadRow).where(AuditHeadRow.tenant_id == tenant_id).values(hash=last))


async def take_anothers_end(session: Transaction, tenant_id: UUID) -> None:
    other = (await session.scalars(select(AuditHeadRow).where(AuditHeadRow.tenant_id != tenant_id).limit(1))).one()
    values = {"first": other.first, "before": other.before, "last": other.last, "hash": other.hash, "seal": other.seal}
    await session.execute(update(AuditHeadRow).where(AuditHeadRow.tenant_id == tenant_id).values(**values))


def make_unreadable(column: str, value: str) -> Tampering:
    """Put into a column of entry 3 what nobody of ours would have written, in SQLite, which asks no questions."""
    statement = text(f"UPDATE audit_entries SET {column} = {value} WHERE tenant_id = :tenant AND number = 3")  # noqa: S608 - of this file
    return lambda session, tenant_id: session.execute(statement, {"tenant": tenant_id.hex})


CHANGED = "entry 3 was changed, or is not where it was"
SEALED = "the sealed end was changed, or sealed with another secret"
DEEDS: dict[str, tuple[Tampering, str]] = {
    "another action": (change(action="auth.nothing"), CHANGED),
    "another person": (change(user_id=UUID(int=7)), CHANGED),
    "nobody": (change(user_id=None), CHANGED),
    "another target": (change(target="x"), CHANGED),
    "another address": (change(address="192.0.2.9"), CHANGED),
    "other facts": (change(facts={"amount": "99.99"}), CHANGED),
    "another time": (change(at=now() - timedelta(days=1)), CHANGED),
    "another request": (change(request_id="x"), CHANGED),
    "another hash": (change(hash=bytes(32)), CHANGED),
    "removed": (remove, "entry 3 is missing"),
    "removed, the gap closed": (remove_and_close_the_gap, CHANGED),
    "in another order": (swap, CHANGED),
    "a cut tail": (cut_the_tail, "entry 5 is missing, and all after it"),
    "a cut tail, and another end": (cut_the_tail_and_say_so, SEALED),
    "a cut beginning": (cut_the_beginning, "entry 1 is missing"),
    "all removed": (remove_all, "the whole log is missing, or its sealed end"),
    "one more": (add_one, "entry 7 was added after the sealed end"),
    "written anew": (write_anew, "entry 6 is not the one that was sealed: the chain was written anew"),
    "written anew, and another end": (write_anew_and_say_so, SEALED),
    "the end of another company": (take_anothers_end, SEALED),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_is_done_to_the_rows_is_found_and_the_first_bad_entry_is_named(office: Office, deed: str) -> None:
    tamper, fault = DEEDS[deed]
    bystander, owner = await written(office, 1), await written(office)
    async with everywhere(office).writing() as session:
        await tamper(session, owner.tenant_id)

    assert (await verdict_on(office, owner.tenant_id)).fault == fault
    assert (await verdict_on(office, bystander.tenant_id)).fault is None


UNREADABLE = {
    "a text that is none": ("action", "CAST(X'FF' AS TEXT)", "OperationalError"),
    "a time that is none": ("at", "'yesterday'", "ValueError"),
    "an id that is none": ("user_id", "'me'", "ValueError"),
    "facts that are none": ("facts", "'{'", "JSONDecodeError"),
}


@pytest.mark.parametrize("deed", UNREADABLE)
async def test_what_cannot_be_read_any_more_is_found_in_a_file_and_the_next_log_is_looked_at_all_the_same(
    tmp_path: Path, deed: str
) -> None:
    column, value, error = UNREADABLE[deed]
    async with opened(tmp_path, None) as office:
        owner, bystander = await written(office), await written(office, 1)
        async with everywhere(office).writing() as session:
            await make_unreadable(column, value)(session, owner.tenant_id)

        found = {verdict.tenant_id: verdict.fault async for verdict in verify(office.database)}

    assert found == {owner.tenant_id: f"something cannot be read any more, so it was changed: {error}", bystander.tenant_id: None}


async def test_old_entries_go_when_their_time_is_over_and_the_rest_stays_whole(office: Office) -> None:
    owner = await written(office)
    async with everywhere(office).writing() as session:
        third = (await session.scalars(select(AuditRow.at).where(AuditRow.tenant_id == owner.tenant_id, AuditRow.number == 3))).one()
        gone = await Audit(session).forget(owner.tenant_id, before=third)

    verdict = await verdict_on(office, owner.tenant_id)

    assert (gone, verdict.entries, verdict.fault) == (2, 4, None)
    assert [entry.number for entry in (await office.auth.audit(owner)).items] == [6, 5, 4, 3]


async def test_the_last_entry_stays_however_old_it_is(office: Office) -> None:
    owner = await written(office)
    async with everywhere(office).writing() as session:
        await Audit(session).forget(owner.tenant_id, before=now() + timedelta(days=1))
    await office.auth.change_tenant(owner, CompanyChange(name="Uusi Oy"))

    verdict = await verdict_on(office, owner.tenant_id)

    assert (verdict.entries, verdict.fault) == (2, None)


async def test_with_another_secret_no_end_is_ours(office: Office) -> None:
    owner = await written(office)
    async with everywhere(office).writing() as session:
        await session.execute(update(AuditHeadRow).where(AuditHeadRow.tenant_id == owner.tenant_id).values(seal=bytes(32)))

    assert (await verdict_on(office, owner.tenant_id)).fault == SEALED
