"""Documents that are read in no time, for their text is in them, and what is on them."""

import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.ocr import reading
from converto.ocr.interface import Scan, Upload
from converto.ocr.models import ScanRow
from converto.ocr.scans.jobs import blob_key
from tests.ocr.house import House
from tests.ocr.pdfs import pdf_of_text

TODAY = datetime.date(2026, 11, 22)
SLIP = (
    "Kahvila Koivu Oy",
    "Koivutie 4, 33100 TAMPERE",
    "Y-tunnus 2345678-0",
    "Kuitti 10482   14.11.2026  17:42",
    "RUISLEIPÄ              5,33",
    "YHTEENSÄ EUR           5,33",
    "PANKKIKORTTI           5,33",
)


def slip(**instead: str) -> bytes:
    """Return a receipt as a PDF; `line3="..."` stands instead of its third line."""
    lines = [instead.get(f"line{number}", line) for number, line in enumerate(SLIP, start=1)]
    return pdf_of_text([lines], size=(420, 320))


async def read(house: House, actor: Actor, content: bytes, *, filename: str = "kuitti.pdf") -> Scan:
    """Upload a document and read it, in this process: a worker would take its second to start."""
    scan = await house.ocr.submit(actor, Upload(content=content, filename=filename))
    return await read_anew(house, actor, scan.id)


async def read_anew(house: House, actor: Actor, scan_id: UUID) -> Scan:
    """Take the latest job of a scan up."""
    jobs = house.service.jobs
    begun = await jobs._start((await house.requests(scan_id))[-1])
    assert begun is not None
    found = reading.read(await house.service._blobs.get(blob_key(begun)), languages=["fin"], today=TODAY)
    await jobs._finish(begun, found, duration_ms=1)
    return await house.ocr.scan(actor, scan_id)


async def read_all(house: House, actor: Actor, contents: Sequence[bytes]) -> list[Scan]:
    """Upload documents and read them, one after another."""
    return [await read(house, actor, content) for content in contents]


async def fill(house: House, actor: Actor, count: int) -> None:
    """Keep many scans that say what one says."""
    scan = await read(house, actor, slip())
    async with house.database.reading() as session:
        kept = await session.get(ScanRow, (actor.tenant_id, scan.id))
        assert kept is not None
        values = {column.name: getattr(kept, column.name) for column in ScanRow.__table__.columns}
    at = now() - datetime.timedelta(days=1)
    rows: list[dict[str, Any]] = [{**values, "id": new_id(), "created_at": at, "sha256": str(number)} for number in range(count - 1)]
    async with house.database.writing() as session:
        for first in range(0, len(rows), 500):
            await session.execute(insert(ScanRow), rows[first : first + 500])
