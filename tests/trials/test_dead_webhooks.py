"""A dead endpoint does not slow the healthy ones: p99 beside one, and beside four, at most 1.2 times p99 alone, in one run."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from uuid import UUID

import pytest

from tests.webhooks.house import opened
from tests.webhooks.isolation import p99, street

ROUNDS = 8
"""Each way of being dead is the only one in as many rounds as any other."""
COUNT = 200
PER_S = 25.0
TIMEOUT_S = 3
"""So that what hangs is given up within its own round, and burdens no other."""
MOST = 1.2
ALONE, ONE, FOUR = "alone", "beside one dead endpoint", "beside four dead endpoints"


@pytest.mark.trials
@pytest.mark.timeout(900)
async def test_dead_endpoints_do_not_slow_the_healthy_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ENDPOINT_TIMEOUT_S", str(TIMEOUT_S))
    found: dict[str, list[Sequence[float]]] = {ALONE: [], ONE: [], FOUR: []}
    async with opened(tmp_path) as house, street(house) as there:
        for number in range(ROUNDS):
            which: dict[str, Sequence[UUID]] = {ALONE: (), ONE: [there.dead[number % len(there.dead)]], FOUR: there.dead}
            for name in _in_turn(list(which), number):
                await there.only_are_there(which[name])
                await there.latencies_s(20, per_s=PER_S, seed=-1)
                found[name].append(await there.latencies_s(COUNT, per_s=PER_S, seed=number))
    ratios = {name: _ratios(rounds, found[ALONE]) for name, rounds in found.items()}
    for name, rounds in found.items():
        every = sorted(latency_s for latencies_s in rounds for latency_s in latencies_s)
        print(f"\n{name}: p50 {every[len(every) // 2] * 1000:.1f} ms, p99 {median(map(p99, rounds)) * 1000:.1f} ms (median of rounds)")
        print(f"  p99 to that alone {median(ratios[name]):.2f} (median of {', '.join(f'{ratio:.2f}' for ratio in ratios[name])})")
        print(f"  p99 of all {len(every)} deliveries {p99(every) * 1000:.1f} ms", end="")
    print()
    assert median(ratios[ONE]) <= MOST
    assert median(ratios[FOUR]) <= MOST


def _ratios(rounds: Sequence[Sequence[float]], alone: Sequence[Sequence[float]]) -> Sequence[float]:
    """Return the ratio of p99 of each round, whose events come at the same moments; when the machine is busy, that spoils one round."""
    return [p99(ones) / p99(others) for ones, others in zip(rounds, alone, strict=True)]


def _in_turn(names: Sequence[str], number: int) -> Sequence[str]:
    """Return the names, each as often the first as any other, so that what else the machine does meets all alike."""
    first = number % len(names)
    return [*names[first:], *names[:first]]
