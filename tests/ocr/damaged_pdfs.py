"""PDFs that mean harm: loops, endless trees, streams in streams, pages without end, drawings that take for ever."""

import zlib
from collections.abc import Sequence

from tests.ocr.pdfs import pdf, pdf_of_text

CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
TREE = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
MEGABYTE = 1_000_000


def hostile_pdfs() -> dict[str, bytes]:
    """Return them by name."""
    return {**_trees(), **_files(), **_boxes(), **_streams(), **_forms(), **_drawings(), **_images(), **_objects()}


def _one_page(content: bytes = b"", *, resources: bytes = b"", more: Sequence[bytes] = (), box: bytes = b"0 0 300 420") -> bytes:
    """Return a PDF of one page; `more` are its objects from 5 on."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [%b] /Contents 4 0 R /Resources << %b >> >>" % (box, resources)
    return pdf([CATALOGUE, TREE, page, _stream(content), *more])


def _stream(body: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(body), entries, body)


def _zeros(megabytes: int) -> bytes:
    """Return so many megabytes of zeros, packed: one of them is packed and repeated, with the checksum of them all."""
    packing = zlib.compressobj(9)
    first = packing.compress(bytes(MEGABYTE)) + packing.flush(zlib.Z_FULL_FLUSH)
    again = packing.compress(bytes(MEGABYTE)) + packing.flush(zlib.Z_FULL_FLUSH)
    checksum = (megabytes * MEGABYTE % 65_521 << 16) + 1
    return first + again * (megabytes - 1) + packing.flush()[:-4] + checksum.to_bytes(4, "big")


def _trees() -> dict[str, bytes]:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 420] >>"
    depth = 3000
    nested = [b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (at + 1, at + 3) for at in range(1, depth)]
    fans = [b"<< /Type /Pages /Kids [%b] /Count 999999 >>" % (b"%d 0 R " % (at + 3) * 50) for at in range(20)]
    return {
        "page tree that holds itself": pdf([CATALOGUE, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]),
        "page tree that holds itself, many times": pdf([CATALOGUE, b"<< /Type /Pages /Kids [%b] /Count 40 >>" % (b"2 0 R " * 40)]),
        "page tree that holds the catalogue": pdf([CATALOGUE, b"<< /Type /Pages /Kids [1 0 R] /Count 1 >>"]),
        "two page trees in one another": pdf(
            [CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>", b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 9 >>"]
        ),
        "page tree of 3,000 floors": pdf([CATALOGUE, TREE, *nested, page]),
        "page tree of 50 to the 20th pages": pdf([CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count 9 >>", *fans, page]),
        "page that is 40 pages": pdf([CATALOGUE, b"<< /Type /Pages /Kids [%b] /Count 40 >>" % (b"3 0 R " * 40), page]),
        "page that is 100,000 pages": pdf([CATALOGUE, b"<< /Type /Pages /Kids [%b] /Count 100000 >>" % (b"3 0 R " * 100_000), page]),
        "a billion pages that are not there": pdf([CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>", page]),
        "40 pages of which one is there": pdf([CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count 40 >>", page]),
        "minus one page": pdf([CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] /Count -1 >>", page]),
        "pages without a number": pdf([CATALOGUE, b"<< /Type /Pages /Kids [3 0 R] >>", page]),
        "pages that are a word": pdf([CATALOGUE, b"<< /Type /Pages /Kids /None /Count /Many >>", page]),
        "page whose parent is itself": pdf([CATALOGUE, TREE, b"<< /Type /Page /Parent 3 0 R >>"]),
        "page that is a number": pdf([CATALOGUE, TREE, b"42"]),
        "catalogue that is a page": pdf([page.replace(b"2 0 R", b"1 0 R")]),
        "catalogue that is not there": pdf([b"null", TREE, page]),
    }


def _files() -> dict[str, bytes]:
    plain = pdf_of_text([["KUITTI 12,00 EUR", "14.11.2026"]])
    start = plain.rindex(b"startxref\n") + len(b"startxref\n")
    table = int(plain[start:].split()[0])
    update = b"\n5 0 obj\n<< /Length 4 >>\nstream\nBT ET\nendstream\nendobj\n"
    return {
        "table of objects that comes before itself": plain.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % table),
        "table of objects that is not there": plain[:start] + b"999999999\n%%EOF\n",
        "table of objects at minus one": plain[:start] + b"-1\n%%EOF\n",
        "table of objects that is noise": plain[:table] + b"xref\n0 9999999\n" + b"\xff" * 5000 + plain[table:],
        "table of objects of a billion rows": plain.replace(b"xref\n0 6", b"xref\n0 1000000000"),
        "no table of objects": plain[:table],
        "no end": plain[:start],
        "1,000 changes": plain + (update + b"xref\n0 0\ntrailer\n<< /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table) * 1000,
        "head after 1,000 bytes of junk": b"%PDF-1.4\n" + b"junk " * 200 + plain,
        "head of version 99": plain.replace(b"%PDF-1.7", b"%PDF-99.9"),
        "comments of 5 MB": plain[:9] + b"%" + b"x" * 5 * MEGABYTE + b"\n" + plain[9:],
        "half a million brackets": pdf([CATALOGUE, TREE, b"<< /Type /Page /Junk %b >>" % (b"[" * 500_000)]),
        "half a million brackets that close": pdf([CATALOGUE, TREE, b"<< /Type /Page /Junk %b%b >>" % (b"[" * 500_000, b"]" * 500_000)]),
        "200,000 names in one another": pdf([CATALOGUE, TREE, b"<< /Type /Page " + b"/J << " * 200_000 + b">> " * 200_000 + b">>"]),
        "a string of 5 MB": pdf([CATALOGUE, TREE, b"<< /Type /Page /Junk (%b) >>" % (b"(" * MEGABYTE * 5)]),
        "a name of 5 MB": pdf([CATALOGUE, TREE, b"<< /Type /Page /%b 1 >>" % (b"N" * MEGABYTE * 5)]),
        "an unknown lock": pdf([CATALOGUE, TREE, b"<< /Type /Page >>"], trailer=b"/Encrypt << /Filter /Mine /V 9 >>"),
        "a lock that is the catalogue": pdf([CATALOGUE, TREE, b"<< /Type /Page >>"], trailer=b"/Encrypt 1 0 R"),
        "what starts a program": pdf(
            [b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (/bin/sh) >> /AA << /O << /S /JavaScript /JS (x) >> >> >>",
             TREE, b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 420] >>"]
        ),
    }  # fmt: skip


def _boxes() -> dict[str, bytes]:
    boxes = {
        "a page of a billion inches": b"0 0 72000000000 72000000000",
        "a page of 14,400 x 14,400 points": b"0 0 14400 14400",
        "a page of 30 x 1,000,000 points": b"0 0 30 1000000",
        "a page of nothing": b"0 0 0 0",
        "a page of a thousandth": b"0 0 0.001 0.001",
        "a page inside out": b"300 420 0 0",
        "a page of minus": b"-300 -420 -1 -1",
        "a page beyond numbers": b"0 0 1e400 999999999999999999999999999999999999999999",
        "a page of words": b"/a /b /c /d",
        "a page of three corners": b"0 0 300",
    }
    shown = b"BT /F 10 Tf 20 300 Td (KUITTI) Tj ET"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 420] %b >>"
    entries = {
        "a page turned by 45": b"/Rotate 45",
        "a page turned by two billion": b"/Rotate 2147483647",
        "a page turned by a word": b"/Rotate /Left",
        "a page of units of a mile": b"/UserUnit 4560000",
        "a page cut where nothing is": b"/CropBox [900 900 901 901]",
        "a page whose contents are itself": b"/Contents 3 0 R",
        "a page of 100,000 contents": b"/Contents [%b]" % (b"4 0 R " * 100_000),
        "a page of notes that are itself": b"/Annots [3 0 R 3 0 R]",
    }
    return {
        **{name: _one_page(shown, box=box) for name, box in boxes.items()},
        **{name: pdf([CATALOGUE, TREE, page % entry, _stream(shown)]) for name, entry in entries.items()},
    }


def _streams() -> dict[str, bytes]:
    wrapped = b"BT /F 10 Tf 20 300 Td (KUITTI) Tj ET"
    for _ in range(60):
        wrapped = zlib.compress(wrapped)
    bomb = _zeros(900)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 420] /Contents 4 0 R >>"
    flate = b"/Filter /FlateDecode"
    streams = {
        "a stream of 60 wrappings": _stream(wrapped, b"/Filter [%b]" % (b"/FlateDecode " * 60)),
        "a stream of 20,000 filters": _stream(wrapped, b"/Filter [%b]" % (b"/FlateDecode " * 20_000)),
        "a stream of hexadecimals of hexadecimals": _stream(b"34" * 1000, b"/Filter [%b]" % (b"/ASCIIHexDecode " * 50)),
        "a stream of 900 MB": _stream(bomb, flate),
        "a stream of 900 MB, wrapped twice": _stream(zlib.compress(bomb, 9), b"/Filter [/FlateDecode /FlateDecode]"),
        "a stream whose length is itself": b"<< /Length 4 0 R >>\nstream\nBT ET\nendstream",
        "a stream of minus one": b"<< /Length -1 >>\nstream\nBT ET\nendstream",
        "a stream of 4 GB": b"<< /Length 4294967295 >>\nstream\nBT ET\nendstream",
        "a stream without an end": b"<< /Length 5 >>\nstream\nBT ET",
        "a stream of an unknown filter": _stream(b"BT ET", b"/Filter /Mine"),
        "a stream of rows of a billion": _stream(
            bomb[:5000], b"%b /DecodeParms << /Predictor 15 /Columns 1000000000 /Colors 32 >>" % flate
        ),
        "a stream of letters backwards": _stream(b"\x80" * 5000, b"/Filter /LZWDecode /DecodeParms << /EarlyChange 7 >>"),
        "a stream of runs": _stream(b"\x81\x20" * 50_000, b"/Filter /RunLengthDecode"),
    }
    found = {name: pdf([CATALOGUE, TREE, page, stream]) for name, stream in streams.items()}
    return {**found, **_object_streams(bomb)}


def _object_streams(bomb: bytes) -> dict[str, bytes]:
    def of(table: bytes) -> bytes:
        head = b"%PDF-1.7\n1 0 obj\n" + CATALOGUE + b"\nendobj\n2 0 obj\n" + TREE + b"\nendobj\n"
        return head + b"9 0 obj\n" + table + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(head)

    entries = b"/Type /XRef /W [1 4 2] /Size 10 /Root 1 0 R"
    rows = b"".join(bytes([2]) + (9).to_bytes(4, "big") + bytes(2) for _ in range(10))
    return {
        "a table of objects of 900 MB": of(_stream(bomb, entries + b" /Filter /FlateDecode")),
        "a table of objects of a billion bytes a row": of(_stream(bomb[:9000], entries.replace(b"[1 4 2]", b"[999999999 9 9]"))),
        "a table of objects of itself": of(_stream(rows, entries + b" /Prev 9 /Extends 9 0 R")),
        "objects in objects in themselves": pdf(
            [CATALOGUE, TREE, _stream(b"3 0 4 10 << >> << >>", b"/Type /ObjStm /N 999999 /First 8 /Extends 3 0 R")]
        ),
    }


def _form(content: bytes, forms: bytes) -> bytes:
    entries = b"/Type /XObject /Subtype /Form /BBox [0 0 300 420] /Resources << /XObject << %b >> >>" % forms
    return _stream(content, entries)


def _forms() -> dict[str, bytes]:
    doubling = [_form(b"/A Do /A Do", b"/A %d 0 R" % (at + 1)) for at in range(5, 34)]
    tens = [_form(b"/A Do " * 10, b"/A %d 0 R" % (at + 1)) for at in range(5, 15)]
    last = _form(b"0 0 5 5 re f", b"")
    use = b"/XObject << /A 5 0 R >>"
    glyphs = b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 65 /LastChar 65 /Widths [9] "
    glyphs += b"/Encoding << /Differences [65 /A] >> /CharProcs << /A 6 0 R >> /Resources << /Font << /F 5 0 R >> >> >>"
    return {
        "a drawing of itself": _one_page(b"/A Do", resources=use, more=[_form(b"/A Do", b"/A 5 0 R")]),
        "two drawings of one another": _one_page(
            b"/A Do", resources=use, more=[_form(b"/A Do", b"/A 6 0 R"), _form(b"/A Do", b"/A 5 0 R")]
        ),
        "a drawing of two, of two, thirty floors high": _one_page(b"/A Do", resources=use, more=[*doubling, last]),
        "a drawing of ten, of ten, ten floors high": _one_page(b"/A Do", resources=use, more=[*tens, last]),
        "a letter drawn by itself": _one_page(
            b"BT /F 9 Tf (AAAA) Tj ET", resources=b"/Font << /F 5 0 R >>", more=[glyphs, _stream(b"BT /F 9 Tf (AAAA) Tj ET")]
        ),
        "a veil that veils itself": _one_page(
            b"/G gs 0 0 300 420 re f",
            resources=b"/ExtGState << /G 5 0 R >>",
            more=[b"<< /SMask << /S /Luminosity /G 6 0 R >> >>", _stream(b"/G gs 0 0 9 9 re f", _VEIL)],
        ),
        "a font that is the page": _one_page(b"BT /F 9 Tf (A) Tj ET", resources=b"/Font << /F 3 0 R >>"),
        "a font of fonts of itself": _one_page(
            b"BT /F 9 Tf (A) Tj ET",
            resources=b"/Font << /F 5 0 R >>",
            more=[b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding 5 0 R /DescendantFonts [5 0 R] /ToUnicode 5 0 R >>"],
        ),
    }


_VEIL = b"/Type /XObject /Subtype /Form /BBox [0 0 300 420] /Group << /S /Transparency >> /Resources << /ExtGState << /G 5 0 R >> >>"


def _drawings() -> dict[str, bytes]:
    tile = b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.0001 /YStep 0.0001 /Resources << >>"
    tiled = b"/Pattern cs /P scn 0 0 300 420 re f"
    shade = b"<< /Type /Pattern /PatternType 2 /Shading << /ShadingType 1 /ColorSpace /DeviceRGB /Domain [0 1 0 1] /Function 6 0 R >> >>"
    program = b"{ " + b"dup mul " * 20_000 + b"}"
    dotted = b"[0.00001 0.00001] 0 d 0.1 w 0 0 m 300 420 l S "
    return {
        "tiles of a ten-thousandth": _one_page(tiled, resources=b"/Pattern << /P 5 0 R >>", more=[_stream(b"0 0 1 1 re f", tile)]),
        "tiles of themselves": _one_page(
            tiled,
            resources=b"/Pattern << /P 5 0 R >>",
            more=[_stream(tiled, tile.replace(b"0.0001", b"1").replace(b"<< >>", b"<< /Pattern << /P 5 0 R >> >>"))],
        ),
        "shades by a long program": _one_page(
            tiled,
            resources=b"/Pattern << /P 5 0 R >>",
            more=[shade, _stream(program, b"/FunctionType 4 /Domain [0 1 0 1] /Range [0 1 0 1 0 1]")],
        ),
        "dots of a hundred-thousandth": _one_page(dotted * 200),
        "half a million lines": _one_page(b"0 0 m 300 420 l S " * 500_000),
        "half a million corners of one shape": _one_page(b"0 0 m " + b"300 420 l 0 420 l " * 250_000 + b"f"),
        "two million brackets of state": _one_page(b"q " * 2 * MEGABYTE),
        "half a million letters on one place": _one_page(
            b"BT /F 10 Tf 20 300 Td (%b) Tj ET" % (b"A" * 500_000),
            resources=b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Courier >> >>",
        ),
        "letters of a billion points": _one_page(
            b"BT /F 1000000000 Tf 20 300 Td (KUITTI) Tj ET",
            resources=b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Courier >> >>",
        ),
        "numbers beyond numbers": _one_page(b"1e999 -1e999 99999999999999999999 0 0 0 cm 0 0 1e38 1e38 re f"),
        "an inline picture without an end": _one_page(b"BI /W 60000 /H 60000 /BPC 8 /CS /RGB ID " + b"\xff" * 500),
        "words that mean nothing": _one_page(b"Do gs scn Tj TJ ' \" cm d0 d1 sh BX EX MP " * 20_000),
    }


def _images() -> dict[str, bytes]:
    def of(body: bytes, entries: bytes, *, more: Sequence[bytes] = ()) -> bytes:
        image = _stream(body, b"/Type /XObject /Subtype /Image " + entries)
        return _one_page(b"300 0 0 420 0 0 cm /I Do", resources=b"/XObject << /I 5 0 R >>", more=[image, *more])

    size = b"/Width 60 /Height 60 /BitsPerComponent 8 /ColorSpace %b "
    junk = b"\x5a" * 4000
    bomb = _zeros(450)
    grey = size % b"/DeviceGray"
    return {
        "a picture of 60,000 x 60,000": of(
            bomb, b"/Width 60000 /Height 60000 /BitsPerComponent 1 /ColorSpace /DeviceGray /Filter /FlateDecode"
        ),
        "a picture of 2 billion x 2 billion": of(junk, b"/Width 2147483647 /Height 2147483647 /BitsPerComponent 8 /ColorSpace /DeviceGray"),
        "a picture of minus": of(junk, b"/Width -60 /Height -60 /BitsPerComponent 8 /ColorSpace /DeviceGray"),
        "a picture of 99 bits": of(junk, b"/Width 60 /Height 60 /BitsPerComponent 99 /ColorSpace /DeviceGray"),
        **{
            f"a picture of junk by {name}": of(junk, grey + b"/Filter /" + name.encode())
            for name in ("DCTDecode", "JPXDecode", "JBIG2Decode", "CCITTFaxDecode", "LZWDecode", "FlateDecode", "ASCII85Decode")
        },
        "a fax of a billion columns": of(
            junk, grey + b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 1000000000 /Rows 1000000000 >>"
        ),
        "colours that are themselves": of(junk, size % b"6 0 R", more=[b"[/Indexed 6 0 R 255 (abc)]"]),
        "colours of a billion": of(junk, size % b"[/Indexed /DeviceRGB 1000000000 (abc)]"),
        "colours of 40 inks": of(junk, size % (b"[/DeviceN [%b] /DeviceCMYK 6 0 R]" % (b"/Ink " * 40)), more=[b"<< /FunctionType 2 >>"]),
        "colours of junk": of(junk, size % b"[/ICCBased 6 0 R]", more=[_stream(junk, b"/N 99")]),
        "a picture veiled by itself": of(junk, grey + b"/SMask 5 0 R /Mask 5 0 R"),
        "globals that are the picture": of(junk, grey + b"/Filter /JBIG2Decode /DecodeParms << /JBIG2Globals 5 0 R >>"),
    }


def _objects() -> dict[str, bytes]:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 420] /Contents %b >>"
    chain = [b"%d 0 R" % (at + 1) for at in range(5, 3000)]
    return {
        "200,000 objects": pdf([CATALOGUE, TREE, page % b"4 0 R", *[b"null"] * 200_000]),
        "objects that are one another": pdf([CATALOGUE, TREE, page % b"4 0 R", b"5 0 R", b"4 0 R"]),
        "an object that is itself": pdf([CATALOGUE, TREE, page % b"4 0 R", b"4 0 R"]),
        "an object that is another, 3,000 times": pdf([CATALOGUE, TREE, page % b"4 0 R", b"5 0 R", *chain, b"null"]),
        "an object of number 4 billion": pdf([CATALOGUE, TREE, page % b"4294967295 0 R"]),
    }
