"""Vouchers on both databases: numbers without gaps, findings, and that nothing of what is booked changes."""

import asyncio
import re
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from converto.kernel.actor import Actor
from converto.vat.booking import BadLine
from converto.vat.chain import verify
from converto.vat.interface import AlreadyReversed, CannotBook, LockedPeriod, NotADraft, NotBooked, UnknownVoucher
from converto.vat.models import EntryRow, ReturnRow, VoucherRow
from converto.vat.vouchers import VoucherFilter, VoucherStatus
from tests.vat.house import House, opened, somebody, voucher

PURCHASE = {"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93"}


async def test_a_booked_voucher_keeps_the_printed_tax_beside_the_computed(house: House, aino: Actor) -> None:
    booked = await house.vat.add_voucher(aino, voucher(PURCHASE))
    (line,) = booked.lines
    assert (line.vat, line.vat_printed, line.vat_computed, line.gross) == tuple(Decimal(a) for a in ("7.93", "7.93", "7.94", "39.06"))
    assert (booked.status, booked.number, booked.decided and booked.decided.id) == (VoucherStatus.BOOKED, 1, aino.user_id)


async def test_numbers_have_no_gap_however_many_book_at_once(house: House, aino: Actor) -> None:
    given = [voucher(PURCHASE), voucher({**PURCHASE, "net": "1", "gross": "99"}), voucher(PURCHASE, on="2025-12-31")] * 3
    answers = await asyncio.gather(*(house.vat.add_voucher(aino, one) for one in given), return_exceptions=True)
    booked = [one for one in answers if not isinstance(one, BaseException)]
    assert sorted((one.year, one.number) for one in booked) == [(2025, 1), (2025, 2), (2025, 3), (2026, 1), (2026, 2), (2026, 3)]
    assert {type(one) for one in answers if isinstance(one, BaseException)} == {BadLine}


async def test_a_draft_has_no_number_and_reports_nothing(house: House, aino: Actor) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE), draft=True)
    assert (draft.status, draft.number) == (VoucherStatus.DRAFT, None)
    assert (await house.vat.tax_return(aino, "2026-01")).boxes == {"308": Decimal(0)}


async def test_a_draft_is_changed_and_approved(house: House, aino: Actor) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE), draft=True)
    await house.vat.change_draft(aino, draft.id, given=voucher({**PURCHASE, "deductible_share": "0.5"}))
    booked = await house.vat.approve(aino, draft.id)
    assert (booked.id, booked.number, booked.lines[0].deductible_vat) == (draft.id, 1, Decimal("3.97"))
    with pytest.raises(NotADraft):
        await house.vat.change_draft(aino, draft.id, given=voucher(PURCHASE))


async def test_a_seller_whose_id_is_written_in_another_way_is_the_same_seller(house: House, aino: Actor) -> None:
    account = "FI2112345600000785"
    first = await house.vat.add_voucher(aino, voucher(PURCHASE, seller_id="FI20774740", iban=account))
    spaced = "FI21 1234 5600 0007 85"
    again = await house.vat.add_voucher(aino, voucher(PURCHASE, seller_id=" y-tunnus 2077474-0", iban=spaced), draft=True)
    assert (first.seller_id, again.seller_id, again.iban) == ("2077474-0", "2077474-0", account)
    assert {one.code for one in again.findings} >= {"duplicate_near"}
    assert "supplier_iban_changed" not in {one.code for one in again.findings}


async def test_a_discarded_draft_is_gone_and_a_booked_voucher_stays(house: House, aino: Actor) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE), draft=True)
    booked = await house.vat.add_voucher(aino, voucher(PURCHASE))
    await house.vat.discard(aino, draft.id)
    with pytest.raises(UnknownVoucher):
        await house.vat.voucher(aino, draft.id)
    with pytest.raises(NotADraft):
        await house.vat.discard(aino, booked.id)


async def test_a_reversal_takes_a_voucher_back_to_the_cent(house: House, aino: Actor) -> None:
    booked = await house.vat.add_voucher(aino, voucher(PURCHASE, {"treatment": "eu_goods_purchase", "rate": "25.5", "net": "10.01"}))
    reversal = await house.vat.reverse(aino, booked.id, reason="Booked twice.")

    assert (await house.vat.tax_return(aino, "2026-01")).boxes == {"308": Decimal(0)}
    assert (reversal.reverses, reversal.number, reversal.total) == (booked.id, 2, -booked.total)
    assert (await house.vat.voucher(aino, booked.id)).reversed_by == reversal.id
    for voucher_id in (booked.id, reversal.id):
        with pytest.raises(AlreadyReversed):
            await house.vat.reverse(aino, voucher_id, reason="Again.")


async def test_a_draft_is_not_reversed(house: House, aino: Actor) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE), draft=True)
    with pytest.raises(NotBooked):
        await house.vat.reverse(aino, draft.id, reason="No.")


