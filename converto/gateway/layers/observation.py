"""Every request has an id, a trace and a deadline, and is counted, timed and told of."""

import asyncio
import re
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.addresses import Proxies
from converto.gateway.journal import Journal
from converto.kernel.clock import new_id
from converto.kernel.context import Context, new_trace_parent, within

CLIENT_GONE = 499
"""The status that a request is counted under which nobody waited for: none was sent."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
_TRACE_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_EVENT_STREAM = b"text/event-stream"


class Observation:
    """Serves each request within a context, says its id in the answer, and has the journal remember how it went.

    One layer and not three, for every request passes it: what three have to look up anew each, one knows.
    """

    def __init__(self, app: ASGIApp, *, journal: Journal, deadline_s: float, proxies: Proxies | None = None) -> None:
        self._app = app
        self._journal = journal
        self._deadline_s = deadline_s
        self._believe = proxies.believe if proxies is not None and proxies.any else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = monotonic()
        context = self._context(scope, start)
        said = (b"x-request-id", context.request_id.encode())
        status, sent = 0, 0

        async def answer(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            elif message["type"] == "http.response.start":
                status = message["status"]
                scope["converto.answered"] = (status, monotonic())
                message["headers"] = [*message.get("headers", ()), said, *scope.get("converto.headers", ())]
            await send(message)

        try:
            with within(context):
                await self._app(scope, receive, answer)
        except Exception:
            status = 500
            raise
        except asyncio.CancelledError:
            status = status or CLIENT_GONE
            raise
        finally:
            self._journal.note(scope, context, status=status or CLIENT_GONE, sent=sent, start=start)

    def _context(self, scope: Scope, start: float) -> Context:
        if self._believe is not None:
            self._believe(scope)
        headers = dict(scope["headers"])
        parent = _trace_parent(headers[b"traceparent"]) if b"traceparent" in headers else None
        trace_parent = new_trace_parent(parent)
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            request_id = given.decode()
        else:
            # the id of a trace that begins here is as good as any, and costs nothing
            request_id = str(new_id()) if parent else trace_parent[3:35]
        return Context(request_id, trace_parent, None if headers.get(b"accept") == _EVENT_STREAM else start + self._deadline_s)


def _trace_parent(given: bytes) -> str | None:
    """Return a W3C `traceparent` if it is one; a later version than ours may say more than ours."""
    matched = _TRACE_PARENT.fullmatch(given)
    if matched is None or (matched[1] == b"00" and matched[2]):
        return None
    return given.decode("latin-1")
