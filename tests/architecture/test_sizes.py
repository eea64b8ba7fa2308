import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import OTHERS, PROGRAM, name_of, python_files, tree

MAX_LINES = 400
MAX_STATEMENTS = 30
MAX_BRANCHES = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def test_a_file_has_at_most_400_lines() -> None:
    long = {name_of(file): lines for file in python_files(PROGRAM, *OTHERS) if (lines := len(file.read_text().splitlines())) > MAX_LINES}
    assert long == {}


def test_a_function_has_at_most_30_statements() -> None:
    long = {name: count for name, parts in _functions() if (count := sum(isinstance(part, ast.stmt) for part in parts)) > MAX_STATEMENTS}
    assert long == {}


def test_a_function_has_at_most_8_branches() -> None:
    branchy = {name: count for name, parts in _functions() if (count := sum(isinstance(part, BRANCHES) for part in parts)) > MAX_BRANCHES}
    assert branchy == {}


def _functions() -> Iterator[tuple[str, list[ast.AST]]]:
    for file in python_files(PROGRAM, *OTHERS):
        for node in ast.walk(tree(file)):
            if isinstance(node, Function):
                yield f"{name_of(file)}:{node.lineno} {node.name}", list(_parts(node))


def _parts(function: Function) -> Iterator[ast.AST]:
    """Yield what stands in a function, without its docstring and without what stands in the functions inside it."""
    waiting: list[ast.AST] = list(function.body[1:] if ast.get_docstring(function) is not None else function.body)
    while waiting:
        part = waiting.pop()
        yield part
        if not isinstance(part, Function):
            waiting.extend(ast.iter_child_nodes(part))


def test_a_function_inside_another_counts_for_itself(tmp_path: Path) -> None:
    file = tmp_path / "nested.py"
    file.write_text("def outer():\n    'Docstring.'\n    def inner():\n        if a:\n            return 1\n    return inner\n")
    outer = tree(file).body[0]
    assert isinstance(outer, ast.FunctionDef)
    assert sum(isinstance(part, ast.stmt) for part in _parts(outer)) == 2
