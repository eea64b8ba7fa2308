"""What confidences mean: fitted to what was right, tried on documents that they were not fitted to, and drawn."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from bench.measuring.scoring import wilson
from converto.ocr.understanding.calibration import Knots, between

SURE = 0.95
# So many values at least tell what a confidence means, and one wrong one more is reckoned with than was seen.
_LEAST_VALUES = 15
_MOST_SHARE = 0.99
_PARTS = 5
_BINS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.01)
_SIDE, _EDGE = 420, 60
_COLOURS = ("#c0392b", "#1f6fb2", "#2e8b57")

Maps = Mapping[str, Mapping[str, Knots]]


@dataclass(frozen=True)
class Observation:
    """A field that was read: on which document, in which way, how sure the rules were, and whether it was right."""

    document: str
    way: str
    field: str
    confidence: float
    right: bool


def fitted(seen: Iterable[Observation]) -> dict[str, dict[str, Knots]]:
    """Return what confidences mean, by way and field; none where too few values were seen."""
    grouped: dict[tuple[str, str], list[Observation]] = {}
    for one in seen:
        grouped.setdefault((one.way, one.field), []).append(one)
    maps: dict[str, dict[str, Knots]] = {}
    for (way, field), values in sorted(grouped.items()):
        if way and len(values) >= _LEAST_VALUES:
            maps.setdefault(way, {})[field] = _knots(values)
    return maps


def _knots(values: Sequence[Observation]) -> Knots:
    """Return rising pairs of confidence and share: each of enough values, joined with its neighbour where that is right as often."""
    blocks: list[_Block] = []
    for block in _blocks(sorted(values, key=lambda one: one.confidence)):
        blocks.append(block)
        while len(blocks) > 1 and blocks[-2].share >= blocks[-1].share:
            last = blocks.pop()
            blocks[-1] = _Block([*blocks[-1].values, *last.values])
    return [(round(block.confidence, 4), round(min(_MOST_SHARE, block.share), 4)) for block in blocks]


@dataclass(frozen=True)
class _Block:
    values: Sequence[Observation]

    @property
    def confidence(self) -> float:
        return sum(one.confidence for one in self.values) / len(self.values)

    @property
    def share(self) -> float:
        # one wrong value more than was seen
        return sum(one.right for one in self.values) / (len(self.values) + 1)


def _blocks(values: Sequence[Observation]) -> Iterator[_Block]:
    """Yield values of one confidence together, and so many of neighbouring ones that there are enough."""
    start = 0
    for at in range(1, len(values) + 1):
        ends = at == len(values) or values[at].confidence != values[at - 1].confidence
        rest = len(values) - at
        if ends and at - start >= _LEAST_VALUES and (rest >= _LEAST_VALUES or not rest):
            yield _Block(values[start:at])
            start = at
    if start < len(values):
        yield _Block(values[start:])


def means(maps: Maps, one: Observation) -> float:
    """Return what the confidence of a value means."""
    knots = maps.get(one.way, {}).get(one.field)
    return between(knots, one.confidence) if knots else one.confidence


def cross_validated(seen: Sequence[Observation]) -> list[tuple[float, bool]]:
    """Return what each confidence means by a map that was fitted to other documents, and whether the value was right."""
    found = []
    for part in range(_PARTS):
        maps = fitted(one for one in seen if _part(one.document) != part)
        found += [(means(maps, one), one.right) for one in seen if _part(one.document) == part]
    return found


def _part(document: str) -> int:
    return sha256(document.encode()).digest()[0] % _PARTS


def sure_and_right(found: Iterable[tuple[float, bool]]) -> tuple[int, int]:
    """Return how many values are right among those marked as sure, and how many are marked so."""
    marked = [right for confidence, right in found if confidence >= SURE]
    return sum(marked), len(marked)


def bins(found: Sequence[tuple[float, bool]]) -> list[tuple[float, int, int]]:
    """Return for each range of confidences the mean confidence, how many values are right, and how many there are."""
    ranges = []
    for low, high in pairwise(_BINS):
        inside = [(confidence, right) for confidence, right in found if low <= confidence < high]
        if inside:
            ranges.append((sum(confidence for confidence, _ in inside) / len(inside), sum(right for _, right in inside), len(inside)))
    return ranges


def drawing(series: Mapping[str, Sequence[tuple[float, bool]]], *, title: str) -> str:
    """Return an SVG picture: confidence against the share of right values with its 95 % interval, as near the diagonal as it is honest."""
    size = _SIDE + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" font-family="sans-serif" font-size="12">',
        f'<rect width="{size}" height="{size}" fill="white"/><text x="{_EDGE}" y="24" font-size="15">{title}</text>',
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
        f'<path d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}" stroke="black" fill="none"/>',
        f'<text x="{_x(0.5)}" y="{size - 16}" text-anchor="middle">confidence</text>',
        f'<text x="16" y="{_y(0.5)}" text-anchor="middle" transform="rotate(-90 16 {_y(0.5)})">share of right values</text>',
    ]
    for tenth in range(0, 11, 2):
        share = tenth / 10
        parts.append(f'<text x="{_x(share)}" y="{_y(0) + 16}" text-anchor="middle">{share:g}</text>')
        parts.append(f'<text x="{_x(0) - 8}" y="{_y(share) + 4}" text-anchor="end">{share:g}</text>')
    for number, (name, found) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.extend(_points(found, colour=colour, shift=4.0 * number))
        parts.append(f'<text x="{_x(0.05)}" y="{_y(0.95) + 16 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _points(found: Sequence[tuple[float, bool]], *, colour: str, shift: float) -> Iterable[str]:
    for confidence, right, count in bins(found):
        low, high = wilson(right, count)
        x = _x(confidence) + shift
        yield f'<path d="M{x:.1f} {_y(low)}V{_y(high)}" stroke="{colour}"/>'
        yield f'<circle cx="{x:.1f}" cy="{_y(right / count)}" r="4" fill="{colour}"><title>{right} of {count}</title></circle>'
        yield f'<text x="{x + 7:.1f}" y="{_y(right / count) + 4}" fill="{colour}" font-size="10">{count}</text>'


def _x(share: float) -> float:
    return round(_EDGE + share * _SIDE, 1)


def _y(share: float) -> float:
    return round(_EDGE + (1 - share) * _SIDE, 1)
