"""Who asks: a bearer token, or a browser's cookie, becomes an actor, once in a while."""

import hashlib
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from pydantic import SecretStr
from starlette.types import Scope

from converto.auth.interface import Auth
from converto.gateway.origins import Origins, cookie, has_our_cookie
from converto.kernel import service_token
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.errors import Error, TimedOut, Unauthenticated, Unavailable
from converto.kernel.web import ACCESS_COOKIE

LONGEST_TOKEN = 4096
API_KEY = b"cvt_"


class KnownTokens:
    """The tokens that were good a moment ago, by their hash."""

    def __init__(self, *, lifetime_s: float, size: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lifetime_s = lifetime_s
        self._size = size
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[Actor, float]] = {}
        self.hits = 0
        self.misses = 0

    def find(self, token: bytes) -> Actor | None:
        """Return whom a token stands for, if it was good a moment ago."""
        actor, until = self._known.get(_hash(token), (None, 0.0))
        if actor is None or self._monotonic() >= until:
            self.misses += 1
            return None
        self.hits += 1
        return actor

    def keep(self, token: bytes, actor: Actor) -> None:
        """Remember that a token is good now. The oldest make room."""
        digest = _hash(token)
        self._known.pop(digest, None)
        self._known[digest] = (actor, self._monotonic() + self._lifetime_s)
        while len(self._known) > self._size:
            del self._known[next(iter(self._known))]

    def forget(self, user_id: UUID | None) -> None:
        """Ask anew about every token of a person."""
        self._known = {digest: known for digest, known in self._known.items() if known[0].user_id != user_id}


class Authentication:
    """Says in the scope who asks (`converto.actor`), or why nobody knows (`converto.refusal`): the route decides whether it matters."""

    def __init__(
        self, *, auth: Callable[[], Auth | None], tokens: KnownTokens, secrets: Sequence[SecretStr] = (), origins: Origins | None = None
    ) -> None:
        self._origins = origins or Origins(())
        self._auth = auth
        self._tokens = tokens
        self._secrets = secrets

    def known(self, scope: Scope) -> bool:
        """Find out who asks from memory alone; False means that `ask` has to. Raises ForeignOrigin."""
        token = self._token(scope)
        if token is None:
            return True
        # an API key may be good from some addresses alone, so it is known by both
        if token.startswith(API_KEY):
            token += b"@" + (scope.get("client") or ("",))[0].encode()
        actor = self._tokens.find(token)
        if actor is None:
            return False
        scope["converto.actor"] = actor
        return True

    async def ask(self, scope: Scope) -> None:
        """Have auth say who asks."""
        token = self._token(scope)
        if token is None:
            return
        address = (scope.get("client") or ("",))[0] if token.startswith(API_KEY) else None
        try:
            scope["converto.actor"] = await self._ask(token, token if address is None else token + b"@" + address.encode(), address=address)
        except Error as refusal:
            scope["converto.refusal"] = refusal

    def forget(self, actor: Actor) -> None:
        """Ask anew about a person who has changed something: it may be the own session or role."""
        self._tokens.forget(actor.user_id)

    def _token(self, scope: Scope) -> bytes | None:
        """Return what a request is signed in by. Raises ForeignOrigin, also where nobody has to be signed in: a cookie may do so itself."""
        headers: dict[bytes, bytes] = scope["converto.named"]
        authorization = headers.get(b"authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(b" ")
            return token.strip() if scheme.lower() == b"bearer" else None
        if not has_our_cookie(headers):
            return None
        self._origins.check(scope, headers)
        return cookie(headers, ACCESS_COOKIE)

    async def _ask(self, token: bytes, known_as: bytes, *, address: str | None) -> Actor:
        if token.startswith(service_token.PREFIX.encode()) and len(token) <= LONGEST_TOKEN and token.isascii():
            return service_token.actor(self._secrets, token.decode(), at=now())
        auth = self._auth()
        if auth is None:
            raise Unavailable(module="auth", retry_after_s=1)
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise Unauthenticated
        try:
            actor = await auth.authenticate(token.decode(), address=address)
        except TimedOut as error:
            raise Unavailable(module="auth", retry_after_s=1) from error
        self._tokens.keep(known_as, actor)
        return actor


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
