"""What stands on the wire for ever: each code and each event name means one thing."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from converto.kernel.errors import Error
from converto.kernel.event import Event
from tests.architecture.source import program_modules


def test_an_error_code_belongs_to_one_error() -> None:
    assert _shared((kind.code, kind) for kind in _kinds_of(Error)) == {}


def test_an_error_code_begins_with_its_module() -> None:
    own = {kind for kind in _kinds_of(Error) if _home(kind) != "kernel"}
    foreign = {kind.code for kind in own if not re.fullmatch(rf"{_home(kind)}\.[a-z][a-z0-9_]*", kind.code)}
    assert foreign == set()


def test_an_event_name_belongs_to_one_event() -> None:
    assert _shared((kind.type, kind) for kind in _kinds_of(Event)) == {}


def test_an_event_name_begins_with_its_module() -> None:
    foreign = {kind.type for kind in _kinds_of(Event) if not re.fullmatch(rf"{_home(kind)}(\.[a-z][a-z0-9_]*)+", kind.type)}
    assert foreign == set()


def _kinds_of(base: type[Any]) -> set[type[Any]]:
    """Return the program's own descendants of a class; tests may have loaded descendants of theirs."""
    list(program_modules())
    found: set[type[Any]] = set()
    waiting = [base]
    while waiting:
        kinds = waiting.pop().__subclasses__()
        waiting.extend(kinds)
        found.update(kind for kind in kinds if kind.__module__.startswith("converto."))
    return found


def _home(kind: type[Any]) -> str:
    return str(kind.__module__.split(".")[1])


def _shared(named: Iterable[tuple[str, type[Any]]]) -> dict[str, list[str]]:
    bearers: dict[str, list[str]] = defaultdict(list)
    for name, kind in named:
        bearers[name].append(f"{kind.__module__}.{kind.__qualname__}")
    return {name: kinds for name, kinds in bearers.items() if len(kinds) > 1}
