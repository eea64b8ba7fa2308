"""What is wrong with a picture itself, so that another should be taken: several documents on it, cut off, blurred, faint or blank."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

from converto.ocr.document import Box, Finding
from converto.ocr.files.pages import Picture
from converto.ocr.files.paper import quantile
from converto.ocr.recognition.retries import is_poor
from converto.ocr.words import Line, Word, box_of

# A sheet with fewer letters is a napkin, or a slip's blank back.
_LETTERS_OF_A_DOCUMENT = 25
# Lines that end at the picture's very edge: one may be a shadow there.
_LINES_CUT = 3
_EDGE_PIXELS = 2
_SURE = 0.5
_MEASURED_SIDE_PIXELS = 1600
# How steep letters are: the difference of neighbours by that of pixels six apart. Sharp letters have 0.4 to 0.9; of drawn receipts that are
# blurred until they cannot be read all have under 0.26, whatever the size of their letters.
_APART_PIXELS = 6
_BLURRED = 0.28
_STEEPEST = 0.99
_DARKEST, _LIGHTEST = 0.005, 0.9
_FAINT_CONTRAST, _BLANK_CONTRAST = 90, 30
_FEW_LETTERS = 8


def picture_findings(picture: Picture, lines: Sequence[Line], *, page: int) -> tuple[Finding, ...]:
    """Return why a new picture of a page should be taken; nothing where it serves."""
    return (*_several(picture, lines, page), *_cut(picture, lines, page), *_hardly_read(picture, lines, page))


def by_sheet(lines: Sequence[Line], sheets: Sequence[Box]) -> tuple[Line, ...]:
    """Return lines that run over several sheets as lines of each, sheet by sheet; what lies on none comes last."""
    if len(sheets) < 2:
        return tuple(lines)
    apart: list[list[Line]] = [[] for _ in range(len(sheets) + 1)]
    for line in lines:
        words: list[list[Word]] = [[] for _ in apart]
        for word in line.words:
            words[_sheet_of(word, sheets)].append(word)
        for sheet, on_it in zip(apart, words, strict=True):
            if on_it:
                sheet.append(Line(tuple(on_it), line.page))
    return tuple(line for sheet in apart for line in sheet)


def _sheet_of(word: Word, sheets: Sequence[Box]) -> int:
    x, y = word.x + word.width / 2, word.y + word.height / 2
    inside = (at for at, box in enumerate(sheets) if box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height)
    return next(inside, len(sheets))


def _several(picture: Picture, lines: Sequence[Line], page: int) -> Iterator[Finding]:
    letters = [0] * (len(picture.sheets) + 1)
    for line in lines:
        for word in line.words:
            letters[_sheet_of(word, picture.sheets)] += len(word.text)
    documents = tuple(sheet for sheet, count in zip(picture.sheets, letters, strict=False) if count >= _LETTERS_OF_A_DOCUMENT)
    if len(documents) > 1:
        yield Finding(
            code="several_documents",
            severity="warning",
            detail=f"There are {len(documents)} documents on one picture, and their fields may be mixed up; take a picture of each.",
            page=page,
            boxes=documents,
        )


def _cut(picture: Picture, lines: Sequence[Line], page: int) -> Iterator[Finding]:
    edge = _EDGE_PIXELS / picture.width
    words = [word for line in lines for word in line.words if word.confidence >= _SURE and len(word.text) > 1]
    sides = {"left": [word for word in words if word.x <= edge], "right": [word for word in words if word.right >= 1 - edge]}
    for side, cut in sides.items():
        box = box_of(cut)
        if len(cut) >= _LINES_CUT and box is not None:
            detail = f"Letters are cut off at the {side} edge; take a new picture with the whole document on it."
            yield Finding(code="cut_off", severity="warning", detail=detail, page=page, boxes=(box,))


def _hardly_read(picture: Picture, lines: Sequence[Line], page: int) -> Iterator[Finding]:
    if not is_poor(lines):
        return
    look = _look_at(picture)
    letters = sum(len(word.text) for line in lines for word in line.words)
    if letters < _FEW_LETTERS and look.contrast < _BLANK_CONTRAST:
        yield _finding(
            "blank_page", "info", page, "Nothing can be seen on this page; if something is on it, take a new picture in better light."
        )
    elif look.sharpness < _BLURRED:
        yield _finding("blurred", "warning", page, "The picture is blurred; take a new one, hold still, and let the camera focus.")
    elif look.contrast < _FAINT_CONTRAST:
        yield _finding("faint", "warning", page, "The print is hardly darker than its paper; take a new picture in better light.")


@dataclass(frozen=True)
class _Look:
    """How steep the letters of a picture are, 0..1, and by how many of 255 the darkest are darker than the paper."""

    sharpness: float
    contrast: int


def _look_at(picture: Picture) -> _Look:
    with Image.open(picture.path) as opened:
        grey = opened.convert("L")
    grey.thumbnail((_MEASURED_SIDE_PIXELS, _MEASURED_SIDE_PIXELS))
    histogram = grey.histogram()
    contrast = quantile(histogram, _LIGHTEST) - quantile(histogram, _DARKEST)
    return _Look(_steepness(grey, 1) / max(1, _steepness(grey, _APART_PIXELS)), contrast)


def _steepness(grey: Image.Image, pixels: int) -> int:
    """Return by how much pixels so far apart differ at most, but for the steepest hundredth."""
    width, height = grey.size
    left, right = grey.crop((0, 0, width - pixels, height)), grey.crop((pixels, 0, width, height))
    return quantile(ImageChops.difference(left, right).histogram(), _STEEPEST)


def _finding(code: str, severity: str, page: int, detail: str) -> Finding:
    return Finding.model_validate({"code": code, "severity": severity, "detail": detail, "page": page})
