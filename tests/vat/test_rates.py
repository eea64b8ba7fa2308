"""Rates as dated data: each row of the public record, each day around a change, and what no file of rules may hold."""

import datetime
import json
from decimal import Decimal

import pytest

from converto.vat.calculation import SoldLine, calculated
from converto.vat.rates import BrokenRules, NoRate, RateFile, Rates, Tier, UnknownCountry, installed_rates, parsed, rates_of, rule_file

TEXT = rule_file("FI", "rates.yaml").read_text(encoding="utf-8")
DAY = datetime.timedelta(days=1)

# What holds from when, as the Tax Administration's guidance 47792 and the government proposals HE 194/2022, HE 61/2024, HE 141/2024 and
# HE 93/2025 say it; a day and "-" is the end of what is known.
PUBLISHED = """
standard 1994-06-01 22 2010-07-01 23 2013-01-01 24 2024-09-01 25.5
food_and_feed 1998-01-01 17 2009-10-01 12 2010-07-01 13 2013-01-01 14 2026-01-01 13.5
restaurant_and_catering 1994-06-01 22 2010-07-01 13 2013-01-01 14 2026-01-01 13.5
books_medicine_accommodation_culture_sport 1998-01-01 8 2010-07-01 9 2013-01-01 10 2025-01-01 14 2026-01-01 13.5
passenger_transport 1998-01-01 8 2010-07-01 9 2013-01-01 10 2023-01-01 0 2023-05-01 10 2025-01-01 14 2026-01-01 13.5
newspapers_periodicals 2013-01-01 10
public_broadcasting 2013-01-01 10 2026-01-01 13.5
sanitary_and_diapers 2013-01-01 24 2024-09-01 25.5 2025-01-01 14 2026-01-01 13.5
alcohol_tobacco 2010-07-01 23 2013-01-01 24 2024-09-01 25.5
deposit_packaging 2010-07-01 23 2013-01-01 24 2024-09-01 25.5
electricity 2013-01-01 24 2022-12-01 10 2023-05-01 24 2024-09-01 25.5
confectionery 2013-01-01 14 2026-01-01 13.5
"""


def published() -> list[tuple[str, str, str | None, str]]:
    """Return category, first day, last day and rate of each row."""
    found = []
    for line in PUBLISHED.strip().split("\n"):
        category, *steps = line.split()
        pairs = list(zip(steps[::2], steps[1::2], strict=True))
        for (begins, rate), after in zip(pairs, [*pairs[1:], None], strict=True):
            last = (datetime.date.fromisoformat(after[0]) - DAY).isoformat() if after else None
            found.append((category, begins, last, rate))
    return found


PUBLISHED_ROWS = frozenset(published())


@pytest.mark.parametrize(("category", "begins", "ends", "rate"), published())
def test_a_rate_holds_from_its_first_day_to_its_last(category: str, begins: str, ends: str | None, rate: str) -> None:
    rates = installed_rates()
    first, last = datetime.date.fromisoformat(begins), datetime.date.fromisoformat(ends) if ends else datetime.date(2026, 12, 31)
    assert [rates.rate(category, day).value for day in (first, last)] == [Decimal(rate), Decimal(rate)]
    assert rates.rate(category, first) == rates.rate(category, last)


def test_no_row_is_there_that_was_not_published() -> None:
    rows = sorted((row.category, str(row.valid_from), str(row.valid_to or ""), str(row.value)) for row in installed_rates().rows)
    assert rows == sorted((category, begins, ends or "", rate) for category, begins, ends, rate in published())


# Days on which somebody asked, with what the law of the day answers.
@pytest.mark.parametrize(
    ("category", "on", "rate"),
    [
        ("standard", "2024-08-31", "24"),
        ("standard", "2024-09-01", "25.5"),
        ("food_and_feed", "2026-01-01", "13.5"),
        ("food_and_feed", "2009-09-30", "17"),
        ("books_medicine_accommodation_culture_sport", "2024-12-31", "10"),
        ("books_medicine_accommodation_culture_sport", "2025-01-01", "14"),
        ("newspapers_periodicals", "2026-06-01", "10"),
        ("public_broadcasting", "2025-12-31", "10"),
        ("sanitary_and_diapers", "2024-10-01", "25.5"),
        ("sanitary_and_diapers", "2025-01-01", "14"),
        ("electricity", "2023-05-01", "24"),
        ("passenger_transport", "2023-02-01", "0"),
        ("confectionery", "2025-07-01", "14"),
        ("deposit_packaging", "2026-01-01", "25.5"),
    ],
)
def test_a_lookup_answers_the_rate_of_the_day(category: str, on: str, rate: str) -> None:
    assert installed_rates().rate(category, datetime.date.fromisoformat(on)).value == Decimal(rate)


@pytest.mark.parametrize(
    ("on", "legal"),
    [("2024-08-31", "0 10 14 24"), ("2024-09-01", "0 10 14 25.5"), ("2025-12-31", "0 10 14 25.5"), ("2026-01-01", "0 10 13.5 25.5")],
)
def test_an_invoice_of_a_day_bears_a_rate_of_its_legal_set(on: str, legal: str) -> None:
    assert installed_rates().legal_set(datetime.date.fromisoformat(on)) == {Decimal(rate) for rate in legal.split()}


