"""A request is taken only where it is clear whom it is for, where it ends, and that it is not too large."""

import re
from collections.abc import Mapping, Sequence
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.settings import GatewaySettings
from converto.kernel.errors import BadRequest, TooLarge

_HOST = re.compile(rb"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"authorization")
REMEMBERED = 100
"""So many names of hosts that were good are known again at once."""
_INVENTED = (b"x-user-", b"x-tenant-")


class Framing:
    """Refuses what two servers in a row could read as two different requests."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._trusted = frozenset(host.encode() for host in settings.trusted_hosts)
        self._good_hosts: set[bytes] = set()

    def check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> int:
        """Return the most bytes that a request may bring. Raises BadRequest, TooLarge."""
        listed = scope["headers"]
        if len(headers) < len(listed):
            _check_repeated([name for name, _ in listed])
        host = headers.get(b"host")
        if host not in self._good_hosts:
            self._check_host(host)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            raise BadRequest(reason="There is a NUL character in the address.")
        for name in headers:
            if name.startswith(_INVENTED):
                scope["headers"] = [header for header in listed if not header[0].startswith(_INVENTED)]
                break
        return self._check_length(scope, headers) if has_body(headers) else 0

    def _check_host(self, host: bytes | None) -> None:
        matched = _HOST.fullmatch(host) if host is not None else None
        if matched is None or host is None:
            raise BadRequest(reason="A request names exactly one host.")
        if self._trusted and matched["name"].lower() not in self._trusted:
            raise BadRequest(reason="This host is not served here.")
        if len(self._good_hosts) < REMEMBERED:
            self._good_hosts.add(host)

    def _check_length(self, scope: Scope, headers: Mapping[bytes, bytes]) -> int:
        declared = headers.get(b"content-length")
        if declared is not None and (b"transfer-encoding" in headers or not declared.isdigit() or len(declared) > 15):
            raise BadRequest(reason="It is not clear where the body ends.")
        max_bytes = self._limit(scope["path"], headers.get(b"content-type", b""))
        if declared is not None and int(declared) > max_bytes:
            raise TooLarge(max_bytes=max_bytes)
        return max_bytes

    def _limit(self, path: str, content_type: bytes) -> int:
        if path.startswith("/internal/"):
            return self._settings.internal_max_bytes
        if content_type.lower().startswith(b"multipart/"):
            return self._settings.upload_max_bytes
        return self._settings.json_max_bytes


def has_body(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether a request brings something."""
    return b"content-length" in headers or b"transfer-encoding" in headers


async def within_bounds(app: ASGIApp, scope: Scope, receive: Receive, *, send: Send, max_bytes: int) -> None:
    """Have an application serve a request, and count the bytes of its body as they come. Raises TooLarge."""
    body = _Counted(scope, receive, send, max_bytes=max_bytes)
    try:
        await app(scope, body.receive, body.send)
    except Exception as error:
        if body.is_too_large and not body.answered:
            raise TooLarge(max_bytes=max_bytes) from error
        raise
    if body.is_too_large and not body.answered:
        raise TooLarge(max_bytes=max_bytes)


def _check_repeated(names: Sequence[bytes]) -> None:
    if any(names.count(name) > 1 for name in _ONCE):
        raise BadRequest(reason="A header that may stand once stands there twice.")


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
