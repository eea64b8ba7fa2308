"""Returns and vouchers in the forms that others take: what is in each is data, how it is written is here."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import IO, Final
from xml.sax.saxutils import escape

from converto.kernel.errors import Invalid
from converto.vat.boxes import NO_ACTIVITY
from converto.vat.calendar import PeriodKind
from converto.vat.postings import Posting, postings, profiles
from converto.vat.returns import Return, is_empty
from converto.vat.vouchers import Voucher

BOM: Final = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
NO_CODE: Final = "NONE"
ZERO: Final = Decimal(0)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


class ReturnFormat(StrEnum):
    """How a return is exported."""

    PDF = "pdf"
    CSV = "csv"
    XLSX = "xlsx"
    VSRALVKV = "vsralvkv"


class LedgerFormat(StrEnum):
    """Whom vouchers are exported for."""

    PROCOUNTOR = "procountor"
    NETVISOR = "netvisor"


MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ReturnFormat.PDF: "application/pdf",
        ReturnFormat.CSV: "text/csv; charset=utf-8",
        ReturnFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ReturnFormat.VSRALVKV: "text/plain; charset=iso-8859-1",
        LedgerFormat.PROCOUNTOR: "text/csv; charset=utf-8",
        LedgerFormat.NETVISOR: "application/xml",
    }
)
ENDINGS: Final[Mapping[str, str]] = MappingProxyType({"vsralvkv": "txt", "procountor": "csv", "netvisor": "xml"})


class NoBusinessId(Invalid):
    """A return for the authority names the company."""

    code = "vat.no_business_id"
    message = "The company has no business id yet: set it first."


def exported(found: Return, kind: ReturnFormat, *, business_id: str | None) -> bytes:
    """Return a return as a file. Raises NoBusinessId for what the authority takes."""
    if kind is ReturnFormat.VSRALVKV:
        if business_id is None:
            raise NoBusinessId
        return vsralvkv(found, business_id).encode("iso-8859-1")
    if kind is ReturnFormat.CSV:
        return (BOM + _sheet_csv(found, business_id)).encode()
    file = io.BytesIO()
    (_sheet_pdf if kind is ReturnFormat.PDF else _sheet_xlsx)(found, business_id, file)
    return file.getvalue()


def rows_of(found: Return) -> Sequence[tuple[str, str, Decimal]]:
    """Return the lines of a return to type from: number, name in Finnish, amount."""
    return [(line.box, line.names.fi, line.amount) for line in found.lines]


def finnish(amount: Decimal) -> str:
    """Return an amount as OmaVero takes it: with a decimal comma, without spaces."""
    return f"{amount:.2f}".replace(".", ",")


def vsralvkv(found: Return, business_id: str) -> str:
    """Return the record of a VAT return as ilmoitin.fi takes it, line by line."""
    profile = profiles()["vsralvkv"]
    lines = [f"000:{profile['record']}", f"010:{business_id}", f"050:{profile['kinds'][found.kind]}"]
    if found.kind is PeriodKind.MONTH:
        lines.append(f"052:{found.last.month}")
    elif found.kind is PeriodKind.QUARTER:
        lines.append(f"052:{found.last.month // 3}")
    lines.append(f"053:{found.last.year}")
    if is_empty(found.boxes):
        lines.append(f"{NO_ACTIVITY}:1")
    else:
        lines += [f"{box}:{finnish(amount)}" for box, amount in found.boxes.items()]
    return "\r\n".join([*lines, "999:1", ""])


def _heading(found: Return, business_id: str | None) -> Sequence[tuple[str, str]]:
    return (
        ("Y-tunnus", business_id or ""),
        ("Kausi", f"{found.period} ({found.first.isoformat()} - {found.last.isoformat()})"),
        ("Eräpäivä", found.due.isoformat()),
        ("Tila", f"{found.status.value}, {found.version}"),
        ("Säännöt", found.rules_version),
    )


def _sheet_csv(found: Return, business_id: str | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerows(_heading(found, business_id))
    writer.writerow(("Kohta", "Selite", "Euroa"))
    writer.writerows((box, name, finnish(amount)) for box, name, amount in rows_of(found))
    return text.getvalue()


def _sheet_xlsx(found: Return, business_id: str | None, file: IO[bytes]) -> None:
    import xlsxwriter  # noqa: PLC0415 - for the first export alone

    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet, money = book.add_worksheet("ALV-ilmoitus"), book.add_format({"num_format": "#,##0.00"})
        sheet.set_column(0, 0, 12)
        sheet.set_column(1, 1, 60)
        heading = _heading(found, business_id)
        for at, (name, value) in enumerate(heading):
            sheet.write_string(at, 0, name)
            sheet.write_string(at, 1, value)
        for at, (box, name, amount) in enumerate(rows_of(found), start=len(heading) + 1):
            sheet.write_string(at, 0, box)
            sheet.write_string(at, 1, name)
            sheet.write_number(at, 2, float(amount), money)  # a spreadsheet knows no decimals; two places are exact enough to show


def _sheet_pdf(found: Return, business_id: str | None, file: IO[bytes]) -> None:
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415 - for the first export alone
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    page = Canvas(file, pagesize=A4, invariant=True)
    page.setTitle(f"ALV {found.period}")
    page.setFont("Helvetica-Bold", 14)
    page.drawString(50, 790, "Arvonlisäveroilmoitus")
    height = 765
    page.setFont("Helvetica", 10)
    for name, value in _heading(found, business_id):
        page.drawString(50, height, name)
        page.drawString(130, height, value)
        height -= 15
    height -= 10
    for box, name, amount in rows_of(found):
        page.drawString(50, height, box)
        page.drawString(90, height, name)
        page.drawRightString(540, height, finnish(amount))
        page.setLineWidth(0.2)
        page.line(50, height - 4, 540, height - 4)
        height -= 18
    page.save()


def ledger_head(kind: LedgerFormat) -> bytes:
    """Return what a file of vouchers begins with."""
    if kind is LedgerFormat.NETVISOR:
        return b'<?xml version="1.0" encoding="UTF-8"?>\n<root>\n'
    return (BOM + _procountor_line(profiles()["procountor"]["columns"])).encode()


def ledger_tail(kind: LedgerFormat) -> bytes:
    """Return what a file of vouchers ends with."""
    return b"</root>\n" if kind is LedgerFormat.NETVISOR else b""


def ledger_piece(kind: LedgerFormat, vouchers: Iterable[Voucher]) -> bytes:
    """Return booked vouchers as a piece of the file."""
    write = _netvisor if kind is LedgerFormat.NETVISOR else _procountor
    return "".join(write(voucher) for voucher in vouchers).encode()


def _procountor(voucher: Voucher) -> str:
    columns = profiles()["procountor"]["columns"]
    rows = []
    for line in voucher.lines:
        told = {
            "date": f"{voucher.tax_date:%d.%m.%Y}",
            "voucher": f"{voucher.year}/{voucher.number}",
            "account": profiles()["accounts"][line.treatment],
            "description": defused(line.description or voucher.description or ""),
            "partner": defused(voucher.supplier or voucher.buyer or ""),
            "net": finnish(line.net),
            "vat_percent": f"{line.rate:f}".replace(".", ","),
            "vat": finnish(line.vat),
            "gross": finnish(line.gross),
            "treatment": line.treatment.value,
        }
        rows.append(_procountor_line([told[column] for column in columns]))
    return "".join(rows)


def _procountor_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=profiles()["procountor"]["separator"], lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def defused(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    text = "".join(letter for letter in text if letter.isprintable())
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text


def _netvisor(voucher: Voucher) -> str:
    lines = "".join(_netvisor_line(posting, voucher) for posting in postings(voucher.lines))
    return (
        "<voucher><calculationmode>net</calculationmode>"
        f'<voucherdate format="ansi">{voucher.tax_date.isoformat()}</voucherdate>'
        f"<number>{voucher.number}</number>"
        f"<description>{_xml(voucher.supplier or voucher.buyer or '')}</description>"
        f"<voucherclass>{profiles()['netvisor']['voucher_class']}</voucherclass>{lines}</voucher>\n"
    )


def _netvisor_line(posting: Posting, voucher: Voucher) -> str:
    line = posting.line
    code, rate = (NO_CODE, ZERO) if line is None else (profiles()["netvisor"]["codes"][line.treatment], line.rate)
    said = voucher.description if line is None else line.description or voucher.description
    return (
        f'<voucherline><linesum type="net">{posting.amount:.2f}</linesum><description>{_xml(said or "")}</description>'
        f"<accountnumber>{posting.account}</accountnumber>"
        f'<vatpercent vatcode="{code}">{rate:f}</vatpercent></voucherline>'
    )


def _xml(text: str) -> str:
    return escape("".join(letter for letter in text if letter.isprintable()))
