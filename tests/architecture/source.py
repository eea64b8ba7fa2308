"""The project's own files, for the tests that read them."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "converto"
OTHERS = [ROOT / folder for folder in ("tests", "samples", "bench", "scripts", "migrations")]


def python_files(*folders: Path) -> list[Path]:
    """Return the Python files below the folders, in order."""
    return sorted(file for folder in folders for file in folder.rglob("*.py") if "__pycache__" not in file.parts)


def name_of(file: Path) -> str:
    """Return a file's path as a person would write it."""
    return str(file.relative_to(ROOT))


def module_name(file: Path) -> str:
    """Return the name under which a file of the program is imported."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def program_modules() -> Iterator[ModuleType]:
    """Import every module of the program, one after the other."""
    for file in python_files(PROGRAM):
        if file.name != "__main__.py":
            yield importlib.import_module(module_name(file))


def tree(file: Path) -> ast.Module:
    """Return what a file says, parsed."""
    return ast.parse(file.read_text())
