"""The access log: one fact a request.

Written past structlog, whose pipeline costs more than all the layers of the edge together, in the same shape and to the same place.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import orjson
import structlog

from converto.kernel.config import Settings
from converto.kernel.context import Context, within

QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
"""What machines ask all day: told only where debugging, unless it fails."""
ACTION = "http.answered"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A request that was answered."""

    kind: tuple[str, str, int]
    """Its method, the template of its route, and the status of the answer."""
    context: Context
    tenant_id: UUID | None
    sent: int
    """The bytes of the answer's body."""
    seconds: float
    at: float
    """The `time.time()` of its end."""
    told_by: str | None = None
    """The `traceparent` that it came with."""


def level_of(route: str, status: int) -> str:
    """Return the level that an answer is told at."""
    if status >= 500:
        return "error"
    if status >= 400:
        return "warning"
    return "debug" if route in QUIET else "info"


class AccessLog:
    """Tells of every request, in the form and from the level that the settings ask for."""

    def __init__(
        self, settings: Settings, *, write: Callable[[str], object] | None = None, levels: Mapping[str, str] | None = None
    ) -> None:
        """Take also the levels of the routes, by their templates, whose modules have levels of their own."""
        self._least = _LEVELS[settings.log_level]
        self._of_routes = {route: _LEVELS[level] for route, level in (levels or {}).items()}
        self._plain = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
        self._write = write or sys.stderr.write
        self._kinds: dict[tuple[str, str, int], str] = {}
        self._second, self._stamp = 0, ""

    def tell(self, answers: Iterable[Answered]) -> None:
        """Tell of requests, each in a line, all in one write."""
        lines = "".join([self._line(answered) for answered in answers])
        if lines:
            self._write(lines)

    def _line(self, answered: Answered) -> str:
        same = self._kinds.get(answered.kind)
        if same is None:
            same = self._kinds[answered.kind] = self._what_is_same(*answered.kind)
        if not same:
            return ""
        duration_ns = int(answered.seconds * 1e9)
        if self._plain:
            self._tell_people(answered, duration_ns)
            return ""
        # Put together by hand: each part is a number, an id of known letters, or was made JSON once.
        context, tenant_id = answered.context, answered.tenant_id
        whose = f',"organization.id":"{tenant_id}"' if tenant_id else ""
        return (
            f'{{"@timestamp":"{self._moment(answered.at)}",{same},"trace.id":"{context.trace_id}","http.request.id":"{context.request_id}",'
            f'"http.response.body.bytes":{answered.sent},"event.duration":{duration_ns}{whose}}}\n'
        )

    def _what_is_same(self, method: str, route: str, status: int) -> str:
        """Return the part of the line that requests of one kind share, as JSON without its braces; nothing if they are not told."""
        level = level_of(route, status)
        if _LEVELS[level] < self._of_routes.get(route, self._least):
            return ""
        facts = {"log.level": level, "event.action": ACTION, "http.request.method": method, "http.route": route}
        return orjson.dumps(facts | {"http.response.status_code": status}).decode()[1:-1]

    def _moment(self, moment: float) -> str:
        second = int(moment)
        if second != self._second:
            self._second, self._stamp = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._stamp}.{int((moment - second) * 1e6):06d}Z"

    def _tell_people(self, answered: Answered, duration_ns: int) -> None:
        method, route, status = answered.kind
        facts = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        facts |= {"http.response.body.bytes": answered.sent, "event.duration": duration_ns}
        facts |= {"organization.id": str(answered.tenant_id)} if answered.tenant_id else {}
        with within(answered.context):
            structlog.get_logger().log(_LEVELS[level_of(route, status)], ACTION, **facts)