async def test_what_is_reversed_after_filing_is_taken_back_in_a_later_period(house: House, aino: Actor) -> None:
    booked = await house.vat.add_voucher(aino, voucher(PURCHASE))
    await house.vat.file(aino, "2026-01")
    with pytest.raises(LockedPeriod):
        await house.vat.reverse(aino, booked.id, reason="Wrong.")
    reversal = await house.vat.reverse(aino, booked.id, reason="Wrong.", on=booked.tax_date.replace(month=2))
    assert (await house.vat.tax_return(aino, "2026-02")).boxes == {"307": Decimal("-7.93"), "308": Decimal("7.93")}
    assert reversal.tax_date.month == 2


async def test_an_error_forbids_to_book_and_says_why_in_three_languages(house: House, aino: Actor) -> None:
    wrong = voucher(PURCHASE, total="50.00")
    draft = await house.vat.add_voucher(aino, wrong, draft=True)
    with pytest.raises(CannotBook, match=r"39\.06"):
        await house.vat.add_voucher(aino, wrong)
    found = next(one for one in draft.findings if one.code == "sum_mismatch")
    assert (found.severity, found.law) == ("error", "AVL 209 e §")
    assert all(text.message and text.fix for text in (found.fi, found.sv, found.en))


@pytest.mark.parametrize(("total", "is_wrong"), [("39.05", False), ("39.06", False), ("39.10", True), ("39.04", True), ("39.08", True)])
async def test_what_was_paid_in_coins_is_rounded_and_no_other_sum(house: House, aino: Actor, total: str, *, is_wrong: bool) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE, total=total), draft=True)
    assert ("sum_mismatch" in {one.code for one in draft.findings}) is is_wrong


async def test_the_same_document_twice_is_noticed(house: House, aino: Actor) -> None:
    sha = "ab" * 32
    await house.vat.add_voucher(aino, voucher(PURCHASE, original_sha256=sha))
    again = await house.vat.add_voucher(aino, voucher(PURCHASE, original_sha256=sha), draft=True)
    assert "duplicate_exact" in {one.code for one in again.findings}


async def test_the_same_seller_sum_and_day_is_noticed(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(PURCHASE, seller_id="2077474-0"))
    again = await house.vat.add_voucher(aino, voucher(PURCHASE, seller_id="2077474-0", on="2026-01-16"), draft=True)
    later = await house.vat.add_voucher(aino, voucher(PURCHASE, seller_id="2077474-0", on="2026-01-27"), draft=True)
    assert ["duplicate_near" in {one.code for one in draft.findings} for draft in (again, later)] == [True, False]


async def test_a_sellers_new_account_is_noticed(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(PURCHASE, seller_id="2077474-0", iban="FI2112345600000785"))
    changed = voucher(PURCHASE, seller_id="2077474-0", iban="FI5810171000000122", on="2026-02-15")
    assert "supplier_iban_changed" in {one.code for one in (await house.vat.add_voucher(aino, changed, draft=True)).findings}


async def test_vouchers_are_listed_by_status_and_day(house: House, aino: Actor) -> None:
    first = await house.vat.add_voucher(aino, voucher(PURCHASE))
    second = await house.vat.add_voucher(aino, voucher(PURCHASE, on="2026-02-01"))
    await house.vat.add_voucher(aino, voucher(PURCHASE), draft=True)

    page = await house.vat.vouchers(aino, VoucherFilter(status=VoucherStatus.BOOKED), limit=1)
    rest = await house.vat.vouchers(aino, VoucherFilter(status=VoucherStatus.BOOKED), limit=1, cursor=page.next_cursor)
    february = await house.vat.vouchers(aino, VoucherFilter(since=second.tax_date))

    assert [one.items[0].id for one in (page, rest, february)] == [second.id, first.id, second.id]


async def test_another_companys_voucher_is_unknown(house: House, aino: Actor) -> None:
    booked = await house.vat.add_voucher(aino, voucher(PURCHASE))
    with pytest.raises(UnknownVoucher):
        await house.vat.voucher(somebody(), booked.id)


@pytest.mark.parametrize("row", [VoucherRow, EntryRow, ReturnRow])
async def test_the_database_itself_refuses_to_change_or_remove_what_stays(house: House, aino: Actor, row: type) -> None:
    await house.vat.add_voucher(aino, voucher(PURCHASE))
    await house.vat.file(aino, "2026-01")
    column = "content_sha256" if row is EntryRow else "content"
    value = "changed" if row is EntryRow else {"changed": True}
    for statement in (update(row).values({column: value}), delete(row)):
        with pytest.raises(DBAPIError, match="never changed"):
            async with house.database.writing(aino.tenant_id) as session:
                await session.execute(statement)


