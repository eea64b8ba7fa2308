"""Whether a request is taken on at all: there is such a route, the process is not about to end, and not too much is being done already."""

from collections.abc import Sequence
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from converto.gateway.addresses import Addresses
from converto.gateway.admission import QUIET, Admission, Lane
from converto.gateway.routes import Found, Routes
from converto.kernel.access import PROCESSES
from converto.kernel.access import Admission as Class
from converto.kernel.context import current, within
from converto.kernel.drain import Drain
from converto.kernel.errors import MethodNotAllowed, NotFound, Unavailable
from converto.kernel.web import problem


class Draining(Unavailable):
    """This process is about to end."""

    code = "gateway.draining"
    message = "This process is about to end; try again, another one will answer."


class Gate:
    """Says in the scope (`converto.route`) which route a request is for; what is for none goes no further, and costs next to nothing.

    What one address sends too much of is refused before it competes with others for a place. Operators' looks and calls between our own
    processes are let in also while this process ends: those who are let in already need them.
    """

    def __init__(self, app: ASGIApp, *, routes: Routes, admission: Admission, addresses: Addresses, drain: Drain) -> None:
        self._app = app
        self._routes = routes
        self._admission = admission
        self._lanes = admission.lanes
        self._work = admission.work
        self._addresses = addresses
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises NotFound, Draining, TooManyRequests, Busy."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found: Found | None = scope.get("converto.route") or self._routes.find(scope["method"], scope["path"])
        if found is None:
            await self._nowhere(scope, receive, send)
            return
        scope["converto.route"] = found
        if found.access.admission is Class.HEALTH:
            await self._look(found, scope, receive, send=send)
        elif self._drain.has_begun:
            raise Draining(retry_after_s=1)
        else:
            self._addresses.take(scope)
            await self._work_on(found, scope, receive, send=send)

    async def _work_on(self, found: Found, scope: Scope, receive: Receive, *, send: Send) -> None:
        if found.access.waits and _would_wait(scope):
            await self._within(self._admission.waiting, scope, receive, send=send)
            return
        lane = self._lanes[found.access.admission]
        if not lane.enter():
            await lane.wait()
        began, quiet = monotonic(), self._work.at_once <= QUIET
        try:
            if found.timeout_s is None:
                await self._app(scope, receive, send)
            else:
                with within(deadline=_sooner(began + found.timeout_s)):
                    await self._app(scope, receive, send)
        finally:
            lane.leave()
            self._learn(lane, found, scope, began=began, quiet=quiet)

    def _learn(self, lane: Lane, found: Found, scope: Scope, *, began: float, quiet: bool) -> None:
        """Take note of how long a success took from the whole request to the first byte of its answer: the rest is the network's time."""
        status, answered = scope.get("converto.answered", (0, 0.0))
        if 200 <= status < 400:
            began = scope.get("converto.received", began)
            lane.learn(found, answered - began, quiet=quiet and self._work.at_once <= QUIET)

    async def _look(self, found: Found, scope: Scope, receive: Receive, *, send: Send) -> None:
        """Serve an operator's look, or one of our own processes, whose calls are bounded where they come from."""
        if found.access.scope == PROCESSES:
            await self._app(scope, receive, send)
        else:
            await self._within(self._lanes[Class.HEALTH], scope, receive, send=send)

    async def _within(self, lane: Lane, scope: Scope, receive: Receive, *, send: Send) -> None:
        """Serve a request in a lane whose cap stands."""
        if not lane.enter():
            await lane.wait()
        try:
            await self._app(scope, receive, send)
        finally:
            lane.leave()

    async def _nowhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._addresses.take(scope)
        allowed = self._routes.methods(scope["path"])
        if not allowed:
            raise NotFound
        scope["converto.route"] = self._routes.find(allowed[0], scope["path"])  # it is counted with the rest of its path
        refused = problem(MethodNotAllowed(allowed=allowed))
        refused.headers["allow"] = ", ".join(allowed)
        await refused(scope, receive, send)


def _sooner(deadline: float) -> float:
    already = current().deadline
    return deadline if already is None else min(deadline, already)


def _would_wait(scope: Scope) -> bool:
    """Tell whether a caller asks to wait: by looking on, by `Prefer: wait=`, or by `?wait=`."""
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    query: bytes = scope["query_string"]
    return scope["method"] == "GET" or b"wait=" in query or any(name == b"prefer" for name, _ in headers)
