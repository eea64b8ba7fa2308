"""What is to be known of a voucher before it is booked: checks on its figures, and how each is told in three languages."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, Final

from converto.kernel.identifiers.check_digits import is_reference
from converto.vat.boxes import Treatment
from converto.vat.rates import Rates, parsed, rule_file
from converto.vat.validation import Identifier, checked
from converto.vat.vouchers import FindingText, Line, NewVoucher, Voucher, VoucherFinding

CENT: Final = Decimal("0.01")
HALF_CENT: Final = Decimal("0.005")
FIVE_CENTS: Final = Decimal("0.05")
"""What is paid in cash in Finland is rounded to these (Act 890/2000)."""
NAMED_ABOVE: Final = Decimal(400)
"""An invoice of more than this names its buyer (AVL 209 f)."""
NEAR: Final = datetime.timedelta(days=1)
_OF_DOCUMENT: Final = frozenset(
    {"card_slip_only", "vat_table_missing", "synthetic_suspect", "duplicate_exact", "duplicate_near", "not_vat"}
)
"""What a document tells whatever a person makes of it."""
BARRED: Final = frozenset({"representation", "passenger_car", "private_use", "housing", "commuting"})
"""Categories whose tax may not be deducted (AVL 114)."""
_PURCHASES = frozenset({Treatment.DOMESTIC_PURCHASE})
_REVERSE = frozenset({Treatment.CONSTRUCTION_SALE_RC, Treatment.EU_GOODS_SALE, Treatment.EU_SERVICE_SALE})
_PERSONAL_ID = re.compile(r"\b(?P<day>\d{6})(?P<century>[-+A-FU-Y])(?P<number>\d{3})(?P<check>[0-9A-FHJ-NPR-Y])\b", re.ASCII)
_PERSONAL_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


@dataclass(frozen=True)
class Known:
    """What is known beside the voucher itself."""

    today: datetime.date
    locked: str | None = None
    """The filed period that its day is in."""
    same: str | None = None
    """The voucher that is of the same bytes."""
    near: str | None = None
    """The voucher of the same seller, sum and day."""
    supplier_ibans: frozenset[str] = frozenset()
    """The accounts that the seller's vouchers had before."""


@dataclass(frozen=True)
class Noted:
    """A code with what fills its words."""

    code: str
    line: int | None = None
    details: tuple[tuple[str, str], ...] = ()


def findings(
    given: NewVoucher, lines: Sequence[Line], rates: Rates, *, known: Known, also: Sequence[Noted] = ()
) -> tuple[VoucherFinding, ...]:
    """Return what is to be known of a voucher, the worst first; `also` is what its document told before."""
    noted = [*_of_rates(given, lines, rates), *_of_sums(given, lines), *_of_parties(given, lines), *_of_days(given, known)]
    anew = {(one.code, one.line) for one in noted}
    noted = [*(one for one in also if (one.code, one.line) not in anew), *noted]
    order = ("error", "warning", "info")
    return tuple(sorted((told(one) for one in noted), key=lambda finding: order.index(finding.severity)))


def still_noted(before: Voucher, given: NewVoucher, lines: Sequence[Line]) -> tuple[Noted, ...]:
    """Return what a draft's document told that holds after a person has changed the draft; what is worked out anew is not among it."""
    return tuple(
        Noted(one.code, one.line, tuple(one.details.items())) for one in before.findings if _still_holds(one, before, given, lines=lines)
    )


def _still_holds(one: VoucherFinding, before: Voucher, given: NewVoucher, *, lines: Sequence[Line]) -> bool:
    at = (one.line or 0) - 1
    match one.code:
        case "rate_not_in_force":
            return 0 <= at < len(lines) and _figures(before.lines[at]) == _figures(lines[at])
        case "card_date_mismatch":
            return given.document_date.isoformat() != one.details.get("card")
        case "seller_id_several" | "foreign_vat":
            return given.seller_id == before.seller_id
        case "barcode_mismatch" if one.details.get("field") == "total":
            return sum((line.gross for line in lines), Decimal(0)) == before.total
        case "barcode_mismatch":
            name = one.details.get("field", "")
            return getattr(given, name, None) == getattr(before, name, None)
    return one.code in _OF_DOCUMENT


def printed_total(before: Voucher) -> Decimal | None:
    """Return the total that a draft's document bears, where its lines come to another."""
    off = (one.details["total"] for one in before.findings if one.code == "sum_mismatch" and one.line is None)
    return next((Decimal(total) for total in off), None) if before.currency == "EUR" else None


def _figures(line: Line) -> tuple[object, ...]:
    return line.treatment, line.rate, line.net, line.vat, line.gross


def told(noted: Noted) -> VoucherFinding:
    """Return a finding in words."""
    text, details = _texts()[noted.code], dict(noted.details)
    words = {
        lang: FindingText(message=text[lang]["message"].format_map(details), fix=text[lang]["fix"].format_map(details))
        for lang in ("fi", "sv", "en")
    }
    return VoucherFinding(code=noted.code, severity=text["severity"], law=text["law"], line=noted.line, details=details, **words)


