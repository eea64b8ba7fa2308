"""Draws every sample and writes what stands on them: `python -m samples.generate OUT_DIR`."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from samples import invoices, receipts
from samples.paper import Paper, Row
from samples.photo import grain, on_desk, seen_askew, shaded, tinted, with_shadow
from samples.sale import Sale

ABOUT = (
    "What stands on each sample, by the field names of the REST API; null is not printed, and a row of one piece has no quantity. "
    "Every company is invented: the business ids have the right check digit but are from a range that has not been issued, and the "
    "bank accounts are the banks' own examples."
)
ORIENTATION = 0x0112
TURNED_RIGHT = 6  # EXIF: turn the stored picture a quarter to the right to see it upright
PALE_DESK = (196, 190, 182)
DARK_DESK = (74, 58, 48)

Draw = Callable[[Path], None]


def scanned(rows: list[Row], paper: Paper) -> Draw:
    """Return how to draw a receipt that a flat scanner saw: grey and clean."""
    return lambda path: paper.print_rows(rows).save(path, optimize=True, dpi=(200, 200))


def photographed(rows: list[Row], paper: Paper, *, degrees: float, quality: int, desk: tuple[int, int, int] = PALE_DESK) -> Draw:
    """Return how to draw a receipt that a phone saw on a table, upright."""

    def draw(path: Path) -> None:
        lying = on_desk(tinted(paper.print_rows(rows)), colour=desk, seed=path.name)
        seen = shaded(seen_askew(lying, degrees=degrees, pinch=0.012), darkest=0.78, slope_deg=35)
        grain(seen, amount=5, seed=path.name).save(path, quality=quality)

    return draw


def photographed_badly(rows: list[Row], paper: Paper) -> Draw:
    """Return how to draw a receipt that a phone held sideways saw askew, under the shadow of the hand that held it."""

    def draw(path: Path) -> None:
        lying = on_desk(tinted(paper.print_rows(rows)), colour=DARK_DESK, seed=path.name, margin=0.2)
        seen = shaded(seen_askew(lying, degrees=2.6, pinch=0.03), darkest=0.7, slope_deg=120)
        hand = with_shadow(seen, [(0.62, 1.0), (0.52, 0.62), (0.74, 0.48), (1.0, 0.55), (1.0, 1.0)], strength=0.34)
        sideways = grain(hand, amount=9, seed=path.name).transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[ORIENTATION] = TURNED_RIGHT
        sideways.save(path, quality=72, exif=exif)

    return draw


def documents() -> list[tuple[Sale, Draw]]:
    """Return every sample: what was sold, and how its file is drawn."""
    return [
        (receipts.GROCERY, scanned(receipts.grocery(), Paper())),
        (receipts.RESTAURANT, photographed(receipts.restaurant(), Paper(family="sans", size=23), degrees=0.8, quality=70)),
        (receipts.FUEL, scanned(receipts.fuel(), Paper(width=700, size=24, ink=70, shade=244))),
        (receipts.HARDWARE, photographed_badly(receipts.hardware(), Paper(width=820, size=27))),
        (receipts.ISLAND, photographed(receipts.island(), Paper(ink=60), degrees=-1.1, quality=68, desk=DARK_DESK)),
        (receipts.CAFE, photographed(receipts.cafe(), Paper(family="sans", size=24), degrees=0.5, quality=60)),
        (receipts.KIOSK, photographed(receipts.kiosk(), Paper(width=720, size=24, ink=82), degrees=-0.6, quality=68)),
        (receipts.TAXI, photographed(receipts.taxi(), Paper(width=680, size=26), degrees=1.4, quality=68)),
        (invoices.OFFICE, invoices.draw_office),
        (invoices.ELECTRICIAN, invoices.draw_electrician),
        (invoices.HOTEL, invoices.draw_hotel),
    ]


def truth() -> dict[str, object]:
    """Return what stands on every sample."""
    return {"about": ABOUT, "documents": [sale.truth() for sale, _ in documents()]}


def generate(folder: Path) -> list[Path]:
    """Draw every sample into the folder, which is made, write truth.json beside them, and return the samples' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for sale, draw in documents():
        path = folder / sale.file
        draw(path)
        paths.append(path)
    (folder / "truth.json").write_text(json.dumps(truth(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return paths


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 2 when it was called wrongly."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m samples.generate OUT_DIR\n")
        return 2
    for path in generate(Path(arguments[0])):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
