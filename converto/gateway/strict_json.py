"""JSON as it is taken here: what two readers of JSON would read differently is refused, and so is what no database can hold."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from converto.kernel.errors import BadRequest

MAX_DEPTH = 64
LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)
LONGEST_POINTER = 200

# Without an escape, a long run of digits or an exponent, a text bears no odd character and no number out of range.
_SUSPECT = re.compile(rb"\\u|[0-9]{19}|[0-9][eE]")
_SURROGATE = re.compile("[\ud800-\udfff]")

Place = tuple["Place", str] | None
"""Where in a document: the place above, and the key or index below it. Text is made of it only for an answer, for a long key with
many values below it would fill the memory."""


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
    if not _surely_good(body, text):
        _walk(_parsed(text))


def _surely_good(body: bytes, text: str) -> bool:
    if _SUSPECT.search(body) or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        return False
    try:
        json.loads(text, object_pairs_hook=_with_unique_keys, parse_constant=_suspect)
    except (_Suspect, json.JSONDecodeError):
        return False
    return True


def _decoded(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _bad(None, f"byte {error.start} is not UTF-8") from error
    if text.startswith("\ufeff"):
        raise _bad(None, "it begins with a byte order mark")
    return text


def _with_unique_keys(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Suspect


def _suspect(_: str) -> None:
    raise _Suspect


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Pairs, parse_constant=_constant, parse_int=_integer, parse_float=_float)
    except json.JSONDecodeError as error:
        raise _bad(None, f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise _too_deep(None) from error


def _constant(written: str) -> _Fault:
    return _Fault(f"{written} is no number")


def _integer(written: str) -> int | _Fault:
    # 20 characters hold every integer of 64 bits; int() of very many digits is slow, and beyond 4300 of them fails
    if len(written) <= 20 and SMALLEST_INTEGER <= int(written) <= LARGEST_INTEGER:
        return 0
    return _Fault("the integer does not fit into 64 bits")


def _float(written: str) -> float | _Fault:
    number = float(written)
    return number if math.isfinite(number) else _Fault("the number is too large")


def _walk(tree: Any) -> None:
    waiting: list[tuple[Any, Place, int]] = [(tree, None, 0)]
    while waiting:
        node, place, depth = waiting.pop()
        if isinstance(node, _Fault):
            raise _bad(place, node.detail)
        if isinstance(node, str):
            _check_text(node, place)
        elif isinstance(node, list):
            if depth == MAX_DEPTH:
                raise _too_deep(place)
            waiting += [(value, (place, key), depth + 1) for key, value in _inside(node, place) if isinstance(value, (_Fault, str, list))]


def _inside(node: list[Any], place: Place) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, _Pairs):
        for index, value in enumerate(node):
            yield str(index), value
        return
    seen = set()
    for key, value in node:
        _check_text(key, place)
        if key in seen:
            raise _bad((place, key), "the key stands there twice")
        seen.add(key)
        yield key, value


def _check_text(text: str, place: Place) -> None:
    if "\0" in text:
        raise _bad(place, "there is a NUL character")
    if _SURROGATE.search(text):
        raise _bad(place, "there is half of a surrogate pair")


def _too_deep(place: Place) -> BadJson:
    return _bad(place, f"it is nested deeper than {MAX_DEPTH} levels")


def _bad(place: Place, detail: str) -> BadJson:
    pointer = _pointer(place)
    return BadJson(summary=f"at {pointer} {detail}" if pointer else detail, errors=[{"pointer": pointer, "detail": detail}])


def _pointer(place: Place) -> str:
    parts: list[str] = []
    while place is not None:
        place, part = place
        parts.append(part[:LONGEST_POINTER].replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in reversed(parts))[:LONGEST_POINTER]
