"""The very first look at a request: where its class is full, it is refused before anything else is spent on it.

To refuse has to cost next to nothing, or those who are refused would take the time of those who are not: ten times as many requests as can
be answered are nine refusals for each answer. So nothing is looked at here but the line of a request and the names of its headers.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import orjson
import structlog

from converto.gateway.admission import COME_BACK_S, Admission, Busy, Lane
from converto.gateway.figures import RequestFigures
from converto.gateway.routes import Found, Routes
from converto.kernel.errors import Error
from converto.kernel.web import PROBLEM_JSON, problem_of

TELL_EVERY_S = 1.0
_ID = "0" * 32
_SPECIAL = frozenset({b"x-request-id", b"origin"})
log = structlog.get_logger()


class Turnstile:
    """Turns away what finds its class full."""

    def __init__(self, routes: Routes, admission: Admission, figures: RequestFigures) -> None:
        self._routes = routes
        self._lanes = admission.lanes
        self._work = admission.work
        self._figures = figures
        self._parts = _answer(Busy(retry_after_s=COME_BACK_S))
        self._untold: Counter[str] = Counter()

    @property
    def is_shut(self) -> bool:
        """Whether any class was full a moment ago: otherwise nobody need be looked at here."""
        return self._work.is_short

    def refusal(self, method: str, path: str) -> tuple[bytes, bytes] | None:
        """Return the head, open at its end, and the body that a request is turned away with; None where it may go further in."""
        found = self._counted(method, path)
        if found is None or not (lane := self._lanes[found.access.admission]).is_full:
            return None
        self._note(lane, method, found)
        head, before, after = self._parts
        request_id = b"%032x" % random.getrandbits(128)
        return head + request_id + b"\r\n", before + request_id + after

    def expect(self, method: str, path: str) -> None:
        """Count a request that goes further in."""
        found = self._counted(method, path)
        if found is not None:
            self._lanes[found.access.admission].expect()

    @staticmethod
    def is_special(headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request brings an id of its own or comes from a page: it is refused further in, for it has to be told more."""
        return any(name in _SPECIAL for name, _ in headers)

    def _counted(self, method: str, path: str) -> Found | None:
        found = self._routes.find(method, path)
        if found is None or found.access.waits or found.access.elsewhere or not found.access.is_counted:
            return None
        return found

    def _note(self, lane: Lane, method: str, found: Found) -> None:
        """Count it, and tell of all of a second together: a line for each would cost more than the refusals."""
        lane.refused += 1
        self._figures.count((method, found.template, Busy.status), 0.0)
        if not self._untold:
            asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell)
        self._untold[found.access.admission.value] += 1

    def _tell(self) -> None:
        for name, requests in self._untold.items():
            log.warning("http.refused", admission=name, requests=requests)
        self._untold.clear()


def _answer(error: Error) -> tuple[bytes, bytes, bytes]:
    """Return the head of an answer that tells of an error, and its body before and after the id of the request."""
    before, _, after = orjson.dumps({**problem_of(error), "request_id": _ID}).partition(_ID.encode())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
        f"content-type: {PROBLEM_JSON}\r\ncontent-length: {len(before) + len(_ID) + len(after)}\r\n"
        f"retry-after: {error.retry_after_s}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nx-request-id: "
    )
    return head.encode(), before, after
