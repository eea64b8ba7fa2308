"""The pages of a file: as pictures upright, or as words from a PDF's own text."""

import ctypes
import io
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps

from converto.ocr.document import MAX_PAGE_CPU_S
from converto.ocr.files.attachments import attached_xml
from converto.ocr.files.code_bearing import NESTED_FORMS, Area, Bearing, Drawn, bearing_of, drawn
from converto.ocr.files.media import Inspected, MediaType, OpenPdf, check_size, opened_picture
from converto.ocr.files.paper import Paper, find_paper, on_white
from converto.ocr.interface import Box
from converto.ocr.refusals import DamagedFile
from converto.ocr.words import Word

# 200 dots an inch read best against their cost; a page larger than this many pixels is read coarser: its letters are large enough.
RENDER_DPI = 200
MAX_READ_PIXELS = 25_000_000
SHOWN_SIDE_PIXELS = 2400
_POINTS_AN_INCH = 72
_DEVICE = 1_000_000
_FAR_POINTS = 1000
_WIDE_GAP = 0.8
_SOFT_BREAK = "\x02"
_STRANGE = {chr(code) for code in range(0xE000, 0xF900)} | {"\ufffd"}
# Tesseract refuses a side of more than 32,767 pixels.
_MAX_SIDE_PIXELS = 20_000
_LEAST_LETTERS = 16
_LONGEST_PAGE_CHARS = 60_000
# A stamp or a line of a scanner on a page that is a picture otherwise: the page is read as a picture.
_FEW_LETTERS = 120
_PICTURE_SHARE = 0.5
_UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
_PLAIN_SPAN = 8
"""Of 255: by how much a sheet of one colour varies once it was packed as JPEG."""
TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""How Pillow turns by so many degrees clockwise."""


@dataclass(frozen=True)
class Picture:
    """A page as a picture in a file that Tesseract can read, with its size in pixels and the sheets of paper that can be told on it."""

    path: Path
    width: int
    height: int
    sheets: tuple[Box, ...] = ()
    is_plain: bool = False
    """Whether it is of one colour from edge to edge: no engine finds anything there, however long it looks."""


class Pages:
    """The pages of one document; numbers begin with 1. `turns` is by how many degrees clockwise each is turned to stand upright.

    Whoever makes them closes them.
    """

    def __init__(self, content: bytes, inspected: Inspected, *, turns: Sequence[int] = ()) -> None:
        self._content = content
        self._inspected = inspected
        self._turns = dict(enumerate(turns, start=1))
        self._pdf = OpenPdf(content)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @cached_property
    def folder(self) -> Path:
        """Give the folder where pictures lie until the pages are closed."""
        self._temporary = tempfile.TemporaryDirectory(prefix="converto-")
        return Path(self._temporary.name)

    def close(self) -> None:
        """Close the PDF, if it is one, and remove the folder."""
        self._pdf.close()
        if self._temporary is not None:
            self._temporary.cleanup()

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
        with _bounded(), self._pdf.page(number) as page:
            return _page_words(page)

    def bearing(self, number: int) -> Bearing:
        """Tell by what, and where, a barcode may be drawn on a PDF's page."""
        with _bounded(), self._pdf.page(number) as page:
            return bearing_of(page)

    def drawn(self, number: int, area: Area | None = None) -> Drawn:
        """Return a PDF's page, or an area of it, as its bare pixels."""
        with _bounded(), self._pdf.page(number) as page:
            return drawn(page, area, scale=_scale(page))

    def attached_xml(self) -> list[bytes]:
        """Return the XML files attached to a PDF; none of any other file."""
        if self._inspected.media_type is not MediaType.PDF:
            return []
        with self._pdf.document() as document:
            return attached_xml(document)

    def picture(self, number: int) -> Picture:
        """Return a page as a file that Tesseract can read, as it came where that is possible.

        Raises DamagedFile when the picture is cut off, and TooManyPixels.
        """
        media_type = self._inspected.media_type
        if media_type is MediaType.PDF:
            shown = self.shown(number)
            return save(shown, self.folder / f"page{number}.pgm", paper=find_paper(shown))
        with opened_picture(self._content, media_type) as picture:
            if fits(picture, media_type) and not self._turns.get(number):
                width, height = picture.size
                coarse = _coarse(picture)
                if find_paper(coarse) is None and not _is_plain(coarse):
                    path = self.folder / f"page{number}.{media_type.name.lower()}"
                    path.write_bytes(self._content)
                    return Picture(path, width, height)
        shown = self.shown(number)
        return save(shown, self.folder / f"page{number}.pgm", paper=find_paper(shown.convert("L")))

    def shown(self, number: int) -> Image.Image:
        """Return a page as it is shown: upright, on white. The places of all that was read are shares of this picture."""
        if self._inspected.media_type is MediaType.PDF:
            with _bounded(), self._pdf.page(number) as page:
                shown: Image.Image = _bitmap(page).to_pil()
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


def _bitmap(page: pypdfium2.PdfPage) -> pypdfium2.PdfBitmap:
    return page.render(scale=_scale(page), grayscale=True)


def _scale(page: pypdfium2.PdfPage) -> float:
    """Return how many pixels a point of a PDF's page takes: 200 an inch, fewer where it would be too large."""
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise DamagedFile(kind=MediaType.PDF.name)
    scale = min(RENDER_DPI / _POINTS_AN_INCH, (MAX_READ_PIXELS / (width * height)) ** 0.5, _MAX_SIDE_PIXELS / max(width, height))
    check_size(round(width * scale), round(height * scale))
    return float(scale)


