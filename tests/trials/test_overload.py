import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program

pytestmark = [pytest.mark.trials, pytest.mark.timeout(300)]

SECONDS = 60.0
SERVER, CLIENT = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
"""The processors of the two, so that he who asks takes nothing from her who answers."""
TIMES = 10
GENEROUS = "9000000"
KINDS = ["read"] * 45 + ["bulk"] * 4 + ["money"]
ROUTES = {"read": "GET /till/receipts", "bulk": "GET /till/export", "money": "POST /till/sales"}


class Asked(NamedTuple):
    """One request, as the open loop tells of it."""

    kind: str
    due: float
    status: int
    seconds: float


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Program]:
    """Return a server that no rate limit spares its work."""
    limits = {
        "CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT": GENEROUS,
        "CONVERTO_GATEWAY_PLAN_LIMITS": f"enterprise={GENEROUS}",
        "CONVERTO_LOG_LEVEL": "error",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [*_on(SERVER), sys.executable, str(Path(__file__).with_name("till_process.py")), "{port}"]
    with Program(tmp_path, limits, command=command) as running, _never_idle(CLIENT):
        yield running


def test_ten_times_as_much_as_can_be_done_does_not_slow_down_what_is_done(till: Program) -> None:
    requests = _requests(till)
    _ask(till, requests, seconds=3, at_once=4)
    # before and after, for these machines are not as fast in one minute as in the next
    capacity, resting = _alone(till, requests)
    loaded = _ask(till, requests, rate=capacity * TIMES, seconds=SECONDS)
    after = _ask(till, requests, rate=capacity / 2, seconds=10)
    capacity_after, resting_after = _alone(till, requests)
    capacity, resting = (capacity + capacity_after) / 2, (resting + resting_after) / 2

    goodput, p99 = len(_good(loaded)) / SECONDS, _p99_ms(_good(loaded))
    refused = [asked for asked in loaded if asked.status == 503]
    money = [asked for asked in loaded if asked.kind == "money"]
    kept, late = len(_good(money)) / len(money), _p99_ms(refused)
    recovery_s = _recovery_s(after, within_ms=3 * resting)
    print(f"\ncapacity {capacity:.0f}/s, p99 at rest {resting:.1f} ms; for {SECONDS:.0f} s {len(loaded) / SECONDS:.0f}/s:")
    print(f"  goodput {goodput:.0f}/s ({goodput / capacity:.0%}), p99 {p99:.1f} ms ({p99 / resting:.1f} x), money answered {kept:.2%}")
    print(f"  {len(refused)} refused, p99 of it {late:.1f} ms; well again after {recovery_s:.1f} s; {_others(loaded)} without an answer")
    assert goodput >= 0.8 * capacity
    assert p99 <= 3 * resting
    assert late <= 50
    assert recovery_s < 5
    assert kept >= 0.99


def _alone(till: Program, requests: Mapping[str, str]) -> tuple[float, float]:
    """Return how many requests a second are answered, four at once, and the 99th percentile in ms at a tenth of it."""
    capacity = len(_good(_ask(till, requests, seconds=8, at_once=4))) / 8
    return capacity, _p99_ms(_good(_ask(till, requests, rate=capacity / 10, seconds=20)))


def _requests(till: Program) -> Mapping[str, str]:
    with Customer(till.url) as customer:
        token = customer._http.headers["authorization"]
    return {
        kind: f"{route} HTTP/1.1\r\nhost: 127.0.0.1:{till.port}\r\nauthorization: {token}\r\ncontent-length: 0\r\n\r\n"
        for kind, route in ROUTES.items()
    }


def _ask(till: Program, requests: Mapping[str, str], **how: Any) -> Sequence[Asked]:
    told = json.dumps({"port": till.port, "requests": requests, "kinds": KINDS, **how})
    command = [*_on(CLIENT), sys.executable, str(Path(__file__).with_name("open_loop.py")), told]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Asked(*one) for one in json.loads(done.stdout)]


def _on(core: int) -> Sequence[str]:
    return ("taskset", "--cpu-list", str(core))


@contextmanager
def _never_idle(core: int) -> Iterator[None]:
    """Keep a processor busy whenever nothing else is done on it: one may slow down the other, and shall do so at rest as under load."""
    command = [*_on(core), "nice", "-n", "19", sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(command) as spinning:
        try:
            yield
        finally:
            spinning.kill()


def _good(many: Sequence[Asked]) -> Sequence[Asked]:
    return [asked for asked in many if asked.status == 200]


def _others(many: Sequence[Asked]) -> int:
    return len([asked for asked in many if asked.status not in {200, 503}])


def _p99_ms(many: Sequence[Asked]) -> float:
    return sorted(asked.seconds for asked in many)[int(len(many) * 0.99)] * 1000 if many else 0.0


def _recovery_s(after: Sequence[Asked], *, within_ms: float) -> float:
    """Return after how many seconds nobody was refused any more, and 99 of 100 were answered in time."""
    begun = min(asked.due for asked in after)
    bad = sorted(asked.due - begun for asked in after if asked.status != 200 or asked.seconds * 1000 > within_ms)
    tolerated = len(after) // 100
    return bad[-1 - tolerated] if len(bad) > tolerated else 0.0
