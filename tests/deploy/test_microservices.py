"""A container for each module, three readers: `docker compose -f docker-compose.microservices.yml up --scale ocr-service=3`."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from bench.measuring.customer import FINISHED, Customer
from tests.deploy.engine import MICROSERVICES, ROOT, Stack, docker, inspected

RECEIPT = ROOT / "samples" / "documents" / "01-grocery.png"
READERS = 3
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
    until = time.monotonic() + 60
    while set(_statuses(stack).values()) != {"ok"}:  # the gateway asks them now and then, and another test has killed one
        assert time.monotonic() < until, _statuses(stack)
        time.sleep(0.5)

    assert {"ai", "auth", "billing", "events", "ocr", "vat", "vision", "webhooks"} <= set(_statuses(stack))
    assert len(stack.containers("ocr-service")) == READERS


def _statuses(stack: Stack) -> dict[str, str]:
    told = httpx2.get(f"{stack.url}/services/health", headers=stack.operators, trust_env=False).raise_for_status().json()
    return {module: known["status"] for module, known in told.items()}


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


def test_nobody_notices_that_readers_and_the_gateways_others_are_restarted_one_after_another(stack: Stack) -> None:
    answers: Counter[str] = Counter()
    over = threading.Event()
    with Customer(stack.url) as customer, ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(_ask_until, over, customer, answers), pool.submit(_send_until, over, customer, answers)]
        for service in ("ocr-service", "ai-service", "vat-service"):
            for container in stack.containers(service):
                docker("restart", "--time", "15", container)
                _until_healthy(container)
        over.set()
        for one in asking:
            one.result()

    print(f"\nwhile {READERS + 2} containers were restarted: {dict(answers)}")
    assert set(answers) == {"asked 200", "sent 202"}


@pytest.mark.timeout(900)
def test_the_acceptance_suite_holds_for_it(stack: Stack) -> None:
    # what calls this machine back, or looks into the processes, cannot be asked of containers
    suites = ["test_scans.py", "test_search.py", "test_corrections.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *(f"tests/acceptance/{suite}" for suite in suites)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "TEST_DEPLOYED_URL": stack.url}, capture_output=True, text=True, check=False
    )

    print(done.stdout[-3000:])
    assert done.returncode == 0


def _ask_until(over: threading.Event, customer: Customer, answers: Counter[str]) -> None:
    while not over.is_set():
        answers[f"asked {customer.asked('/ocr/scans?limit=5').status_code}"] += 1


def _send_until(over: threading.Event, customer: Customer, answers: Counter[str]) -> None:
    content, number = RECEIPT.read_bytes(), 0
    while not over.wait(1):
        number += 1
        answers[f"sent {customer.upload('receipt.png', content + number.to_bytes(2, 'big') + b'again').status_code}"] += 1


def _until_healthy(container: str) -> None:
    until = time.monotonic() + 120
    while inspected(container)["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < until
        time.sleep(0.5)


def _until_one_is_read(customer: Customer, ids: list[str]) -> None:
    until = time.monotonic() + 60
    while not any(customer.scan(scan_id)["status"] not in ("queued", *FINISHED) for scan_id in ids):
        assert time.monotonic() < until
