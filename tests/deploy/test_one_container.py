"""One container, one volume: `docker compose up`."""

import io
import json
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from PIL import Image

from bench.measuring.customer import Customer
from tests.deploy.engine import IMAGE, ROOT, SINGLE, Stack, docker, docker_log, inspected

LARGEST_MB = 500
"""docs/decisions/0019-what-the-image-weighs.md says of what it consists, and what would make it smaller."""
RECEIPT = ROOT / "samples" / "documents" / "01-grocery.png"


@pytest.fixture(scope="module")
def stack(publish: str) -> Iterator[Stack]:
    with Stack(SINGLE, publish=publish).up() as running:
        yield running


@pytest.mark.parametrize("engine", ["tesseract", "rapidocr"])
@pytest.mark.parametrize("degrees", [0, 90])
def test_a_receipt_is_read(stack: Stack, engine: str, degrees: int) -> None:
    picture = io.BytesIO()
    Image.open(RECEIPT).rotate(degrees, expand=True).save(picture, "PNG")
    with Customer(stack.url) as customer:
        sent = customer.upload("receipt.png", picture.getvalue(), languages="fin", engine=engine).raise_for_status()
        scan = customer.finished(sent.json()["id"])

    assert scan["status"] == "completed"
    assert engine in {use["name"] for use in scan["engines"]}
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


def test_how_large_it_is_how_soon_it_serves_and_how_much_it_holds_at_rest(stack: Stack) -> None:
    stack.compose("restart")
    stack.compose("up", "--detach", "--wait", "--no-build")
    (container,) = stack.containers()
    held = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).strip()
    size_mb = int(docker("image", "inspect", "--format", "{{.Size}}", IMAGE)) / 1e6

    print(f"\nimage {size_mb:.0f} MB, serves after {_served_after_s(container):.1f} s, holds {held} at rest")
    assert size_mb <= LARGEST_MB
    assert float(held.partition("MiB")[0]) <= 200


def _served_after_s(container: str) -> float:
    """Return how long after its last start a container served."""
    started = inspected(container)["State"]["StartedAt"]
    logged = (json.loads(line) for line in docker_log(container, since=started) if line.startswith("{"))
    served = next(fact["@timestamp"] for fact in logged if fact["event.action"] == "program.serves")
    return (datetime.fromisoformat(served) - datetime.fromisoformat(started[:26] + "+00:00")).total_seconds()