def save(picture: Image.Image, path: Path, *, paper: Paper | None = None) -> Picture:
    """Keep a picture in grey, without packing it, where Tesseract can read it; around its paper it becomes white."""
    grey = picture.convert("L")
    scale = min(1.0, (MAX_READ_PIXELS / (grey.width * grey.height)) ** 0.5, _MAX_SIDE_PIXELS / max(grey.size))
    if scale < 1:
        grey = grey.resize((max(1, int(grey.width * scale)), max(1, int(grey.height * scale))), Image.Resampling.BOX)
    if paper is not None:
        grey = on_white(grey, paper.mask)
    grey.save(path, "PPM")
    return Picture(path, grey.width, grey.height, paper.sheets if paper is not None else (), is_plain=_is_plain(grey))


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


def _is_plain(grey: Image.Image) -> bool:
    darkest, lightest = grey.getextrema()
    return int(lightest) - int(darkest) <= _PLAIN_SPAN  # type: ignore[arg-type]


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


def _page_words(page: pypdfium2.PdfPage) -> tuple[Word, ...]:
    text = page.get_textpage()
    count = text.count_chars()
    if count > _LONGEST_PAGE_CHARS:
        return ()
    words = tuple(_words(page, text, count))
    signs = "".join([word.text for word in words])
    letters = sum(map(str.isalnum, signs))
    if letters < _FEW_LETTERS and _is_mostly_picture(page):
        return ()
    strange = 0 if signs.isascii() and signs.isprintable() else sum(not sign.isprintable() or sign in _STRANGE for sign in signs)
    return words if letters >= _LEAST_LETTERS and strange * 10 < letters else ()


def _is_mostly_picture(page: pypdfium2.PdfPage) -> bool:
    """Tell whether a picture covers at least half of a page."""
    width, height = page.get_size()
    for placed in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=NESTED_FORMS):
        left, bottom, right, top = placed.get_bounds()
        if (right - left) * (top - bottom) >= _PICTURE_SHARE * width * height:
            return True
    return False


def _words(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage, count: int) -> Iterator[Word]:
    letters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for letter, box in _letters(text, count, _edges(page)):
        if letters and (box is None or _is_apart(boxes, box)):
            yield _word(letters, boxes)
            letters, boxes = [], []
        if box is not None:
            letters.append(letter)
            boxes.append(box)
    if letters:
        yield _word(letters, boxes)


def _letters(text: pypdfium2.PdfTextPage, count: int, edges: "_Edges") -> Iterator[tuple[str, tuple[float, float, float, float] | None]]:
    """Yield each letter with its left, upper, right and lower edge, and None for what parts words.

    This is half of what a page of text costs.
    """
    (left_of, right_of, across, x), (top_of, bottom_of, down, y) = edges
    raw, loose = text.raw, pdfium.FS_RECTF()
    place, box_at = ctypes.byref(loose), pdfium.FPDFText_GetLooseCharBox
    for at, letter in enumerate(_signs(raw, count)):
        if letter.isspace() or letter == _SOFT_BREAK:
            yield letter, None
            continue
        box_at(raw, at, place)
        yield (
            letter,
            (
                x + across * getattr(loose, left_of),
                y + down * getattr(loose, top_of),
                x + across * getattr(loose, right_of),
                y + down * getattr(loose, bottom_of),
            ),
        )


def _signs(raw: Any, count: int) -> Sequence[str]:
    """Return the signs of a page's text, one for each place that PDFium counts; a letter that is two to it is two halves."""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(raw, 0, count, buffer)
    if written == count + 1 and 0 not in buffer[:count]:
        return list(map(chr, buffer[:count]))
    # signs without a meaning of their own are left out there, and no place would be right
    return [chr(pdfium.FPDFText_GetUnicode(raw, at) or 32) for at in range(count)]


def _is_apart(boxes: Sequence[tuple[float, float, float, float]], box: tuple[float, float, float, float]) -> bool:
    """Tell whether a letter stands too far right of the word before it, or above or below it."""
    last = boxes[-1]
    return box[0] - last[2] > _WIDE_GAP * (last[2] - boxes[0][0]) / len(boxes) or box[1] > last[3] or box[3] < last[1]


def _word(letters: Sequence[str], boxes: Sequence[tuple[float, float, float, float]]) -> Word:
    text = "".join(letters)
    if not text.isascii():
        # PDFium gives a letter beyond the first 65,536 as two halves; a half that is left alone is no letter.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    left, top = min(lefts), min(tops)
    return Word(text, left, top, max(0.0, max(rights) - left), max(0.0, max(bottoms) - top))


_Edges = tuple[tuple[str, str, float, float], tuple[str, str, float, float]]
"""For the way across and the way down: which edge of a rectangle comes first and which last, a factor, and where the page begins."""


def _edges(page: pypdfium2.PdfPage) -> _Edges:
    """Return how coordinates of a PDF page become shares of its sides as it is shown, whatever its crop and its turn by quarters."""
    x, y = ctypes.c_int(), ctypes.c_int()

    def shown(page_x: int, page_y: int) -> tuple[float, float]:
        pdfium.FPDF_PageToDevice(page, 0, 0, _DEVICE, _DEVICE, 0, page_x, page_y, x, y)
        return x.value / _DEVICE, y.value / _DEVICE

    origin, along, up = shown(0, 0), shown(_FAR_POINTS, 0), shown(0, _FAR_POINTS)

    def edge(axis: int) -> tuple[str, str, float, float]:
        by_x, by_y = ((there[axis] - origin[axis]) / _FAR_POINTS for there in (along, up))
        first, last, factor = ("left", "right", by_x) if abs(by_x) > abs(by_y) else ("bottom", "top", by_y)
        return (first, last, factor, origin[axis]) if factor > 0 else (last, first, factor, origin[axis])

    return edge(0), edge(1)
