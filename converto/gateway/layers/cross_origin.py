"""Cross-origin requests: a browser is told that pages of the listed addresses, and no others, may read the answers."""

from collections.abc import Mapping

from starlette.types import Scope, Send

from converto.gateway.layers.security_headers import Headers
from converto.gateway.origins import Origins

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = (
    b"Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, Traceparent, X-Converto-Device, "
    b"X-Converto-Session, X-Request-Id"
)
SHOWN = (
    b"ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id, "
    b"Content-Disposition"
)
PREFLIGHT_S = b"600"
_VARY = (b"vary", b"Origin")


class CrossOrigin:
    """Answers preflights and marks the answers; without a list every other address stays out."""

    def __init__(self, origins: Origins) -> None:
        self._listed = origins.listed

    @property
    def any(self) -> bool:
        """Whether any address is listed."""
        return bool(self._listed)

    def marks(self, headers: Mapping[bytes, bytes]) -> Headers:
        """Return what the answer to a request bears."""
        origin = headers.get(b"origin")
        return _marks(origin) if origin is not None and origin in self._listed else (_VARY,)

    def is_preflight(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether a browser asks in the name of a listed address what it may send."""
        return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers and headers.get(b"origin") in self._listed

    async def preflight(self, send: Send) -> None:
        """Say what a page of a listed address may send."""
        headers = [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", TAKEN),
            (b"access-control-max-age", PREFLIGHT_S),
        ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _marks(origin: bytes) -> Headers:
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", SHOWN),
        _VARY,
    )
