"""The way in and out of every request: its id, trace and deadline, its framing, the headers and the problems of its answer, its record.

One layer and not five, for every request passes it: what five have to look up anew each, one knows; and each wrapper around `send` is
paid for with every part of every answer.
"""

import re
from time import monotonic

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.addresses import Proxies
from converto.gateway.journal import Journal
from converto.gateway.layers.cross_origin import CrossOrigin
from converto.gateway.layers.framing import Framing, within_bounds
from converto.gateway.layers.security_headers import Headers, headers_beside
from converto.gateway.routes import Routes
from converto.kernel.clock import new_id
from converto.kernel.context import Context, enter, leave, new_trace_parent, sane_trace_parent
from converto.kernel.errors import Error, Internal
from converto.kernel.tracing import TOLD_BY
from converto.kernel.web import problem

CLIENT_GONE = 499
"""The status that a request is counted under which nobody waited for: none was sent."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
_EVENT_STREAM = b"text/event-stream"
log = structlog.get_logger()


class Exchange:
    """One request and its answer, on the way out."""

    __slots__ = ("_marks", "_over_tls", "_scope", "_send", "sent", "status")

    def __init__(self, scope: Scope, send: Send, marks: Headers, *, over_tls: bool) -> None:
        self._scope = scope
        self._send = send
        self._marks = marks
        self._over_tls = over_tls
        self.status = 0
        self.sent = 0

    async def send(self, message: Message) -> None:
        """Send a part of the answer; with the first of them goes what every answer bears."""
        if message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            scope = self._scope
            self.status = status = message["status"]
            scope["converto.answered"] = (status, monotonic())
            headers = message.get("headers", ())
            ours = headers_beside(headers, over_tls=self._over_tls)
            message["headers"] = [*headers, *ours, *self._marks, *scope.get("converto.headers", ())]
        await self._send(message)


class Entrance:
    """Finds the route of a request (`converto.route` in the scope), serves it within a context, and answers for what fails further in.

    The journal remembers how it went.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Routes,
        journal: Journal,
        deadline_s: float,
        framing: Framing,
        cross_origin: CrossOrigin,
        proxies: Proxies,
        tls: bool,
    ) -> None:
        """Take whether browsers reach this installation by TLS alone, also where it ends before us: in production they do."""
        self._app = app
        self._routes = routes
        self._journal = journal
        self._deadline_s = deadline_s
        self._framing = framing
        self._cross_origin = cross_origin if cross_origin.any else None
        self._believe = proxies.believe if proxies.any else None
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = monotonic()
        if self._believe is not None:
            self._believe(scope)
        scope["converto.route"] = self._routes.find(scope["method"], scope["path"])
        headers = scope["converto.named"] = dict(scope["headers"])
        context = self._context(scope, headers, start=start)
        exchange = Exchange(scope, send, self._marks(context, headers), over_tls=self._tls or scope["scheme"] == "https")
        entered = enter(context)
        try:
            max_bytes = self._framing.check(scope, headers)
            if max_bytes or self._cross_origin is not None:
                await self._with_body(scope, receive, exchange, headers=headers, max_bytes=max_bytes)
            else:
                await self._app(scope, receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - it is answered for, and logged unless it is a refusal
            await self._failed(error, scope, receive, exchange=exchange)
        finally:
            leave(entered)
            self._journal.note(scope, context, status=exchange.status or CLIENT_GONE, sent=exchange.sent, start=start)

    async def _with_body(self, scope: Scope, receive: Receive, exchange: Exchange, *, headers: dict[bytes, bytes], max_bytes: int) -> None:
        """Serve a request that brings a body, or that a browser may have sent ahead."""
        if self._cross_origin is not None and self._cross_origin.is_preflight(scope, headers):
            await self._cross_origin.preflight(exchange.send)
        elif max_bytes:
            await within_bounds(self._app, scope, receive, send=exchange.send, max_bytes=max_bytes)
        else:
            await self._app(scope, receive, exchange.send)

    async def _failed(self, error: Exception, scope: Scope, receive: Receive, *, exchange: Exchange) -> None:
        """Answer for what is further in. Raises the error where the answer has begun: what broke off must not look complete."""
        if not isinstance(error, Error):
            facts = {"http.request.method": scope["method"], "error.type": type(error).__name__}
            log.error("http.failed", exc_info=True, **facts)  # noqa: LOG014 - called while it is handled
        if exchange.status:
            exchange.status = 500
            raise error
        await problem(error if isinstance(error, Error) else Internal())(scope, receive, exchange.send)

    def _marks(self, context: Context, headers: dict[bytes, bytes]) -> Headers:
        marks: Headers = ((b"x-request-id", context.request_id.encode()),)
        return marks if self._cross_origin is None else marks + self._cross_origin.marks(headers)

    def _context(self, scope: Scope, headers: dict[bytes, bytes], *, start: float) -> Context:
        given = headers.get(b"traceparent")
        parent = None if given is None else sane_trace_parent(given)
        if parent is not None:
            scope[TOLD_BY] = parent
        trace_parent = new_trace_parent(parent)
        wanted = headers.get(b"x-request-id")
        if wanted is not None and _REQUEST_ID.fullmatch(wanted):
            request_id = wanted.decode()
        else:
            # the id of a trace that begins here is as good as any, and costs nothing
            request_id = str(new_id()) if parent else trace_parent[3:35]
        return Context(request_id, trace_parent, None if headers.get(b"accept") == _EVENT_STREAM else start + self._deadline_s)
