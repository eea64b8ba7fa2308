"""How amounts, days, and personal ids are written on Finnish documents, and what the return of a day has.

The texts stand on receipts that their shops hand out and in the tests of open programs; what is made up says so by itself.
"""

import datetime
from decimal import Decimal

import pytest

from converto.ocr.understanding.amounts import find_amounts, parse_amount
from converto.ocr.understanding.dates import find_dates
from converto.vat.boxes import Treatment, installed_form
from converto.vat.findings import has_personal_id, tolerance
from converto.vat.rates import Tier


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1 234,56", "1234.56"), ("1\u00a0234,56", "1234.56"), ("1.234,56", "1234.56"), ("1.471,60", "1471.60"), ("0,38-", "-0.38"),
        ("36.05-", "-36.05"), ("-15,90", "-15.90"), ("\u221215,90", "-15.90"), ("88,30 EUR", "88.30"), ("88.30", "88.30"),
        ("€ 5,00", "5.00"), ("2,951.00", "2951.00"),
    ],
)  # fmt: skip
def test_an_amount_of_a_receipt_is_read(written: str, amount: str) -> None:
    assert parse_amount(written) == Decimal(amount)
    assert [found.value for found in find_amounts(f"YHTEENSÄ {written}")] == [Decimal(amount)]


@pytest.mark.parametrize("written", ["6i.00", "1.234", "12,5", "12", "1,23,45", ""])
def test_what_is_no_amount_is_none(written: str) -> None:
    assert parse_amount(written) is None


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("25 K25 M000025/3572E    14:37    10-11-2017", "2017-11-10"),
        ("REF.   345706E   20.10.17 17:43:07   AUT: 15", "2017-10-20"),
        ("07.12.19 22:54:36", "2019-12-07"),
        ("11.10.2019 19:55", "2019-10-11"),
        ("KO01 M078134/1243 13.24 1.8.2026", "2026-08-01"),
        ("02.01.2026 11:40", "2026-01-02"),
        ("4 k4 m000004/1939 21:01 28-05-2014", "2014-05-28"),
    ],
)
def test_the_day_of_a_register_line_is_read(line: str, day: str) -> None:
    assert [str(found.value) for found in find_dates(line)] == [day]


# The numbers of python-stdnum's documentation; those of 900 and more are temporary, and are personal all the same.
@pytest.mark.parametrize("code", ["131052-308T", "131052A308T", "010594Y9021", "020594X903P"])
def test_a_personal_id_is_noticed(code: str) -> None:
    assert has_personal_id(f"Asiakas {code}, Lahti")


@pytest.mark.parametrize("code", ["131052-308U", "310252-308Y", "991352-308N", "131052-3081T", "2077474-0"])
def test_what_is_no_personal_id_is_not_taken_for_one(code: str) -> None:
    assert not has_personal_id(code)


def test_a_return_has_the_lines_of_its_day() -> None:
    always = {"301", "302", "303", "305", "306", "307", "308", "309", "311", "312", "313", "314", "318", "319", "320", "056"}
    form = installed_form()
    lines = {str(day): {box.id for box in form.of(day)} for day in (datetime.date(2017, 12, 31), datetime.date(2024, 12, 31))}
    assert lines["2017-12-31"] == always | {"315", "316", "317", "336", "337"}
    assert lines["2024-12-31"] == lines["2017-12-31"] | {"304", "310"}
    assert {box.id for box in form.of(datetime.date(2025, 1, 1))} == always | {"304", "310"}


def test_what_is_payable_is_the_formula_of_the_return() -> None:
    amounts = {box: Decimal(2) ** at for at, box in enumerate(("301", "302", "303", "304", "305", "306", "318", "307", "317"))}
    assert installed_form().sum_due(amounts) == Decimal(1 + 2 + 4 + 8 + 16 + 32 + 64 - 128 - 256)
    assert installed_form().sum_due({"309": Decimal(5), "320": Decimal(7)}) == 0


@pytest.mark.parametrize(
    ("treatment", "tier", "base", "tax"),
    [
        ("domestic_sale", Tier.STANDARD, None, "301"), ("domestic_sale", Tier.REDUCED, None, "302"),
        ("domestic_sale", Tier.LOW, None, "303"), ("domestic_sale", Tier.ZERO, "309", None),
        ("margin_sale", Tier.STANDARD, None, "301"), ("own_use", Tier.STANDARD, None, "301"),
        ("non_eu_service_purchase", Tier.STANDARD, None, "301"), ("import_goods", Tier.STANDARD, "310", "304"),
        ("eu_goods_purchase", Tier.STANDARD, "313", "305"), ("eu_service_purchase", Tier.REDUCED, "314", "306"),
        ("construction_purchase_rc", Tier.STANDARD, "320", "318"), ("construction_sale_rc", Tier.ZERO, "319", None),
        ("eu_goods_sale", Tier.ZERO, "311", None), ("eu_service_sale", Tier.ZERO, "312", None), ("export_sale", Tier.ZERO, "309", None),
        ("domestic_purchase", Tier.STANDARD, None, None), ("exempt_purchase", Tier.ZERO, None, None),
    ],
)  # fmt: skip
def test_a_treatment_reports_in_its_boxes(treatment: str, tier: Tier, base: str | None, tax: str | None) -> None:
    form = installed_form()
    assert (form.base_box(Treatment(treatment), tier), form.tax_box(Treatment(treatment), tier)) == (base, tax)


@pytest.mark.parametrize(("lines", "euros"), [(1, "0.01"), (2, "0.015"), (10, "0.055")])
def test_printed_tax_may_be_off_by_what_registers_round(lines: int, euros: str) -> None:
    assert tolerance(lines) == Decimal(euros)
