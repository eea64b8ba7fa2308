"""The answer keys of a document: in what is attached to it, in its text, and in the codes on its pages."""

import re
from collections.abc import Sequence

from converto.kernel.e_invoices.cross_industry import ROOTS, read_cross_industry
from converto.kernel.e_invoices.e_invoice import EInvoice
from converto.kernel.e_invoices.xml_tree import UnreadableXml
from converto.ocr.answer_keys import codes
from converto.ocr.answer_keys.codes import Code
from converto.ocr.answer_keys.payments import Payment, distinct, payment_of, printed_payments
from converto.ocr.answer_keys.told import AnswerKeys
from converto.ocr.files.code_bearing import CodeBearing
from converto.ocr.files.pages import Pages
from converto.ocr.words import Page

# How many pages are looked at: a code stands on the first page or the last, while an account may stand below each of fifty.
_FIRST_AND_LAST = 2
_TO_BE_PAID = re.compile(
    r"\b(iban|bic|viite|viitenumero|viitenro|tilinumero|tilisiirto|viivakoodi|virtuaaliviivakoodi|saajan|erapaiva|erapvm|eraantyy"
    r"|due date|payment slip|bankgiro|plusgiro|forfallodag|forfallodatum|oss tillhanda|girocode|zahlbar|uberweisung)\b"
)


def keys_on_pages(pages: Pages, read: Sequence[Page]) -> AnswerKeys:
    """Return what a document tells without guessing.

    Codes are looked for on pages that were read from pixels, and on a page with text of its own only where it asks to be paid and no
    e-invoice or printed barcode says how.
    """
    invoice, unreadable = _invoice(pages.attached_xml())
    printed = distinct([payment for page in read for payment in printed_payments(page.lines)])
    if invoice is not None or printed:
        return AnswerKeys(invoice, printed, None if invoice is not None else unreadable)
    pictured = {page.number for page in read if not _has_own_text(page)}
    asking = [page.number for page in read if any(_TO_BE_PAID.search(line.folded) for line in page.lines)]
    looked_at = _ends([page.number for page in read if page.number in pictured or page.number in asking])
    payments = [payment for number in looked_at for payment in _payments(_glance(pages, number, has_text=number not in pictured))]
    if not payments:
        payments = _searched(pages, [number for number in looked_at if number in pictured and number in asking])
    return AnswerKeys(None, distinct(payments), unreadable)


def _glance(pages: Pages, number: int, *, has_text: bool) -> Sequence[Code]:
    """Return the codes that a first look at a page finds; a page of nothing but text and a few lines need not be drawn for that."""
    if has_text:
        bearing = pages.bearing(number)
        if bearing.by is CodeBearing.NOTHING:
            return ()
        if bearing.by is CodeBearing.SHAPES:
            return codes.on_drawn(pages.drawn(number, bearing.area), page=number)
    return codes.glance(pages.shown(number), page=number, is_upright=has_text)


def _invoice(attached: Sequence[bytes]) -> tuple[EInvoice | None, str | None]:
    """Return the e-invoice of the newest kind, and why one could not be read where none could."""
    found: list[tuple[int, EInvoice]] = []
    unreadable = None
    for content in attached:
        try:
            read = read_cross_industry(content)
        except UnreadableXml as error:
            unreadable = str(error)
            continue
        if read is not None:
            found.append((ROOTS.index(read[0]), read[1]))
    return (min(found, key=lambda entry: entry[0])[1], None) if found else (None, unreadable)


def _searched(pages: Pages, numbers: Sequence[int]) -> list[Payment]:
    """Return the payments on the first page on which a search finds any; it ends with the first look that does."""
    for number in numbers:
        shown = pages.shown(number)
        for found in codes.search(shown, page=number) if codes.has_bars(shown) else ():
            payments = _payments(found)
            if payments:
                return payments
    return []


def _payments(found: Sequence[Code]) -> list[Payment]:
    read = (payment_of(code.content, is_qr=code.is_qr, page=code.page, box=code.box) for code in found)
    return [payment for payment in read if payment is not None]


def _has_own_text(page: Page) -> bool:
    """Tell whether a page is text, not pixels: no recogniser is certain of each of its words."""
    return bool(page.lines) and all(word.confidence == 1.0 for line in page.lines for word in line.words)


def _ends(numbers: Sequence[int]) -> Sequence[int]:
    return numbers if len(numbers) <= 2 * _FIRST_AND_LAST else [*numbers[:_FIRST_AND_LAST], *numbers[-_FIRST_AND_LAST:]]
