"""The modules that ship, and those that somebody else has installed: entry points of the group `converto.modules`."""

from collections.abc import Sequence
from importlib.metadata import entry_points

from converto.kernel.config import CannotStart
from converto.kernel.manifest import Module

GROUP = "converto.modules"


def installed() -> Sequence[Module]:
    """Return every module of this installation, by name. Raises CannotStart where one of them cannot be loaded."""
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            module = point.load()
        except Exception as error:
            msg = f"The module {point.name} ({point.value}) cannot be loaded: {error}."
            raise CannotStart(msg) from error
        if not isinstance(module, Module) or module.name != point.name:
            msg = f"The entry point {point.name} ({point.value}) is not a module of that name."
            raise CannotStart(msg)
        found.append(module)
    return found
