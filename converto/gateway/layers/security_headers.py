"""What every answer tells a browser: take it as what it says it is, show it in no frame, keep no copy, load nothing."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

API_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    ),
)
_UNLESS_SET = ((b"content-security-policy", API_POLICY), (b"cache-control", b"no-store"))
_OVER_TLS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


class SecurityHeaders:
    """Adds the headers; a route may set a policy and a cache control of its own."""

    def __init__(self, app: ASGIApp, *, always_over_tls: bool = False) -> None:
        """Take whether browsers reach this installation by TLS alone, also where it ends before us: in production they do."""
        self._app = app
        self._always_over_tls = always_over_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name for name, _ in headers}
                headers += _ALWAYS
                headers += [header for header in _UNLESS_SET if header[0] not in names]
                if self._always_over_tls or scope["scheme"] == "https":
                    headers.append(_OVER_TLS)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, answer)
