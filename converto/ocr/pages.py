"""The pages of a file: as pictures upright, or as words from a PDF's own text."""

import ctypes
import io
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps

from converto.ocr.attachments import attached_xml
from converto.ocr.interface import Box
from converto.ocr.media import Inspected, MediaType, check_size, opened_pdf, opened_picture
from converto.ocr.paper import Paper, find_paper, on_white
from converto.ocr.refusals import DamagedFile
from converto.ocr.words import Word

# 200 dots an inch read best against their cost; a page larger than this many pixels is read coarser: its letters are large enough.
RENDER_DPI = 200
MAX_READ_PIXELS = 25_000_000
SHOWN_SIDE_PIXELS = 2400
MAX_PAGE_CPU_S = 6
"""So much processor time may PDFium take for a page, of which it needs a hundredth of a second; whoever asks is ended by SIGPROF."""
_POINTS_AN_INCH = 72
_DEVICE = 1_000_000
_FAR_POINTS = 1000
_NOWHERE = (1.0, 1.0, 0.0, 0.0)
# Tesseract refuses a side of more than 32,767 pixels.
_MAX_SIDE_PIXELS = 20_000
_LEAST_LETTERS = 16
_LONGEST_PAGE_CHARS = 60_000
# A stamp or a line of a scanner on a page that is a picture otherwise: the page is read as a picture.
_FEW_LETTERS = 120
_PICTURE_SHARE = 0.5
_NESTED_FORMS = 3
_BARS = re.compile(rb"bar|code ?-?(?:128|39)|c128|ean|qr", re.IGNORECASE)
_LONGEST_FONT_NAME = 128
_CORNERS = 4
_FEWEST_BARS = 40
"""A bank barcode has over a hundred bars, a QR code hundreds of dots; an invoice has some lines and boxes."""
_UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""How Pillow turns by so many degrees clockwise."""


@dataclass(frozen=True)
class Picture:
    """A page as a picture in a file that Tesseract can read, with its size in pixels and the sheets of paper that can be told on it."""

    path: Path
    width: int
    height: int
    sheets: tuple[Box, ...] = ()


class Pages:
    """The pages of one document; numbers begin with 1. `turns` is by how many degrees clockwise each is turned to stand upright."""

    def __init__(self, content: bytes, inspected: Inspected, *, folder: Path, turns: Sequence[int] = ()) -> None:
        self._content = content
        self._inspected = inspected
        self._folder = folder
        self._turns = dict(enumerate(turns, start=1))

    @property
    def turns(self) -> tuple[int, ...]:
        """Give by how many degrees clockwise, 0, 90, 180 or 270, each page is turned beyond what its file says."""
        return tuple(self._turns.get(number, 0) for number in range(1, self._inspected.pages + 1))

    def turn(self, number: int, degrees: int) -> None:
        """Have a page shown turned by so many degrees more, clockwise: its letters tell that it lies on its side."""
        self._turns[number] = (self._turns.get(number, 0) + degrees) % 360

    def words(self, number: int) -> tuple[Word, ...]:
        """Return the words of a PDF page's own text; none when the page is a scan or its letters are not text."""
        if self._inspected.media_type is not MediaType.PDF:
            return ()
        with opened_pdf(self._content) as document, _bounded():
            return _page_words(document, number)

    def may_bear_code(self, number: int) -> bool:
        """Tell whether a barcode may be drawn on a PDF's page: by a picture, by many bars, or by letters that are bars."""
        with opened_pdf(self._content) as document, _bounded():
            return _may_bear_code(document[number - 1])

    def attached_xml(self) -> list[bytes]:
        """Return the XML files attached to a PDF; none of any other file."""
        return attached_xml(self._content) if self._inspected.media_type is MediaType.PDF else []

    def picture(self, number: int) -> Picture:
        """Return a page as a file that Tesseract can read, as it came where that is possible.

        Raises DamagedFile when the picture is cut off, and TooManyPixels.
        """
        media_type = self._inspected.media_type
        if media_type is MediaType.PDF:
            shown = self.shown(number)
            return save(shown, self._folder / f"page{number}.pgm", paper=find_paper(shown))
        with opened_picture(self._content, media_type) as picture:
            if fits(picture, media_type) and not self._turns.get(number):
                width, height = picture.size
                if find_paper(_coarse(picture)) is None:
                    path = self._folder / f"page{number}.{media_type.name.lower()}"
                    path.write_bytes(self._content)
                    return Picture(path, width, height)
        shown = self.shown(number)
        return save(shown, self._folder / f"page{number}.pgm", paper=find_paper(shown.convert("L")))

    def shown(self, number: int) -> Image.Image:
        """Return a page as it is shown: upright, on white. The places of all that was read are shares of this picture."""
        if self._inspected.media_type is MediaType.PDF:
            with opened_pdf(self._content) as document, _bounded():
                shown = _render(document[number - 1])
        else:
            with opened_picture(self._content, self._inspected.media_type) as picture:
                if number > 1:
                    picture.seek(number - 1)
                    check_size(*picture.size)
                shown = ImageOps.exif_transpose(_on_white(picture))
        turn = TURNS.get(self._turns.get(number, 0))
        return shown if turn is None else shown.transpose(turn)


