"""A few questions to every route of the OpenAPI document; many of them are a trial."""

import re
from pathlib import Path

import pytest

from tests.openapi.asking import asked, served


@pytest.mark.timeout(120)
def test_every_route_answers_as_the_document_says(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        done = asked(server, "--phases=fuzzing", "--max-examples=1", "--generation-deterministic", "--workers=2", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    selected, known = re.search(r"Selected: (\d+)/(\d+)", done.stdout).groups()  # type: ignore[union-attr]
    assert selected == known
    assert int(known) > 80
