"""The audit pack: a ZIP archive of all that an auditor asks for, which opens with standard tools."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

from converto.vat.export import BOM, defused
from converto.vat.models import EntryRow

PIECE_BYTES: Final = 256 * 1024
MADE: Final = (1980, 1, 1, 0, 0, 0)
"""The same pack of the same entries has the same bytes."""
READ_ME: Final = """Tarkastuspaketti - granskningspaket - audit pack

entries.csv      each booked line by day; number is its place in the chain, hash binds it to the one before
vouchers.jsonl   each booked voucher as it was booked, one JSON object a line
returns.jsonl    each filed return as it was filed
originals/       the documents, unchanged
manifest.json    SHA-256 of each file above

Check: sha256sum of each file equals manifest.json; content_sha256 of an entry is the SHA-256 of its voucher's line with sorted keys.
"""
COLUMNS: Final = (
    "number", "voucher_id", "line", "tax_date", "treatment", "base_box", "tax_box", "net_cents", "vat_cents", "deductible_cents",
    "content_sha256", "at", "hash",
)  # fmt: skip


@dataclass
class Pack:
    """An archive that is written part by part into a file."""

    file: IO[bytes]
    hashes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._archive = zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, content: bytes) -> None:
        """Add a whole file."""
        self._archive.writestr(_called(name), content, zipfile.ZIP_DEFLATED)
        self.hashes[name] = hashlib.sha256(content).hexdigest()

    async def add_pieces(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Add a file that comes piece by piece."""
        digest = hashlib.sha256()
        with self._archive.open(_called(name), "w", force_zip64=True) as part:
            async for piece in pieces:
                digest.update(piece)
                part.write(piece)
        self.hashes[name] = digest.hexdigest()

    def close(self) -> None:
        """Add what tells the files by their hashes, and end the archive."""
        self.add("README.txt", READ_ME.encode())
        manifest = {"format": 1, "sha256": dict(sorted(self.hashes.items()))}
        self._archive.writestr(_called("manifest.json"), json.dumps(manifest, indent=1).encode(), zipfile.ZIP_DEFLATED)
        self._archive.close()


def _called(name: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name, MADE)
    found.compress_type = zipfile.ZIP_DEFLATED
    return found


def entries_head() -> bytes:
    """Return the first line of the table of entries."""
    return (BOM + _lines([COLUMNS])).encode()


def entries_piece(rows: Sequence[EntryRow]) -> bytes:
    """Return entries as lines of the table."""
    return _lines([[_cell(getattr(row, name)) for name in COLUMNS] for row in rows]).encode()


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return "" if value is None else defused(str(value)) if isinstance(value, str) else str(value)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
