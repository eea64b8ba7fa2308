"""What a page looks like before it is read: upright, on white, of every kind of file, with its paper found. Nothing is recognised here."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from PIL import Image, ImageChops, ImageStat

from converto.ocr.files.media import inspect
from converto.ocr.files.pages import MAX_READ_PIXELS, Pages
from converto.ocr.files.paper import find_paper
from tests.ocr.damaged import heic
from tests.ocr.drawn import drawn, saved
from tests.ocr.odd_pictures import interlaced_png
from tests.ocr.pdfs import pdf_of_text

RECEIPT = drawn(size=18)
TEXT = ["Kahvila Koivu", "Kuitti 10482  14.11.2026", "YHTEENSA EUR  9,62"]
# what a camera does to a picture that is held like this, so that a viewer who knows turns it back
HELD = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture
def pages() -> Iterator[Callable[..., Pages]]:
    """Return what opens a file's pages."""
    with ExitStack() as opened:
        yield lambda content, **options: opened.enter_context(closing(Pages(content, inspect(content), **options)))


def differ(one: Image.Image, other: Image.Image) -> float:
    """Return by how much of 255 the pixels of two pictures differ in the middle."""
    assert one.size == other.size
    return ImageStat.Stat(ImageChops.difference(one.convert("L"), other.convert("L"))).mean[0]


