import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a trial that takes too long be interrupted, not ended with this process: what it has started would go on without it."""
    for item in items:
        marker = item.get_closest_marker("timeout")
        if not isinstance(item, pytest.Function) or "tests/trials/" not in item.nodeid:
            continue
        if marker is not None and not inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.timeout(*marker.args, method="signal"), append=False)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Return a server of its own on an empty data folder."""
    with Program(tmp_path) as running:
        yield running


@pytest.fixture
def customer(program: Program) -> Iterator[Customer]:
    """Return a company that has just signed up there."""
    with Customer(program.url) as signed_up:
        yield signed_up


@pytest.fixture
def documents() -> Sequence[Path]:
    """Return the sample documents."""
    return sorted(path for path in SAMPLES.iterdir() if path.suffix != ".json")
