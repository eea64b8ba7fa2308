"""What Stripe's clients send: forms whose names have brackets, `items[0][price]=...`."""

import re
from typing import Any

_PART = re.compile(r"\[([^\]]*)\]")


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what a form says as dictionaries and lists."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        head = name.partition("[")[0]
        path = [head, *_PART.findall(name)]
        place = found
        for part in path[:-1]:
            place = place.setdefault(part or str(len(place)), {})
        last = path[-1] or str(len(place))
        place[last] = value
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    """Turn dictionaries whose names are numbers into lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(part) for name, part in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def is_true(value: Any) -> bool:
    """Return whether a form says yes."""
    return value is True or value == "true"
