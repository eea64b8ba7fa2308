"""Who asks: a bearer token, or a browser's cookie, becomes an actor, once in a while."""

import asyncio
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

    def find(self, token: bytes) -> tuple[Actor | None, bool]:
        """Return whom a token stands for, if it was good a moment ago, and whether it is time to ask anew."""
        actor, until = self._known.get(_hash(token), (None, 0.0))
        left_s = until - self._monotonic()
        if actor is None or left_s <= 0:
            self.misses += 1
            return None, True
        self.hits += 1
        return actor, left_s < self._lifetime_s / 2

    def keep(self, token: bytes, actor: Actor) -> None:
        """Remember that a token is good now. The oldest make room."""
        digest = _hash(token)
        self._known.pop(digest, None)
        self._known[digest] = (actor, self._monotonic() + self._lifetime_s)
        while len(self._known) > self._size:
            del self._known[next(iter(self._known))]

    def drop(self, token: bytes) -> None:
        """Forget a token that is good no more."""
        self._known.pop(_hash(token), None)

    def forget(self, user_id: UUID | None) -> None:
        """Ask anew about every token of a person."""
        self._known = {digest: known for digest, known in self._known.items() if known[0].user_id != user_id}


class Authentication:
    """Says in the scope who asks (`converto.actor`), or why nobody knows (`converto.refusal`): the route decides whether it matters.

    Auth is asked about a token by one request at a time, and anew while the token is still known: of those who ask often nobody waits.
    """

    def __init__(
        self, *, auth: Callable[[], Auth | None], tokens: KnownTokens, secrets: Sequence[SecretStr] = (), origins: Origins | None = None
    ) -> None:
        self._origins = origins or Origins(())
        self._auth = auth
        self._tokens = tokens
        self._secrets = secrets
        self._asking: dict[bytes, asyncio.Task[Actor]] = {}

    def known(self, scope: Scope) -> bool:
        """Find out who asks from memory alone; False means that `ask` has to. Raises ForeignOrigin."""
        token = self._token(scope)
        if token is None:
            return True
        known_as, address = _known_as(scope, token)
        actor, is_old = self._tokens.find(known_as)
        if actor is None:
            return False
        if is_old:
            _ = self._ask_once(token, known_as, address)
        scope["converto.actor"] = actor
        return True

    async def ask(self, scope: Scope) -> None:
        """Have auth say who asks."""
        token = self._token(scope)
        if token is None:
            return
        known_as, address = _known_as(scope, token)
        try:
            # whoever gives up leaves the question to the others who wait for the same answer
            scope["converto.actor"] = await asyncio.shield(self._ask_once(token, known_as, address))
        except Error as refusal:
            scope["converto.refusal"] = refusal

    def forget(self, actor: Actor) -> None:
        """Ask anew about a person who has changed something: it may be the own session or role."""
        self._tokens.forget(actor.user_id)
        self._asking.clear()  # what is being answered may be of before the change: it is not kept

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

    def _ask_once(self, token: bytes, known_as: bytes, address: str | None) -> asyncio.Future[Actor]:
        """Begin to ask about a token unless that is under way, and return what is under way."""
        asking = self._asking.get(known_as)
        if asking is None:
            asking = self._asking[known_as] = asyncio.create_task(self._ask(token, address=address))
            asking.add_done_callback(lambda task: self._answered(known_as, task))
        return asking

    def _answered(self, known_as: bytes, task: asyncio.Task[Actor]) -> None:
        is_current = self._asking.get(known_as) is task
        if is_current:
            del self._asking[known_as]
        if task.cancelled():
            return
        match task.exception():
            case None if is_current:
                self._tokens.keep(known_as, task.result())
            case Unauthenticated():
                self._tokens.drop(known_as)

    async def _ask(self, token: bytes, *, address: str | None) -> Actor:
        if token.startswith(service_token.PREFIX.encode()) and len(token) <= LONGEST_TOKEN and token.isascii():
            return service_token.actor(self._secrets, token.decode(), at=now())
        auth = self._auth()
        if auth is None:
            raise Unavailable(module="auth", retry_after_s=1)
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise Unauthenticated
        try:
            return await auth.authenticate(token.decode(), address=address)
        except TimedOut as error:
            raise Unavailable(module="auth", retry_after_s=1) from error


def _known_as(scope: Scope, token: bytes) -> tuple[bytes, str | None]:
    """Return what a token is remembered by, and the address where it matters: an API key may be good from some addresses alone."""
    if not token.startswith(API_KEY):
        return token, None
    address: str = (scope.get("client") or ("",))[0]
    return token + b"@" + address.encode(), address


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
