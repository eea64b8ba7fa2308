import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program

pytestmark = [pytest.mark.trials, pytest.mark.timeout(300)]

PROBES = 1500
PER_SECOND = 50
LIMIT_MS = 50
UPLOADS_AT_ONCE = 2 * (os.cpu_count() or 1)


def test_health_is_answered_within_50_ms_while_every_core_reads(program: Program, customer: Customer, documents: Sequence[Path]) -> None:
    pictures = [path for path in documents if path.suffix != ".pdf"]
    resting = _probe(program, PROBES // 5)
    with _reading(customer, pictures) as read:
        busy = _probe(program, PROBES)
    print(f"\nGET /health at rest: {_told(resting)}\nwhile {len(read)} receipts were read on all cores: {_told(busy)}")
    assert len(read) >= UPLOADS_AT_ONCE
    assert _percentile(busy, 0.99) < LIMIT_MS


@contextmanager
def _reading(customer: Customer, pictures: Sequence[Path]) -> Iterator[list[str]]:
    """Keep every core reading for as long as the block runs; gives the ids of what was read."""
    done, read = threading.Event(), list[str]()
    endless = itertools.cycle(pictures)

    def keep_reading() -> None:
        while not done.is_set():
            picture = next(endless)
            read.append(customer.read(picture.name, picture.read_bytes())["id"])

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
        running = [threads.submit(keep_reading) for _ in range(UPLOADS_AT_ONCE)]
        try:
            yield read
        finally:
            done.set()
    for one in running:
        one.result()


def _probe(program: Program, count: int) -> Sequence[float]:
    command = [sys.executable, str(Path(__file__).with_name("prober.py")), str(program.port), str(count), str(PER_SECOND)]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(json.loads(asked.stdout))


def _percentile(found: Sequence[float], share: float) -> float:
    return found[min(len(found) - 1, int(len(found) * share))]


def _told(found: Sequence[float]) -> str:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return (
        f"{len(found)} probes, "
        + ", ".join(f"{name} {_percentile(found, share):.1f} ms" for name, share in shares.items())
        + (f", longest {found[-1]:.1f} ms")
    )
