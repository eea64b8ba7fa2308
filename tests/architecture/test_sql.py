import ast

import pytest

from tests.architecture.source import PROGRAM, name_of, python_files, tree

AS_WRITTEN = {"text", "exec_driver_sql", "literal_column"}
"""What takes SQL as it is written: whatever is put together there could say something else than was meant."""
MADE_OF_OUR_OWN_NAMES = {
    "converto/kernel/database.py": "the settings of an SQLite connection",
    "converto/kernel/row_security.py": "names of the schema's own tables, read from the catalogue and quoted by it",
    "converto/kernel/schema.py": "the names of modules, and the number of a lock",
}


def test_sql_is_put_together_by_the_library_and_never_from_texts() -> None:
    found = {name_of(file) for file in python_files(PROGRAM) if _put_together(tree(file))}
    assert found == set(MADE_OF_OUR_OWN_NAMES)


@pytest.mark.parametrize("call", ['text(f"SELECT {name}")', 'text("SELECT " + name)', 'text("SELECT %s" % name)', "text(name)"])
def test_a_text_that_is_put_together_would_be_found(call: str) -> None:
    assert _put_together(ast.parse(f"from sqlalchemy import text\nsession.execute({call})"))


def test_a_text_as_it_is_written_is_no_harm() -> None:
    assert not _put_together(ast.parse('from sqlalchemy import text\nsession.execute(text("SELECT 1 WHERE id = :id"), {"id": name})'))


def _put_together(module: ast.Module) -> bool:
    """Tell whether a file gives SQL that is not a constant to whatever takes it as it is written."""
    imports = {alias.name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names}
    taking = (AS_WRITTEN & imports) | {"exec_driver_sql"}
    calls = (node for node in ast.walk(module) if isinstance(node, ast.Call) and node.args)
    return any(_name(call.func) in taking and not _is_constant(call.args[0], module) for call in calls)


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _is_constant(given: ast.expr, module: ast.Module) -> bool:
    if isinstance(given, ast.Constant):
        return True
    constants = {
        target.id
        for node in ast.walk(module)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    return isinstance(given, ast.Name) and given.id in constants
