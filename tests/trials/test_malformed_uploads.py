import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.measuring.customer import FINISHED, Customer
from bench.measuring.program import Program, tree
from tests.ocr.damaged import Damaged, damaged
from tests.ocr.malformed import Malformed, malformed

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1800)]

ANSWERED_S = 20.0
AT_ONCE = 4
# what a server may hold more than before the first of them: caches of its libraries
GROWTH_BYTES = 60_000_000
# workers end 20 s after their last document
GONE_S = 40.0
SHARE_FOR_BOTH_ENGINES = 8


@dataclass(frozen=True)
class Outcome:
    """How an upload ended: its HTTP status or its scan's, the code that says why, and how long it took to be answered and read."""

    name: str
    way: str
    code: str
    answered_s: float
    read_s: float = 0.0


@pytest.fixture(params=["tesseract", "auto"])
def engine(request: pytest.FixtureRequest) -> str:
    """Return what reads."""
    return str(request.param)


@pytest.fixture
def program(tmp_path: Path, engine: str) -> Iterator[Program]:
    """Return a server of its own that reads with one engine or with both."""
    with Program(tmp_path, {"CONVERTO_OCR_ENGINE": engine}) as running:
        yield running


def test_no_upload_harms_the_server_whatever_it_is(program: Program, customer: Customer, documents: Sequence[Path], engine: str) -> None:
    pid = program.pid
    refused = malformed()
    uploads: list[Damaged | Malformed] = [*refused, *damaged()]
    if engine == "auto":
        uploads = uploads[::SHARE_FOR_BOTH_ENGINES]
    before = _read_soundly(customer, documents)
    at_rest = _server_bytes(program)

    outcomes = _outcomes(customer, uploads)
    after = _read_soundly(customer, documents)
    left = _left_over(program)

    _tell(outcomes, engine, grown=_server_bytes(program) - at_rest)
    must_fail = {one.name for one in refused}
    assert [one for one in outcomes if one.way.startswith("5")] == []
    assert [one for one in outcomes if one.way != "completed" and not one.code] == []
    assert [one for one in outcomes if one.name in must_fail and one.way == "completed"] == []
    assert [one for one in outcomes if max(one.answered_s, one.read_s) > ANSWERED_S] == []
    assert left == []
    assert _server_bytes(program) - at_rest < GROWTH_BYTES
    assert (before, after, program.alive, program.pid) == ("completed", "completed", True, pid)
    assert len(outcomes) >= (300 if engine == "tesseract" else 60)


def _outcomes(customer: Customer, uploads: Sequence[Damaged | Malformed]) -> list[Outcome]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda upload: _outcome(customer, upload), uploads))


def _outcome(customer: Customer, upload: Damaged | Malformed) -> Outcome:
    customer.renew()
    begun = time.monotonic()
    answer = customer.upload(upload.filename, upload.content)
    answered_s = time.monotonic() - begun
    if not answer.is_success:
        return Outcome(upload.name, str(answer.status_code), answer.json().get("code", ""), answered_s)
    scan: Any = customer.finished(answer.json()["id"])
    assert scan["status"] in FINISHED
    return Outcome(upload.name, scan["status"], (scan["error"] or {}).get("code", ""), answered_s, (scan["duration_ms"] or 0) / 1000)


def _read_soundly(customer: Customer, documents: Sequence[Path]) -> str:
    return str(customer.read(documents[0].name, documents[0].read_bytes())["status"])


def _left_over(program: Program) -> list[int]:
    """Return the processes that the server still runs when its workers should have ended."""
    until = time.monotonic() + GONE_S
    while (left := [pid for pid in tree(program.pid) if pid != program.pid]) and time.monotonic() < until:
        time.sleep(0.2)
    return left


def _server_bytes(program: Program) -> int:
    status = Path(f"/proc/{program.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def _tell(outcomes: Sequence[Outcome], engine: str, *, grown: int) -> None:
    ways, codes = Counter(one.way for one in outcomes), Counter(one.code for one in outcomes if one.code)
    answered, read = max(outcomes, key=lambda one: one.answered_s), max(outcomes, key=lambda one: one.read_s)
    print(f"\n{engine}: {len(outcomes)} uploads: {dict(sorted(ways.items()))}; {dict(codes.most_common())}")
    print(f"slowest answer {answered.answered_s:.1f} s ({answered.name}), slowest reading {read.read_s:.1f} s ({read.name})")
    print("readings over 5 s: " + "; ".join(f"{one.name} {one.read_s:.1f} {one.code}" for one in outcomes if one.read_s > 5))
    print(f"the server holds {grown / 1e6:+.0f} MB against before")
