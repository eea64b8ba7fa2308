"""Which engine reads what: the fast one where it leaves no doubt, the accurate one where it does, and what becomes of both."""

import datetime
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from converto.kernel.actor import Actor
from converto.ocr.document import EngineChoice, Reading
from converto.ocr.interface import Upload
from converto.ocr.reading import read
from converto.ocr.recognition.latin_head import letters_of, with_outputs
from converto.ocr.refusals import EngineMissing
from converto.ocr.scans.readers import Readers
from converto.ocr.settings import OcrSettings
from tests.ocr.drawn import GROCERY, drawn, saved
from tests.ocr.house import House

TODAY = datetime.date(2026, 11, 23)
CLEAN = saved(drawn())
SAMPLE = Path("samples/documents/01-grocery.png").resolve().read_bytes()
WITHOUT_VAT = saved(drawn(GROCERY[:13]))


def reading(content: bytes, engine: EngineChoice) -> Reading:
    return read(content, languages=["fin"], today=TODAY, engine=engine)


def names(found: Reading) -> list[str]:
    return [use.name for use in found.engines]


@pytest.fixture
def without_the_accurate_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)  # as good as not installed


@pytest.fixture(scope="module")
def twice_read() -> Reading:
    """Return what is read where the fast engine leaves doubts; RapidOCR takes seconds, so once."""
    return reading(WITHOUT_VAT, EngineChoice.AUTO)


def test_a_reading_that_proves_itself_is_not_read_again() -> None:
    found = reading(SAMPLE, EngineChoice.AUTO)

    assert names(found) == ["tesseract"]
    assert "rapidocr" not in found.timings_ms


def test_a_reading_that_leaves_doubts_is_read_again_by_the_accurate_engine(twice_read: Reading) -> None:
    assert names(twice_read) == ["tesseract", "rapidocr"]
    assert all(use.version and use.pages == 1 for use in twice_read.engines)
    assert twice_read.engine.startswith("tesseract ")
    assert "+rapidocr " in twice_read.engine
    assert {"tesseract", "rapidocr", "understanding"} <= set(twice_read.timings_ms)


def test_what_both_engines_read_is_surer_than_what_one_reads(twice_read: Reading) -> None:
    alone = reading(WITHOUT_VAT, EngineChoice.TESSERACT)

    for name in ("total", "date"):
        one, both = getattr(alone.fields, name), getattr(twice_read.fields, name)
        assert one is not None
        assert both.value == one.value
        assert both.confidence >= one.confidence


def test_the_accurate_engine_reads_alone_where_it_is_asked_for(twice_read: Reading) -> None:
    assert names(twice_read)[-1] == "rapidocr"  # it is loaded by now
    found = reading(CLEAN, EngineChoice.RAPIDOCR)

    assert names(found) == ["rapidocr"]
    assert found.fields.total is not None
    assert found.fields.total.value.amount == Decimal("9.62")
    assert found.fields.date is not None
    assert found.fields.date.value == datetime.date(2026, 11, 14)
    total = found.fields.total.box
    assert total is not None
    assert 0.5 < total.x < 0.9
    assert 0.4 < total.y < 0.8


@pytest.mark.usefixtures("without_the_accurate_engine")
def test_without_the_accurate_engine_auto_is_tesseract() -> None:
    assert names(reading(WITHOUT_VAT, EngineChoice.AUTO)) == ["tesseract"]


@pytest.mark.usefixtures("without_the_accurate_engine")
def test_an_engine_that_is_asked_for_by_name_and_missing_is_refused_with_the_fix() -> None:
    with pytest.raises(EngineMissing, match=r"converto\[ocr-accurate\]"):
        reading(CLEAN, EngineChoice.RAPIDOCR)


@pytest.mark.usefixtures("without_the_accurate_engine")
def test_an_upload_for_a_missing_engine_is_refused_before_it_is_kept() -> None:
    readers = Readers(OcrSettings())

    assert readers.choice(EngineChoice.AUTO) is EngineChoice.AUTO
    with pytest.raises(EngineMissing):
        readers.choice(EngineChoice.RAPIDOCR)


async def test_what_was_asked_to_read_is_kept_when_a_document_is_read_anew(house: House, aino: Actor) -> None:
    wished = await house.ocr.submit(aino, Upload(content=CLEAN, filename="kuitti", engine=EngineChoice.AUTO))
    left_open = await house.ocr.submit(aino, Upload(content=CLEAN, filename="kuitti"))
    await house.ocr.cancel(aino, wished.id)

    anew = await house.ocr.retry(aino, wished.id)

    assert anew.requested_engine is EngineChoice.AUTO
    assert left_open.requested_engine is EngineChoice.TESSERACT  # the setting of these tests


def test_a_layer_keeps_the_outputs_that_are_wanted() -> None:
    def framed(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    weights = bytes([8, 2, 8, 3, 16, 1]) + framed(9, b"".join(bytes([0, 0, value, 0x3F]) for value in (0x10, 0x20, 0x30, 0x40, 0x50, 0x60)))
    model = framed(7, framed(2, b"net") + framed(5, weights)) + framed(14, framed(1, b"character") + framed(2, b"a"))

    narrowed = with_outputs(model, [0, 2], of=3)

    assert letters_of(narrowed) == ["", "a", " "]
    kept = b"".join(bytes([0, 0, value, 0x3F]) for value in (0x10, 0x30, 0x40, 0x60))
    assert framed(5, bytes([8, 2, 8, 2, 16, 1]) + framed(9, kept)) in narrowed
