"""The access log: one fact a request.

Written past structlog, whose pipeline costs more than all other layers together, in the same shape and to the same place.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog

from converto.kernel.clock import now
from converto.kernel.config import Settings

QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
"""What machines ask all day: told only where debugging, unless it fails."""
ACTION = "http.answered"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def level_of(route: str, status: int) -> str:
    """Return the level that an answer is told at."""
    if status >= 500:
        return "error"
    if status >= 400:
        return "warning"
    return "debug" if route in QUIET else "info"


class AccessLog:
    """Tells of every request, in the form and from the level that the settings ask for."""

    def __init__(self, settings: Settings, *, write: Callable[[str], object] | None = None) -> None:
        self._least = _LEVELS[settings.log_level]
        self._plain = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
        self._write = write or sys.stderr.write
        self._waiting: list[bytes] = []
        self._is_due = False

    def tell(self, route: str, status: int, facts: Mapping[str, Any]) -> None:
        """Tell of one request. The lines of one round of the event loop are written together."""
        level = level_of(route, status)
        if _LEVELS[level] < self._least:
            return
        if self._plain:
            structlog.get_logger().log(_LEVELS[level], ACTION, **facts)
            return
        fact = {"@timestamp": now(), "log.level": level, "event.action": ACTION, **facts}
        self._waiting.append(orjson.dumps(fact, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        lines, self._waiting, self._is_due = self._waiting, [], False
        self._write(b"".join(lines).decode())
