"""A dead endpoint does not slow the healthy ones: p99 beside one, and beside four, at most 1.2 times p99 alone, in one run."""

from collections.abc import Sequence
from pathlib import Path
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
    found: dict[str, list[float]] = {ALONE: [], ONE: [], FOUR: []}
    async with opened(tmp_path) as house, street(house) as there:
        for number in range(ROUNDS):
            which: dict[str, Sequence[UUID]] = {ALONE: (), ONE: [there.dead[number % len(there.dead)]], FOUR: there.dead}
            for name in _in_turn(list(which), number):
                await there.only_are_there(which[name])
                await there.latencies_s(20, per_s=PER_S, seed=-1)
                found[name] += await there.latencies_s(COUNT, per_s=PER_S, seed=number)
    for name, latencies_s in found.items():
        p50_s = sorted(latencies_s)[len(latencies_s) // 2]
        figures = f"p50 {p50_s * 1000:.1f} ms, p99 {p99(latencies_s) * 1000:.1f} ms, of {len(latencies_s)}"
        print(f"\n{name}: {figures}, p99 to that alone {p99(latencies_s) / p99(found[ALONE]):.2f}", end="")
    print()
    assert p99(found[ONE]) / p99(found[ALONE]) <= MOST
    assert p99(found[FOUR]) / p99(found[ALONE]) <= MOST


def _in_turn(names: Sequence[str], number: int) -> Sequence[str]:
    """Return the names, each as often the first as any other, so that what else the machine does meets all alike."""
    first = number % len(names)
    return [*names[first:], *names[:first]]
