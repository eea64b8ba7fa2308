"""A dead endpoint does not slow the healthy ones: p99 beside four dead ones at most 1.2 times p99 alone, in one run."""

from pathlib import Path

import pytest

from tests.webhooks.house import opened
from tests.webhooks.isolation import p99, street

ROUNDS = 6
COUNT = 400
PER_S = 50.0
MOST = 1.2


@pytest.mark.trials
@pytest.mark.timeout(600)
async def test_dead_endpoints_do_not_slow_the_healthy_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
    alone: list[float] = []
    beside: list[float] = []
    async with opened(tmp_path) as house, street(house) as there:
        for number in range(2 * ROUNDS):
            is_beside = number % 2 == 1
            await there.dead_ones_are(there=is_beside)
            await there.latencies_s(20, per_s=PER_S)
            (beside if is_beside else alone).extend(await there.latencies_s(COUNT, per_s=PER_S))
    for name, found in (("alone", alone), ("beside four dead ones", beside)):
        print(
            f"\n{name}: {len(found)} deliveries, p50 {sorted(found)[len(found) // 2] * 1000:.1f} ms, p99 {p99(found) * 1000:.1f} ms", end=""
        )
    print(f"\nratio of p99: {p99(beside) / p99(alone):.2f}")
    assert p99(beside) <= MOST * p99(alone)
