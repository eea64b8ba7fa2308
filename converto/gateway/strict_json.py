"""JSON as it is taken here: what two readers of JSON would read differently is refused, and so is what no database can hold."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from converto.kernel.errors import BadRequest

MAX_DEPTH = 64
LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)
LONGEST_POINTER = 200

_SURROGATE = re.compile("[\ud800-\udfff]")
Place = Sequence[str | int]
"""Where in a document: the keys and indices from the top."""


class BadJson(BadRequest):
    """A body that is not JSON, or that two readers of JSON would read differently; `errors` names the place."""

    code = "gateway.bad_json"
    message = "The body is not JSON as it is taken here: {summary}"


class _Suspect(Exception):
    """Raised on the fast path: the slow one looks closer."""


class _Fault:
    """Stands in the parsed tree for a number that is none."""

    def __init__(self, detail: str) -> None:
        self.detail = detail


class _Pairs(list[tuple[str, Any]]):
    """An object with every key that was written: twice if it was written twice."""


def check(body: bytes) -> None:
    """Accept a JSON text.

    Raises BadJson for what is not JSON in UTF-8, and for NaN and infinities, numbers beyond a double, integers beyond 64 bits, duplicate
    keys, lone surrogates, NUL characters, and more than 64 levels.
    """
    text = _decoded(body)
    if not _is_good(text):
        _find_fault(_parsed(text))
        raise _bad((), "it is no plain JSON")


def _decoded(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _bad((), f"byte {error.start} is not UTF-8") from error
    if text.startswith("\ufeff"):
        raise _bad((), "it begins with a byte order mark")
    return text


def _is_good(text: str) -> bool:
    """Return whether nothing is wrong, level by level and without keeping the places: that is several times as fast."""
    try:
        level = [json.loads(text, object_pairs_hook=_flat, parse_constant=_suspect, parse_int=_good_integer, parse_float=_good_float)]
    except (_Suspect, json.JSONDecodeError, RecursionError):
        return False
    for _ in range(MAX_DEPTH + 1):
        texts = "".join([node for node in level if type(node) is str])
        if "\0" in texts or _SURROGATE.search(texts):
            return False
        containers = [node for node in level if type(node) is list]
        if not containers:
            return True
        level = list(chain.from_iterable(containers))
    return False


def _flat(pairs: list[tuple[str, Any]]) -> list[Any]:
    """Return the keys and values of an object in one list. Raises _Suspect where a key stands there twice."""
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise _Suspect
    return [*unique, *unique.values()]


def _suspect(_: str) -> None:
    raise _Suspect


def _good_integer(written: str) -> None:
    if _integer(written) is not None:
        raise _Suspect


def _good_float(written: str) -> None:
    if _float(written) is not None:
        raise _Suspect


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Pairs, parse_constant=_constant, parse_int=_integer, parse_float=_float)
    except json.JSONDecodeError as error:
        raise _bad((), f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise _too_deep(()) from error


def _constant(written: str) -> _Fault:
    return _Fault(f"{written} is no number")


def _integer(written: str) -> _Fault | None:
    # 20 characters hold every integer of 64 bits; int() of very many digits is slow, and beyond 4300 of them fails
    if len(written) <= 20 and SMALLEST_INTEGER <= int(written) <= LARGEST_INTEGER:
        return None
    return _Fault("the integer does not fit into 64 bits")


def _float(written: str) -> _Fault | None:
    return None if math.isfinite(float(written)) else _Fault("the number is too large")


def _find_fault(tree: Any) -> None:
    """Raise BadJson for the first fault, in the order in which the document is read."""
    place: list[str | int] = []
    above = [_entered(tree, place)]
    while above:
        for key, value in above[-1]:
            if value is None or (value == [] and len(place) < MAX_DEPTH - 1):
                continue
            place.append(key)
            above.append(_entered(value, place))
            break
        else:
            above.pop()
            del place[-1:]


def _entered(node: Any, place: Place) -> Iterator[tuple[str | int, Any]]:
    """Check one value, and return what is inside it."""
    if isinstance(node, _Fault):
        raise _bad(place, node.detail)
    if isinstance(node, str):
        _check_text(node, place)
    if not isinstance(node, list):
        return iter(())
    if len(place) == MAX_DEPTH:
        raise _too_deep(place)
    if not isinstance(node, _Pairs):
        return iter(enumerate(node))
    _check_keys(node, place)
    return iter(node)


def _check_keys(pairs: _Pairs, place: Place) -> None:
    seen = set()
    for key, _ in pairs:
        _check_text(key, place)
        if key in seen:
            raise _bad([*place, key], "the key stands there twice")
        seen.add(key)


def _check_text(text: str, place: Place) -> None:
    if "\0" in text:
        raise _bad(place, "there is a NUL character")
    if _SURROGATE.search(text):
        raise _bad(place, "there is half of a surrogate pair")


def _too_deep(place: Place) -> BadJson:
    return _bad(place, f"it is nested deeper than {MAX_DEPTH} levels")


def _bad(place: Place, detail: str) -> BadJson:
    parts = [str(part)[:LONGEST_POINTER].replace("~", "~0").replace("/", "~1") for part in place]
    pointer = "".join(f"/{part}" for part in parts)[:LONGEST_POINTER]
    return BadJson(summary=f"at {pointer} {detail}" if pointer else detail, errors=[{"pointer": pointer, "detail": detail}])
