"""What confidences mean, fitted to what `bench/ocr.py` has seen, and whether that holds for documents it was not fitted to.

    bench/ocr_confidence.py [build/bench/ocr.json ...] [--write]

`--write` puts the map into converto/ocr/understanding/calibration.json. A picture is written to build/bench.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.measuring.reliability import SURE, Observation, cross_validated, drawing, fitted, sure_and_right
from bench.measuring.rounds import verdict
from bench.measuring.scoring import wilson

ROOT = Path(__file__).parents[1]
SEEN = ROOT / "build" / "bench" / "ocr.json"
MAP = ROOT / "converto" / "ocr" / "understanding" / "calibration.json"
LEAST_RIGHT = 0.98
ABOUT = (
    "What a confidence of the rules means, by way of reading and field: pairs of one as the rules give it and the share of values that "
    "were right there, each share with one wrong value more than was seen. Made by bench/ocr_confidence.py --write."
)


def main() -> None:
    """Fit, try on other documents, print; end with 1 where values that are marked as sure are wrong too often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seen", type=Path, nargs="*", default=[SEEN])
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    if not all(path.exists() for path in told.seen):
        sys.exit("Run bench/ocr.py first: it writes what is fitted here.")
    seen = [Observation(**one) for path in told.seen for one in json.loads(path.read_text(encoding="utf-8"))["observations"]]
    tried = cross_validated(seen)
    raw = [(one.confidence, one.right) for one in seen]
    figures = {name: _figures(values) for name, values in (("as the rules give it", raw), ("cross-validated", tried))}
    for name, found in figures.items():
        print(f"{name:22s} {found}")
    SEEN.parent.mkdir(parents=True, exist_ok=True)
    picture = drawing({"as the rules give it": raw, "cross-validated": tried}, title="Confidence and correctness")
    (SEEN.parent / "ocr-confidence-cross-validated.svg").write_text(picture, encoding="utf-8")
    if told.write:
        fit = {"documents": len({one.document for one in seen}), "values": len(seen), "cross_validated": figures["cross-validated"]}
        MAP.write_text(json.dumps({"about": ABOUT, "fit": fit, "maps": fitted(seen)}, indent=1) + "\n", encoding="utf-8")
    right, marked = sure_and_right(tried)
    sys.exit(0 if not marked or verdict("right among those marked as sure", right / marked, at_least=LEAST_RIGHT) else 1)


def _figures(values: Sequence[tuple[float, bool]]) -> str:
    right, marked = sure_and_right(values)
    low, high = wilson(right, marked)
    brier = sum((confidence - is_right) ** 2 for confidence, is_right in values) / max(1, len(values))
    share = f"{right / marked:.3f} right ({low:.3f}-{high:.3f})" if marked else "none"
    return f"{len(values)} values; marked {SURE} or more {marked}: {share}, {marked - right} wrong; Brier score {brier:.4f}"


if __name__ == "__main__":
    main()
