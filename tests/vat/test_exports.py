"""Files for others, each against what it is to be, letter by letter."""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

import pypdfium2 as pdfium
import pytest

from converto.kernel.actor import Actor
from converto.vat.booking import booked_line
from converto.vat.boxes import Treatment, installed_form
from converto.vat.export import LedgerFormat, NoBusinessId, ReturnFormat
from converto.vat.interface import Piece
from converto.vat.postings import postings, profiles
from converto.vat.rates import installed_rates
from converto.vat.vouchers import NewLine
from tests.vat.house import House, voucher

CAFE = (
    {"treatment": "domestic_sale", "rate": "13.5", "gross": "1135.00", "description": "Ruoka & juoma"},
    {"treatment": "domestic_sale", "rate": "25.5", "gross": "251.00", "description": "=1+1"},
    {"treatment": "domestic_sale", "rate": "10", "gross": "22.00"},
    {"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93"},
    {"treatment": "domestic_purchase", "rate": "13.5", "net": "118.80", "vat": "16.06"},
)
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))

# The record as Kitsas writes it, field by field; what tells the program that wrote it is left out.
RECORD = """000:VSRALVKV
010:2345678-0
050:K
052:1
053:2026
301:51,00
302:135,00
303:2,00
307:23,99
308:164,01
999:1
"""
LEDGER = """date;voucher;account;description;partner;net;vat_percent;vat;gross;treatment
15.01.2026;2026/1;3000;Ruoka & juoma;;1000,00;13,5;135,00;1135,00;domestic_sale
15.01.2026;2026/1;3000;'=1+1;;200,00;25,5;51,00;251,00;domestic_sale
15.01.2026;2026/1;3000;;;20,00;10;2,00;22,00;domestic_sale
15.01.2026;2026/1;4000;;;31,13;25,5;7,93;39,06;domestic_purchase
15.01.2026;2026/1;4000;;;118,80;13,5;16,06;134,86;domestic_purchase
"""


async def gathered(pieces: AsyncIterator[Piece]) -> bytes:
    return b"".join([piece.content async for piece in pieces])


async def test_the_record_for_the_authority_is_as_it_takes_it(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(*CAFE))
    file = await house.vat.return_file(aino, "2026-01", kind=ReturnFormat.VSRALVKV, business_id="2345678-0")
    assert file.content.decode("iso-8859-1").replace("\r\n", "\n") == RECORD


async def test_the_record_of_an_empty_period_says_no_activity(house: House, aino: Actor) -> None:
    file = await house.vat.return_file(aino, "2026-Q1", kind=ReturnFormat.VSRALVKV, business_id="2345678-0")
    assert file.content.decode().split("\r\n")[2:] == ["050:Q", "052:1", "053:2026", "056:1", "999:1", ""]


async def test_a_record_names_the_company(house: House, aino: Actor) -> None:
    with pytest.raises(NoBusinessId):
        await house.vat.return_file(aino, "2026-01", kind=ReturnFormat.VSRALVKV)


async def test_the_sheet_holds_every_line_of_the_return_in_each_form(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(*CAFE))
    table = await house.vat.return_file(aino, "2026-01", kind=ReturnFormat.CSV)
    page = await house.vat.return_file(aino, "2026-01", kind=ReturnFormat.PDF)
    book = await house.vat.return_file(aino, "2026-01", kind=ReturnFormat.XLSX)

    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig")), delimiter=";"))[6:]
    amounts = {row[0]: row[2] for row in rows}
    text = pdfium.PdfDocument(page.content)[0].get_textpage().get_text_range()
    with zipfile.ZipFile(io.BytesIO(book.content)) as parts:
        cells = parts.read("xl/worksheets/sheet1.xml").decode()

    assert tuple(amounts[box] for box in ("301", "302", "307", "308", "320")) == (
        "51,00",
        "135,00",
        "23,99",
        "164,01",
        "0,00",
    )
    assert all(re.search(rf"{box}\s.*\s{re.escape(amount)}\s", text + "\n", re.DOTALL) for box, amount in amounts.items())
    assert all(f"<v>{amount}</v>" in cells for amount in ("51", "135", "23.99", "164.01"))


