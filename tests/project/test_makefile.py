import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", ["demo", "run", "test", "check", "trials", "bench", "audit", "lock", "env.example", "clean"])
def test_help_names_what_can_be_made(target: str) -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert any(line.split()[:2] == ["make", target] for line in shown.splitlines())
