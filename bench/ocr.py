"""How well documents are read and what that costs: each engine and the cascade beside the bare `tesseract` command, in turns.

Without a folder the project's own samples are read, as they are and blurred, tilted and faded. A table, what was read, and a picture of
confidence against correctness are written to build/bench.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench.measuring import documents, ocr_ways, reliability
from bench.measuring.documents import Document
from bench.measuring.ocr_ways import Outcome
from bench.measuring.reliability import Observation
from bench.measuring.rounds import verdict
from bench.measuring.scoring import is_right, rows_right, wilson, word_f1
from converto.kernel.clock import now
from converto.ocr.document import EngineChoice, Source
from converto.ocr.reading import read
from converto.ocr.understanding import calibration

OUT = Path(__file__).parents[1] / "build" / "bench"
OWN_LIMIT = 16
MOST_SHARE_OF_BARE = 0.65
LEAST_PAGES_A_SECOND = 50.0
# Words are read as well when they are read this nearly as well.
AS_WELL = 0.005
SHOWN = ("total", "date", "vendor", "business_id")
TEXT_PDF, TEXT_ROUNDS = documents.SAMPLES / "09-invoice.pdf", 20

Read = dict[str, dict[Path, Outcome]]


def main() -> None:
    """Measure, print, write; end with 1 where a limit is broken."""
    told = _arguments()
    with ExitStack() as stack:
        chosen = [one for folder in told.folders for one in documents.given(folder, told.languages.split("+"))]
        chosen = _spread(chosen or stack.enter_context(documents.own()), told.limit or (0 if chosen else OWN_LIMIT))
        found = _read(chosen, told.engines.split(","))
    table = _table(chosen, found)
    print("\n".join(table))
    seen = _observations(chosen, found)
    told.out.mkdir(parents=True, exist_ok=True)
    (told.out / "ocr.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    (told.out / "ocr.json").write_text(json.dumps({"observations": [asdict(one) for one in seen]}), encoding="utf-8")
    raw = [(one.confidence, one.right) for one in seen]
    shown = [(calibration.meaning(one.field, one.confidence, one.way), one.right) for one in seen]
    series = {"as the rules give it": raw, "as it is told": shown}
    (told.out / "ocr-confidence.svg").write_text(reliability.drawing(series, title="Confidence and correctness"), encoding="utf-8")
    _confident(seen, shown)
    sys.exit(0 if _keeps_limits(chosen, found) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", help="folders with img/ and gt.json, see bench/README.md")
    parser.add_argument("--languages", default="eng", help="of the documents in the folders")
    parser.add_argument("--engines", default="tesseract,rapidocr,auto")
    parser.add_argument("--limit", type=int, default=0, help="take only so many documents, spread evenly")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def _spread(all_of_them: Sequence[Document], limit: int) -> list[Document]:
    if not limit or limit >= len(all_of_them):
        return list(all_of_them)
    return [all_of_them[number * len(all_of_them) // limit] for number in range(limit)]


def _read(chosen: Sequence[Document], engines: Sequence[str]) -> Read:
    ways = ocr_ways.ways(engines)
    for way in ways.values():
        way(next(one for one in chosen if one.is_picture))  # models are loaded before anything counts
    found: Read = {name: {} for name in ways}
    for number, document in enumerate(chosen):
        for name in ways if number % 2 else reversed(ways):
            if document.is_picture or name in engines:
                found[name][document.path] = ocr_ways.read_by(ways[name], document)
    return found


def _table(chosen: Sequence[Document], found: Read) -> list[str]:
    pictures = [one for one in chosen if one.is_picture]
    rows = [
        f"{len(chosen)} documents, {len(pictures)} of them pictures; processor seconds a picture; shares with 95 % intervals (Wilson).",
        "",
        "| | CPU s | x command | words F1 | " + " | ".join(SHOWN) + " | VAT rows | engines used |",
        "|---|---|---|---|" + "---|" * (len(SHOWN) + 2),
    ]
    for name, outcomes in found.items():
        seconds, ratio = _cost(pictures, outcomes), _ratio(pictures, found, name, ocr_ways.COMMAND)
        cells = [name, f"{seconds:.2f}", f"{ratio:.2f}", _f1(chosen, outcomes)]
        cells += [_share(*_right(chosen, outcomes, field)) for field in SHOWN]
        cells += [_share(*_rows(chosen, outcomes)), _used(outcomes)]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _cost(pictures: Sequence[Document], outcomes: Mapping[Path, Outcome]) -> float:
    return sum(outcomes[one.path].processor_s for one in pictures) / max(1, len(pictures))


def _ratio(pictures: Sequence[Document], found: Read, name: str, other: str) -> float:
    return _cost(pictures, found[name]) / _cost(pictures, found[other])


def _f1(chosen: Sequence[Document], outcomes: Mapping[Path, Outcome]) -> str:
    pairs = [(one.words, outcomes[one.path].text) for one in chosen if one.words and one.path in outcomes]
    return f"{word_f1(pairs):.3f}" if pairs else "-"


def _right(chosen: Sequence[Document], outcomes: Mapping[Path, Outcome], field: str) -> tuple[int, int]:
    right = count = 0
    for one in chosen:
        reading = outcomes[one.path].reading if one.path in outcomes else None
        if reading is not None and field in one.fields:
            value = getattr(reading.fields, field)
            right += value is not None and is_right(field, one.fields[field], value.value)
            count += 1
    return right, count


def _rows(chosen: Sequence[Document], outcomes: Mapping[Path, Outcome]) -> tuple[int, int]:
    read_rows = [
        (rows_right(one.vat_lines, reading.vat_lines), len(one.vat_lines))
        for one in chosen
        if one.path in outcomes and (reading := outcomes[one.path].reading) is not None
    ]
    return sum(right for right, _ in read_rows), sum(count for _, count in read_rows)


def _share(right: int, count: int) -> str:
    low, high = wilson(right, count)
    return f"{right / count:.3f} ({low:.3f}-{high:.3f}, n {count})" if count else "-"


def _used(outcomes: Mapping[Path, Outcome]) -> str:
    used = Counter("+".join(use.name for use in one.reading.engines) for one in outcomes.values() if one.reading is not None)
    return ", ".join(f"{name} {count / used.total():.0%}" for name, count in used.most_common())


def _observations(chosen: Sequence[Document], found: Read) -> list[Observation]:
    """Return every field that was read from pixels and whose truth is known; what both engines read counts once."""
    seen = []
    for engine, outcomes in found.items():
        for one in chosen:
            reading = outcomes[one.path].reading if one.path in outcomes else None
            way = calibration.way_of([use.name for use in reading.engines]) if reading is not None else ""
            if reading is None or not way or (engine == EngineChoice.AUTO.value and way != calibration.BOTH):
                continue
            for field, printed in one.fields.items():
                value = getattr(reading.fields, field, None)
                if value is not None and value.source is Source.OCR:
                    right = is_right(field, printed, value.value)
                    seen.append(Observation(one.path.stem, way, field, value.confidence, right))
    return seen


def _confident(seen: Sequence[Observation], shown: Sequence[tuple[float, bool]]) -> None:
    right, marked = reliability.sure_and_right(shown)
    print(f"\nmarked {reliability.SURE} sure or more: {marked} of {len(seen)} values, right {_share(right, marked)}")
    for one, (confidence, is_correct) in zip(seen, shown, strict=True):
        if confidence >= reliability.SURE and not is_correct:
            print(f"  wrong but confident: {one.field} of {one.document} by {one.way}, {confidence}")


def _keeps_limits(chosen: Sequence[Document], found: Read) -> bool:
    pictures = [one for one in chosen if one.is_picture]
    kept = []
    for ours, bare in (("tesseract", ocr_ways.COMMAND), ("rapidocr", ocr_ways.RAPIDOCR)):
        if ours in found and bare in found:
            kept.append(verdict(f"{ours} by {bare}, processor time", _ratio(pictures, found, ours, bare), at_most=MOST_SHARE_OF_BARE))
            ours_f1, bare_f1 = _f1(pictures, found[ours]), _f1(pictures, found[bare])
            if ours_f1 != "-":
                kept.append(verdict(f"{ours} less {bare}, words F1", float(ours_f1) - float(bare_f1), at_least=-AS_WELL))
    kept.append(verdict("pages of text a second and core", _text_pages_a_second(), at_least=LEAST_PAGES_A_SECOND))
    return all(kept)


def _text_pages_a_second() -> float:
    """Return the median of many readings, after one that loads what the first one needs."""
    content, taken = TEXT_PDF.read_bytes(), list[float]()
    for _ in range(TEXT_ROUNDS + 1):
        begun = time.process_time()
        pages = read(content, languages=["fin"], today=now().date()).pages
        taken.append((time.process_time() - begun) / pages)
    return 1 / statistics.median(taken[1:])


if __name__ == "__main__":
    main()
