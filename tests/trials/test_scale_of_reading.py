"""Reading at scale: a pile of one company's files beside another's single one, both engines in memory, and thousands of documents."""

import io
import itertools
import statistics
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program
from tests.ocr.drawn import GROCERY, drawn, saved

pytestmark = [pytest.mark.trials, pytest.mark.timeout(3600)]

PILE = 1000
TRIES = 3
TIMES_ALONE = 3.0
MOST_BYTES = 2_500_000_000
SCANS = 2000
SETTLED = 400
GROWTH_SHARE = 0.1
LOOK_EVERY_S = 0.2


@pytest.mark.parametrize("is_waited_for", [True, False], ids=["waited for", "not waited for"])
def test_one_document_beside_a_thousand_of_another_company_is_read_soon(program: Program, *, is_waited_for: bool) -> None:
    with Customer(program.url) as aino, Customer(program.url) as boris:
        _read_s(boris, 0, is_waited_for=is_waited_for)  # readers start
        alone = [_read_s(boris, number, is_waited_for=is_waited_for) for number in range(1, TRIES + 1)]
        batch_id = aino.upload_batch(_zipped(range(PILE)))
        while not aino.batch(batch_id)["counts"]["started"]:
            time.sleep(LOOK_EVERY_S)

        beside = [_read_s(boris, number, is_waited_for=is_waited_for) for number in range(TRIES + 1, 2 * TRIES + 1)]

        counts = aino.batch(batch_id)["counts"]
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"\none alone {_seconds(alone)}; beside {PILE} of another company {_seconds(beside)}: {ratio:.2f} times; the pile then: {counts}")
    assert counts["queued"] > PILE // 2
    assert ratio <= TIMES_ALONE


def test_the_whole_service_stays_within_its_memory_with_both_engines(tmp_path: Path, documents: Sequence[Path]) -> None:
    pictures = [path.read_bytes() for path in documents if path.suffix != ".pdf"]
    large = [saved(drawn(GROCERY[:13]).convert("RGB").resize(size), "JPEG") for size in ((3000, 4000), (4000, 6000), (785, 10_464))]
    with Program(tmp_path, {"CONVERTO_OCR_WORKERS": "2"}) as program, Customer(program.url) as customer, _watched(program) as held:
        chosen = [*itertools.product(("auto", "rapidocr"), pictures), *itertools.product(("auto",), large * 2)]
        sent = [customer.upload("r", picture, engine=engine).raise_for_status().json()["id"] for engine, picture in chosen]
        engines = {use["name"] for scan_id in sent for use in customer.finished(scan_id)["engines"]}
    print(f"\n{len(sent)} documents by {sorted(engines)} in two workers: the service held {max(held) / 1e9:.2f} GB at most")
    assert {"tesseract", "rapidocr"} <= engines
    assert max(held) <= MOST_BYTES


def test_two_thousand_documents_leave_no_more_in_memory_than_four_hundred(tmp_path: Path) -> None:
    most: list[int] = []
    server: list[int] = []
    with Program(tmp_path, {"CONVERTO_OCR_ENGINE": "tesseract"}) as program, Customer(program.url) as customer, _watched(program) as held:
        begun = time.monotonic()
        for first in range(0, SCANS, SETTLED):
            held.clear()
            _read_all(customer, range(first, first + SETTLED))
            most.append(max(held))
            server.append(program.own_bytes())
            told = f"the service held {most[-1] / 1e6:.0f} MB at most, the server alone {server[-1] / 1e6:.0f} MB"
            print(f"\n{first + SETTLED} of {SCANS} documents in {time.monotonic() - begun:.0f} s: {told}", flush=True)
    assert max(most) <= most[0] * (1 + GROWTH_SHARE)
    assert max(server) <= server[0] * (1 + GROWTH_SHARE)


def _read_s(customer: Customer, number: int, *, is_waited_for: bool) -> float:
    """Return how long a company waits for one document."""
    begun = time.monotonic()
    answer = customer.upload("one.png", _document(PILE + number), wait_s=30 if is_waited_for else 0).raise_for_status().json()
    scan = customer.finished(answer["id"])
    assert scan["status"] == "completed"
    return time.monotonic() - begun


def _read_all(customer: Customer, numbers: range) -> None:
    """Have documents read, and return when they are."""
    batch_id = customer.upload_batch(_zipped(numbers))
    while not (batch := customer.batch(batch_id))["is_finished"]:
        customer.renew()
        time.sleep(1)
    assert batch["counts"]["failed"] == 0


def _zipped(numbers: range) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in numbers:
            archive.writestr(f"{number}.png", _document(number))
    return file.getvalue()


@cache
def _receipt() -> bytes:
    return saved(drawn(size=18).convert("1"), optimize=True)


def _document(number: int) -> bytes:
    """Return a small receipt; what stands behind its end makes another file of each, which is not known from the one before."""
    return _receipt() + b"%d" % number


@contextmanager
def _watched(program: Program) -> Iterator[list[int]]:
    """Look at the memory of a server and of all that it runs for as long as the block runs."""
    held: list[int] = [program.resident_bytes()]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            held.append(program.resident_bytes())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield held
    finally:
        ended.set()
        looking.join()


def _seconds(taken: Sequence[float]) -> str:
    return ", ".join(f"{one:.2f}" for one in taken) + " s"
