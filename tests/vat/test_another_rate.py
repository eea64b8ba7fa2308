"""A rate of 2027 that no parliament has passed: a row of data, and everything follows, to the return and the page of rates."""

import datetime
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from converto.kernel.actor import Actor
from converto.vat.api import rate_history, rates
from converto.vat.calculation import SoldLine
from converto.vat.drafting import drafted, with_known_rates
from converto.vat.service import VatService
from converto.vat.vouchers import VoucherSource
from tests.kernel.e_invoices.written import ubl
from tests.vat.house import House, boxes, opened, voucher
from tests.vat.test_drafting import ROW, TOTAL, scan
from tests.vat.test_rates import with_made_up_rate

RATES = with_made_up_rate()
NEW, OLD = Decimal("26.5"), Decimal("25.5")
JANUARY = "2027-01-15"


@pytest.fixture(scope="module")
async def later(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a house with the rules of 2027."""
    async with opened(tmp_path_factory.mktemp("later")) as house:
        made: VatService = house.service
        service = VatService(house.database, made.blobs, made.ocr, rates_of=lambda _: RATES)
        yield replace(house, vat=service, service=service)


async def test_the_page_shows_the_new_rate_from_its_first_day(later: House) -> None:
    before = await rates(later.vat, country="FI", on=datetime.date(2026, 12, 31))
    after = await rates(later.vat, country="FI", on=datetime.date(2027, 1, 1))
    history = await rate_history(later.vat, country="FI")
    assert [one.rate for page in (before, after) for one in page.items if one.category == "standard"] == [OLD, NEW]
    assert [one.rate for one in history.items if one.category == "standard"][-2:] == [OLD, NEW]
    assert after.rules_version == "made up"


async def test_a_language_model_is_told_the_new_rate(later: House) -> None:
    assert (
        "26.5 % (alcohol_tobacco, deposit_packaging, electricity, standard)"
        in (await later.vat.rates(on=datetime.date(2027, 1, 1))).described
    )


async def test_a_sale_of_2027_is_calculated_and_reported_by_it(later: House, aino: Actor) -> None:
    found = await later.vat.calculate(aino, [SoldLine(amount=Decimal(100), category="standard")], on=datetime.date(2027, 1, 15))
    booked = await later.vat.add_voucher(aino, voucher({"treatment": "domestic_sale", "rate": "26.5", "net": "100.00"}, on=JANUARY))
    made = await later.vat.tax_return(aino, "2027-01")
    assert (found.vat, booked.vat_total, made.boxes) == (Decimal("26.50"), Decimal("26.50"), boxes(b301="26.50", b308="26.50"))
    assert (booked.rules_version, made.rules_version) == ("made up", "made up")


async def test_the_old_rate_is_noticed_on_an_invoice_of_2027_and_the_new_one_is_not(later: House, aino: Actor) -> None:
    lines = [{"treatment": "domestic_purchase", "rate": rate, "net": "100.00"} for rate in ("25.5", "26.5")]
    drafts = [await later.vat.add_voucher(aino, voucher(line, on=JANUARY, seller_id="2077474-0"), draft=True) for line in lines]
    noticed = [[one.code for one in draft.findings if one.code == "rate_not_in_force"] for draft in drafts]
    assert noticed == [["rate_not_in_force"], []]


async def test_a_receipt_of_2027_is_drafted_with_it(later: House, aino: Actor) -> None:
    row = {**ROW, "rate": "26.5", "net": "30.88", "vat": "8.18", "gross": "39.06"}
    found = drafted(scan(row, total=TOTAL, date=JANUARY), RATES)
    assert found is not None
    draft = await later.service.books.draft(aino, with_known_rates(found, RATES), source=VoucherSource.SCAN)
    assert [(line.rate, line.vat, line.deductible_vat) for line in draft.lines] == [(NEW, Decimal("8.18"), Decimal("8.18"))]


async def test_a_buyer_who_works_the_tax_out_uses_it(later: House, aino: Actor) -> None:
    content = ubl(tax="0", rate="0", total="100.00", category="AE").replace(b"2026-01-15", JANUARY.encode())
    draft = await later.vat.take_e_invoice(aino, content)
    assert [(line.rate, line.vat) for line in draft.lines] == [(NEW, Decimal("26.50"))]
