from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"


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