async def test_vouchers_go_to_procountor_as_a_table(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(*CAFE))
    await house.vat.add_voucher(aino, voucher(*CAFE), draft=True)
    found = await gathered(house.vat.ledger(aino, LedgerFormat.PROCOUNTOR, since=JANUARY[0], until=JANUARY[1]))
    assert found.decode("utf-8-sig").replace("\r\n", "\n") == LEDGER


CODES = {
    "NONE", "KOOS", "EUOS", "EUUO", "EUPO", "100", "KOMY", "EUMY", "EUUM", "EUPM312", "EUPM309", "MUUL", "EVTO", "EVPO", "RAMY", "RAOS",
    "EVRO",
}  # fmt: skip
"""Those that Netvisor takes."""


async def test_vouchers_go_to_netvisor_in_net_mode_with_debit_and_credit(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(*CAFE[3:], supplier="Kahvila <Lumo> & Co"))
    await house.vat.add_voucher(aino, voucher(*CAFE[:1]))
    found = await gathered(house.vat.ledger(aino, LedgerFormat.NETVISOR, since=JANUARY[0], until=JANUARY[1]))
    bought, sold = ET.fromstring(found)  # noqa: S314 - our own
    told = [bought.findtext(name) for name in ("calculationmode", "voucherdate", "description", "voucherclass")]
    assert told == ["net", "2026-01-15", "Kahvila <Lumo> & Co", "Tuodut tapahtumat"]
    assert written(bought) == [
        ("4000", "31.13", "KOOS", "25.5"), ("29392", "7.93", "NONE", "0"), ("4000", "118.80", "KOOS", "13.5"),
        ("29392", "16.06", "NONE", "0"), ("2871", "-173.92", "NONE", "0"),
    ]  # fmt: skip
    assert written(sold) == [("3000", "-1000.00", "KOMY", "13.5"), ("29391", "-135.00", "NONE", "0"), ("1701", "1135.00", "NONE", "0")]


def written(given: ET.Element) -> list[tuple[str | None, str | None, str | None, str | None]]:
    """Return account, amount, code and percentage of each line."""
    found = []
    for line in given.findall("voucherline"):
        percent = line.find("vatpercent")
        assert percent is not None
        found.append((line.findtext("accountnumber"), line.findtext("linesum"), percent.get("vatcode"), percent.text))
    return found


@pytest.mark.parametrize("treatment", Treatment)
def test_every_treatment_is_posted_in_balance_and_has_a_code_that_netvisor_takes(treatment: Treatment) -> None:
    given = NewLine(
        treatment=treatment, rate=Decimal("25.5"), net=Decimal("100.01"), deductible_share=Decimal("0.5"), bought_for=Decimal(40)
    )
    line = booked_line(given, 1, rates=installed_rates(), form=installed_form(), on=JANUARY[0])
    made = postings([line])
    assert sum(posting.amount for posting in made) == 0
    assert len(made) > 1
    assert profiles()["netvisor"]["codes"][treatment] in CODES
    assert -sum(posting.amount for posting in made if posting.account == "29391") == (line.vat if line.tax_box else 0)
    assert sum(posting.amount for posting in made if posting.account == "29392") == line.deductible_vat


async def test_an_audit_pack_opens_with_standard_tools_and_its_hashes_hold(house: House, aino: Actor) -> None:
    booked = await house.vat.add_voucher(aino, voucher(*CAFE))
    await house.vat.file(aino, "2026-01")
    found = await gathered(house.vat.audit_pack(aino, since=JANUARY[0], until=JANUARY[1]))

    with zipfile.ZipFile(io.BytesIO(found)) as pack:
        assert pack.testzip() is None
        manifest = json.loads(pack.read("manifest.json"))["sha256"]
        assert {name: hashlib.sha256(pack.read(name)).hexdigest() for name in manifest} == manifest
        entries = list(csv.DictReader(io.StringIO(pack.read("entries.csv").decode("utf-8-sig"))))
        (line,) = pack.read("vouchers.jsonl").splitlines()
        (filed,) = pack.read("returns.jsonl").splitlines()
    assert [entry["number"] for entry in entries] == ["1", "2", "3", "4", "5", "6"]
    assert entries[0]["content_sha256"] == hashlib.sha256(line).hexdigest()
    assert (json.loads(line)["id"], json.loads(filed)["boxes"]["308"]) == (str(booked.id), "164.01")
