"""Documents as PDFs that can be searched."""

import contextlib

import pypdfium2
import pytest
from PIL import Image

from converto.kernel.actor import Actor
from converto.ocr.document import PageWords
from converto.ocr.files.pages import _words
from converto.ocr.files.searchable import searchable_pdf
from converto.ocr.interface import NotReadYet, UnknownScan, Upload, WordsUnknown
from converto.ocr.models import PageWordsRow
from converto.ocr.scans.packing import packed, unpacked
from tests.ocr.damaged import heic
from tests.ocr.drawn import saved
from tests.ocr.house import House, somebody
from tests.ocr.pdfs import pdf, pdf_of_text
from tests.ocr.shelf import SLIP, read, slip

LETTERS = ("Pääkkönen", "Ærøskøbing", "Åbo", "1.234,50", "€", "Łódź", "(b)\\<x>", "😀")
WORDS = PageWords(page=1, words=tuple((text, 0.1, round(0.1 + 0.1 * at, 2), 0.3, 0.04) for at, text in enumerate(LETTERS)))
MANY = PageWords(page=1, words=((("".join(chr(at) for at in range(0x4E00, 0x4E00 + 600))), 0.1, 0.1, 0.8, 0.1),))
GREY = Image.new("L", (400, 600), 200)


def found(content: bytes) -> dict[str, tuple[float, float, float, float]]:
    """Return the words of a PDF's first page, where they stand in shares of it as it is shown."""
    with contextlib.closing(pypdfium2.PdfDocument(content)) as document:
        page = document[0]
        text = page.get_textpage()
        return {word.text: (word.x, word.y, word.width, word.height) for word in _words(page, text, text.count_chars())}


def scan_pdf(*, rotate: int = 0, content: bytes = b"300 0 0 420 0 0 cm /P Do", box: bytes = b"[0 0 300 420]") -> bytes:
    """Return a PDF whose page is a picture, as scanners write it: what is drawn changes the coordinates, and leaves them so."""
    picture = saved(GREY, "JPEG")
    entries = b"/Type /XObject /Subtype /Image /Width 400 /Height 600 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode"
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox %b /Rotate %d /Resources << /XObject << /P 5 0 R >> >> /Contents 4 0 R >>"
            % (box, rotate),
            b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
            b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(picture), entries, picture),
        ]
    )


def is_in_place(content: bytes) -> bool:
    """Tell whether each word stands where it was read, to a hundredth of the page."""
    at = found(content)
    return at.keys() == set(LETTERS) and all(
        abs(is_at - was_at) < 0.01 for text, *place in WORDS.words for is_at, was_at in zip(at[text], place, strict=True)
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_a_picture_of_any_kind_becomes_a_page_with_its_words_in_place(kind: str) -> None:
    content = heic(GREY.convert("RGB")) if kind == "HEIF" else saved(GREY, kind)

    made = searchable_pdf(content, [WORDS])

    assert is_in_place(made)
    assert pypdfium2.PdfDocument(made)[0].get_size() == (400 * 0.36, 600 * 0.36)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_words_stand_in_place_on_a_page_that_is_turned(rotate: int, turn: int) -> None:
    made = searchable_pdf(scan_pdf(rotate=rotate), [WORDS], turns=[turn])

    assert is_in_place(made)
    assert pypdfium2.PdfDocument(made)[0].get_rotation() == (rotate + turn) % 360


def test_words_stand_in_place_on_a_page_that_begins_elsewhere() -> None:
    made = searchable_pdf(scan_pdf(content=b"q 300 0 0 420 50 70 cm /P Do Q", box=b"[50 70 350 490]"), [WORDS])

    assert is_in_place(made)


def test_the_words_are_not_seen() -> None:
    for content in (saved(GREY, "JPEG"), scan_pdf()):
        made = searchable_pdf(content, [WORDS])

        shown = pypdfium2.PdfDocument(made)[0].render(scale=1, grayscale=True).to_pil()
        low, high = shown.getextrema()
        assert isinstance(low, int)
        assert isinstance(high, int)
        assert (low >= 198, high <= 202) == (True, True)


def test_a_jpeg_and_a_pdf_keep_their_pictures_as_they_came() -> None:
    jpeg = saved(GREY, "JPEG")

    assert jpeg in searchable_pdf(jpeg, [WORDS])
    assert jpeg in searchable_pdf(scan_pdf(), [WORDS])


def test_more_letters_than_a_font_has_are_all_found() -> None:
    assert list(found(searchable_pdf(saved(GREY), [MANY]))) == [MANY.words[0][0]]


def test_a_pdf_that_has_its_text_is_given_as_it_came() -> None:
    content = pdf_of_text([SLIP])
    assert searchable_pdf(content, []) == content


def test_a_page_of_very_many_pixels_becomes_coarser() -> None:
    made = searchable_pdf(saved(GREY.resize((3600, 4800)), "TIFF", compression="tiff_lzw"), [WORDS])

    with contextlib.closing(pypdfium2.PdfDocument(made)) as document:
        (picture,) = (placed for placed in document[0].get_objects() if isinstance(placed, pypdfium2.PdfImage))
        width, height = picture.get_px_size()
        assert 7_900_000 < width * height <= 8_000_000
        assert document[0].get_size() == pytest.approx((width * 0.36, height * 0.36), abs=0.01)


def test_words_are_kept_as_they_are() -> None:
    assert unpacked(packed([WORDS, MANY])) == (WORDS, MANY)


async def test_a_scan_is_given_as_a_pdf_once_it_is_read(house: House, aino: Actor) -> None:
    unread = await house.ocr.submit(aino, Upload(content=slip(line3="eka"), filename="kuitti.jpg"))
    with pytest.raises(NotReadYet):
        await house.ocr.searchable_pdf(aino, unread.id)
    scan = await read(house, aino, slip())

    document = await house.ocr.searchable_pdf(aino, scan.id)

    assert (document.media_type, document.filename, document.content) == ("application/pdf", "kuitti.pdf", slip())
    with pytest.raises(UnknownScan):
        await house.ocr.searchable_pdf(somebody(), scan.id)


async def test_a_scan_that_was_read_before_words_were_kept_is_to_be_read_anew(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())
    async with house.database.writing() as session:
        await session.delete(await session.get(PageWordsRow, (aino.tenant_id, scan.id)))

    with pytest.raises(WordsUnknown):
        await house.ocr.searchable_pdf(aino, scan.id)


async def test_what_is_removed_leaves_no_words(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())

    await house.ocr.delete(aino, scan.id)

    async with house.database.reading() as session:
        assert await session.get(PageWordsRow, (aino.tenant_id, scan.id)) is None
