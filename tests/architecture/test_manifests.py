import ast
import importlib
import inspect
from pathlib import Path

import pytest

from converto.kernel.interface import Interface
from converto.kernel.manifest import Module
from converto.modules import installed
from tests.architecture.source import PROGRAM, module_name, python_files, tree

HOMES = {file.parent.name: module_name(file) for file in sorted(PROGRAM.rglob("module.py"))}
PACKAGES = sorted(HOMES)


def test_every_package_with_a_manifest_is_installed_under_its_name() -> None:
    shipped = {module.name for module in installed() if _manifest(module.name) is module}
    assert shipped == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_needs_exactly_the_interfaces_that_it_imports(package: str) -> None:
    needed = {interface.__name__ for interface in _manifest(package).needs}
    assert needed == _imported_interfaces(_folder(package), package)


def _manifest(package: str) -> Module:
    module = importlib.import_module(HOMES[package]).module
    assert isinstance(module, Module)
    return module


def _folder(package: str) -> Path:
    return PROGRAM.parent.joinpath(*HOMES[package].split(".")[:-1])


def _imported_interfaces(folder: Path, package: str) -> set[str]:
    """Return the interfaces of other modules that the files of a package import; a module inside it answers for itself."""
    found = set()
    inside = {_folder(other) for other in PACKAGES} - {folder}
    for file in python_files(folder):
        if inside & set(file.parents) - set(folder.parents):
            continue
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ImportFrom) and _is_another_modules_interface(node.module, package):
                home = importlib.import_module(str(node.module))
                found |= {alias.name for alias in node.names if _is_interface(getattr(home, alias.name))}
    return found


def _is_another_modules_interface(module: str | None, package: str) -> bool:
    folder, _, file = (module or "").rpartition(".")
    return file == "interface" and folder.startswith("converto.") and _owner(folder) not in (package, "kernel")


def _owner(folder: str) -> str:
    """Return the module whose package a folder is, or is a part of."""
    homes = {home.removesuffix("module"): name for name, home in HOMES.items()}
    inside = [home for home in homes if f"{folder}.".startswith(home)]
    return homes[max(inside, key=len)] if inside else folder.rpartition(".")[2]


def _is_interface(thing: object) -> bool:
    return inspect.isclass(thing) and Interface in thing.__mro__
