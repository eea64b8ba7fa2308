"""Barcodes and QR codes on pictures, by the real zxing-cpp."""

import datetime
from collections.abc import Iterator
from decimal import Decimal

import pytest
from PIL import Image, ImageFilter

from converto.ocr.answer_keys.codes import Code, glance, has_bars, search
from converto.ocr.answer_keys.payments import Payment, payment_of
from converto.ocr.document import Source
from tests.kernel.identifiers.encoders import barcode_digits, drawn_barcode, drawn_qr, transfer_text
from tests.ocr.drawn import GROCERY, drawn

IBAN = "FI2112345600000785"
DIGITS = barcode_digits(IBAN, Decimal("482.99"), "1234561", datetime.date(2026, 12, 14))
# An A4 page at 200 dots an inch, its barcode 105 mm wide.
_PAGE = (1654, 2339)


def page(code: Image.Image, *, at: tuple[int, int] = (300, 1900)) -> Image.Image:
    """Return a code on an empty page."""
    paper = Image.new("L", _PAGE, 255)
    paper.paste(code, at)
    return paper


def payments(found: list[Code]) -> list[Payment]:
    read = [payment_of(code.content, is_qr=code.is_qr, page=code.page, box=code.box) for code in found]
    return [payment for payment in read if payment is not None]


def searched(picture: Image.Image) -> list[Payment]:
    assert has_bars(picture)
    looks: Iterator[list[Payment]] = (payments(look) for look in search(picture, page=1))
    return next((found for found in looks if found), [])


@pytest.mark.parametrize("turned", [0, 90, 180, 270, 3])
def test_a_glance_reads_a_barcode_upright_and_on_its_side(turned: int) -> None:
    [payment] = payments(glance(page(drawn_barcode(DIGITS)).rotate(turned, expand=True, fillcolor=255), page=2))

    assert (payment.iban, payment.amount, payment.source, payment.page) == (IBAN, Decimal("482.99"), Source.BARCODE, 2)


def test_where_a_code_stands_is_told_in_shares_of_the_page() -> None:
    code = drawn_qr(transfer_text("002", "1", "SCT", "", "Oy", IBAN, "EUR1.00"))

    [payment] = payments(glance(page(code, at=(827, 1000)), page=1))

    assert payment.box is not None
    assert (payment.box.x, payment.box.y) == pytest.approx((827 / 1654, 1000 / 2339), abs=0.02)
    assert payment.box.width == pytest.approx(code.width / 1654, abs=0.03)


def test_a_search_reads_what_is_leaning_and_faded() -> None:
    faded = (
        page(drawn_barcode(DIGITS, height=60))
        .crop((200, 1600, 1500, 2300))
        .rotate(9, fillcolor=255, resample=Image.Resampling.BICUBIC)
        .point(lambda value: 120 + value // 3)
    )

    assert [payment.iban for payment in searched(faded)] == [IBAN]


def test_a_search_reads_what_is_small_and_soft() -> None:
    small = page(drawn_barcode(DIGITS)).resize((900, 1273), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(0.4))

    assert [payment.iban for payment in searched(small)] == [IBAN]


def test_noise_is_no_code() -> None:
    noise = Image.effect_noise((600, 600), 90)

    assert [code for look in search(noise, page=1) for code in look] == []


def test_a_page_of_text_is_not_searched_for_a_barcode() -> None:
    assert not has_bars(drawn(GROCERY * 3))


@pytest.mark.parametrize("payload", ["https://example.com/receipt/7", DIGITS, "4" * 54])
def test_any_other_qr_code_asks_for_no_payment(payload: str) -> None:
    [code] = glance(drawn_qr(payload), page=1)

    assert payment_of(code.content, is_qr=code.is_qr, page=1, box=code.box) is None
