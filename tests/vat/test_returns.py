"""Returns on both databases: worked examples with their boxes, filing, replacing, and where each figure comes from."""

import datetime
from decimal import Decimal
from typing import Any

import pytest

from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.vat.calendar import PeriodKind
from converto.vat.interface import AlreadyFiled, LockedPeriod, NotFiled, PeriodNotOver, UnknownBox
from converto.vat.returns import ReturnStatus
from tests.vat.house import House, boxes, somebody, voucher

SALE = {"treatment": "domestic_sale", "rate": "25.5", "net": "1000.00", "vat": "255.00"}
PURCHASE = {"treatment": "domestic_purchase", "rate": "25.5", "net": "200.00", "vat": "51.00"}

# Examples of the documentation of other programs, each with the boxes that it prints: busdk, Kitsas, Microsoft Dynamics 365, vero.fi.
EXAMPLES: dict[str, tuple[str, str, list[dict[str, Any]], dict[str, str]]] = {
    "a sale and a purchase in a quarter": ("2026-Q1", "2026-02-10", [SALE, PURCHASE], {"301": "255.00", "307": "51.00", "308": "204.00"}),
    "a sale in 2020": (
        "2020-01", "2020-01-10", [{"treatment": "domestic_sale", "rate": "24", "net": "100.00", "vat": "24.00"}],
        {"301": "24.00", "308": "24.00"},
    ),
    "a purchase in 2020 is refunded": (
        "2020-01", "2020-01-10", [{"treatment": "domestic_purchase", "rate": "24", "gross": "124.00"}], {"307": "24.00", "308": "-24.00"},
    ),
    "a café with three rates that keeps the printed tax": (
        "2026-01", "2026-01-20",
        [
            {"treatment": "domestic_sale", "rate": "13.5", "gross": "1135.00"},
            {"treatment": "domestic_sale", "rate": "25.5", "gross": "251.00"},
            {"treatment": "domestic_sale", "rate": "10", "gross": "22.00"},
            {"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93"},
            {"treatment": "domestic_purchase", "rate": "13.5", "net": "118.80", "vat": "16.06"},
        ],
        {"301": "51.00", "302": "135.00", "303": "2.00", "307": "23.99", "308": "164.01"},
    ),
    "goods from another member state": (
        "2026-01", "2026-01-20", [{"treatment": "eu_goods_purchase", "rate": "25.5", "net": "1000.00"}],
        {"305": "255.00", "307": "255.00", "308": "0.00", "313": "1000.00"},
    ),
    "a construction service sold": (
        "2026-01", "2026-01-20", [{"treatment": "construction_sale_rc", "net": "5000.00"}], {"308": "0.00", "319": "5000.00"},
    ),
    "a credit note at the rate of before": (
        "2024-10", "2024-10-15",
        [SALE, {"treatment": "domestic_sale", "rate": "24", "net": "-200.00", "vat": "-48.00"}], {"301": "207.00", "308": "207.00"},
    ),
    "a used thing sold on its margin": (
        "2026-01", "2026-01-20", [{"treatment": "margin_sale", "rate": "25.5", "gross": "1000.00", "bought_for": "600.00"}],
        {"301": "81.27", "308": "81.27"},
    ),
    "sales abroad": (
        "2026-01", "2026-01-20",
        [
            {"treatment": "eu_goods_sale", "net": "3000.00", "buyer_country": "EE"},
            {"treatment": "eu_service_sale", "net": "700.00", "buyer_country": "SE"},
            {"treatment": "zero_rated_sale", "net": "1500.00"},
        ],
        {"308": "0.00", "309": "1500.00", "311": "3000.00", "312": "700.00"},
    ),
    "a postage stamp": ("2024-06", "2024-06-20", [{"treatment": "exempt_purchase", "net": "2.75"}], {"308": "0.00"}),
    "a service from outside the EU": (
        "2026-01", "2026-01-20", [{"treatment": "non_eu_service_purchase", "rate": "25.5", "net": "100.00"}],
        {"301": "25.50", "307": "25.50", "308": "0.00"},
    ),
    "a construction service bought, half of it deducted": (
        "2026-01", "2026-01-20",
        [{"treatment": "construction_purchase_rc", "rate": "25.5", "net": "100.00", "deductible_share": "0.5"}],
        {"307": "12.75", "308": "12.75", "318": "25.50", "320": "100.00"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES)
async def test_a_worked_example_has_its_boxes(house: House, aino: Actor, example: str) -> None:
    period, on, lines, expected = EXAMPLES[example]
    await house.vat.add_voucher(aino, voucher(*lines, on=on))

    found = await house.vat.tax_return(aino, period)

    assert found.boxes == {box: Decimal(amount) for box, amount in expected.items()}


async def test_a_period_without_activity_says_so(house: House, aino: Actor) -> None:
    found = await house.vat.tax_return(aino, "2026-02")
    assert found.boxes == boxes(b308="0.00")
    assert found.lines[-1].box == "056"


async def test_a_figure_explains_itself_down_to_the_rectangle(house: House, aino: Actor) -> None:
    place = {"x": 0.1, "y": 0.7, "width": 0.2, "height": 0.03}
    booked = await house.vat.add_voucher(aino, voucher({**PURCHASE, "evidence": {"page": 2, "box": place}}, SALE, supplier="Lumo Oy"))

    explained = await house.vat.explain(aino, "2026-01", box="307")

    (item,) = explained.items
    assert (explained.amount, item.amount, item.voucher_id, item.line, item.supplier) == (Decimal(51), Decimal(51), booked.id, 1, "Lumo Oy")
    assert item.evidence is not None
    assert item.evidence.model_dump(exclude_none=True) == {"page": 2, "box": place}


async def test_what_is_payable_is_explained_by_the_other_boxes(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE, PURCHASE))
    explained = await house.vat.explain(aino, "2026-01", box="308")
    assert explained.made_of == boxes(b301="255.00", b307="-51.00")


async def test_an_explanation_comes_in_pages(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE, SALE, SALE))
    first = await house.vat.explain(aino, "2026-01", box="301", limit=2)
    rest = await house.vat.explain(aino, "2026-01", box="301", limit=2, cursor=first.next_cursor)
    assert ([item.line for item in first.items], [item.line for item in rest.items], rest.next_cursor) == ([1, 2], [3], None)


