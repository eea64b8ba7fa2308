"""Pictures drawn for vision: portraits of nobody, the label of a device, a receipt."""

import io

import zxingcpp
from PIL import Image

from samples.people import group
from tests.ocr.drawn import GROCERY, drawn, saved

PLACES = ((60, 80, 220), (380, 60, 300), (740, 150, 180), (200, 400, 140))
IMEI = "490154203237518"
SERIAL = "C02X91FHJ1"


def people() -> bytes:
    """Return a picture with four portraits."""
    return saved(group((1000, 700), PLACES), "JPEG", quality=90)


def receipt() -> bytes:
    """Return a receipt."""
    return saved(drawn(GROCERY))


def label() -> bytes:
    """Return the label of a telephone: its text, a barcode of its number, and one of its serial number."""
    text = drawn(["Manufacturer: Koivu Oy", "Model: KX-200", f"S/N: {SERIAL}", f"IMEI {IMEI}"], size=30)
    picture = Image.new("L", (900, text.height + 420), 255)
    picture.paste(text, (0, 0))
    for row, content in enumerate((IMEI, SERIAL)):
        picture.paste(_barcode(content), (60, text.height + 10 + row * 200))
    return saved(picture)


def _barcode(content: str) -> Image.Image:
    made = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.Code128)
    return Image.fromarray(made.to_image(scale=3)).convert("L").resize((700, 150), Image.Resampling.NEAREST)


def opened(picture: bytes) -> Image.Image:
    """Return a picture as Pillow has it."""
    return Image.open(io.BytesIO(picture))
