"""Every phase and every check of schemathesis on every route of the OpenAPI document."""

import os
from pathlib import Path

import pytest

from tests.openapi.asking import asked, served

EXAMPLES = int(os.environ.get("CONVERTO_TRIAL_EXAMPLES", "10"))


@pytest.mark.trials
@pytest.mark.timeout(3600)
def test_every_route_answers_as_the_document_says_whatever_it_is_asked(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        done = asked(server, "--phases=examples,coverage,fuzzing,stateful", f"--max-examples={EXAMPLES}", "--workers=2", folder=tmp_path)
    print(done.stdout.partition("= SUMMARY =")[2] or done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
