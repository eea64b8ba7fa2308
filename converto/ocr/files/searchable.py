"""A scan as a PDF whose text is found and copied: its pictures with the words that were read in their places, invisible."""

import ctypes
import io
from collections.abc import Sequence
from contextlib import closing
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from converto.ocr.document import PageWords
from converto.ocr.files.media import MOST_PAGES, Inspected, MediaType, inspect, opened_pdf, opened_picture
from converto.ocr.files.pages import RENDER_DPI, Pages, fits
from converto.ocr.files.pdf_writing import PdfWriter, Shown
from converto.ocr.words import Page

_POINTS_A_PIXEL: Final = 72 / RENDER_DPI
# No viewer shows a longer side.
_LONGEST_POINTS: Final = 14_400
# Of all pages together, so that fifty of them are a file that can be sent; one page is kept as sharp as a screen shows it.
_MAX_PIXELS: Final = 120_000_000
_MAX_PAGE_PIXELS: Final = 8_000_000
_JPEG_QUALITY: Final = 80
_DEVICE: Final = 1_000_000
_PLACES: Final = 4


def words_of(pages: Sequence[Page], pictures: Sequence[int]) -> tuple[PageWords, ...]:
    """Return where the words of those pages stand that are pictures; the others have their text already."""
    return tuple(
        PageWords(
            page=page.number,
            words=tuple(
                (word.text, *(round(part, _PLACES) for part in (word.x, word.y, word.width, word.height)))
                for line in page.lines
                for word in line.words
            ),
        )
        for page in pages
        if page.number in pictures
    )


def searchable_pdf(content: bytes, words: Sequence[PageWords], *, turns: Sequence[int] = ()) -> bytes:
    """Return a document as a PDF that can be searched, upright; `words` and `turns` are of its reading. Raises what `refusals` lists."""
    inspected = inspect(content, max_bytes=len(content), max_pages=MOST_PAGES)  # it was taken in
    if inspected.media_type is not MediaType.PDF:
        return _of_pictures(content, inspected, words, turns=turns)
    return _over_pdf(content, words, turns=turns) if words else content


def _of_pictures(content: bytes, inspected: Inspected, words: Sequence[PageWords], *, turns: Sequence[int]) -> bytes:
    on_page = {page.page: page for page in words}
    file = io.BytesIO()
    with closing(Pages(content, inspected, turns=turns)) as pages:
        writer = PdfWriter(file, words)
        for number in range(1, inspected.pages + 1):
            shown = _as_it_came(content, inspected, turns=turns) or _coarser(pages.shown(number), pages=inspected.pages)
            width, height = shown.width, shown.height
            scale = min(_POINTS_A_PIXEL, _LONGEST_POINTS / max(width, height))
            writer.page(on_page.get(number, PageWords(page=number)), (width * scale, height * scale), shown=shown)
        writer.finish()
    return file.getvalue()


def _as_it_came(content: bytes, inspected: Inspected, *, turns: Sequence[int]) -> Shown | None:
    """Return the file itself, if it is a JPEG that is shown as it lies."""
    if inspected.media_type is not MediaType.JPEG or any(turns):
        return None
    with opened_picture(content, MediaType.JPEG) as picture:
        return Shown.of(content, picture) if fits(picture, MediaType.JPEG) and picture.mode in ("L", "RGB") else None


def _coarser(picture: Image.Image, *, pages: int) -> Shown:
    pixels = min(_MAX_PAGE_PIXELS, _MAX_PIXELS // pages)
    scale = (pixels / (picture.width * picture.height)) ** 0.5
    if scale < 1:
        picture = picture.resize((max(1, int(picture.width * scale)), max(1, int(picture.height * scale))), Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    return Shown.of(file.getvalue(), picture)


def _over_pdf(content: bytes, words: Sequence[PageWords], *, turns: Sequence[int]) -> bytes:
    by_page = dict(enumerate(turns, start=1))
    with opened_pdf(content) as document:
        sizes = [_turned(document.get_page_size(page.page - 1), by_page.get(page.page, 0)) for page in words]
        file = io.BytesIO()
        writer = PdfWriter(file, words)
        for page, size in zip(words, sizes, strict=True):
            writer.page(page, size)
        writer.finish()
        layers = pypdfium2.PdfDocument(file.getvalue())
        try:
            for at, (page, size) in enumerate(zip(words, sizes, strict=True)):
                layer = layers.page_as_xobject(at, document).as_pageobject()
                _lay(layer, document[page.page - 1], size, turn=by_page.get(page.page, 0))
            saved = io.BytesIO()
            document.save(saved)
        finally:
            layers.close()
        return saved.getvalue()


def _turned(size: tuple[float, float], turn: int) -> tuple[float, float]:
    return size if turn % 180 == 0 else (size[1], size[0])


def _lay(layer: pypdfium2.PdfObject, page: pypdfium2.PdfPage, size: tuple[float, float], *, turn: int) -> None:
    """Lay words over a page, however its file turns and cuts it, and show it upright."""
    width, height = size
    (origin_x, origin_y), (right_x, right_y), (up_x, up_y) = (_in_file(page, *corner, turn=turn) for corner in ((0, 1), (1, 1), (0, 0)))
    layer.set_matrix(
        pypdfium2.PdfMatrix(
            (right_x - origin_x) / width,
            (right_y - origin_y) / width,
            (up_x - origin_x) / height,
            (up_y - origin_y) / height,
            origin_x,
            origin_y,
        )
    )
    page.insert_obj(layer)
    page.set_rotation((page.get_rotation() + turn) % 360)
    page.gen_content()


def _in_file(page: pypdfium2.PdfPage, across: float, down: float, *, turn: int) -> tuple[float, float]:
    """Return the PDF coordinates of a place that is given in shares of the page as it is read."""
    shown_at = {90: (down, 1 - across), 180: (1 - across, 1 - down), 270: (1 - down, across)}.get(turn, (across, down))
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDF_DeviceToPage(page, 0, 0, _DEVICE, _DEVICE, 0, round(shown_at[0] * _DEVICE), round(shown_at[1] * _DEVICE), x, y)
    return x.value, y.value
