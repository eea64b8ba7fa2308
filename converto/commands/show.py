"""Finished scans as tables for the terminal, from the JSON that the REST API answers."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from converto.commands.confidence import level

Scan = Mapping[str, Any]

# shown even where nothing was found, because every document should have them
EXPECTED = {"vendor": "Vendor", "business_id": "Business id", "date": "Date", "total": "Total", "payment_method": "Paid by"}
ALSO = {
    "due_date": "Due",
    "receipt_number": "Number",
    "vat_id": "VAT id",
    "net_total": "Net",
    "vat_total": "VAT",
    "iban": "IBAN",
    "reference_number": "Reference",
    "address": "Address",
    "category": "Category",
}
ORDER = ("vendor", "business_id", "vat_id", "address", "date", "due_date", "receipt_number", "total", "net_total", "vat_total")
ORDER_BELOW_VAT = ("payment_method", "iban", "reference_number", "category")
# where a value was not read but told in a form that needs no guessing
SOURCES = {"barcode": "bank barcode", "qr": "QR code", "e-invoice": "e-invoice", "ai": "AI", "person": "a person"}
SEVERITIES = {"info": ("i", "cyan"), "warning": ("!", "yellow"), "error": ("x", "red")}
WIDE = 116
WIDE_FIXED = 81  # what the columns of a wide summary take beside the document's and the vendor's names
NARROW_FIXED = 46
WIDEST_DOCUMENT = 96
BAR_CELLS = 8
NOTHING = Text("-", style="dim")


def plain(value: object) -> str:
    """Return a value as one line that a terminal can show: what a document says must not steer the terminal."""
    if isinstance(value, Mapping):
        value = f"{value.get('amount')} {value.get('currency')}"
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())


def confidence_text(confidence: float) -> Text:
    """Return a confidence as a coloured bar, a percentage and a word."""
    found = level(confidence)
    full = round(confidence * BAR_CELLS)
    bar = Text("█" * full, style=found.style)
    bar.append("░" * (BAR_CELLS - full), style="dim")
    return bar.append(f" {confidence:4.0%} {found.word:6}", style=found.style)


def document(scan: Scan, *, title: str, width: int) -> RenderableType:
    """Return everything found on one document: its fields, VAT by rate and findings, each with its confidence."""
    width = min(width, WIDEST_DOCUMENT)
    if scan["status"] != "completed":
        return Panel(
            Text(failure(scan), style="red"), title=Text(plain(title), style="bold"), title_align="left", border_style="red", width=width
        )
    found = level(scan["confidence"])
    below = Text(
        f"{scan.get('kind')}, {_counted(int(scan.get('pages', 1)), 'page')}, {_counted(len(scan.get('line_items', ())), 'row')}, "
        f"{scan.get('engine')} ({'+'.join(scan.get('languages', ()))}){_duration(scan)}"
    )
    parts: list[RenderableType] = [_field_table(scan), *_finding_lines(scan.get("findings", ()))]
    return Panel(
        Group(*parts),
        title=Text(plain(title), style="bold"),
        title_align="left",
        subtitle=below,
        subtitle_align="left",
        border_style=found.style,
        padding=(0, 1),
        width=width,
    )


def failure(scan: Scan) -> str:
    """Return in one line why there is nothing to show of a scan."""
    error = scan.get("error")
    return f"{plain(scan['status'])}: {plain(error['detail'])}" if error else plain(scan["status"])


def summary(scans: Iterable[tuple[str, Scan]], *, width: int) -> Table:
    """Return one row for each named document; below 116 columns without business id and bar, and with VAT as one sum."""
    wide = width >= WIDE
    spare = width - (WIDE_FIXED if wide else NARROW_FIXED)
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Document", width=max(8, min(26, spare * 9 // 20)), no_wrap=True, overflow="ellipsis")
    table.add_column("Vendor", width=max(8, min(34, spare - spare * 9 // 20)), overflow="fold")
    if wide:
        table.add_column("Business id", no_wrap=True)
    table.add_column("Date", no_wrap=True)
    table.add_column("Total", justify="right", no_wrap=True)
    table.add_column("VAT", justify="right", no_wrap=True)
    table.add_column("Confidence" if wide else "", no_wrap=True)
    for name, scan in scans:
        table.add_row(*_summary_row(name, scan, wide=wide))
    return table


def _summary_row(name: str, scan: Scan, *, wide: bool) -> list[Text]:
    if scan["status"] != "completed":
        blanks = [NOTHING] * (4 if wide else 3)
        return [Text(plain(name)), Text(failure(scan), style="red"), *blanks, Text("failed", style="red")]
    fields = scan["fields"]
    cells = [Text(plain(name)), _value(fields.get("vendor"))]
    if wide:
        cells.append(_value(fields.get("business_id")))
    found = level(scan["confidence"])
    sure = confidence_text(scan["confidence"]) if wide else Text(found.word, style=found.style)
    return [*cells, _value(fields.get("date")), _value(fields.get("total")), _vat(scan, wide=wide), sure]


def _vat(scan: Scan, *, wide: bool) -> Text:
    lines = scan.get("vat_lines", ())
    if wide and lines:
        return Text("\n".join(f"{_number(line.get('vat'))} ({plain(line['rate'])} %)" for line in lines))
    total = scan["fields"].get("vat_total")
    if total is not None:
        return Text(plain(total["value"]).split(" ", maxsplit=1)[0])
    parts = [line["vat"] for line in lines if line.get("vat") is not None]
    return Text(str(sum(map(Decimal, parts), Decimal(0)))) if parts else NOTHING


def _field_table(scan: Scan) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(no_wrap=True)
    table.expand = True
    fields = scan["fields"]
    _add_fields(table, fields, ORDER)
    for line in scan.get("vat_lines", ()):
        text = Text(f"net {_number(line.get('net'))} + VAT {_number(line.get('vat'))} = {_number(line.get('gross'))}")
        table.add_row(f"VAT {plain(line['rate'])} %", text + _source(line), confidence_text(line["confidence"]))
    _add_fields(table, fields, ORDER_BELOW_VAT)
    return table


def _add_fields(table: Table, fields: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        found = fields.get(name)
        if found is None:
            if name in EXPECTED:
                table.add_row(EXPECTED[name], NOTHING, Text("not found", style="dim"))
            continue
        value = _value(found, style="bold" if name == "total" else "")
        extra = {"date": "time", "payment_method": "card_last4"}.get(name, "")
        if extra and fields.get(extra):
            before = " " if extra == "time" else " ****"
            value = value + Text(before) + Text(plain(fields[extra]["value"])[:5])
        table.add_row(EXPECTED.get(name) or ALSO[name], value + _source(found), confidence_text(found["confidence"]))


def _value(found: Mapping[str, Any] | None, *, style: str = "") -> Text:
    return NOTHING if found is None else Text(plain(found["value"]), style=style)


def _source(found: Mapping[str, Any]) -> Text:
    name = SOURCES.get(found.get("source", ""))
    return Text(f"  {name}", style="dim") if name else Text()


def _number(amount: object) -> str:
    return "-" if amount is None else plain(amount)


def _finding_lines(findings: Iterable[Mapping[str, Any]]) -> list[Text]:
    lines = []
    for finding in findings:
        mark, style = SEVERITIES.get(finding["severity"], SEVERITIES["info"])
        line = Text(f"{mark} ", style=f"bold {style}")
        line.append(plain(finding["detail"]), style=style)
        lines.append(line.append(f"  {plain(finding['code'])}", style="dim"))
    return lines


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(scan: Scan) -> str:
    duration = scan.get("duration_ms")
    return "" if duration is None else f", {duration / 1000:.1f} s"
