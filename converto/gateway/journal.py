"""What happened to requests: gathered for a moment, and then counted and told of together.

A record is the cheaper the more of them are worked off in a row, and a write to the log costs more than all else that is done for one.
"""

import asyncio
from time import monotonic, time

from starlette.types import Scope

from converto.gateway.access_log import AccessLog, Answered
from converto.gateway.figures import RequestFigures
from converto.kernel.context import Context
from converto.kernel.spans import Kind, Span
from converto.kernel.tracing import TOLD_BY, is_told, tell

GATHER_S = 0.05
_BROKEN = 500
UNMATCHED = "unmatched"
"""What requests are counted under that no route took."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The others are counted as one: a method is whatever a client writes."""


class Journal:
    """Takes notes of requests. Who reads the figures has the notes worked off first."""

    def __init__(self, figures: RequestFigures, access_log: AccessLog) -> None:
        self._figures = figures
        self._access_log = access_log
        self._noted: list[Answered] = []
        self._due: asyncio.TimerHandle | None = None

    def note(self, scope: Scope, context: Context, *, status: int, sent: int, start: float) -> None:
        """Note a request that began at a `time.monotonic()` and ends now."""
        # not the scope itself: what hangs on it would be kept from being used again at once, which costs more than is saved
        method, actor = scope["method"], scope.get("converto.actor")
        found = scope.get("converto.route")
        kind = (method if method in METHODS else "other", UNMATCHED if found is None else found.template, status)
        tenant_id = actor and actor.tenant_id
        self._noted.append(Answered(kind, context, tenant_id, sent, monotonic() - start, time(), scope.get(TOLD_BY)))
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER_S, self.work_off)

    def work_off(self) -> None:
        """Count and tell of what is noted. Has to be called once more before the event loop ends."""
        if self._due is None:
            return
        self._due.cancel()
        noted, self._noted, self._due = self._noted, [], None
        self._figures.turn()
        for answered in noted:
            self._figures.count(answered.kind, answered.seconds)
        self._access_log.tell(noted)
        if is_told():
            for answered in noted:
                tell(_span(answered))


def _span(answered: Answered) -> Span:
    method, route, status = answered.kind
    end_ns = int(answered.at * 1e9)
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "http.response.body.size": answered.sent,
        "converto.request_id": answered.context.request_id,
    }
    if answered.tenant_id is not None:
        attributes["converto.organization_id"] = str(answered.tenant_id)
    return Span(
        f"{method} {route}",
        Kind.SERVER,
        answered.context.trace_parent,
        answered.told_by,
        end_ns - int(answered.seconds * 1e9),
        end_ns,
        attributes,
        str(status) if status >= _BROKEN else None,
    )
