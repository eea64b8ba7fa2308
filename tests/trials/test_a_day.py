"""A day of a busy installation in short: 100,000 requests and 2,000 scans leave the server no larger than the first of them did.

`CONVERTO_TRIAL_DAY=0.1` makes it a tenth of that.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program
from tests.ocr.drawn import GROCERY, drawn, saved

pytestmark = [pytest.mark.trials, pytest.mark.timeout(3600)]

SHARE = float(os.environ.get("CONVERTO_TRIAL_DAY", "1"))
REQUESTS = round(100_000 * SHARE)
SCANS = round(2000 * SHARE)
HOURS = 24
WARM_HOURS = 4
"""By then caches are full, and each thread has done each kind of work."""
GROWTH_SHARE = 0.05
CALLERS = 3
GENEROUS = {
    "CONVERTO_OCR_ENGINE": "tesseract",
    "CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT": "100000000",
    "CONVERTO_GATEWAY_PLAN_LIMITS": "starter=100000000,professional=100000000,enterprise=100000000",
}
ASKED = ("/ocr/scans?limit=20", "/auth/me", "/vat/vouchers?limit=20", "/ocr/scans/{scan}", "/health", "/ocr/scans/{scan}/text", "/nowhere")


def test_a_day_of_requests_and_scans_leaves_the_server_as_large_as_its_first_hours(tmp_path: Path) -> None:
    held: list[int] = []
    answers: Counter[str] = Counter()
    with Program(tmp_path, GENEROUS) as program, Customer(program.url) as customer:
        begun = time.monotonic()
        for hour in range(HOURS):
            answers += _hour(customer, hour)
            customer.renew()
            held.append(program.own_bytes())
            print(f"\nhour {hour + 1}: {held[-1] / 1e6:.1f} MB after {time.monotonic() - begun:.0f} s", flush=True)
    before, after = max(held[:WARM_HOURS]), max(held[WARM_HOURS:])
    print(f"\n{dict(answers)}: {before / 1e6:.1f} MB at most in the first {WARM_HOURS} hours, {after / 1e6:.1f} MB in the others")
    assert set(answers) <= {"200", "404", "409", "sent 202"}  # the text of what is not read yet is a conflict
    assert after <= before * (1 + GROWTH_SHARE)


def _hour(customer: Customer, hour: int) -> Counter[str]:
    """Do an hour's part of the day, and return how often which answer came."""
    first, last = (SCANS * at // HOURS for at in (hour, hour + 1))
    answers: Counter[str] = Counter()
    with ThreadPoolExecutor(CALLERS) as callers:
        sent = list(callers.map(lambda number: customer.upload("receipt.png", _document(number)), range(first, max(last, first + 1))))
        answers.update(f"sent {answer.status_code}" for answer in sent)
        scan_ids = [answer.json()["id"] for answer in sent if answer.is_success]
        paths = islice(_paths(scan_ids), REQUESTS // HOURS)
        answers.update(str(answer.status_code) for answer in callers.map(customer.asked, paths))
        for scan_id in scan_ids:
            customer.finished(scan_id)
    return answers


def _paths(scan_ids: list[str]) -> Iterator[str]:
    scans = cycle(scan_ids)
    return (path.format(scan=next(scans)) for path in cycle(ASKED))


_RECEIPT = saved(drawn(GROCERY, size=18).convert("1"), optimize=True)


def _document(number: int) -> bytes:
    """Return a small receipt; what stands behind its end makes another file of each."""
    return _RECEIPT + b"%d" % number
