"""Scans as tables, on both databases, and what stands in each format."""

import csv
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.errors import Forbidden
from converto.kernel.money import Money
from converto.ocr.interface import ExportPage, ExportRow, Kind, ScanFilter, Status, VatLine
from converto.ocr.scans.export import BOM, COLUMNS, ExportFormat, defused, exported
from converto.ocr.service import EXPORTED_AT_ONCE
from tests.ocr.house import House, somebody
from tests.ocr.shelf import fill, read, slip

HOSTILE = '=HYPERLINK("http://example.com";"Kuitti")'


def row(**values: Any) -> ExportRow:
    known = {"id": new_id(), "created_at": now(), "filename": "kuitti.pdf", "status": Status.COMPLETED, "kind": Kind.RECEIPT}
    return ExportRow.model_validate({**known, **values})


async def pages(*rows: ExportRow) -> AsyncIterator[ExportPage]:
    for one in rows:
        yield ExportPage(rows=(one,))


async def written(kind: ExportFormat, *rows: ExportRow) -> bytes:
    rest = pages(*rows)
    return b"".join([piece async for piece in exported(await anext(rest, None), rest, kind=kind)])


def table(content: bytes) -> list[dict[str, str]]:
    assert content.decode().startswith(BOM)
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))


async def all_rows(house: House, actor: Actor, **wanted: Any) -> list[ExportRow]:
    return [one async for page in house.ocr.export(actor, ScanFilter.model_validate(wanted)) for one in page.rows]


async def test_an_export_has_the_lists_scans_with_what_people_said(house: House, aino: Actor) -> None:
    scans = [await read(house, aino, slip(line4=f"Kuitti 104{day}   {day}.11.2026  17:42")) for day in (14, 15, 16)]
    waiting = await house.submit(aino, slip())
    await house.ocr.correct(aino, scans[0].id, changes={"total": "6.00", "vendor": HOSTILE})

    rows = await all_rows(house, aino)

    assert [one.id for one in rows] == [waiting.id, *(scan.id for scan in reversed(scans))]
    assert (rows[-1].vendor, rows[-1].total, rows[-1].currency) == (HOSTILE, Money.model_validate({"amount": "6.00"}), "EUR")
    assert [one.id for one in await all_rows(house, aino, q="kuitti", status="completed")] == [scan.id for scan in reversed(scans)]
    assert await all_rows(house, somebody()) == []
    with pytest.raises(Forbidden):
        await all_rows(house, Actor(tenant_id=aino.tenant_id))


async def test_an_export_has_every_scan_once_however_many_there_are(house: House, aino: Actor) -> None:
    await fill(house, aino, 2 * EXPORTED_AT_ONCE + 1)
    assert len({one.id for one in await all_rows(house, aino)}) == 2 * EXPORTED_AT_ONCE + 1


async def test_csv_is_as_rfc_4180_has_it() -> None:
    rate = VatLine.model_validate({"rate": "25.5", "net": "3.42", "vat": "0.87", "gross": "4.29", "confidence": 1})
    total = {"amount": "-4.29", "currency": "EUR"}

    content = await written(
        ExportFormat.CSV, row(vendor='Äiti "& Poika", Oy', address="Koivutie 4\nTampere", total=total, vat_lines=(rate,))
    )

    (one,) = table(content)
    assert (one["vendor"], one["address"]) == ('Äiti "& Poika", Oy', "Koivutie 4\nTampere")
    assert (one["total"], one["vat_lines"], one["error"]) == ("-4.29", "25.5 %: 3.42 + 0.87 = 4.29", "")
    assert content.endswith(b"\r\n")
    assert '"Äiti ""& Poika"", Oy"'.encode() in content


@pytest.mark.parametrize("text", [HOSTILE, "+1", "-1+1|cmd", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "\x01=1", "\n=1"])
async def test_a_formula_is_a_text_in_every_format(text: str) -> None:
    assert defused(text).startswith("'")
    (one,) = table(await written(ExportFormat.CSV, row(vendor=text, filename=text)))
    assert (one["vendor"][0], one["filename"][0]) == ("'", "'")
    assert b"<f>" not in sheet(await written(ExportFormat.XLSX, row(vendor=text, filename=text)))


@pytest.mark.parametrize("text", ["Kahvila Koivu", "a=b", "5-6", "", "'x"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert defused(text) == text


def sheet(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert book.testzip() is None
        return book.read("xl/worksheets/sheet1.xml")


async def test_xlsx_has_numbers_days_and_texts() -> None:
    found = row(vendor="Kahvila Ä & <b>", date="2026-11-14", total={"amount": "5.33", "currency": "EUR"}, filename="\x00x" * 20_000)

    xml = sheet(await written(ExportFormat.XLSX, found)).decode()

    assert "Kahvila Ä &amp; &lt;b&gt;" in xml
    assert re.search(r"<v>5\.33</v>", xml)
    assert "<v>46340</v>" in xml  # the day, as spreadsheets count days


async def test_json_is_an_array_of_the_rows() -> None:
    rows = [row(total={"amount": "5.30", "currency": "EUR"}), row()]

    told = json.loads(await written(ExportFormat.JSON, *rows))

    assert [one["id"] for one in told] == [str(one.id) for one in rows]
    assert (told[0]["total"], list(told[0])) == ({"amount": "5.30", "currency": "EUR"}, list(COLUMNS))


async def test_an_export_of_nothing_is_an_empty_table() -> None:
    assert table(await written(ExportFormat.CSV)) == []
    assert json.loads(await written(ExportFormat.JSON)) == []
    assert b"vendor" in sheet(await written(ExportFormat.XLSX))
