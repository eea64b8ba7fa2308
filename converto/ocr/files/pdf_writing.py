"""PDF pages with text that is found and copied but not seen, over the picture of the page or alone."""

import zlib
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final, NamedTuple

from PIL import Image

from converto.ocr.document import PageWords

# A font whose letters paint nothing: it needs no file, and says of each code which letter it stands for.
_LETTERS_A_FONT: Final = 255
_EM: Final = 1000
_LETTER_WIDTH: Final = 500
_ASCENT: Final = 800
_DESCENT: Final = -200
_LETTER: Final = b"%d 0 d0" % _LETTER_WIDTH
_CATALOGUE, _PAGES, _GLYPH, _FIRST_FREE = 1, 2, 3, 4
_TO_UNICODE: Final = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Letters def /CMapType 2 def "
    b"1 begincodespacerange <00> <ff> endcodespacerange %b endcmap CMapName currentdict /CMap defineresource pop end end"
)
# So many lines may stand in one section of such a table.
_SECTION: Final = 100


class Shown(NamedTuple):
    """A picture as a PDF has it: a JPEG file, with its size and its kind of colours."""

    jpeg: bytes
    width: int
    height: int
    mode: str

    @classmethod
    def of(cls, jpeg: bytes, picture: Image.Image) -> "Shown":
        """Return a JPEG file as it is."""
        return cls(jpeg, picture.width, picture.height, picture.mode)


class PdfWriter:
    """Writes a PDF page by page; no more than one picture is held at a time.

    `words` are those of all pages, for the letters have to be known before the first.
    """

    def __init__(self, file: BinaryIO, words: Iterable[PageWords]) -> None:
        self._file = file
        self._at = 0
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []
        self._next = _FIRST_FREE
        letters = sorted({letter for page in words for word in page.words for letter in word[0]} | {" "})
        self._codes = {letter: (at // _LETTERS_A_FONT, at % _LETTERS_A_FONT + 1) for at, letter in enumerate(letters)}
        # in binary, by which those in between know that it is no text
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        self._object(_GLYPH, _stream(_LETTER))
        fonts = [self._font(letters[at : at + _LETTERS_A_FONT]) for at in range(0, len(letters), _LETTERS_A_FONT)]
        self._fonts = b" ".join(b"/F%d %d 0 R" % (number, font) for number, font in enumerate(fonts))

    def page(self, words: PageWords, size: tuple[float, float], *, shown: Shown | None = None) -> None:
        """Add a page of so many points across and high; the places of the words are shares of it."""
        width, height = size
        drawn, resources = b"", b"/Font << %b >>" % self._fonts
        if shown is not None:
            colours = b"/DeviceGray" if shown.mode == "L" else b"/DeviceRGB"
            entries = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %b /BitsPerComponent 8 /Filter /DCTDecode"
            picture = self._add(_stream(shown.jpeg, entries % (shown.width, shown.height, colours)))
            drawn, resources = b"q %.3f 0 0 %.3f 0 0 cm /P Do Q\n" % (width, height), resources + b" /XObject << /P %d 0 R >>" % picture
        packed = zlib.compress(drawn + self._text(words, width, height))
        content = self._add(_stream(packed, b"/Filter /FlateDecode"))
        page = b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.3f %.3f] /Resources << %b >> /Contents %d 0 R >>"
        self._pages.append(self._add(page % (_PAGES, width, height, resources, content)))

    def finish(self) -> None:
        """Write what holds the pages together."""
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._object(_PAGES, b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(self._pages)))
        self._object(_CATALOGUE, b"<< /Type /Catalog /Pages %d 0 R >>" % _PAGES)
        start = self._at
        table = b"".join(b"%010d 00000 n \n" % self._offsets[number] for number in range(1, self._next))
        self._write(b"xref\n0 %d\n0000000000 65535 f \n%b" % (self._next, table))
        self._write(b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (self._next, _CATALOGUE, start))

    def _text(self, page: PageWords, width: float, height: float) -> bytes:
        pieces = []
        for text, x, y, wide, high in page.words:
            size = max(high * height, 0.1)
            stretched = 100 * wide * width / (size * len(text) * _LETTER_WIDTH / _EM)
            baseline = (1 - y - high) * height - size * _DESCENT / _EM
            pieces.append(b"1 0 0 1 %.2f %.2f Tm %.1f Tz %b" % (x * width, baseline, stretched, self._letters(text + " ", size)))
        return b"BT\n%b\nET" % b"\n".join(pieces) if pieces else b""

    def _letters(self, text: str, size: float) -> bytes:
        runs: list[tuple[int, bytearray]] = []
        for letter in text:
            font, code = self._codes[letter]
            if not runs or runs[-1][0] != font:
                runs.append((font, bytearray()))
            runs[-1][1].append(code)
        return b" ".join(b"/F%d %.2f Tf <%b> Tj" % (font, size, codes.hex().encode()) for font, codes in runs)

    def _font(self, letters: Sequence[str]) -> int:
        lines = [b"<%02x> <%b>" % (code, letter.encode("utf-16-be").hex().encode()) for code, letter in enumerate(letters, start=1)]
        sections = [lines[at : at + _SECTION] for at in range(0, len(lines), _SECTION)]
        table = b" ".join(b"%d beginbfchar %b endbfchar" % (len(section), b" ".join(section)) for section in sections)
        to_unicode = self._add(_stream(zlib.compress(_TO_UNICODE % table), b"/Filter /FlateDecode"))
        codes = range(1, len(letters) + 1)
        names = b" ".join(b"/g%d" % code for code in codes)
        glyphs = b" ".join(b"/g%d %d 0 R" % (code, _GLYPH) for code in codes)
        widths = b" ".join([b"%d" % _LETTER_WIDTH] * len(letters))
        return self._add(
            b"<< /Type /Font /Subtype /Type3 /FontMatrix [0.001 0 0 0.001 0 0] /FontBBox [0 %d %d %d] "
            b"/Resources << >> /FirstChar 1 /LastChar %d /Widths [%b] "
            b"/Encoding << /Type /Encoding /Differences [1 %b] >> /CharProcs << %b >> /ToUnicode %d 0 R >>"
            % (_DESCENT, _LETTER_WIDTH, _ASCENT, len(letters), widths, names, glyphs, to_unicode)
        )

    def _add(self, body: bytes) -> int:
        number = self._next
        self._next += 1
        self._object(number, body)
        return number

    def _object(self, number: int, body: bytes) -> None:
        self._offsets[number] = self._at
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._at += len(content)


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(content), entries, content)
