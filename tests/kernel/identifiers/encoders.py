"""Bank barcodes and payment QR codes as their guides have them written, for the reader to read back."""

import datetime
import io
from decimal import Decimal
from typing import Any

import segno
from PIL import Image
from reportlab.graphics.barcode.code128 import Code128

_WEIGHTS = (7, 3, 1)
_UNIT = 20


def reference_number(base: str) -> str:
    """Return a national reference number: a base with its check digit."""
    total = sum(int(digit) * _WEIGHTS[at % 3] for at, digit in enumerate(reversed(base)))
    return base + str(-total % 10)


def creditor_reference(number: str) -> str:
    """Return an international reference (ISO 11649) for a number."""
    return f"RF{98 - int(number + '271500') % 97:02d}{number}"


def finnish_iban(base: str) -> str:
    """Return a Finnish account for its first thirteen digits: with the bank's own check digit and the international ones."""
    doubled = [int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(base))]
    account = base + str(-sum(sum(divmod(value, 10)) for value in doubled) % 10)
    return f"FI{98 - int(account + '151800') % 97:02d}{account}"


def barcode_digits(iban: str, amount: Decimal | None, reference: str, due_date: datetime.date | None) -> str:
    """Return the 54 digits of a bank barcode: version 5 for an RF reference, else version 4."""
    cents = f"{int((amount or 0) * 100):08d}"
    day = due_date.strftime("%y%m%d") if due_date else "000000"
    if reference.startswith("RF"):
        return f"5{iban[2:]}{cents}{reference[2:4]}{reference[4:]:0>21}{day}"
    return f"4{iban[2:]}{cents}000{reference:0>20}{day}"


def bars_of(digits: str) -> tuple[list[tuple[int, int]], int]:
    """Return the bars of a Code 128, from where and how wide, and the width of it all, in widths of the narrowest bar."""
    code: Any = Code128(digits)
    code.validate()
    code.encode()
    code.decompose()
    bars, x = [], 0
    for letter in code.decomposed:
        # Capitals are bars, small letters are gaps; their place in the alphabet is how wide they are.
        wide = ord(letter.lower()) - ord("a") + 1
        if letter.isupper():
            bars.append((x, wide))
        x += wide
    return bars, x


def drawn_barcode(digits: str, *, module: int = 3, height: int = 90) -> Image.Image:
    """Return a Code 128 as a picture, each of its narrowest bars `module` pixels wide."""
    bars, width = bars_of(digits)
    picture = Image.new("L", ((width + 2 * _UNIT) * module, height + 2 * _UNIT), 255)
    for x, wide in bars:
        left = (_UNIT + x) * module
        picture.paste(0, (left, _UNIT, left + wide * module, _UNIT + height))
    return picture


def transfer_text(*lines: str) -> str:
    """Return the payload of a payment QR code: its lines behind the service tag."""
    return "\n".join(("BCD", *lines))


def drawn_qr(payload: str | bytes, *, scale: int = 5) -> Image.Image:
    """Return a QR code as a picture."""
    file = io.BytesIO()
    segno.make(payload, error="m", micro=False).save(file, kind="png", scale=scale)
    return Image.open(file).convert("L")
