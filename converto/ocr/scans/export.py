"""Scans as tables: CSV, XLSX and JSON, written piece by piece, so that a long list takes no more memory than a short one."""

import csv
import io
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import IO, Any, Final

from anyio import to_thread

from converto.kernel.context import within
from converto.kernel.money import Money
from converto.ocr.interface import ExportPage, ExportRow, VatLine

PIECE_BYTES: Final = 256 * 1024
BOM: Final = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
# what a spreadsheet would take for a formula; the wide ones too, which some programs read as the plain ones
_FORMULA = re.compile(r"^[\s\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20|]|^[\t\r\n]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_LONGEST_CELL: Final = 32_000

_Pages = AsyncIterator[Sequence[ExportRow]]
Cell = str | Decimal | float | date | datetime | None


class ExportFormat(StrEnum):
    """How scans are exported."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


MEDIA_TYPES: Final[Mapping[ExportFormat, str]] = MappingProxyType(
    {
        ExportFormat.CSV: "text/csv; charset=utf-8",
        ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ExportFormat.JSON: "application/json",
    }
)

COLUMNS: Final = tuple(ExportRow.model_fields)


async def exported(first: ExportPage | None, rest: AsyncIterator[ExportPage], *, kind: ExportFormat) -> AsyncIterator[bytes]:
    """Yield the bytes of a table of scans, of which the first page is there."""
    writer = {ExportFormat.CSV: _csv, ExportFormat.XLSX: _xlsx, ExportFormat.JSON: _json}[kind]
    async with aclosing(writer(_pages(first, rest))) as pieces:
        async for piece in pieces:
            yield piece


async def _pages(first: ExportPage | None, rest: AsyncIterator[ExportPage]) -> AsyncGenerator[Sequence[ExportRow], None]:
    page = first
    while page is not None:
        yield page.rows
        # the deadline of the request is for its answer, which has begun
        with within(deadline=None):
            page = await anext(rest, None)


async def _json(pages: _Pages) -> AsyncGenerator[bytes, None]:
    before = b"["
    async for rows in pages:
        yield before + b",\n".join(row.model_dump_json().encode() for row in rows)
        before = b",\n"
    yield b"[]" if before == b"[" else b"]"


async def _csv(pages: _Pages) -> AsyncGenerator[bytes, None]:
    yield (BOM + _lines([COLUMNS])).encode()
    async for rows in pages:
        yield _lines([_plain(cell) for cell in cells(row)] for row in rows).encode()


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _plain(cell: Cell) -> str:
    if isinstance(cell, str):
        return defused(cell)
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return "" if cell is None else cell.isoformat() if isinstance(cell, date) else str(cell)


def defused(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: one that would be begins with an apostrophe."""
    text = _UNPRINTABLE.sub("", text)
    return f"'{text}" if _FORMULA.match(text) else text


async def _xlsx(pages: _Pages) -> AsyncGenerator[bytes, None]:
    with tempfile.TemporaryFile(prefix="converto-") as file:
        async with _Sheet.opened(file) as sheet:
            async for rows in pages:
                await to_thread.run_sync(sheet.write, rows)
        file.seek(0)
        while piece := await to_thread.run_sync(file.read, PIECE_BYTES):
            yield piece


class _Sheet:
    """A worksheet whose rows go to the disk as they come."""

    def __init__(self, file: IO[bytes]) -> None:
        from xlsxwriter import Workbook  # noqa: PLC0415 - 4 MB, which only an export needs

        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
        self._book = Workbook(file, options)
        self._sheet = self._book.add_worksheet("scans")
        self._formats = {
            "amount": self._book.add_format({"num_format": "0.00"}),
            "day": self._book.add_format({"num_format": "yyyy-mm-dd"}),
            "moment": self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        self._next = 0
        self._put(COLUMNS)
        self._sheet.freeze_panes(1, 0)

    @classmethod
    @asynccontextmanager
    async def opened(cls, file: IO[bytes]) -> AsyncIterator["_Sheet"]:
        """Open a sheet, and write it into the file at the end."""
        sheet = await to_thread.run_sync(cls, file)
        try:
            yield sheet
        finally:
            await to_thread.run_sync(sheet.close)

    def write(self, rows: Sequence[ExportRow]) -> None:
        """Add rows."""
        for row in rows:
            self._put(cells(row))

    def close(self) -> None:
        """Put the file together."""
        self._book.close()

    def _put(self, row: Sequence[Cell]) -> None:
        for column, cell in enumerate(row):
            self._write(column, cell)
        self._next += 1

    def _write(self, column: int, cell: Cell) -> None:
        if isinstance(cell, str):
            # a text cell is never a formula, so that nothing has to stand before it
            self._sheet.write_string(self._next, column, _UNPRINTABLE.sub("", cell)[:_LONGEST_CELL])
        elif isinstance(cell, date):
            kind = "moment" if isinstance(cell, datetime) else "day"
            self._sheet.write_datetime(self._next, column, cell, self._formats[kind])
        elif cell is not None:
            style = self._formats["amount"] if isinstance(cell, Decimal) else None
            self._sheet.write_number(self._next, column, cell, style)


def cells(row: ExportRow) -> Sequence[Cell]:
    """Return the cells of a row, in the order of `COLUMNS`."""
    return [_CELLS.get(name, _cell)(getattr(row, name)) for name in COLUMNS]


def _cell(value: Any) -> Cell:
    if isinstance(value, Money):
        return value.amount
    if value is None or isinstance(value, date | float | Decimal):
        return value
    return value.isoformat() if isinstance(value, time) else str(value)


def _rates(rows: Sequence[VatLine]) -> Cell:
    return "; ".join(f"{row.rate} %: {_amount(row.net)} + {_amount(row.vat)} = {_amount(row.gross)}" for row in rows) or None


def _amount(value: Decimal | None) -> str:
    return "?" if value is None else format(value, "f")


_CELLS: Final[Mapping[str, Callable[[Any], Cell]]] = MappingProxyType({"vat_lines": _rates})
