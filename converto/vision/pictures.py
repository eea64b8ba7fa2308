"""Pictures: opened with every care, made smaller, blurred. Only workers decode one."""

import base64
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageFilter, ImageOps

from converto.kernel.decoders import DECODER_ERRORS
from converto.ocr.interface import Box
from converto.vision.refusals import DamagedPicture, TooManyPixels, TooSmall

MAX_PIXELS = 80_000_000
MIN_SIDE_PIXELS = 24
JPEG_QUALITY = 88
_FORMATS = {"JPEG": ("JPEG", "MPO"), "PNG": ("PNG",), "WebP": ("WEBP",), "TIFF": ("TIFF",), "HEIC": ("HEIF",)}
# A face is cut into so few squares that none of its parts is left, with what stands around it.
_SQUARES, _AROUND = 5, 0.25


def opened(picture: bytes, kind: str) -> Image.Image:
    """Return a picture upright, of red, green and blue, on white. Raises DamagedPicture, TooManyPixels, TooSmall."""
    if kind == "HEIC":
        import pi_heif  # noqa: PLC0415 - its codec takes 5 MB, which few pictures need

        pi_heif.register_heif_opener()
    with _decoding(kind), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(picture), formats=_FORMATS[kind]) as found:
            if found.width * found.height > MAX_PIXELS:
                raise TooManyPixels(max_pixels=MAX_PIXELS)
            if min(found.size) < MIN_SIDE_PIXELS:
                raise TooSmall(width=found.width, height=found.height, min_pixels=MIN_SIDE_PIXELS)
            return _on_white(ImageOps.exif_transpose(found))


@contextmanager
def _decoding(kind: str) -> Iterator[None]:
    try:
        yield
    except (TooManyPixels, TooSmall):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(max_pixels=MAX_PIXELS) from error
    except DECODER_ERRORS as error:
        raise DamagedPicture(kind=kind) from error


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    if picture.mode.startswith(("I", "F")):  # more than eight bits of grey
        return ImageOps.autocontrast(picture.convert("F").point(lambda value: value / 256).convert("L")).convert("RGB")
    return picture.convert("RGB")


def within(picture: Image.Image, side_pixels: int) -> Image.Image:
    """Return a picture whose longer side has at most so many pixels."""
    smaller = picture.copy()
    smaller.thumbnail((side_pixels, side_pixels), Image.Resampling.LANCZOS)
    return smaller


def jpeg(picture: Image.Image) -> str:
    """Return a picture as JPEG in base64, without anything beside its pixels."""
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(kept.getvalue()).decode()


def blurred(picture: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """Return a picture on which nothing is left of what is in the boxes, and a little around them."""
    without = picture.copy()
    for box in boxes:
        left, top = (box.x - box.width * _AROUND) * picture.width, (box.y - box.height * _AROUND) * picture.height
        right, bottom = (box.x + box.width * (1 + _AROUND)) * picture.width, (box.y + box.height * (1 + _AROUND)) * picture.height
        place = (max(0, round(left)), max(0, round(top)), min(picture.width, round(right)), min(picture.height, round(bottom)))
        size = (place[2] - place[0], place[3] - place[1])
        if min(size) > 0:
            squares = picture.crop(place).resize((_SQUARES, _SQUARES), Image.Resampling.BOX)
            without.paste(squares.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(max(size) / 20)), place)
    return without
