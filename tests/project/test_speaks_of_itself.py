"""The project says nothing of the machine it was written on, nor where packages are fetched from."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE = {".git", ".venv", ".venv-bench", "build", "data", "dist", "node_modules", "__pycache__"}
TOO_LARGE_BYTES = 2_000_000
FOREIGN = re.compile(
    r"""
      (?:py[p]i|pythonhoste[d]|npmj[s]|docke[r]|deb\.debia[n]|crate[s])\.(?:org|com|io|dev)    # registries
    | (?<![\w./])/(?:wor[k]|roo[t]|hom[e])/    # machines
    | \.\./share[d]/
    """,
    re.VERBOSE,
)


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    found = [f"{file.relative_to(ROOT)}: {match[0]}" for file, text in _texts() for match in FOREIGN.finditer(text)]
    assert found == []


def test_the_pattern_finds_what_it_is_to_find() -> None:
    said = "https://py" + "pi.org/simple, /wo" + "rk/main, files.pythonhoste" + "d.org and ../shar" + "ed/data"
    assert len(FOREIGN.findall(said)) == 4


def _texts() -> Iterator[tuple[Path, str]]:
    for file in _files(ROOT):
        content = file.read_bytes() if file.stat().st_size < TOO_LARGE_BYTES else b"\0"
        if b"\0" not in content:
            yield file, content.decode(errors="replace")


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name in MADE or entry.name.endswith("_cache") or entry.name == ".hypothesis":
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry
