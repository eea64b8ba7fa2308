"""Files for others: a return, the vouchers of a time, and the audit pack, none of which grows in memory with the number of vouchers."""

import datetime
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from converto.kernel.actor import Actor
from converto.kernel.blobs import BlobStore
from converto.kernel.database import Database
from converto.kernel.errors import NotFound
from converto.ocr.interface import Ocr
from converto.vat.audit_pack import PIECE_BYTES, Pack, entries_head, entries_piece
from converto.vat.e_invoices import e_invoice_key
from converto.vat.export import ENDINGS, MEDIA_TYPES, LedgerFormat, ReturnFormat, exported, ledger_head, ledger_piece, ledger_tail
from converto.vat.filing import Filing
from converto.vat.interface import ExportedFile, Piece
from converto.vat.models import VoucherRow
from converto.vat.repository import Entries, Returns, Vouchers
from converto.vat.vouchers import Voucher, VoucherSource

AT_ONCE = 200


@dataclass
class Originals:
    """Which documents vouchers came from."""

    scans: list[UUID] = field(default_factory=list)
    invoices: set[str] = field(default_factory=set)
    """By their hashes."""


class Exporting:
    """Writes what companies take elsewhere."""

    def __init__(self, database: Database, blobs: BlobStore, filing: Filing, *, ocr: Ocr) -> None:
        self._database = database
        self._blobs = blobs
        self._filing = filing
        self._ocr = ocr

    async def tax_return(self, actor: Actor, period: str, kind: ReturnFormat, *, business_id: str | None) -> ExportedFile:
        """Return a return as a file."""
        content = exported(await self._filing.current(actor, period), kind, business_id=business_id)
        return ExportedFile(content=content, media_type=MEDIA_TYPES[kind], filename=f"alv-{period}.{ENDINGS.get(kind, kind.value)}")

    async def ledger(self, actor: Actor, kind: LedgerFormat, since: datetime.date, *, until: datetime.date) -> AsyncIterator[Piece]:
        """Yield the booked vouchers of a time in the form of a program."""
        yield Piece(content=ledger_head(kind))
        async for rows in self._booked(actor, since, until):
            yield Piece(content=ledger_piece(kind, [Voucher.model_validate(row.content) for row in rows]))
        yield Piece(content=ledger_tail(kind))

    async def audit_pack(self, actor: Actor, since: datetime.date, *, until: datetime.date) -> AsyncIterator[Piece]:
        """Yield the archive of all that an auditor asks for."""
        named = Originals()
        with tempfile.TemporaryFile(prefix="converto-") as file:
            pack = Pack(file)
            await pack.add_pieces("entries.csv", self._entries(actor, since, until))
            await pack.add_pieces("vouchers.jsonl", self._vouchers(actor, since, until, named))
            await pack.add_pieces("returns.jsonl", self._returns(actor))
            for scan_id in named.scans:
                try:
                    document = await self._ocr.original(actor, scan_id)
                except NotFound:  # somebody has removed the scan; the entry still tells its hash
                    continue
                ending = document.media_type.rpartition("/")[2]
                pack.add(f"originals/{scan_id}.{ending}", document.content)
            for digest in sorted(named.invoices):
                pack.add(f"originals/{digest}.xml", await self._blobs.get(e_invoice_key(actor.tenant_id, digest)))
            pack.close()
            file.seek(0)
            while content := file.read(PIECE_BYTES):
                yield Piece(content=content)

    async def _booked(self, actor: Actor, since: datetime.date, until: datetime.date) -> AsyncIterator[Sequence[VoucherRow]]:
        after: tuple[datetime.date, UUID] | None = None
        while True:
            async with self._database.reading(actor.tenant_id) as session:
                rows = await Vouchers(session).booked(actor.tenant_id, since, until, after=after, limit=AT_ONCE)
            if rows:
                yield rows
                after = (rows[-1].tax_date, rows[-1].id)
            if len(rows) < AT_ONCE:
                return

    async def _vouchers(self, actor: Actor, since: datetime.date, until: datetime.date, named: Originals) -> AsyncIterator[bytes]:
        async for rows in self._booked(actor, since, until):
            named.scans += [row.scan_id for row in rows if row.scan_id is not None and row.reverses is None]
            named.invoices |= {
                row.original_sha256 for row in rows if row.original_sha256 and row.content["source"] == VoucherSource.E_INVOICE.value
            }
            yield b"".join(orjson.dumps(row.content, option=orjson.OPT_SORT_KEYS) + b"\n" for row in rows)

    async def _entries(self, actor: Actor, since: datetime.date, until: datetime.date) -> AsyncIterator[bytes]:
        yield entries_head()
        after: tuple[datetime.date, int] | None = None
        while True:
            async with self._database.reading(actor.tenant_id) as session:
                rows = await Entries(session).between(actor.tenant_id, since, until, after=after, limit=AT_ONCE)
            if rows:
                yield entries_piece(rows)
                after = (rows[-1].tax_date, rows[-1].number)
            if len(rows) < AT_ONCE:
                return

    async def _returns(self, actor: Actor) -> AsyncIterator[bytes]:
        async with self._database.reading(actor.tenant_id) as session:
            found = await Returns(session).everything(actor.tenant_id)
        for row in found:
            yield orjson.dumps(row.content, option=orjson.OPT_SORT_KEYS) + b"\n"