def tolerance(lines: int) -> Decimal:
    """Return how far printed tax may be from what the rate gives: registers round on every line."""
    return max(CENT, HALF_CENT * lines + HALF_CENT)


def _of_rates(given: NewVoucher, lines: Sequence[Line], rates: Rates) -> Iterator[Noted]:
    on = given.supply_date or given.document_date
    legal = rates.legal_set(on)
    for at, (line, new) in enumerate(zip(lines, given.lines, strict=True), start=1):
        if line.rate not in legal and line.net >= 0:  # a credit note bears the rate of what it credits
            yield Noted("rate_not_in_force", at, (("rate", f"{line.rate:f}"), ("on", on.isoformat())))
        if line.vat_printed is not None and abs(line.vat_printed - line.vat_computed) > tolerance(new.items or len(lines)):
            yield Noted("vat_off_tolerance", at, (("vat", f"{line.vat_printed:f}"), ("computed", f"{line.vat_computed:f}")))
        if line.category in BARRED and line.deductible_vat:
            yield Noted("deduction_barred", at, (("category", str(line.category)),))


def _of_sums(given: NewVoucher, lines: Sequence[Line]) -> Iterator[Noted]:
    together = sum((line.gross for line in lines), Decimal(0))
    total = None if given.total is None else given.total * (given.currency_rate or 1)
    if total is not None and abs(total - together) > CENT * len(lines) + HALF_CENT and not _is_rounded(total, together):
        yield Noted("sum_mismatch", None, (("lines", f"{together:f}"), ("total", f"{total:f}")))
    if given.currency != "EUR" and given.currency_rate is None:
        yield Noted("foreign_currency_no_rate", None, (("currency", given.currency),))


def _is_rounded(paid: Decimal, total: Decimal) -> bool:
    """Tell whether one amount is the other as it is paid in coins: to the next five cents."""
    return paid == (total / FIVE_CENTS).quantize(Decimal(1), ROUND_HALF_UP) * FIVE_CENTS


def _of_parties(given: NewVoucher, lines: Sequence[Line]) -> Iterator[Noted]:
    buys = any(line.treatment in _PURCHASES and line.deductible_vat for line in lines)
    if buys:
        yield from _of_seller(given.seller_id)
    gross = sum((line.gross for line in lines), Decimal(0))
    if buys and gross > NAMED_ABOVE and not given.buyer:
        yield Noted("buyer_missing_over_400")
    for at, line in enumerate(lines, start=1):
        if line.treatment in _REVERSE and not line.buyer_vat_id:
            yield Noted("reverse_charge_text_missing", at)
    reference = re.sub(r"\s", "", given.reference_number or "").upper()
    has_check = reference.startswith("RF") or (reference.isdecimal() and foreign_country(given.seller_id) is None)
    if has_check and not is_reference(reference):
        yield Noted("reference_invalid", None, (("reference", reference),))
    if any(has_personal_id(text) for text in (given.description or "", given.buyer or "", *(line.description or "" for line in lines))):
        yield Noted("personal_id_present")


def has_personal_id(text: str) -> bool:
    """Tell whether a Finnish personal identity code stands in a text: a day and a check sign that hold, also a temporary one."""
    return any(_is_personal_id(found) for found in _PERSONAL_ID.finditer(text))


def _is_personal_id(found: re.Match[str]) -> bool:
    if _PERSONAL_CHECKS[int(found["day"] + found["number"]) % len(_PERSONAL_CHECKS)] != found["check"]:
        return False
    century = 1800 if found["century"] == "+" else 1900 if found["century"] in "-UVWXY" else 2000
    try:
        datetime.date(century + int(found["day"][4:]), int(found["day"][2:4]), int(found["day"][:2]))
    except ValueError:
        return False
    return True


def _of_seller(seller_id: str | None) -> Iterator[Noted]:
    if not seller_id:
        yield Noted("seller_id_missing")
        return
    country = foreign_country(seller_id)
    if country is not None and checked(Identifier.VAT_ID, seller_id).valid:
        yield Noted("foreign_vat", None, (("country", country),))
    elif not checked(Identifier.BUSINESS_ID, seller_id).valid:
        yield Noted("seller_id_invalid", None, (("seller_id", seller_id),))


def foreign_country(seller_id: str | None) -> str | None:
    """Return the country that a VAT number begins with, where that is not Finland."""
    country = (seller_id or "").strip()[:2].upper()
    return country if country.isalpha() and country != "FI" else None


def _of_days(given: NewVoucher, known: Known) -> Iterator[Noted]:
    if given.document_date > known.today + NEAR:
        yield Noted("future_date", None, (("on", given.document_date.isoformat()),))
    if known.locked is not None:
        yield Noted("locked_period", None, (("period", known.locked),))
    if known.same is not None:
        yield Noted("duplicate_exact", None, (("number", known.same),))
    elif known.near is not None:
        yield Noted("duplicate_near", None, (("number", known.near),))
    if given.iban and known.supplier_ibans and given.iban not in known.supplier_ibans:
        yield Noted("supplier_iban_changed")


@cache
def _texts() -> Mapping[str, Any]:
    found: Mapping[str, Any] = parsed(rule_file("FI", "findings.yaml").read_text(encoding="utf-8"))
    return found
