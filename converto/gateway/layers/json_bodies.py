"""A JSON body is checked whole before anything of it is used."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.strict_json import check

IN_LOOP_BYTES = 64 * 1024
"""What is longer is checked in a thread: the worst body of a MiB takes a third of a second."""


class JsonBodies:
    """Lets only JSON through that everybody reads alike. Raises BadJson."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _is_json(scope):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return  # the client has gone
        if len(body) > IN_LOOP_BYTES:
            await asyncio.to_thread(check, body)
        elif body:
            check(body)
        await self._app(scope, _replayed(body, receive), send)


def _is_json(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
            return bool(kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")))
    return False


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
