"""Whole documents through the real Tesseract and the real PDF reader."""

import datetime
import io
from decimal import Decimal

import pytest
from PIL import Image, ImageDraw, ImageFont

from converto.kernel.errors import Error
from converto.ocr.interface import Box, EngineChoice, Kind, Reading
from converto.ocr.reading import page_png, read
from converto.ocr.refusals import UnknownLanguage
from tests.ocr.drawn import GROCERY, drawn, saved
from tests.ocr.pdfs import pdf_of_text

TODAY = datetime.date(2026, 11, 22)
RECEIPT = drawn()


def reading(content: bytes, *languages: str) -> Reading:
    return read(content, languages=languages or ("fin",), today=TODAY, engine=EngineChoice.TESSERACT)


def facts(found: Reading) -> tuple[str | None, datetime.date | None, Decimal | None]:
    """Return the business id, the date and the total."""
    fields = found.fields
    return (
        fields.business_id.value if fields.business_id else None,
        fields.date.value if fields.date else None,
        fields.total.value.amount if fields.total else None,
    )


FACTS = ("2345678-0", datetime.date(2026, 11, 14), Decimal("9.62"))


def total_box(found: Reading) -> Box:
    total = found.fields.total
    assert total is not None
    assert total.box is not None
    return total.box


def test_a_drawn_receipt_is_read_in_full() -> None:
    found = reading(saved(RECEIPT))

    assert facts(found) == FACTS
    assert found.kind is Kind.RECEIPT
    assert found.engine.startswith("tesseract ")
    assert found.fields.vendor is not None
    assert "Kahvila" in found.fields.vendor.value
    assert [(str(row.rate), str(row.vat)) for row in found.vat_lines] == [("25.5", "0.87"), ("13.5", "0.63")]
    assert found.findings == ()


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 85}), ("WEBP", {"quality": 85}), ("TIFF", {"compression": "tiff_lzw"})])
def test_every_kind_of_picture_reads_the_same(kind: str, options: dict[str, object]) -> None:
    assert facts(reading(saved(RECEIPT, kind, **options))) == FACTS


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_every_depth_of_colour_reads_the_same(mode: str) -> None:
    picture = RECEIPT.convert("I").point(lambda value: value * 256).convert("I;16") if mode == "I;16" else RECEIPT.convert(mode)

    assert facts(reading(saved(picture, "JPEG" if mode == "CMYK" else "PNG"))) == FACTS


def test_letters_on_a_transparent_ground_are_read_as_on_white() -> None:
    letters = Image.new("RGBA", RECEIPT.size, (0, 0, 0, 0))
    letters.putalpha(Image.eval(RECEIPT, lambda value: 255 - value))

    assert facts(reading(saved(letters))) == FACTS


@pytest.mark.parametrize("degrees", [90, *(pytest.param(turned, marks=pytest.mark.trials) for turned in (180, 270))])
def test_a_receipt_that_lies_on_its_side_is_read_and_its_places_are_those_of_it_upright(degrees: int) -> None:
    upright = total_box(reading(saved(RECEIPT)))

    found = reading(saved(RECEIPT.rotate(degrees, expand=True)))

    assert facts(found) == FACTS
    assert found.turns == (degrees,)
    box = total_box(found)
    assert (box.x, box.y) == pytest.approx((upright.x, upright.y), abs=0.02)


