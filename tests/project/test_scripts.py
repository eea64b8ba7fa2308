"""The set-up scripts on a machine that lacks things: one made of links to a few of this machine's programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESSERACT = """#!/bin/sh
printf 'List of available languages (2):\\n{languages}\\n'
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder of programs that has Python and the shell's tools, but neither Tesseract nor a package manager."""
    for program in ("bash", "env", "grep", "mktemp", "rm", "tail", "dirname"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    _install(tmp_path / "python3", "#!/bin/sh\nexit 0\n")
    return tmp_path


def _install(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


def _system_packages(machine: Path) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "PATH": str(machine)}
    return subprocess.run([ROOT / "scripts/system-packages"], env=surroundings, cwd=machine, capture_output=True, text=True, check=False)


def test_a_machine_with_everything_is_left_alone(machine: Path) -> None:
    _install(machine / "tesseract", TESSERACT.format(languages="eng\\nfin\\nswe"))
    done = _system_packages(machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "System packages: all there.\n", "")


def test_a_machine_without_a_package_manager_is_told_the_exact_command(machine: Path) -> None:
    done = _system_packages(machine)
    command = "sudo apt-get update && sudo apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-fin"
    assert done.returncode == 1
    assert f"  {command} tesseract-ocr-swe tesseract-ocr-eng\n" in done.stderr


def test_only_the_languages_that_lack_are_asked_for(machine: Path) -> None:
    _install(machine / "tesseract", TESSERACT.format(languages="eng\\nosd"))
    done = _system_packages(machine)
    assert "missing: tesseract-ocr-fin tesseract-ocr-swe\n" in done.stderr


def test_a_python_that_cannot_make_environments_is_completed(machine: Path) -> None:
    _install(machine / "python3", "#!/bin/sh\nexit 1\n")
    _install(machine / "tesseract", TESSERACT.format(languages="eng\\nfin\\nswe"))
    done = _system_packages(machine)
    assert "missing: python3-venv\n" in done.stderr


@pytest.mark.parametrize("python", ["Python 3.10.4", "Python 3.9.2"])
def test_an_old_python_is_named(machine: Path, tmp_path_factory: pytest.TempPathFactory, python: str) -> None:
    project = tmp_path_factory.mktemp("project")
    (project / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup", project / "scripts/setup")
    _install(machine / "python3", f'#!/bin/sh\n[ "$1" = --version ] && echo "{python}" || exit 1\n')
    surroundings = {"PATH": str(machine)}
    done = subprocess.run([project / "scripts/setup"], env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{python} was found" in done.stderr