# Who says so, and where; each row of a rate names one of these.
SOURCES = {
    "European Commission, VAT rates applied in the Member States; VAT Act 1501/1993 (AVL) 84 §":
        "https://taxation-customs.ec.europa.eu/taxation/vat/vat-directive/vat-rates_en",
    "Finnish Tax Administration, guidance 47792 on the reduced VAT rates; VAT Act 1501/1993 (AVL) 84-85 a §":
        "https://www.vero.fi/syventavat-vero-ohjeet/ohje-hakusivu/47792/",
    "Government proposal HE 141/2024 (from 10 to 14 % on 1 January 2025)": "https://www.eduskunta.fi/valtiopaivaasiat/HE+141/2024",
    "Government proposal HE 194/2022 (electricity 10 %, passenger transport 0 %, for a time)":
        "https://www.eduskunta.fi/valtiopaivaasiat/HE+194/2022",
    "Government proposal HE 61/2024 (standard rate 25.5 % from 1 September 2024)": "https://www.eduskunta.fi/valtiopaivaasiat/HE+61/2024",
    "Government proposal HE 93/2025 (from 14 to 13.5 % on 1 January 2026)": "https://www.eduskunta.fi/valtiopaivaasiat/HE+93/2025",
}  # fmt: skip
NOTES = {
    "AVL 84 §", "AVL 84 §: no food for the reduced rate", "AVL 85 a § (since 2025 85 §)", "AVL 85 a §",
    "AVL 85 a §; subscriptions of a month or longer", "AVL 85 b §: returnable packages", "AVL 85 § 1 mom. 1 k.", "AVL 85 § 1 mom. 3 k.",
    "AVL 85 § since 2025", "AVL 85 §: a planned 25.5 % from 1 June 2025 was dropped",
}  # fmt: skip
CHECKED_ON = "2026-11-22"
ROWS = TEXT.split("\n  - ")[1:]


def is_published(row: str) -> bool:
    """Tell whether every figure of a row of the file is as it was published."""
    (kept,) = parsed(f"  - {row}")
    category, begins = kept["category"], kept["valid_from"]
    return (
        (category, begins, kept.get("valid_to"), kept["value"]) in PUBLISHED_ROWS
        and kept["id"] == f"fi-{category}-{begins}"
        and SOURCES.get(kept["source"]) == kept["url"]
        and kept["note"] in NOTES
        and kept["checked_on"] == CHECKED_ON
    )


def test_every_row_is_as_it_was_published() -> None:
    assert [row for row in ROWS if not is_published(row)] == []
    assert len(ROWS) == len(PUBLISHED_ROWS)


def test_any_digit_changed_in_a_row_is_noticed() -> None:
    places = [(row, at) for row in ROWS for at, letter in enumerate(row) if letter.isdigit()]
    unnoticed = [row[:at] for row, at in places if is_published(f"{row[:at]}{(int(row[at]) + 1) % 10}{row[at + 1 :]}")]
    assert len(places) > 40 * len(ROWS)
    assert unnoticed == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("valid_to: 2012-12-31", "valid_to: 2013-01-01", "overlap"),
        ("valid_to: 2012-12-31", "valid_to: 2012-12-30", "leave a gap"),
        ("    valid_to: 2010-06-30\n", "", "overlap"),
        ('value: "22"', 'value: "122"', "less than 100"),
        ('value: "22"', 'value: "about 22"', "percentage"),
        ("tier: standard", "tier: high", "tier"),
        ("url: https://", "url: ftp://", "url"),
    ],
)
def test_rules_that_cannot_be_relied_upon_are_refused(old: str, new: str, complaint: str) -> None:
    with pytest.raises(BrokenRules, match=complaint):
        rates_of(TEXT.replace(old, new, 1))


def test_a_row_without_a_source_is_refused() -> None:
    with pytest.raises(BrokenRules, match="source"):
        rates_of("\n".join(line for line in TEXT.split("\n") if "source:" not in line))


def test_the_json_schema_beside_the_rules_is_that_of_the_rules() -> None:
    kept = json.loads(rule_file("FI", "rates.schema.json").read_text(encoding="utf-8"))
    assert kept == RateFile.model_json_schema()


def test_a_new_rate_is_a_change_of_data_alone() -> None:
    rates = with_made_up_rate()
    on = datetime.date(2027, 1, 1)

    assert rates.rate("standard", on).value == Decimal("26.5")
    assert rates.rate("standard", on - DAY).value == Decimal("25.5")
    assert Decimal("26.5") in rates.legal_set(on)
    assert Decimal("26.5") not in rates.legal_set(on - DAY)
    assert rates.tier(Decimal("26.5"), on) is Tier.STANDARD
    assert "26.5 % (alcohol_tobacco, deposit_packaging, electricity, standard)" in rates.described(on)
    assert "25.5" not in rates.described(on)
    assert calculated([SoldLine(amount=Decimal(100), category="standard")], rates, on=on).vat == Decimal("26.50")


def with_made_up_rate() -> Rates:
    """Return the rules with 26.5 percent from 2027 on wherever it is 25.5, which no parliament has passed."""
    ended, added = [], []
    for row in ROWS:
        is_changed = 'value: "25.5"' in row and "valid_to" not in row
        begins = row.partition("valid_from: ")[2][:10]
        ended.append(row.replace(begins + "\n", f"{begins}\n    valid_to: 2026-12-31\n") if is_changed else row)
        if is_changed:
            added.append(row.replace(begins, "2027-01-01").replace('"25.5"', '"26.5"'))
    assert len(added) == 4
    return rates_of("\n  - ".join(["country: FI\nrates:", *(row.rstrip() for row in ended + added)]), version="made up")


def test_an_older_rate_on_a_credit_note_keeps_its_tier() -> None:
    assert installed_rates().tier(Decimal(24), datetime.date(2024, 10, 15)) is Tier.STANDARD


def test_a_day_before_all_rows_has_no_rate() -> None:
    with pytest.raises(NoRate, match="1994-05-31"):
        installed_rates().rate("standard", datetime.date(1994, 5, 31))


def test_a_country_that_is_not_kept_is_refused() -> None:
    with pytest.raises(UnknownCountry, match="SE"):
        installed_rates("SE")