@pytest.mark.parametrize(("tag", "turn"), [(6, 90), *(pytest.param(*held, marks=pytest.mark.trials) for held in ((3, 180), (8, 270)))])
def test_a_camera_that_was_held_sideways_is_believed(tag: int, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag

    found = reading(saved(RECEIPT.rotate(turn, expand=True), "JPEG", quality=90, exif=exif))

    assert facts(found) == FACTS
    assert total_box(found).y == pytest.approx(total_box(reading(saved(RECEIPT))).y, abs=0.02)


def test_a_receipt_on_a_dark_table_is_read() -> None:
    table = Image.new("L", (RECEIPT.width + 300, RECEIPT.height + 300), 60)
    table.paste(RECEIPT.point(lambda value: 40 + value * 170 // 255), (150, 150))

    assert facts(reading(saved(table, "JPEG", quality=85))) == FACTS


def test_a_receipt_in_half_shadow_on_a_dark_table_is_read() -> None:
    shade = Image.linear_gradient("L").resize(RECEIPT.size).point(lambda value: 110 + value // 2)
    table = Image.new("L", (RECEIPT.width + 300, RECEIPT.height + 300), 30)
    table.paste(Image.composite(shade, Image.new("L", RECEIPT.size, 20), RECEIPT), (150, 150))

    assert facts(reading(saved(table))) == FACTS


def test_a_leaning_receipt_is_read() -> None:
    leaning = RECEIPT.rotate(4, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)

    assert facts(reading(saved(leaning)))[2] == FACTS[2]


def test_the_pages_of_a_tiff_make_one_document() -> None:
    first, second = drawn(GROCERY[:9]), drawn(GROCERY[9:])
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=[second])

    found = reading(file.getvalue())

    assert found.pages == 2
    assert facts(found) == FACTS
    assert found.fields.total is not None
    assert found.fields.total.page == 2


def test_a_pdfs_own_text_is_taken_as_it_is() -> None:
    found = reading(pdf_of_text([GROCERY], size=(420, 320)))

    assert found.engine == "text-layer"
    assert facts(found) == FACTS
    assert "RUISLEIPÄ" in found.text


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_places_of_a_turned_pdf_page_are_those_of_the_page_as_shown(rotate: int) -> None:
    content = pdf_of_text([GROCERY], size=(420, 320), rotate=rotate)
    box = total_box(reading(content))
    shown = Image.open(io.BytesIO(page_png(content, 1))).convert("L")

    left, top = round(box.x * shown.width), round(box.y * shown.height)
    right, bottom = round((box.x + box.width) * shown.width), round((box.y + box.height) * shown.height)
    darkest, _ = shown.crop((left, top, right, bottom)).getextrema()
    assert isinstance(darkest, float | int)
    assert darkest < 100
    assert (right - left > bottom - top) is (rotate in (0, 180))


def test_a_scanned_pdf_is_read_from_its_picture() -> None:
    found = reading(saved(RECEIPT, "PDF", resolution=200))

    assert found.engine.startswith("tesseract ")
    assert facts(found) == FACTS


def test_a_blank_page_is_a_reading_without_text() -> None:
    found = reading(saved(Image.new("L", (600, 800), 255)))

    assert found.text == ""
    assert [finding.code for finding in found.findings] == ["blank_page", "no_text"]
    assert found.engines == ()


def test_a_blank_page_among_others_is_left_out_by_every_engine() -> None:
    blank = Image.new("L", RECEIPT.size, 250)

    found = reading(saved(blank, "PDF", save_all=True, append_images=[RECEIPT], resolution=200))

    assert facts(found) == FACTS
    assert [(use.name, use.pages) for use in found.engines] == [("tesseract", 1)]
    assert [(finding.code, finding.page) for finding in found.findings if finding.code == "blank_page"] == [("blank_page", 1)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_few_faint_letters_are_not_taken_for_a_blank_page(kind: str) -> None:
    sheet = Image.new("L", (1200, 1600), 255)
    ImageDraw.Draw(sheet).text((100, 1500), "Kuitti 12,50", fill=215, font=ImageFont.load_default(40))

    assert "12,50" in reading(saved(sheet, kind)).text


def test_a_page_that_was_turned_to_be_read_is_shown_turned() -> None:
    content = saved(RECEIPT.rotate(90, expand=True))

    shown = Image.open(io.BytesIO(page_png(content, 1, turns=(90,)))).convert("L")

    assert shown.tobytes() == RECEIPT.tobytes()


def test_a_page_is_shown_upright_and_no_larger_than_a_screen() -> None:
    shown = Image.open(io.BytesIO(page_png(saved(RECEIPT.resize((3000, 3600))), 1)))

    assert shown.format == "PNG"
    assert max(shown.size) == 2400


@pytest.mark.parametrize("language", ["klingon", "", "osd", "fin;rm", "../fin"])
def test_an_unknown_language_is_refused_with_those_there_are(language: str) -> None:
    with pytest.raises(UnknownLanguage, match="fin"):
        reading(saved(RECEIPT), language)


def test_any_error_of_reading_has_a_code_of_this_module() -> None:
    with pytest.raises(Error) as failure:
        reading(b"%PDF-1.7")

    assert failure.value.code.startswith("ocr.")
