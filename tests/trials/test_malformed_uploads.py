from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.measuring.customer import FINISHED, Customer
from bench.measuring.program import Program
from tests.ocr.malformed import Malformed, malformed

pytestmark = [pytest.mark.trials, pytest.mark.timeout(300)]


def test_every_malformed_upload_is_refused_or_fails_with_a_reason(program: Program, customer: Customer, documents: Sequence[Path]) -> None:
    pid = program.pid
    uploads = malformed()
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda upload: _outcome(customer, upload), uploads))
    sound = customer.read(documents[0].name, documents[0].read_bytes())

    ways = Counter(way for way, _ in outcomes)
    print(f"\n{len(uploads)} malformed uploads: {dict(sorted(ways.items()))}; {dict(Counter(code for _, code in outcomes))}")
    wrong = [(one.name, outcome) for one, outcome in zip(uploads, outcomes, strict=True) if outcome[0].startswith(("2", "5", "completed"))]
    reasonless = [one.name for one, (_, code) in zip(uploads, outcomes, strict=True) if not code]
    assert len(uploads) >= 60
    assert wrong == []
    assert reasonless == []
    assert (sound["status"], program.alive, program.pid) == ("completed", True, pid)


def _outcome(customer: Customer, upload: Malformed) -> tuple[str, str]:
    """Return how an upload ended, and the code that says why."""
    answer = customer.upload(upload.filename, upload.content, wait_s=30)
    if not answer.is_success:
        return str(answer.status_code), answer.json()["code"]
    scan = answer.json()
    if scan["status"] not in FINISHED:
        scan = customer.finished(scan["id"])
    return scan["status"], (scan["error"] or {}).get("code", "")