async def test_the_database_itself_refuses_an_entry_of_a_filed_period(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(PURCHASE))
    await house.vat.file(aino, "2026-01")
    async with house.database.reading(aino.tenant_id) as session:
        known = (await session.scalars(select(EntryRow).where(EntryRow.tenant_id == aino.tenant_id, EntryRow.number == 1))).one()
    values = {column.name: getattr(known, column.name) for column in EntryRow.__table__.columns} | {"number": 99}
    with pytest.raises(DBAPIError, match="the period is filed"):
        async with house.database.writing(aino.tenant_id) as session:
            await session.execute(insert(EntryRow).values(values))


async def test_a_whole_chain_is_verified_and_each_edit_is_found(house: House, aino: Actor) -> None:
    for _ in range(3):
        await house.vat.add_voucher(aino, voucher(PURCHASE, PURCHASE))
    await house.vat.file(aino, "2026-01")
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [None]

    for column in ("net_cents", "vat_cents", "deductible_cents", "line"):
        for number in (1, 4, 7):
            changed = "UPDATE entry SET {0} = {0} {1} 1 WHERE number = {2}"
            await behind_our_back(house, changed.format(column, "+", number), aino)
            assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] != [None]
            await behind_our_back(house, changed.format(column, "-", number), aino)
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [None]


async def test_a_changed_voucher_and_a_changed_return_are_found(house: House, aino: Actor) -> None:
    booked = await house.vat.add_voucher(aino, voucher(PURCHASE, supplier="Lumo Oy"))
    await house.vat.file(aino, "2026-01")
    await behind_our_back(house, "UPDATE voucher SET content = REPLACE(CAST(content AS TEXT), 'Lumo', 'Luomu')", aino)
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [f"voucher {booked.id} was changed"]
    await behind_our_back(house, "UPDATE voucher SET content = REPLACE(CAST(content AS TEXT), 'Luomu', 'Lumo')", aino)
    await behind_our_back(house, "UPDATE filed_return SET content = REPLACE(CAST(content AS TEXT), '7.93', '7.94')", aino)
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == ["the return 2026-01 was changed"]


async def test_an_end_that_was_cut_off_is_found(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(PURCHASE, PURCHASE))
    await behind_our_back(house, "DELETE FROM entry WHERE number = 2", aino)
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == ["entry 2 is missing, and all after it"]


async def test_a_chain_that_was_removed_with_its_end_is_missed(house: House) -> None:
    companies = {"voucher": somebody(), "filed_return": somebody(), "nothing": somebody()}
    for what, aino in companies.items():
        if what != "filed_return":
            await house.vat.add_voucher(aino, voucher(PURCHASE), draft=what == "nothing")
        if what != "nothing":
            await house.vat.file(aino, "2026-01")
        for table in ("entry", "chain_head", *({"filed_return", "voucher"} - {what} if what != "nothing" else ())):
            await behind_our_back(house, f"DELETE FROM {table}", aino)  # noqa: S608 - of this file
    found = {what: [one.fault async for one in verify(house.database, only=aino.tenant_id)] for what, aino in companies.items()}
    missing = ["the whole chain is missing, or its sealed end"]
    assert found == {"voucher": missing, "filed_return": missing, "nothing": []}
    everywhere = {one.tenant_id: one.fault async for one in verify(house.database)}
    assert [everywhere.get(aino.tenant_id) for aino in companies.values()] == [*missing, *missing, None]


async def test_the_id_of_a_company_that_cannot_be_read_any_more_is_found(tmp_path: Path) -> None:
    aino = somebody()
    async with opened(tmp_path) as house:
        await house.vat.add_voucher(aino, voucher(PURCHASE))
        await behind_our_back(house, "UPDATE chain_head SET tenant_id = 'nobody'", aino)
        faults = [one.fault async for one in verify(house.database)]
        of_her = [one.fault async for one in verify(house.database, only=aino.tenant_id)]
    assert faults == ["the id of a company cannot be read any more, so it was changed: ValueError"]
    assert of_her == ["the whole chain is missing, or its sealed end"]


async def behind_our_back(house: House, statement: str, who: Actor) -> None:
    """Change the tables of one company as whoever owns them could, past the triggers."""
    database, verb = house.database, statement.split(maxsplit=1)[0]
    table = statement.split()[2 if verb == "DELETE" else 1]
    tenant = who.tenant_id.hex if database.is_sqlite else str(who.tenant_id)
    change = f"{statement} {'AND' if 'WHERE' in statement else 'WHERE'} tenant_id = '{tenant}'"
    async with database.upgrading() as connection:
        if database.is_sqlite:
            wanted = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name")
            guards = [tuple(row) for row in await connection.execute(wanted, {"name": table})]
            for name, _ in guards:
                await connection.exec_driver_sql(f"DROP TRIGGER {name}")
            await connection.exec_driver_sql(change)
            for _, made in guards:
                await connection.exec_driver_sql(made)
            return
        await connection.exec_driver_sql("SET LOCAL search_path TO vat")
        await connection.exec_driver_sql("SELECT set_config('app.scope', 'all', true)")
        await connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await connection.exec_driver_sql(re.sub(r"(REPLACE\(.*\))(?= WHERE)", r"\1::json", change))
        await connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