def table(*sheets: tuple[Image.Image, tuple[int, int]], size: tuple[int, int]) -> Image.Image:
    """Return sheets that lie on a dark table."""
    ground = Image.effect_noise(size, 20).point(lambda value: value // 3)
    for sheet, at in sheets:
        ground.paste(sheet, at)
    return ground


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_page_is_shown_upright_however_the_camera_was_held(kind: str, held: int, pages: Callable[..., Pages]) -> None:
    exif, turned = Image.Exif(), HELD[held]
    exif[0x0112] = held
    content = saved(RECEIPT if turned is None else RECEIPT.transpose(turned), kind, exif=exif)

    opened = pages(content)

    assert differ(opened.shown(1), RECEIPT) < 3
    picture = opened.picture(1)
    assert (picture.width, picture.height) == RECEIPT.size


@pytest.mark.parametrize("held", HELD)
def test_a_picture_of_an_iphone_is_shown_upright_however_it_was_held(held: int, pages: Callable[..., Pages]) -> None:
    exif, turned, picture = Image.Exif(), HELD[held], RECEIPT.convert("RGB")
    exif[0x0112] = held

    opened = pages(heic(picture if turned is None else picture.transpose(turned), exif=exif.tobytes()))

    assert differ(opened.shown(1), RECEIPT) < 5


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_is_turned_is_shown_and_read_turned(turn: int, pages: Callable[..., Pages]) -> None:
    opened = pages(saved(RECEIPT.rotate(turn, expand=True)), turns=(turn,))

    picture = opened.picture(1)

    assert opened.shown(1).tobytes() == RECEIPT.tobytes()
    with Image.open(picture.path) as read:
        assert read.tobytes() == RECEIPT.tobytes()


def test_a_page_that_is_turned_twice_is_turned_by_both(pages: Callable[..., Pages]) -> None:
    opened = pages(saved(RECEIPT, "TIFF", save_all=True, append_images=[RECEIPT]))

    opened.turn(2, 270)
    opened.turn(2, 180)

    assert opened.turns == (0, 90)


SIXTEEN = RECEIPT.convert("I").point(lambda value: value * 256).convert("I;16")
CLEAR = Image.merge("LA", (Image.new("L", RECEIPT.size), ImageChops.invert(RECEIPT)))
LIGHTNESS = Image.merge("LAB", (RECEIPT, *[Image.new("L", RECEIPT.size, 128)] * 2))
WAYS: dict[str, tuple[bytes, float]] = {
    "PNG of 16 bits": (saved(SIXTEEN), 2),
    "PNG of a palette": (saved(RECEIPT.convert("P")), 2),
    "PNG of letters alone": (saved(CLEAR), 2),
    "PNG of one bit": (saved(RECEIPT.convert("1", dither=Image.Dither.NONE)), 6),
    "PNG in seven passes": (interlaced_png(RECEIPT), 0),
    "JPEG of printing inks": (saved(RECEIPT.convert("CMYK"), "JPEG", quality=95), 3),
    "JPEG in passes": (saved(RECEIPT, "JPEG", quality=95, progressive=True), 2),
    "WebP without loss": (saved(RECEIPT.convert("RGB"), "WEBP", lossless=True), 1),
    "WebP that moves": (saved(RECEIPT.convert("RGB"), "WEBP", save_all=True, append_images=[Image.new("RGB", RECEIPT.size)] * 2), 5),
    "TIFF of LZW": (saved(RECEIPT, "TIFF", compression="tiff_lzw"), 0),
    "TIFF of a fax": (saved(RECEIPT.convert("1", dither=Image.Dither.NONE), "TIFF", compression="group4"), 6),
    "TIFF of printing inks": (saved(RECEIPT.convert("CMYK"), "TIFF"), 3),
    "TIFF of lightness": (saved(LIGHTNESS, "TIFF"), 0),
    "TIFF of 16 bits": (saved(SIXTEEN, "TIFF"), 2),
    "TIFF of numbers": (saved(RECEIPT.convert("F"), "TIFF"), 2),
    "HEIC": (heic(RECEIPT.convert("RGB")), 5),
    "HEIC of letters alone": (heic(CLEAR.convert("RGBA")), 5),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_page_looks_the_same_whatever_its_file_is(way: str, pages: Callable[..., Pages]) -> None:
    content, tolerance = WAYS[way]

    assert differ(pages(content).shown(1), RECEIPT) <= tolerance


def test_each_page_of_a_tiff_has_its_own_size_and_colours(pages: Callable[..., Pages]) -> None:
    other = drawn(TEXT, size=14)
    opened = pages(saved(RECEIPT, "TIFF", save_all=True, append_images=[other.convert("1"), other.convert("CMYK")]))

    assert [opened.shown(number).size for number in (1, 2, 3)] == [RECEIPT.size, other.size, other.size]


def test_a_huge_picture_is_read_coarser(pages: Callable[..., Pages]) -> None:
    picture = pages(saved(Image.new("1", (6400, 4800), 1))).picture(1)

    assert 0.98 * MAX_READ_PIXELS < picture.width * picture.height <= MAX_READ_PIXELS
    assert picture.width / picture.height == pytest.approx(4 / 3, rel=0.001)


def pages_of_pdf(*made: bytes) -> bytes:
    """Return the pages of several PDFs as one."""
    import pypdfium2  # noqa: PLC0415 - only this puts PDFs together

    whole = pypdfium2.PdfDocument.new()
    for content in made:
        part = pypdfium2.PdfDocument(content)
        whole.import_pages(part)
        part.close()
    file = io.BytesIO()
    whole.save(file)
    whole.close()
    return file.getvalue()


def test_each_page_of_a_pdf_is_read_its_own_way(pages: Callable[..., Pages]) -> None:
    opened = pages(pages_of_pdf(pdf_of_text([TEXT]), saved(RECEIPT, "PDF", resolution=100), pdf_of_text([TEXT])))

    assert [bool(opened.words(number)) for number in (1, 2, 3)] == [True, False, True]
    assert opened.picture(2).height > opened.picture(2).width


def test_a_scan_with_a_stamp_of_letters_is_a_picture(pages: Callable[..., Pages]) -> None:
    import pypdfium2  # noqa: PLC0415 - as above
    import pypdfium2.raw as pdfium  # noqa: PLC0415 - as above

    document = pypdfium2.PdfDocument(saved(RECEIPT, "PDF", resolution=100))
    stamp = pdfium.FPDFPageObj_NewTextObj(document, b"Helvetica", 8.0)
    letters = "Scanned by the copier on floor 4".encode("utf-16-le") + bytes(2)
    pdfium.FPDFText_SetText(stamp, (pdfium.FPDF_WCHAR * (len(letters) // 2)).from_buffer_copy(letters))
    page = document[0]
    pdfium.FPDFPage_InsertObject(page, stamp)
    page.gen_content()
    file = io.BytesIO()
    document.save(file)
    document.close()

    assert pages(file.getvalue()).words(1) == ()


def test_every_sheet_on_a_table_is_found_where_it_lies() -> None:
    left, right = RECEIPT.resize((300, 500)), RECEIPT.resize((240, 420))
    paper = find_paper(table((left, (60, 80)), (right, (480, 200)), size=(800, 700)))

    assert paper is not None
    found = [(box.x * 800, box.y * 700, box.width * 800, box.height * 700) for box in paper.sheets]
    assert found == [pytest.approx(wanted, abs=20) for wanted in ((60, 80, 300, 500), (480, 200, 240, 420))]


@pytest.mark.parametrize("degrees", [0, -8, 8])
def test_one_sheet_on_a_table_is_one_sheet(degrees: int) -> None:
    sheet = Image.composite(RECEIPT, Image.new("L", RECEIPT.size, 255), Image.new("L", RECEIPT.size, 255)).convert("LA")
    leaning = sheet.rotate(degrees, expand=True, resample=Image.Resampling.BICUBIC)
    ground = table(size=(leaning.width + 200, leaning.height + 200))
    ground.paste(leaning.getchannel("L"), (100, 100), leaning.getchannel("A"))

    paper = find_paper(ground)

    assert paper is not None
    assert len(paper.sheets) == 1


@pytest.mark.parametrize(
    "picture", [RECEIPT, Image.new("L", (400, 600), 20), Image.effect_noise((400, 600), 80)], ids=["scan", "dark", "noise"]
)
def test_where_no_paper_can_be_told_there_is_none(picture: Image.Image) -> None:
    assert find_paper(picture) is None


def test_around_the_paper_everything_is_white(pages: Callable[..., Pages]) -> None:
    picture = pages(saved(table((RECEIPT, (120, 90)), size=(RECEIPT.width + 240, RECEIPT.height + 180)))).picture(1)

    with Image.open(picture.path) as read:
        assert read.crop((0, 0, 60, read.height)).getextrema() == (255, 255)
    assert len(picture.sheets) == 1
