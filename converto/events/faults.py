"""What is wrong with what somebody sent, field by field: a JSON pointer and what to do about it."""

from collections.abc import Sequence
from typing import Any

Fault = dict[str, str]
SHOWN = 3


def fault(*place: int | str, detail: str) -> Fault:
    """Return one fault at a place in the body."""
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')[:100]}" for part in place)
    return {"pointer": pointer, "detail": detail}


def told(faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the details of the error that tells of faults; its message needs a `{summary}`."""
    first = "; ".join(f"{one['pointer']}: {one['detail']}" for one in faults[:SHOWN])
    more = len(faults) - SHOWN
    return {"summary": f"{first}; and {more} more" if more > 0 else first, "errors": list(faults)}