@contextmanager
def _bounded() -> Iterator[None]:
    """End this process if a PDF page takes it too long: PDFium cannot be interrupted, and some pages are drawn for hours."""
    signal.setitimer(signal.ITIMER_PROF, MAX_PAGE_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def png(picture: Image.Image) -> bytes:
    """Return a page as PNG for a screen, its longer side at most 2,400 pixels."""
    shown = picture.copy()
    shown.thumbnail((SHOWN_SIDE_PIXELS, SHOWN_SIDE_PIXELS))
    file = io.BytesIO()
    shown.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _render(page: pypdfium2.PdfPage) -> Image.Image:
    """Return a PDF page as a grey picture of 200 dots an inch, coarser where it would be too large."""
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise DamagedFile(kind=MediaType.PDF.name)
    scale = min(RENDER_DPI / _POINTS_AN_INCH, (MAX_READ_PIXELS / (width * height)) ** 0.5, _MAX_SIDE_PIXELS / max(width, height))
    check_size(round(width * scale), round(height * scale))
    picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil()
    return picture


def save(picture: Image.Image, path: Path, *, paper: Paper | None = None) -> Picture:
    """Keep a picture in grey, without packing it, where Tesseract can read it; around its paper it becomes white."""
    grey = picture.convert("L")
    scale = min(1.0, (MAX_READ_PIXELS / (grey.width * grey.height)) ** 0.5, _MAX_SIDE_PIXELS / max(grey.size))
    if scale < 1:
        grey = grey.resize((max(1, int(grey.width * scale)), max(1, int(grey.height * scale))), Image.Resampling.BOX)
    if paper is not None:
        grey = on_white(grey, paper.mask)
    grey.save(path, "PPM")
    return Picture(path, grey.width, grey.height, paper.sheets if paper is not None else ())


def fits(picture: Image.Image, media_type: MediaType) -> bool:
    """Tell whether Tesseract reads the file as we would show it."""
    return (
        media_type in (MediaType.JPEG, MediaType.PNG)
        and picture.mode in ("L", "RGB", "1")
        and max(picture.size) <= _MAX_SIDE_PIXELS
        and picture.width * picture.height <= MAX_READ_PIXELS
        and picture.getexif().get(_ORIENTATION_TAG, _UPRIGHT) == _UPRIGHT
        and "transparency" not in picture.info
    )


def _coarse(picture: Image.Image) -> Image.Image:
    """Return a picture small and grey, gone through to its last byte: a file that is cut off is told as such, not read as half grey."""
    picture.draft("L", (picture.width // 8, picture.height // 8))
    return picture.convert("L")


def _on_white(picture: Image.Image) -> Image.Image:
    """Return a picture in grey or colours; what is transparent becomes white, sixteen bits become eight."""
    if picture.mode in ("L", "RGB"):
        picture.load()
        return picture
    if picture.mode == "LAB":  # Pillow makes no colours of it; its lightness is all that is read
        return picture.getchannel("L")
    if picture.mode.startswith("I") or picture.mode == "F":
        low, high = picture.getextrema()
        span = max(1.0, float(high) - float(low))  # type: ignore[arg-type]
        return picture.convert("F").point(lambda value: value * (255 / span) - float(low) * 255 / span).convert("L")  # type: ignore[arg-type]
    if "A" in picture.getbands() or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        white.alpha_composite(layered)
        white.info, exif = dict(picture.info), picture.getexif()
        if exif:
            white.info["exif"] = exif.tobytes()
        return white.convert("RGB")
    return picture.convert("RGB")


def _page_words(document: pypdfium2.PdfDocument, number: int) -> tuple[Word, ...]:
    page = document[number - 1]
    text = page.get_textpage()
    count = text.count_chars()
    if count > _LONGEST_PAGE_CHARS:
        return ()
    words = tuple(_words(page, text, count))
    letters = sum(char.isalnum() for word in words for char in word.text)
    if letters < _FEW_LETTERS and _is_mostly_picture(page):
        return ()
    strange = sum(not char.isprintable() or 0xE000 <= ord(char) <= 0xF8FF or char == "\ufffd" for word in words for char in word.text)
    return words if letters >= _LEAST_LETTERS and strange * 10 < letters else ()


def _is_mostly_picture(page: pypdfium2.PdfPage) -> bool:
    """Tell whether a picture covers at least half of a page."""
    width, height = page.get_size()
    for placed in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=_NESTED_FORMS):
        left, bottom, right, top = placed.get_bounds()
        if (right - left) * (top - bottom) >= _PICTURE_SHARE * width * height:
            return True
    return False


def _may_bear_code(page: pypdfium2.PdfPage) -> bool:
    """Tell whether a page shows a picture, more than a few drawn shapes, or a font of bars."""
    shapes = 0
    for placed in page.get_objects(max_depth=_NESTED_FORMS):
        if placed.type == pdfium.FPDF_PAGEOBJ_TEXT:
            if _BARS.search(_font_name(placed)):
                return True
        elif placed.type == pdfium.FPDF_PAGEOBJ_PATH:
            # one shape may be a whole barcode: its bars are segments then
            shapes += max(1, pdfium.FPDFPath_CountSegments(placed) // _CORNERS)
            if shapes >= _FEWEST_BARS:
                return True
        elif placed.type != pdfium.FPDF_PAGEOBJ_FORM:
            return True
    return False


def _font_name(placed: pypdfium2.PdfObject) -> bytes:
    font = pdfium.FPDFTextObj_GetFont(placed)
    name = ctypes.create_string_buffer(_LONGEST_FONT_NAME)
    pdfium.FPDFFont_GetBaseFontName(font, name, _LONGEST_FONT_NAME)
    return name.value


def _words(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, count: int) -> Iterator[Word]:
    place = _Placing(page)
    loose, letter_at = pdfium.FS_RECTF(), pdfium.FPDFText_GetUnicode
    letters: list[str] = []
    box = _NOWHERE
    for at in range(count):
        char = chr(letter_at(text, at) or 32)
        if char.isspace() or char == "\x02":
            if letters:
                yield _word(letters, box)
                letters, box = [], _NOWHERE
            continue
        pdfium.FPDFText_GetLooseCharBox(text, at, loose)
        left, top, right, bottom = place.on_page(loose.left, loose.bottom, loose.right, loose.top)
        if letters and (left - box[2] > 0.8 * (box[2] - box[0]) / len(letters) or top > box[3] or bottom < box[1]):
            yield _word(letters, box)
            letters, box = [], _NOWHERE
        letters.append(char)
        box = (min(box[0], left), min(box[1], top), max(box[2], right), max(box[3], bottom))
    if letters:
        yield _word(letters, box)


def _word(letters: list[str], box: tuple[float, float, float, float]) -> Word:
    # PDFium gives a letter beyond the first 65,536 as two halves; a half that is left alone is no letter.
    text = "".join(letters).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Word(text, box[0], box[1], max(0.0, box[2] - box[0]), max(0.0, box[3] - box[1]))


class _Placing:
    """Where the coordinates of a PDF page are on it as it is shown, whatever its rotation and crop, in shares of its sides."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        x, y = ctypes.c_int(), ctypes.c_int()

        def shown(page_x: int, page_y: int) -> tuple[float, float]:
            pdfium.FPDF_PageToDevice(page, 0, 0, _DEVICE, _DEVICE, 0, page_x, page_y, x, y)
            return x.value / _DEVICE, y.value / _DEVICE

        self._origin, across, up = shown(0, 0), shown(_FAR_POINTS, 0), shown(0, _FAR_POINTS)
        self._across = tuple((there - here) / _FAR_POINTS for there, here in zip(across, self._origin, strict=True))
        self._up = tuple((there - here) / _FAR_POINTS for there, here in zip(up, self._origin, strict=True))

    def on_page(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        """Return the left, upper, right and lower edge of a rectangle."""
        (x, y), (x_across, y_across), (x_up, y_up) = self._origin, self._across, self._up
        first_x, first_y = x + x_across * left + x_up * bottom, y + y_across * left + y_up * bottom
        second_x, second_y = x + x_across * right + x_up * top, y + y_across * right + y_up * top
        return min(first_x, second_x), min(first_y, second_y), max(first_x, second_x), max(first_y, second_y)
