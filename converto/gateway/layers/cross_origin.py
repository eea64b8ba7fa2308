"""Cross-origin requests: a browser is told that pages of the listed addresses, and no others, may read the answers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.origins import Origins

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = b"Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, Traceparent, X-Request-Id"
SHOWN = (
    b"ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id, "
    b"Content-Disposition"
)
PREFLIGHT_S = b"600"
_VARY = (b"vary", b"Origin")


class CrossOrigin:
    """Answers preflights and marks the answers; without a list every other address stays out."""

    def __init__(self, app: ASGIApp, *, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._origins.listed:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        marks = _marks(origin) if origin in self._origins.listed else [_VARY]
        if origin is not None and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers and len(marks) > 1:
            await _preflight(marks, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *marks]
            await send(message)

        await self._app(scope, receive, answer)


def _marks(origin: bytes | None) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin or b""),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", SHOWN),
        _VARY,
    ]


async def _preflight(marks: list[tuple[bytes, bytes]], send: Send) -> None:
    allowed = [(b"access-control-allow-methods", METHODS), (b"access-control-allow-headers", TAKEN)]
    headers = [*marks, *allowed, (b"access-control-max-age", PREFLIGHT_S)]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
