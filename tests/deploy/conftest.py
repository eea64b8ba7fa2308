"""Containers as an operator starts them: run by `make test-deploy`, where a Docker Engine answers and the image is built."""

import pytest

from bench.measuring.program import free_port
from tests.deploy.engine import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that is here: it needs an engine, and minutes."""
    here = [item for item in items if "tests/deploy/" in item.nodeid]
    for item in here:
        item.add_marker(pytest.mark.deploy)
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def publish() -> str:
    """Return an address of this machine that nobody listens on; skip where there is no engine."""
    why = missing()
    if why is not None:
        pytest.skip(f"no container can be tried here: {why}")
    return f"127.0.0.1:{free_port()}"
