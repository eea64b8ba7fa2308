"""Whether a request may go on: there is such a route and a place for it, and its sender may use it and has not sent too much.

One layer and not five, in this order: the route; the end of this process; what the address sends; a place in the class of the route; who
asks; what that principal sends; what it may do. Only then is anything done for the request.
"""

from collections.abc import Sequence
from time import monotonic

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from converto.gateway.addresses import Addresses
from converto.gateway.admission import QUIET, Admission, Lane
from converto.gateway.layers.authentication import Authentication
from converto.gateway.layers.authorisation import authorise
from converto.gateway.limits import Limits, Standing
from converto.gateway.routes import Found, Routes
from converto.kernel.access import OPEN, PUBLIC, Access
from converto.kernel.access import Admission as Class
from converto.kernel.actor import Actor
from converto.kernel.context import current, within
from converto.kernel.drain import Drain
from converto.kernel.errors import MethodNotAllowed, NotFound, Unavailable
from converto.kernel.web import problem

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Draining(Unavailable):
    """This process is about to end."""

    code = "gateway.draining"
    message = "This process is about to end; try again, another one will answer."


class Gate:
    """Says in the scope who asks (`converto.actor`), and lets a request on to its route (`converto.route`), or raises.

    `layers` are what only some requests need: bodies, what creates, what is kept. The others pass none of them. Operators' looks and calls
    between our own processes are let in also while this process ends: those who are let in already need them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Routes,
        admission: Admission,
        addresses: Addresses,
        authentication: Authentication,
        limits: Limits,
        drain: Drain,
        layers: Sequence[Middleware] = (),
    ) -> None:
        self._app = self._through = app
        for layer in reversed(layers):
            self._through = layer.cls(self._through, *layer.args, **layer.kwargs)
        self._routes = routes
        self._admission = admission
        self._lanes = admission.lanes
        self._work = admission.work
        self._addresses = addresses
        self._authentication = authentication
        self._limits = limits
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises NotFound, Draining, TooManyRequests, Busy, Unauthenticated, Forbidden."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found: Found | None = scope["converto.route"]
        if found is None:
            await self._nowhere(scope, receive, send)
            return
        if found.access.is_look:
            await self._look(found.access, scope, receive, send=send)
        elif self._drain.has_begun:
            raise Draining(retry_after_s=1)
        else:
            self._addresses.take(scope)
            await self._work_on(found, scope, receive, send=send)

    async def _work_on(self, found: Found, scope: Scope, receive: Receive, *, send: Send) -> None:
        """Serve a request that takes a place in its class, and learn from it how busy we are."""
        waits = found.access.elsewhere or (found.access.waits and _would_wait(scope))
        lane = self._admission.waiting if waits else self._lanes[found.access.admission]
        if not lane.enter():
            await lane.wait()
        began, quiet = monotonic(), self._work.at_once <= QUIET
        try:
            if not self._authentication.known(scope):
                await self._authentication.ask(scope)
            actor: Actor | None = scope.get("converto.actor")
            standing = self._limits.at_once(actor, found.module) if actor is not None else None
            if standing is None:
                standing = await self._standing(scope, found)
            if standing is not None:
                scope["converto.headers"] = standing.headers
                if standing.refusal is not None:
                    raise standing.refusal
            if found.access.scope not in OPEN:
                authorise(found.access, actor, refusal=scope.get("converto.refusal"))
            await (self._app if found.is_plain else self._on)(scope, receive, send)
        finally:
            lane.leave()
            if lane.listens and not waits:
                self._learn(lane, found, scope, began=began, quiet=quiet)

    async def _standing(self, scope: Scope, found: Found) -> Standing | None:
        """Count a request of whoever it is, and return how they stand."""
        actor: Actor | None = scope.get("converto.actor")
        if actor is not None:
            return await self._limits.of_principal(actor, found.module)
        refusal = scope.get("converto.refusal")
        if refusal is not None and not isinstance(refusal, Unavailable):
            self._addresses.charge_bad_token(scope)
        if found.access.admission is Class.AUTH and found.access.scope == PUBLIC:
            return await self._limits.of_sign_in(self._addresses.key(scope))
        return await self._limits.of_nobody(self._addresses.key(scope), found.module)

    async def _on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request on to its route through the layers that not every request needs."""
        found: Found = scope["converto.route"]
        try:
            if found.timeout_s is None:
                await self._through(scope, receive, send)
            else:
                with within(deadline=_sooner(monotonic() + found.timeout_s)):
                    await self._through(scope, receive, send)
        finally:
            actor: Actor | None = scope.get("converto.actor")
            if actor is not None and scope["path"].startswith("/auth/") and scope["method"] not in _READING:
                self._authentication.forget(actor)

    def _learn(self, lane: Lane, found: Found, scope: Scope, *, began: float, quiet: bool) -> None:
        """Take note of how long a success took from the whole request to the first byte of its answer: the rest is the network's time."""
        status, answered = scope.get("converto.answered", (0, 0.0))
        if 200 <= status < 400:
            began = scope.get("converto.received", began)
            lane.learn(found, answered - began, quiet=quiet and self._work.at_once <= QUIET)

    async def _look(self, access: Access, scope: Scope, receive: Receive, *, send: Send) -> None:
        """Serve an operator's look, or one of our own processes, whose calls are bounded where they come from."""
        lane = self._lanes[Class.HEALTH] if access.is_counted else None
        if lane is not None and not lane.enter():
            await lane.wait()
        try:
            await self._app(scope, receive, send)
        finally:
            if lane is not None:
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
