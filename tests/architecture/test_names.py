import ast
import re

from tests.architecture.source import OTHERS, PROGRAM, name_of, python_files, tree

DRAWERS = {"utils", "util", "helpers", "helper", "common", "shared", "misc"}
VAGUE = re.compile(r"Base[A-Z].*|.*(Manager|Helper|Util|Utils|Data|Info|Impl)")
MODULE_FILES = {"service", "repository", "models", "settings", "module", "api", "handlers"}


def test_no_file_or_folder_is_a_drawer_for_anything() -> None:
    drawers = [name_of(file) for file in python_files(PROGRAM, *OTHERS) if DRAWERS & {file.stem.lower(), file.parent.name.lower()}]
    assert drawers == []


def test_no_class_is_named_by_a_role_instead_of_what_it_is() -> None:
    vague = [
        f"{name_of(file)} {node.name}"
        for file in python_files(PROGRAM)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ClassDef) and VAGUE.fullmatch(node.name)
    ]
    assert vague == []


def test_the_kernels_files_bear_no_name_of_a_modules_file() -> None:
    alike = [name_of(file) for file in python_files(PROGRAM / "kernel") if file.stem in MODULE_FILES]
    assert alike == []


def test_a_package_file_is_a_docstring_and_nothing_else() -> None:
    root = PROGRAM / "__init__.py"  # bears the version, which the build reads
    more = [
        name_of(file)
        for file in python_files(PROGRAM, *OTHERS)
        if file.name == "__init__.py" and file != root and not _is_one_docstring(tree(file))
    ]
    assert more == []


def test_the_programs_package_file_bears_the_version_beside_its_docstring() -> None:
    docstring, version = tree(PROGRAM / "__init__.py").body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(version, ast.Assign)
    assert ast.unparse(version.targets[0]) == "__version__"


def _is_one_docstring(module: ast.Module) -> bool:
    return len(module.body) == 1 and ast.get_docstring(module) is not None
