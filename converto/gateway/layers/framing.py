"""A request is taken only where it is clear whom it is for, where it ends, and that it is not too large."""

import re
from collections.abc import Mapping, Sequence
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.settings import GatewaySettings
from converto.kernel.errors import BadRequest, TooLarge

_HOST = re.compile(rb"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization")
_INVENTED = (b"x-user-", b"x-tenant-")


class Framing:
    """Refuses what two servers in a row could read as two different requests, and counts the bytes of a body as they come."""

    def __init__(self, app: ASGIApp, *, settings: GatewaySettings) -> None:
        self._app = app
        self._settings = settings
        self._trusted = frozenset(host.encode() for host in settings.trusted_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises BadRequest, TooLarge."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        listed = scope["headers"]
        headers = dict(listed)
        if len(headers) < len(listed):
            _check_repeated([name for name, _ in listed])
        self._check_host(headers.get(b"host"))
        _check_target(scope)
        for name in headers:
            if name.startswith(_INVENTED):
                scope["headers"] = [header for header in listed if not header[0].startswith(_INVENTED)]
                break
        await self._counting(scope, receive, send, headers=headers)

    def _check_host(self, host: bytes | None) -> None:
        matched = _HOST.fullmatch(host) if host is not None else None
        if matched is None:
            raise BadRequest(reason="A request names exactly one host.")
        if self._trusted and matched["name"].lower() not in self._trusted:
            raise BadRequest(reason="This host is not served here.")

    async def _counting(self, scope: Scope, receive: Receive, send: Send, *, headers: Mapping[bytes, bytes]) -> None:
        declared = headers.get(b"content-length")
        if declared is not None and (b"transfer-encoding" in headers or not declared.isdigit() or len(declared) > 15):
            raise BadRequest(reason="It is not clear where the body ends.")
        max_bytes = self._limit(scope["path"], headers.get(b"content-type", b""))
        if declared is not None and int(declared) > max_bytes:
            raise TooLarge(max_bytes=max_bytes)
        body = _Counted(scope, receive, send, max_bytes=max_bytes)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception as error:
            if body.is_too_large and not body.answered:
                raise TooLarge(max_bytes=max_bytes) from error
            raise
        if body.is_too_large and not body.answered:
            raise TooLarge(max_bytes=max_bytes)

    def _limit(self, path: str, content_type: bytes) -> int:
        if path.startswith("/internal/"):
            return self._settings.internal_max_bytes
        if content_type.lower().startswith(b"multipart/"):
            return self._settings.upload_max_bytes
        return self._settings.json_max_bytes


def _check_repeated(names: Sequence[bytes]) -> None:
    if any(names.count(name) > 1 for name in _ONCE):
        raise BadRequest(reason="A header that may stand once stands there twice.")


def _check_target(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise BadRequest(reason="There is a NUL character in the address.")


class _Counted:
    """A request's body, counted; once it is too large nothing more of it is read, and no other answer leaves than that it is."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, max_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left = max_bytes
        self._max_bytes = max_bytes
        self.answered = False

    @property
    def is_too_large(self) -> bool:
        """Whether more bytes came than are taken."""
        return self._left < 0

    async def receive(self) -> Message:
        """Return the next part of the body. Raises TooLarge."""
        if self.is_too_large:
            raise TooLarge(max_bytes=self._max_bytes)
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if not message.get("more_body", False):
                self._scope["converto.received"] = monotonic()
            if self.is_too_large:
                raise TooLarge(max_bytes=self._max_bytes)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer. Raises TooLarge: whoever reads a body may take the error for bad content, and answer so."""
        if self.is_too_large and not self.answered:
            raise TooLarge(max_bytes=self._max_bytes)
        self.answered = True
        await self._send(message)
