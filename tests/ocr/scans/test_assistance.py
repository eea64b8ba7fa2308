"""What a model says fills what the reader did not find, and nothing else."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from converto.kernel.actor import Actor
from converto.kernel.money import Money
from converto.ocr.document import Fields, Finding, Found, Kind, PageWords, Reading, Source, VatLine
from converto.ocr.interface import NotReadYet, OcrOptions, UnknownScan
from converto.ocr.scans.assistance import BACKED, READ, UNBACKED, assisted, missing
from tests.ocr.drawn import drawn, saved
from tests.ocr.house import House, opened, somebody

WORDS = (
    ("Puutarha", 0.1, 0.1, 0.2, 0.05),
    ("Kielo", 0.32, 0.1, 0.1, 0.05),
    ("5.11.2026", 0.1, 0.2, 0.2, 0.05),
    ("Maksettava", 0.1, 0.3, 0.2, 0.05),
    ("1", 0.5, 0.3, 0.02, 0.05),
    ("234,50€", 0.53, 0.3, 0.1, 0.05),
    ("FI21", 0.1, 0.4, 0.1, 0.05),
    ("1234", 0.21, 0.4, 0.1, 0.05),
    ("5600", 0.32, 0.4, 0.1, 0.05),
    ("000785", 0.43, 0.4, 0.1, 0.05),
)


def reading(text: str = "", **found: Any) -> Reading:
    lacks = Finding(code="total_missing", severity="warning", field="total", detail="No total was found.")
    lines = found.pop("vat_lines", ())
    return Reading(
        kind=Kind.RECEIPT,
        engine="tesseract",
        languages=("fin",),
        pages=1,
        confidence=0.8,
        text=text,
        fields=Fields(**found),
        vat_lines=lines,
        findings=(lacks,),
        words=(PageWords(page=1, words=WORDS),),
    )


def money(amount: str) -> Money:
    return Money(amount=Decimal(amount))


@pytest.mark.parametrize(
    ("name", "said", "left", "right"),
    [
        ("vendor", "PUUTARHA KIELO", 0.1, 0.42),
        ("date", "2026-11-05", 0.1, 0.3),
        ("total", "1234.50", 0.5, 0.63),
        ("iban", "FI2112345600000785", 0.1, 0.53),
    ],
)
def test_what_stands_on_the_page_is_taken_with_its_place(name: str, said: str, left: float, right: float) -> None:
    found = getattr(assisted(reading(), {name: said}).fields, name)

    assert (found.source, found.confidence, found.page) == (Source.AI, BACKED, 1)
    assert (found.box.x, found.box.x + found.box.width) == pytest.approx((left, right))


def test_what_stands_nowhere_is_less_sure_and_has_no_place() -> None:
    fields = assisted(reading(), {"vendor": "Joku Muu", "total": "34.50"}).fields

    assert fields.vendor is not None
    assert fields.total is not None
    assert [(one.confidence, one.box) for one in (fields.vendor, fields.total)] == [(UNBACKED, None)] * 2


def test_what_stands_in_a_documents_own_text_is_between_the_two() -> None:
    found = assisted(reading("Loppusumma 77,10 EUR"), {"total": "77.10"}).fields.total

    assert found is not None
    assert (found.confidence, found.box) == (READ, None)


def test_what_was_found_stays_and_the_difference_is_told() -> None:
    proved: Found[Money] = Found(value=money("9.62"), confidence=0.99, page=1, source=Source.BARCODE)
    after = assisted(reading(total=proved), {"total": "1234.50"})

    assert after.fields.total == proved
    assert [(one.code, one.field) for one in after.findings if one.code == "ai_differs"] == [("ai_differs", "total")]


def test_the_same_as_was_found_changes_nothing() -> None:
    before = reading(total=Found(value=money("9.62"), confidence=0.5, page=1))
    assert assisted(before, {"total": "9.62"}) == before


def test_a_total_that_the_vat_table_contradicts_is_not_taken() -> None:
    line = VatLine(rate=Decimal("25.5"), net=Decimal("10.00"), vat=Decimal("2.55"), gross=Decimal("12.55"), confidence=0.9)
    told = {said: assisted(reading(vat_lines=(line,)), {"total": said}).fields.total for said in ("1234.50", "12.55")}

    assert told["1234.50"] is None
    assert told["12.55"] is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [("iban", "FI2112345600000786"), ("business_id", "1234567-0"), ("date", "5.11.2026"), ("total", "lots"), ("vendor", ""), ("age", "40")],
)
def test_what_cannot_be_is_not_taken(name: str, said: str) -> None:
    after = assisted(reading(), {name: said})
    assert missing(after.fields) == missing(reading().fields)


def test_what_is_missing_no_more_is_not_told_as_missing() -> None:
    assert [one.code for one in assisted(reading(), {"total": "1234.50"}).findings] == []


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(Path(tmp_path_factory.mktemp("ocr"))) as house:
        yield house


async def read(house: House, actor: Actor) -> Any:
    scan = await house.submit(actor, saved(drawn(["Kuitti 14.11.2026", "KAHVI 2,00", "YHTEENSÄ 2,00", "ALV 13,5% 1,76 0,24 2,00"])))
    (job,) = await house.requests(scan.id)
    await house.service.jobs.read(job)
    return await house.ocr.scan(actor, scan.id)


async def test_a_model_is_wanted_only_where_the_company_wants_one(house: House) -> None:
    without, aino = somebody(), somebody()
    payer = aino.model_copy(update={"scopes": aino.scopes | {"billing:write"}})
    await house.ocr.set_options(payer, OcrOptions(ai_assist=True))

    told = [await house.told((await read(house, who)).id) for who in (without, aino)]
    assert [one["ocr.assist_wanted"] for one in told] == [0, 1]
    assert (await house.ocr.options(without)).ai_assist is False


async def test_a_models_answer_goes_into_the_scan_once(house: House, aino: Actor) -> None:
    scan = await read(house, aino)
    for _ in range(2):
        after = await house.ocr.assist(aino, scan.id, said={"iban": "FI2112345600000785", "total": "9.99"})

    assert after.fields is not None
    assert after.fields.iban is not None
    assert after.fields.iban.source is Source.AI
    assert after.fields.total == scan.fields.total
    assert (await house.told(scan.id))["ocr.corrected"] == 1
    assert [one.code for one in after.findings].count("ai_differs") == 1


async def test_nobody_elses_scan_and_none_that_is_not_read_is_filled(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, saved(drawn(["ODOTTAA"])))
    with pytest.raises(NotReadYet):
        await house.ocr.assist(aino, scan.id, said={"total": "1.00"})
    with pytest.raises(UnknownScan):
        await house.ocr.assist(somebody(), scan.id, said={"total": "1.00"})
