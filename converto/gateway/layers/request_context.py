"""Every request has an id, a trace and a deadline, and its answer says the id."""

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from converto.kernel.context import Context, new_trace_parent, within

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,100}")
_TRACE_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_EVENT_STREAM = b"text/event-stream"


def _trace_parent(given: bytes | None) -> str | None:
    """Return a W3C `traceparent` if it is one; a later version than ours may say more than ours."""
    matched = _TRACE_PARENT.fullmatch(given) if given else None
    if given is None or matched is None or (matched[1] == b"00" and matched[2]):
        return None
    return given.decode("latin-1")


class RequestContext:
    """Takes a caller's own request id and trace where they are well-formed, else makes new ones."""

    def __init__(self, app: ASGIApp, *, deadline_s: float) -> None:
        self._app = app
        self._deadline_s = deadline_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within its context."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id")
        # str(uuid7()) of this library itself takes a seventh of the time of the standard library's class
        request_id = given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else str(uuid7())
        context = Context(
            request_id=request_id,
            trace_parent=new_trace_parent(_trace_parent(headers.get(b"traceparent"))),
            deadline=None if headers.get(b"accept") == _EVENT_STREAM else time.monotonic() + self._deadline_s,
        )
        said = (b"x-request-id", request_id.encode())

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), said]
            await send(message)

        with within(context):
            await self._app(scope, receive, answer)
