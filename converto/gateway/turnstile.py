"""The very first look at a request: where its class is full, it is refused before anything else is spent on it.

To refuse has to cost next to nothing, or those who are refused would take the time of those who are not: ten times as many requests as can
be answered are nine refusals for each answer. So nothing is read here but the path, and nothing is made but the answer.
"""

import asyncio
import random
from collections import Counter

import orjson
import structlog
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from converto.gateway.admission import COME_BACK_S, Admission, Busy
from converto.gateway.figures import RequestFigures
from converto.gateway.routes import Found, Routes
from converto.kernel.errors import Error
from converto.kernel.web import PROBLEM_JSON, problem_of

TELL_EVERY_S = 1.0
_ID = "0" * 32
log = structlog.get_logger()


class Turnstile:
    """Finds the route of each request (`converto.route` in the scope), and turns away what finds its class full."""

    def __init__(self, routes: Routes, admission: Admission, figures: RequestFigures) -> None:
        self._routes = routes
        self._lanes = {name: (lane, _answer(Busy(retry_after_s=COME_BACK_S))) for name, lane in admission.lanes.items()}
        self._figures = figures
        self._untold: Counter[str] = Counter()

    def refuses(self, scope: Scope) -> bool:
        """Find out whether a request is turned away; one that brings an id or comes from a page is refused further in, if at all."""
        found = self._routes.find(scope["method"], scope["path"])
        if found is None:
            return False
        scope["converto.route"] = found
        lane = self._lanes[found.access.admission][0]
        if not lane.is_full or found.access.waits or not found.access.is_counted:
            return False
        return not any(name in _SPECIAL for name, _ in scope["headers"])

    async def refuse(self, scope: Scope, send: Send) -> None:
        """Say that too many requests have come."""
        found: Found = scope["converto.route"]
        lane, (head, before, after) = self._lanes[found.access.admission]
        request_id = f"{random.getrandbits(128):032x}".encode()
        lane.refused += 1
        await send({"type": "http.response.start", "status": Busy.status, "headers": [*head, (b"x-request-id", request_id)]})
        await send({"type": "http.response.body", "body": before + request_id + after})
        self._note(scope["method"], found)

    def _note(self, method: str, found: Found) -> None:
        """Count it, and tell of all of a second together: a line for each would cost more than the refusals."""
        self._figures.count((method, found.template, Busy.status), 0.0)
        if not self._untold:
            asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell)
        self._untold[found.access.admission.value] += 1

    def _tell(self) -> None:
        for name, requests in self._untold.items():
            log.warning("http.refused", admission=name, requests=requests)
        self._untold.clear()


_SPECIAL = frozenset({b"x-request-id", b"origin"})


def _answer(error: Error) -> tuple[list[tuple[bytes, bytes]], bytes, bytes]:
    """Return the headers of an answer that tells of an error, and its body before and after the id of the request."""
    before, _, after = orjson.dumps({**problem_of(error), "request_id": _ID}).partition(_ID.encode())
    length = str(len(before) + len(_ID) + len(after)).encode()
    head = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", length),
        (b"retry-after", str(error.retry_after_s).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return head, before, after


class Application(FastAPI):
    """An application with a turnstile before all that FastAPI does."""

    turnstile: Turnstile | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or turn it away."""
        if self.turnstile is not None and scope["type"] == "http" and self.turnstile.refuses(scope):
            await self.turnstile.refuse(scope, send)
            return
        await super().__call__(scope, receive, send)
