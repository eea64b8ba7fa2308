"""When a delivery that was not taken is tried again, and how long an endpoint that takes nothing is left in peace."""

import random
from datetime import datetime
from email.utils import parsedate_to_datetime

_MINUTE_S = 60.0
_HOUR_S = 3600.0
RETRIES_S = (
    5.0,
    5 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)
"""The pauses after the first, second, ... attempt: ten attempts over three days."""
TRIES = len(RETRIES_S) + 1
JITTER = 0.1
"""Each pause is longer or shorter by up to this share, so that what failed together does not come back together."""
LONGEST_RETRY_AFTER_S = 24 * _HOUR_S
SHORTEST_BREAK_S = 30.0
LONGEST_BREAK_S = 15 * _MINUTE_S


def pause_s(failures: int, *, retry_after_s: float | None = None) -> float:
    """Return how long to wait after so many failed attempts, and never less than the endpoint itself asked for."""
    usual = RETRIES_S[min(failures, len(RETRIES_S)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing secret
    return usual if retry_after_s is None else max(usual, min(retry_after_s, LONGEST_RETRY_AFTER_S))


def break_s(failures: int, *, threshold: int) -> float:
    """Return how long an endpoint that has failed so often in a row is left in peace: 30 s, 1 min ... 15 min; 0 below the threshold."""
    if failures < threshold:
        return 0.0
    return min(SHORTEST_BREAK_S * 2.0 ** min(failures - threshold, 10), LONGEST_BREAK_S)


def retry_after_s(header: str | None, *, at: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, given as seconds or as a date; None where it says nothing."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment - at).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, one without a zone, one outside the calendar
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S)
