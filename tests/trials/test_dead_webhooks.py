"""A dead endpoint does not slow the healthy ones: p99 beside four dead ones at most 1.2 times p99 alone, in one run."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest

from tests.webhooks.house import opened
from tests.webhooks.isolation import p99, street

ROUNDS = 8
COUNT = 200
PER_S = 20.0
MOST = 1.2


@pytest.mark.trials
@pytest.mark.timeout(900)
async def test_dead_endpoints_do_not_slow_the_healthy_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
    rounds: dict[bool, list[Sequence[float]]] = {False: [], True: []}
    async with opened(tmp_path) as house, street(house) as there:
        for number in range(2 * ROUNDS):  # in turns, so that what else the machine does meets both alike
            is_beside = number % 2 == 1
            await there.dead_ones_are(there=is_beside)
            await there.latencies_s(20, per_s=PER_S)
            rounds[is_beside].append(await there.latencies_s(COUNT, per_s=PER_S))
    found = {is_beside: [p99(each) * 1000 for each in measured] for is_beside, measured in rounds.items()}
    ratio = median(found[True]) / median(found[False])
    for is_beside, name in ((False, "alone"), (True, "beside four dead ones")):
        every = sorted(latency for each in rounds[is_beside] for latency in each)
        print(
            f"\n{name}: p50 {every[len(every) // 2] * 1000:.1f} ms, p99 {median(found[is_beside]):.1f} ms (median of {ROUNDS} rounds)",
            end="",
        )
        print(f", p99 of all {len(every)} deliveries {p99(every) * 1000:.1f} ms", end="")
    print(f"\nratio of p99: {ratio:.2f}")
    assert ratio <= MOST
