"""One container, one volume: `docker compose up`."""

import time
from collections.abc import Iterator

import httpx2
import pytest

from bench.measuring.customer import Customer
from tests.deploy.engine import IMAGE, ROOT, SINGLE, Stack, docker, inspected

RECEIPT = ROOT / "samples" / "documents" / "01-grocery.png"


@pytest.fixture(scope="module")
def stack(publish: str) -> Iterator[Stack]:
    with Stack(SINGLE, publish=publish).up() as running:
        yield running


def test_a_receipt_is_read(stack: Stack) -> None:
    with Customer(stack.url) as customer:
        scan = customer.read("receipt.png", RECEIPT.read_bytes(), languages="fin")

    assert scan["status"] == "completed"
    assert scan["fields"]["total"]["value"]["amount"] == "28.63"


def test_it_runs_as_nobody_on_a_file_system_that_nobody_can_write_to(stack: Stack) -> None:
    (container,) = stack.containers()
    known = inspected(container)

    assert known["Config"]["User"] == "10001:10001"
    assert known["HostConfig"]["ReadonlyRootfs"]
    assert known["HostConfig"]["CapDrop"] == ["ALL"]


def test_what_is_backed_up_in_it_can_be_taken_out(stack: Stack) -> None:
    stack.compose("exec", "--no-TTY", "converto", "converto", "backup", "/tmp/backup.tar")  # noqa: S108 - in the container

    listed = stack.compose("exec", "--no-TTY", "converto", "tar", "-tf", "/tmp/backup.tar").split()  # noqa: S108

    assert {"data/auth.db", "data/ocr.db", "manifest.json"} <= set(listed)


def test_it_goes_on_after_a_restart_with_what_it_knew(stack: Stack) -> None:
    with Customer(stack.url) as customer:
        before = customer.read("receipt.png", RECEIPT.read_bytes(), languages="fin")

        stack.compose("restart")
        stack.compose("up", "--detach", "--wait", "--no-build")

        assert customer.scan(before["id"]) == before


def test_it_ends_well_when_it_is_told_to(stack: Stack) -> None:
    (container,) = stack.containers()
    begun = time.monotonic()
    stack.compose("stop", "--timeout", "30")
    took_s = time.monotonic() - begun

    assert inspected(container)["State"]["ExitCode"] == 0
    print(f"\nstopped after {took_s:.1f} s")
    stack.compose("up", "--detach", "--wait", "--no-build")


def test_how_large_it_is_and_how_much_it_holds_at_rest(stack: Stack) -> None:
    httpx2.get(f"{stack.url}/health", trust_env=False).raise_for_status()
    (container,) = stack.containers()
    held = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).strip()
    size = int(docker("image", "inspect", "--format", "{{.Size}}", IMAGE))

    print(f"\nimage {size / 1e6:.0f} MB, at rest {held}")
    assert float(held.partition("MiB")[0]) <= 200
