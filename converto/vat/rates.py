"""The rates of value added tax, as dated data: nothing else in the program knows one."""

import datetime
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from converto.kernel.errors import Invalid, NotFound
from converto.kernel.interface import Value
from converto.vat.written import Percent

COUNTRIES: Final = ("FI",)
ZERO: Final = Decimal(0)


class UnknownCountry(Invalid):
    """A country whose rates are not kept."""

    code = "vat.unknown_country"
    message = "The rates of {country} are not kept; those of {known} are."


class NoRate(NotFound):
    """No rate of a category is known for a day."""

    code = "vat.no_rate"
    message = "No rate of the category {category} is known for {on}."


class BrokenRules(Exception):
    """A file of rules that cannot be relied upon; the message says what is wrong with which row."""


class Tier(StrEnum):
    """Which of the return's lines the tax of a rate belongs to."""

    STANDARD = "standard"
    REDUCED = "reduced"
    LOW = "low"
    ZERO = "zero"


class RateRow(Value):
    """One rate of one category, from day to day, and who says so."""

    id: Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z_]+-\d{4}-\d{2}-\d{2}$")]
    category: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    value: Percent
    tier: Tier
    valid_from: datetime.date
    valid_to: datetime.date | None = None
    """The last day; None while it is in force."""
    source: Annotated[str, Field(min_length=10)]
    url: Annotated[str, Field(pattern=r"^https://")]
    checked_on: datetime.date
    note: str = ""

    def holds(self, on: datetime.date) -> bool:
        """Tell whether it is in force on a day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class RateFile(Value):
    """A file of rates, as its JSON Schema describes it."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    rates: Annotated[tuple[RateRow, ...], Field(min_length=1)]


class Rates:
    """The rates of one country. Raises BrokenRules for rows that overlap, leave a gap, or contradict one another."""

    def __init__(self, country: str, rows: Sequence[RateRow], *, version: str = "") -> None:
        self.country = country
        self.version = version
        """The hash of all rule files: a return keeps it."""
        self.rows = tuple(sorted(rows, key=lambda row: (row.category, row.valid_from)))
        self._by_category = _by_category(self.rows)
        _refuse_contradictions(self.rows)

    @property
    def categories(self) -> Sequence[str]:
        """Give the names of all categories."""
        return tuple(self._by_category)

    def rate(self, category: str, on: datetime.date) -> RateRow:
        """Return the rate of a category in force on a day. Raises NoRate."""
        found = next((row for row in self._by_category.get(category, ()) if row.holds(on)), None)
        if found is None:
            raise NoRate(category=category, on=on)
        return found

    def in_force(self, on: datetime.date) -> Sequence[RateRow]:
        """Return every rate in force on a day."""
        return tuple(row for row in self.rows if row.holds(on))

    def legal_set(self, on: datetime.date) -> frozenset[Decimal]:
        """Return the percentages that an invoice of a day may bear; zero always."""
        return frozenset({ZERO, *(row.value for row in self.in_force(on))})

    def tier(self, value: Decimal, on: datetime.date) -> Tier | None:
        """Return where the tax of a percentage belongs: as on the day, or as last before it, for a credit note names an older rate."""
        if value == ZERO:
            return Tier.ZERO
        before = [row for row in self.rows if row.value == value and row.valid_from <= on]
        return max(before, key=lambda row: row.valid_from).tier if before else None

    def described(self, on: datetime.date) -> str:
        """Return the rates of a day as a sentence for a language model, which is told no rate in any other way."""
        by_value: dict[Decimal, list[str]] = defaultdict(list)
        for row in self.in_force(on):
            by_value[row.value].append(row.category)
        told = "; ".join(f"{value:f} % ({', '.join(names)})" for value, names in sorted(by_value.items(), reverse=True))
        return f"VAT rates in force in {self.country} on {on.isoformat()}: {told}."


RatesOf = Callable[[str], Rates]
"""Gives the rates of a country."""


def _by_category(rows: Sequence[RateRow]) -> Mapping[str, Sequence[RateRow]]:
    found: dict[str, list[RateRow]] = defaultdict(list)
    for row in rows:
        before = found[row.category][-1] if found[row.category] else None
        if row.valid_to is not None and row.valid_to < row.valid_from:
            msg = f"{row.id}: it ends before it begins"
            raise BrokenRules(msg)
        if before is not None and before.valid_to != row.valid_from - datetime.timedelta(days=1):
            what = "overlap" if before.valid_to is None or before.valid_to >= row.valid_from else "leave a gap"
            msg = f"{before.id} and {row.id} {what}"
            raise BrokenRules(msg)
        found[row.category].append(row)
    return found


def _refuse_contradictions(rows: Sequence[RateRow]) -> None:
    seen: set[str] = set()
    tiers: dict[tuple[Decimal, datetime.date], RateRow] = {}
    for row in rows:
        if row.id in seen:
            msg = f"{row.id} is there twice"
            raise BrokenRules(msg)
        seen.add(row.id)
        known = tiers.setdefault((row.value, row.valid_from), row)
        if known.tier is not row.tier:
            msg = f"{known.id} and {row.id}: one percentage, two tiers"
            raise BrokenRules(msg)


def rates_of(text: str, *, version: str = "") -> Rates:
    """Return the rates that a file says. Raises BrokenRules, naming the row."""
    try:
        found = RateFile.model_validate(parsed(text))
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{'/'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise BrokenRules(msg) from error
    return Rates(found.country, found.rates, version=version)


def parsed(text: str) -> Any:
    """Return what a file of rules holds, every scalar as text: a number would be a float, and 010 another number."""
    import yaml  # noqa: PLC0415 - for the first question alone

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - the base loader makes nothing but texts, lists and mappings


def rule_file(country: str, name: str) -> Traversable:
    """Return a file of a country's rules."""
    return files("converto.vat").joinpath("rules", country.lower(), name)


@cache
def rules_version(country: str) -> str:
    """Return the hash of all rule files of a country: twelve hexadecimal digits."""
    folder = files("converto.vat").joinpath("rules", country.lower())
    digest = sha256()
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@cache
def installed_rates(country: str = "FI") -> Rates:
    """Return the rates that ship. Raises UnknownCountry, BrokenRules."""
    if country not in COUNTRIES:
        raise UnknownCountry(country=country[:10], known=", ".join(COUNTRIES))
    return rates_of(rule_file(country, "rates.yaml").read_text(encoding="utf-8"), version=rules_version(country))