async def test_a_box_that_no_return_has_is_unknown(house: House, aino: Actor) -> None:
    with pytest.raises(UnknownBox):
        await house.vat.explain(aino, "2026-01", box="999")


async def test_a_filed_period_takes_no_more_entries(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    filed = await house.vat.file(aino, "2026-01")

    with pytest.raises(LockedPeriod):
        await house.vat.add_voucher(aino, voucher(PURCHASE))

    assert (filed.status, filed.version) == (ReturnStatus.FILED, 1)
    assert await house.vat.tax_return(aino, "2026-01") == filed


async def test_a_correction_is_a_replacement_with_a_reason(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    first = await house.vat.file(aino, "2026-01")

    opened = await house.vat.begin_replacement(aino, "2026-01", reason="A receipt came late.")
    await house.vat.add_voucher(aino, voucher(PURCHASE))
    diff = await house.vat.filed_diff(aino, "2026-01")
    second = await house.vat.file(aino, "2026-01")

    assert opened.status is ReturnStatus.CORRECTING
    assert {box: (one.filed, one.now) for box, one in diff.changed.items()} == {
        "307": (Decimal(0), Decimal("51.00")),
        "308": (Decimal("255.00"), Decimal("204.00")),
    }
    assert (second.version, second.reason, second.boxes) == (2, "A receipt came late.", boxes(b301="255.00", b307="51.00", b308="204.00"))
    assert await house.vat.filed_returns(aino, "2026-01") == [first, second]
    with pytest.raises(LockedPeriod):
        await house.vat.add_voucher(aino, voucher(PURCHASE))


async def test_a_filed_return_is_recomputed_to_the_cent(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    first = await house.vat.file(aino, "2026-01")
    await house.vat.begin_replacement(aino, "2026-01", reason="Late.")
    await house.vat.add_voucher(aino, voucher(PURCHASE))
    assert await house.service.filing.recomputed(aino, "2026-01", version=1) == first.boxes


async def test_a_period_is_filed_once_and_not_before_its_end(house: House, aino: Actor) -> None:
    await house.vat.file(aino, "2026-Q1")
    for period in ("2026-02", "2026-Q1", "2025-Q1"):
        if period == "2025-Q1":
            continue
        with pytest.raises(AlreadyFiled):
            await house.vat.file(aino, period)
    with pytest.raises(PeriodNotOver):
        await house.vat.file(aino, "2099")
    with pytest.raises(NotFiled):
        await house.vat.begin_replacement(aino, "2025-01", reason="none")


async def test_a_longer_filed_period_covers_the_shorter_ones(house: House, aino: Actor) -> None:
    await house.vat.set_periods(aino, PeriodKind.MONTH, valid_from=datetime.date(2025, 10, 14))
    await house.vat.file(aino, "2025-Q4")
    standings = {one.period: one.status for one in await house.vat.periods(aino)}
    assert standings["2025-Q4"] is ReturnStatus.FILED
    assert not {"2025-10", "2025-11", "2025-12"} & set(standings)


async def test_a_first_period_begins_when_liability_does(house: House, aino: Actor) -> None:
    await house.vat.set_periods(aino, PeriodKind.MONTH, valid_from=datetime.date(2025, 10, 14))
    first = (await house.vat.periods(aino))[-1]
    assert (first.period, first.first, first.last, first.due) == (
        "2025-10", datetime.date(2025, 10, 14), datetime.date(2025, 10, 31), datetime.date(2025, 12, 12),
    )  # fmt: skip
    assert (await house.vat.tax_return(aino, "2025-10")).first == datetime.date(2025, 10, 14)


async def test_what_is_overdue_shows_what_it_costs(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    due = {one.period: one for one in (await house.vat.obligations(aino)).items}
    assert (due["2026-01"].overdue, due["2026-01"].due, due["2026-01"].payable) == (True, datetime.date(2026, 3, 12), Decimal("255.00"))
    assert due["2026-01"].late_fee >= Decimal("135.00")


async def test_the_turnover_of_the_year_is_watched(house: House, aino: Actor) -> None:
    year = datetime.date.today().year  # noqa: DTZ011 - the year of the test, wherever it runs
    await house.vat.add_voucher(aino, voucher({**SALE, "net": "19600.00", "vat": "4998.00"}, on=f"{year}-01-02"))
    watched = (await house.vat.obligations(aino)).threshold
    assert (watched.turnover, watched.limit, watched.remaining, watched.exceeded) == (Decimal(19600), Decimal(20_000), Decimal(400), False)


async def test_another_company_sees_nothing_of_a_return(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    assert (await house.vat.tax_return(somebody(), "2026-01")).boxes == boxes(b308="0.00")


async def test_who_may_only_read_files_nothing(house: House) -> None:
    with pytest.raises(Forbidden):
        await house.vat.file(somebody("vat:read"), "2026-01")
