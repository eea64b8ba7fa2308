"""PDFs with files attached, as e-invoices come."""

from collections.abc import Mapping, Sequence

from tests.ocr.pdfs import pdf


def pdf_with(files: Mapping[str, bytes], lines: Sequence[str], *, size: tuple[int, int] = (420, 320)) -> bytes:
    """Return a PDF of one page of text, in Courier, to which files are attached."""
    shown = b" T* ".join(b"(%b) Tj" % line.replace("(", r"\(").replace(")", r"\)").encode("cp1252") for line in lines)
    content = b"BT /F 10 Tf 12 TL 20 %d Td %b ET" % (size[1] - 30, shown)
    names = b" ".join(b"(%b) %d 0 R" % (name.encode(), 6 + 2 * at) for at, name in enumerate(files))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [%b] >> >> >>" % names,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F 4 0 R >> >> /Contents 5 0 R >>" % size,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
    ]
    for at, (name, file) in enumerate(files.items()):
        objects.append(b"<< /Type /Filespec /F (%b) /UF (%b) /EF << /F %d 0 R >> >>" % (name.encode(), name.encode(), 7 + 2 * at))
        objects.append(b"<< /Type /EmbeddedFile /Length %d >>\nstream\n%b\nendstream" % (len(file), file))
    return pdf(objects)
