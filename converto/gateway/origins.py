"""Which web pages may ask: those of our own address, and those that a setting lists."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

from converto.kernel.errors import Forbidden
from converto.kernel.web import COOKIE_PREFIX

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": "80", "https": "443"}


class ForeignOrigin(Forbidden):
    """A change that a page of another address asks for with a person's cookies."""

    code = "gateway.foreign_origin"
    message = "A request that is signed in by a cookie has to come from a page of this address, and say so by its Origin."


def origin_of(given: str) -> str:
    """Return an origin as browsers write it: `https://app.example.com`. Raises ValueError for what is none."""
    parts = urlsplit(given.strip().lower())
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        msg = f"{given!r} is no origin: write https://app.example.com, with a port only where it is not the usual one"
        raise ValueError(msg)
    return f"{parts.scheme}://{parts.netloc.removesuffix(f':{_PORTS[parts.scheme]}')}"


class Origins:
    """The pages that may ask with a person's cookies."""

    def __init__(self, listed: Iterable[str]) -> None:
        self.listed = frozenset(origin.encode() for origin in listed)

    def check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Go on with a request that brings our cookies, unless another site may have made the browser send it. Raises ForeignOrigin."""
        if scope["method"] in _READING:
            return
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin in self.listed:
            return
        if site is not None and site != b"same-origin":
            raise ForeignOrigin
        if origin is None and site is None:
            raise ForeignOrigin
        if origin is not None and not _is_own(scope, origin, headers.get(b"host", b"")):
            raise ForeignOrigin


def _is_own(scope: Scope, origin: bytes, host: bytes) -> bool:
    """Tell whether an origin is the address that the request was sent to; TLS may end before us, so https is always taken."""
    scheme, _, name = origin.lower().partition(b"://")
    if scheme != b"https" and scheme != scope["scheme"].encode():
        return False
    port = b":" + _PORTS.get(scheme.decode("latin-1"), "").encode()
    return name != b"" and name.removesuffix(port) == host.lower().removesuffix(port)


def cookie(headers: dict[bytes, bytes], name: str) -> bytes | None:
    """Return the value of a cookie."""
    wanted = name.encode()
    for pair in headers.get(b"cookie", b"").split(b";"):
        key, _, value = pair.strip().partition(b"=")
        if key == wanted:
            return value.strip(b'"')
    return None


def has_our_cookie(headers: dict[bytes, bytes]) -> bool:
    """Tell whether a browser sends a cookie that signs somebody in."""
    return COOKIE_PREFIX.encode() in headers.get(b"cookie", b"")
