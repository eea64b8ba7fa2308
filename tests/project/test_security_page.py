import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# fmt: off
ASKED = {
    "V1.2.4", "V1.3.6", "V2.3.3", "V2.3.4", "V2.4.1", "V3.3.1", "V3.3.4", "V3.4.2", "V4.1.3", "V4.2.1", "V5.2.1", "V5.2.2",
    "V6.2.4", "V6.2.8", "V6.2.9", "V6.3.1", "V6.3.3", "V6.4.3", "V6.5.1", "V7.2.4", "V7.3.2", "V7.4.1", "V7.4.2", "V7.5.2",
    "V8.2.1", "V8.2.2", "V8.2.3", "V8.4.1", "V9.1.1", "V9.1.2", "V9.1.3", "V9.2.2", "V9.2.3", "V10.4.5", "V14.2.2", "V16.5.3",
}
# fmt: on
_ROW = re.compile(r"^\| (V[\d.]+) \|.*\| (.*) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_PAGE = (ROOT / "docs/security.md").read_text()
ROWS = dict(_ROW.findall(_PAGE))


@cache
def _tests_of(file: str) -> set[str]:
    path = ROOT / file
    functions = ast.walk(ast.parse(path.read_text())) if path.is_file() else ()
    return {node.name for node in functions if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_answers_every_requirement_that_was_asked_for() -> None:
    assert ASKED - set(ROWS) == set()


@pytest.mark.parametrize("requirement", sorted(ROWS))
def test_a_requirement_names_tests_that_are_there(requirement: str) -> None:
    named = _TEST.findall(ROWS[requirement])
    assert named
    assert [f"{file}::{name}" for file, name in named if name not in _tests_of(file)] == []


def test_every_test_that_the_page_speaks_of_is_there() -> None:
    assert [f"{file}::{name}" for file, name in _TEST.findall(_PAGE) if name not in _tests_of(file)] == []
