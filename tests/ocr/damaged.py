"""Files that were sound once, or nearly: cut off, flipped, overwritten, misnamed, or of colours and sizes that nobody expects.

None of them has an outcome of its own here: each must be refused or read, in time, and harm nothing.
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pillow_heif
from PIL import Image

from tests.ocr.damaged_pdfs import hostile_pdfs
from tests.ocr.drawn import GROCERY, drawn, saved
from tests.ocr.odd_pictures import interlaced_png, odd_pictures
from tests.ocr.pdfs import pdf_of_text

LINES = (*GROCERY[:4], "KAHVI                  2,95", "YHTEENSÄ EUR           2,95")
FLIPS = (1, 2, 4, 8, 16, 64, 256, 1024)


@dataclass(frozen=True)
class Damaged:
    """A file as somebody may upload it."""

    name: str
    content: bytes
    filename: str


def damaged() -> list[Damaged]:
    """Return all of them, the same ones every time."""
    kinds = sound()
    pictures = [Damaged(name, content, f"odd.{name.partition(' ')[0].lower()}") for name, content in odd_pictures().items()]
    pdfs = [Damaged(f"PDF: {name}", content, "hostile.pdf") for name, content in hostile_pdfs().items()]
    return [*_cut(kinds), *_flipped(kinds), *_overwritten(kinds), *_misnamed(kinds), *pictures, *pdfs]


def sound() -> dict[str, bytes]:
    """Return a small receipt in every kind of file that is read, by the end of its name and how it is packed."""
    receipt = drawn(LINES, size=18)
    colours, bits = receipt.convert("RGB"), receipt.convert("1")
    noisy = Image.blend(colours, Image.effect_noise(colours.size, 60).convert("RGB"), 0.05)
    return {
        "jpg baseline": saved(noisy, "JPEG", quality=80),
        "jpg progressive": saved(noisy, "JPEG", quality=80, progressive=True),
        "png": saved(noisy, "PNG"),
        "png interlaced": interlaced_png(receipt),
        "webp lossy": saved(noisy, "WEBP", quality=80),
        "webp lossless": saved(colours, "WEBP", lossless=True),
        "webp animated": saved(colours, "WEBP", save_all=True, append_images=[noisy, colours], duration=100),
        "tif LZW": saved(colours, "TIFF", compression="tiff_lzw"),
        "tif G4": saved(bits, "TIFF", compression="group4"),
        "tif pages": saved(bits, "TIFF", compression="group4", save_all=True, append_images=[bits, bits]),
        "heic": heic(noisy),
        "pdf text": pdf_of_text([LINES, LINES]),
        "pdf scan": saved(colours, "PDF", resolution=100),
    }


def heic(picture: Image.Image, **options: object) -> bytes:
    """Return a picture as a phone packs it."""
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, **{"quality": 80, **options})
    return file.getvalue()


def _cut(kinds: dict[str, bytes]) -> Iterator[Damaged]:
    for name, content in kinds.items():
        for tenth in range(1, 10):
            yield Damaged(f"{name} cut at {tenth} tenths", content[: len(content) * tenth // 10], _filename(name))


def _flipped(kinds: dict[str, bytes]) -> Iterator[Damaged]:
    for name, content in kinds.items():
        for flips in FLIPS:
            chance, flipped = random.Random(f"{name} {flips}"), bytearray(content)  # noqa: S311 - the same bits every time
            for _ in range(flips):
                # the first bytes say what it is: with those gone it is refused at once, and nothing is learnt
                flipped[chance.randrange(16, len(content))] ^= 1 << chance.randrange(8)
            yield Damaged(f"{name} with {flips} bits flipped", bytes(flipped), _filename(name))


def _overwritten(kinds: dict[str, bytes]) -> Iterator[Damaged]:
    for name, content in kinds.items():
        half, quarter = len(content) // 2, len(content) // 4
        noise = random.Random(name).randbytes(len(content))  # noqa: S311 - as above
        yield Damaged(f"{name} with a quarter of zeros", content[:half] + bytes(quarter) + content[half + quarter :], _filename(name))
        yield Damaged(f"{name} with a quarter of noise", content[:half] + noise[:quarter] + content[half + quarter :], _filename(name))
        yield Damaged(f"{name} without its middle", content[:half] + content[half + quarter :], _filename(name))
        yield Damaged(f"{name} twice in one file", content + content, _filename(name))
        yield Damaged(f"{name} with a head of 64 bytes and noise", content[:64] + noise, _filename(name))


def _misnamed(kinds: dict[str, bytes]) -> Iterator[Damaged]:
    names = list(kinds)
    for name, other in zip(names, names[5:] + names[:5], strict=True):
        yield Damaged(f"{name} under another name", kinds[name], _filename(other))
    yield Damaged("jpg without a name's end", kinds["jpg baseline"], "kuitti")
    yield Damaged("png named as a program", kinds["png"], "..\\..\\kuitti.png.exe")
    yield Damaged("pdf named as a path", kinds["pdf text"], "../../../etc/passwd")
    yield Damaged("png with a name of 5,000 letters", kinds["png"], "k" * 5000 + ".png")


def _filename(name: str) -> str:
    return f"kuitti.{name.partition(' ')[0]}"
