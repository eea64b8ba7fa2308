"""A container for each module, three readers: `docker compose -f docker-compose.microservices.yml up --scale ocr-service=3`."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from bench.measuring.customer import FINISHED, Customer
from tests.deploy.engine import MICROSERVICES, ROOT, Stack, docker

RECEIPT = ROOT / "samples" / "documents" / "01-grocery.png"
READERS = 3
UP_WITHIN_S = 60
SCANS = 9


@pytest.fixture(scope="module")
def stack(publish: str) -> Iterator[Stack]:
    wanted = Stack(MICROSERVICES, publish=publish)
    begun = time.monotonic()
    with wanted.up("--scale", f"ocr-service={READERS}") as running:
        print(f"\nup after {time.monotonic() - begun:.0f} s")
        yield running
    assert wanted.left() == []


def test_every_module_answers_where_it_lives(stack: Stack) -> None:
    told = httpx2.get(f"{stack.url}/services/health", trust_env=False).raise_for_status().json()

    assert told["status"] == "ok", told
    assert len(stack.containers("ocr-service")) == READERS


def test_documents_are_read_though_a_reader_is_killed_in_the_middle(stack: Stack) -> None:
    content = RECEIPT.read_bytes()
    with Customer(stack.url) as customer:
        with ThreadPoolExecutor(3) as pool:
            sent = [pool.submit(customer.upload, f"{number}.png", content + bytes([number])) for number in range(SCANS)]
        ids = [one.result().raise_for_status().json()["id"] for one in sent]
        _until_one_is_read(customer, ids)

        docker("kill", "--signal", "KILL", stack.containers("ocr-service")[0])
        scans = [customer.finished(scan_id) for scan_id in ids]

    assert {scan["status"] for scan in scans} == {"completed"}
    assert {scan["fields"]["total"]["value"]["amount"] for scan in scans} == {"28.63"}


def _until_one_is_read(customer: Customer, ids: list[str]) -> None:
    until = time.monotonic() + 60
    while not any(customer.scan(scan_id)["status"] not in ("queued", *FINISHED) for scan_id in ids):
        assert time.monotonic() < until
