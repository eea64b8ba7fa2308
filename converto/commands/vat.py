"""`converto vat ...`: rates, what is to be known of a document, returns and exports, on this machine."""

import asyncio
import codecs
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table

from converto.commands.books import books
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.config import Settings
from converto.kernel.errors import Error
from converto.ocr.interface import EngineChoice, Kind, Scan, Status
from converto.ocr.scans.readers import Readers
from converto.ocr.settings import OcrSettings
from converto.vat.booking import booked_line
from converto.vat.boxes import installed_form
from converto.vat.calendar import period as period_of
from converto.vat.drafting import Drafted, drafted, with_known_rates
from converto.vat.e_invoices import voucher_of
from converto.vat.export import LedgerFormat, ReturnFormat
from converto.vat.findings import Known, findings
from converto.vat.rates import Rates, installed_rates
from converto.vat.returns import Return
from converto.vat.today import today

REFUSED = 1


def rates(on: date | None) -> int:
    """Print the rates in force on a day, each with its source."""
    day, known = on or today(), installed_rates()
    table = Table("Category", "Rate", "From", "Source", title=f"VAT rates in Finland on {day.isoformat()} (rules {known.version})")
    for row in known.in_force(day):
        table.add_row(row.category, f"{row.value:f} %", row.valid_from.isoformat(), row.source)
    Console().print(table)
    return 0


def check(path: Path) -> int:
    """Read a document and print the lines of its voucher with what is to be known of it; returns 1 where something forbids to book it."""
    known = installed_rates()
    try:
        found = _drafted(path, known)
    except Error as refusal:
        return _refused(refusal)
    if found is None:
        print("This is no receipt or invoice: nothing is paid by it.")
        return REFUSED
    found = with_known_rates(found, known)
    on = found.voucher.tax_date
    lines = [booked_line(line, at, rates=known, form=installed_form(), on=on) for at, line in enumerate(found.voucher.lines, start=1)]
    table = Table("Rate", "Net", "VAT", "Gross", "Category", title=f"{found.voucher.supplier or '?'}, {on.isoformat()}")
    for line in lines:
        table.add_row(f"{line.rate:f} %", f"{line.net:f}", f"{line.vat:f}", f"{line.gross:f}", line.category or "")
    Console().print(table)
    noted = findings(found.voucher, lines, known, known=Known(today=today()), also=found.noted)
    for finding in noted:
        print(f"{finding.severity}: {finding.en.message} {finding.en.fix} ({finding.law})")
    return REFUSED if any(finding.severity == "error" for finding in noted) else 0


def _drafted(path: Path, known: Rates) -> Drafted | None:
    content = path.read_bytes()
    if path.suffix.lower() == ".xml" or content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        return voucher_of(content, known)
    (scan,) = asyncio.run(read_documents([path]))
    return drafted(scan, known)


async def read_documents(paths: Sequence[Path]) -> Sequence[Scan]:
    """Return what the reader finds on documents, several at once. Raises Error for the first that cannot be read."""
    settings = OcrSettings()
    async with Readers(settings) as readers:
        return await asyncio.gather(*(_read(readers, path, settings) for path in paths))


async def _read(readers: Readers, path: Path, settings: OcrSettings) -> Scan:
    content = await asyncio.to_thread(path.read_bytes)
    languages = readers.languages(settings.languages)
    engine = readers.choice(EngineChoice(settings.engine))
    reading = await readers.read(content, languages=languages, kind=Kind.AUTO, engine=engine, today=now().date())
    told = reading.model_dump(exclude={"pages"})
    return Scan.model_validate(
        {
            **told,
            "id": uuid4(),
            "status": Status.COMPLETED,
            "filename": path.name,
            "media_type": "application/octet-stream",
            "bytes": len(content),
            "created_at": now(),
        }
    )


def show_return(settings: Settings, period: str, *, company: UUID) -> int:
    """Print a period's return, line by line."""
    try:
        found = asyncio.run(_return(settings, period, company))
    except Error as refusal:
        return _refused(refusal)
    table = Table("Box", "", "Euros", title=f"{found.period}: {found.status}, due {found.due.isoformat()} (rules {found.rules_version})")
    for line in found.lines:
        table.add_row(line.box, line.names.en, f"{line.amount:,.2f}")
    Console().print(table)
    return 0


async def _return(settings: Settings, period: str, company: UUID) -> Return:
    async with books(settings) as own:
        return await own.service.tax_return(Actor.service(company, "vat:read"), period)


def export(settings: Settings, period: str, *, company: UUID, kind: str, business_id: str | None, target: Path) -> int:
    """Write a period's return, its vouchers or its audit pack into a file."""
    try:
        asyncio.run(_export(settings, period, company=company, kind=kind, business_id=business_id, target=target))
    except Error as refusal:
        return _refused(refusal)
    print(target)
    return 0


async def _export(settings: Settings, period: str, *, company: UUID, kind: str, business_id: str | None, target: Path) -> None:
    actor, when = Actor.service(company, "vat:read", "ocr:read"), period_of(period)
    async with books(settings) as own:
        if kind in set(ReturnFormat):
            file = await own.service.return_file(actor, period, kind=ReturnFormat(kind), business_id=business_id)
            await asyncio.to_thread(target.write_bytes, file.content)
            return
        if kind in set(LedgerFormat):
            pieces = own.service.ledger(actor, LedgerFormat(kind), since=when.first, until=when.last)
        else:
            pieces = own.service.audit_pack(actor, since=when.first, until=when.last)
        with target.open("wb") as out:
            async for piece in pieces:
                out.write(piece.content)


def _refused(refusal: Error) -> int:
    print(f"converto: {refusal.detail}", file=sys.stderr)
    return REFUSED
