"""A request that creates something and comes twice under one Idempotency-Key is done once, and answered twice."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from converto.gateway.fingerprint import Fingerprint
from converto.gateway.interface import KeptAnswers, KeyUse, Standing, Taken
from converto.gateway.routes import Found
from converto.gateway.seal import AnswerSeal, CannotOpen
from converto.gateway.settings import GatewaySettings
from converto.kernel.actor import Actor
from converto.kernel.context import within
from converto.kernel.errors import BadRequest, Conflict, Error, Invalid, TimedOut

NOBODY = UUID(int=0)
"""The tenant of those who have not signed in."""
LONGEST_KEY = 255
LEASE_S = 15.0
"""After so long the key of a process that has died is free again; one that lives renews it."""
REPLAYED = (b"idempotent-replayed", b"true")
_HEADER = b"idempotency-key"
_UNCERTAIN = TimedOut.status
log = structlog.get_logger()


class BadIdempotencyKey(BadRequest):
    """An Idempotency-Key that is none, or two."""

    code = "gateway.bad_idempotency_key"
    message = "Send one Idempotency-Key of 1 to 255 ASCII characters that can be seen."


class InProgress(Conflict):
    """The first request under an Idempotency-Key is not answered yet."""

    code = "gateway.idempotency_key_in_progress"
    message = "A request with this Idempotency-Key is still being worked on; ask again shortly for its answer."


class KeyReused(Invalid):
    """An Idempotency-Key that came before with another request."""

    code = "gateway.idempotency_key_reused"
    message = "This Idempotency-Key was used for another request; choose a new key for a new request."


class AnswerNotKept(Conflict):
    """The request was done before, but its answer cannot be given again."""

    code = "gateway.answer_not_kept"
    message = "This request was done before; its answer was too large to be kept, or can no longer be read. Look at what it made."


class _Answer(msgspec.Struct):
    """An answer as it is kept."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request under a key."""

    use: KeyUse
    identity: tuple[bytes, ...]
    """What the use consists of: it goes into the seal, and nowhere else."""
    fingerprint: Fingerprint

    def seal(self, secret: bytes) -> AnswerSeal:
        """Return what opens the answer to exactly this request."""
        return AnswerSeal(secret, use=self.identity, payload=self.fingerprint.digest())


class Idempotency:
    """Stands between authorisation and the route, where the process hosts the gateway.

    Kept is what was done: answers of 2xx and 3xx. After a refusal nothing was done, and the key is free at once. Where it is not known
    whether something was done (504, or a process that died) the key is free after its lease.
    """

    def __init__(
        self, app: ASGIApp, *, kept: Callable[[], KeptAnswers | None], secret: Callable[[], bytes], settings: GatewaySettings
    ) -> None:
        self._app = app
        self._kept = kept
        self._secret = secret
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises BadIdempotencyKey, InProgress, KeyReused, AnswerNotKept."""
        found: Found | None = scope.get("converto.route")
        key = _key(scope) if found is not None and found.access.creates else None
        kept = self._kept() if key is not None else None
        if found is None or key is None or kept is None:
            await self._app(scope, receive, send)
            return
        asked = _asked(scope, found.template, key)
        taken = await kept.take(asked.use, lease_s=LEASE_S)
        if taken.standing is Standing.BUSY:
            raise InProgress(retry_after_s=1)
        if taken.standing is Standing.ANSWERED:
            await self._again(asked, taken, receive, send=send)
            return
        work = _Work(self._app, kept, asked, taken.holder, secret=self._secret(), settings=self._settings)
        await work.serve(_with_own_key(scope, asked), receive, send)

    async def _again(self, asked: _Asked, taken: Taken, receive: Receive, *, send: Send) -> None:
        """Give the answer again, to the same request."""
        await _Body(asked.fingerprint, receive).drain()
        seal = asked.seal(self._secret())
        if taken.payload != seal.mark:
            raise KeyReused
        if taken.answer is None:
            raise AnswerNotKept
        try:
            answer = msgspec.msgpack.decode(seal.open(taken.answer), type=_Answer)
        except CannotOpen as error:
            raise AnswerNotKept from error
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, REPLAYED]})
        await send({"type": "http.response.body", "body": answer.body})


class _Work:
    """One request that holds its key: its answer is kept before the first byte of it leaves."""

    def __init__(self, app: ASGIApp, kept: KeptAnswers, asked: _Asked, holder: UUID, *, secret: bytes, settings: GatewaySettings) -> None:
        self._app = app
        self._kept = kept
        self._asked = asked
        self._holder = holder
        self._secret = secret
        self._settings = settings
        self._start: Message = {}
        self._sent = bytearray()
        self._settled = False
        self._over = asyncio.Event()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, and settle what becomes of its key."""
        renewing = asyncio.create_task(self._renew())
        self._body, self._send = _Body(self._asked.fingerprint, receive), send
        try:
            await self._app(scope, self._body.receive, self._answer)
        except Exception as error:
            if not isinstance(error, TimedOut):  # a defect has undone its transaction
                await self._free()
            raise
        finally:
            self._over.set()
            await renewing

    async def _renew(self) -> None:
        while not await self._is_over_within(LEASE_S / 3):
            try:
                with within(deadline=None):
                    await self._kept.renew(self._asked.use, self._holder, lease_s=LEASE_S)
            except Error as error:  # the next try is as good, until the lease ends
                log.warning("gateway.lease_not_renewed", exc_info=error)

    async def _is_over_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self._over.is_set()

    async def _answer(self, message: Message) -> None:
        if self._settled:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._sent += message.get("body", b"")
        more, too_large = message.get("more_body", False), len(self._sent) > self._settings.idempotency_max_bytes
        if more and not too_large:
            return
        await self._settle(None if too_large else bytes(self._sent))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": bytes(self._sent), "more_body": more})

    async def _settle(self, body: bytes | None) -> None:
        """Keep the answer, or give the key back."""
        self._settled = True
        status = self._start["status"]
        if status == _UNCERTAIN:
            return
        if status >= 400 or _goes_on(self._start):
            await self._free()
            return
        with suppress(Error):
            await self._body.drain()  # what the route did not read is part of what was asked
        seal = self._asked.seal(self._secret)
        headers = [(bytes(name), bytes(value)) for name, value in self._start.get("headers", ())]
        answer = None if body is None else seal.close(msgspec.msgpack.encode(_Answer(status, headers, body)))
        keep_s = self._settings.idempotency_keep_s
        # what was done is done, and whoever asked is told of it: a database that is away must not make a failure of it
        try:
            with within(deadline=None):
                await self._kept.keep(self._asked.use, self._holder, payload=seal.mark, answer=answer, keep_s=keep_s)
        except Error as error:
            log.warning("gateway.answer_not_kept", exc_info=error)

    async def _free(self) -> None:
        with within(deadline=None):
            try:
                await self._kept.free(self._asked.use, self._holder)
            except Error as error:  # it is free after its lease
                log.warning("gateway.key_not_freed", exc_info=error)


def _goes_on(start: Message) -> bool:
    """Tell whether an answer only says how far it has come: who asks again is to be told how far it is then.

    Where a caller may wait (`Prefer: wait`), what is done under the key is kept by the module itself.
    """
    return bool(start["status"] == 202 and any(name == b"preference-applied" for name, _ in start.get("headers", ())))


def _key(scope: Scope) -> bytes | None:
    """Return the key that a request comes with. Raises BadIdempotencyKey."""
    keys = [value.strip() for name, value in scope["headers"] if name == _HEADER]
    if not keys:
        return None
    if len(keys) > 1 or not 0 < len(keys[0]) <= LONGEST_KEY or any(not 0x20 <= letter < 0x7F for letter in keys[0]):
        raise BadIdempotencyKey
    return bytes(keys[0])


def _asked(scope: Scope, template: str, key: bytes) -> _Asked:
    actor: Actor | None = scope.get("converto.actor")
    tenant_id = actor.tenant_id if actor is not None else NOBODY
    identity = (tenant_id.bytes, _principal(actor), f"{scope['method']} {template}".encode(), key)
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in identity)).digest()
    return _Asked(KeyUse(tenant_id=tenant_id, digest=digest), identity, Fingerprint(scope))


def _with_own_key(scope: Scope, asked: _Asked) -> Scope:
    """Return the request with a key that nobody else in the company could have sent: a module knows keys by company alone."""
    own = (_HEADER, asked.use.digest.hex().encode())
    return {**scope, "headers": [own if header[0] == _HEADER else header for header in scope["headers"]]}


def _principal(actor: Actor | None) -> bytes:
    """Return who asks, whichever of their tokens they ask with."""
    return b"" if actor is None else f"{actor.kind} {actor.api_key_id or actor.user_id or ''}".encode()


class _Body:
    """A request's body, each part of which the fingerprint has seen."""

    def __init__(self, fingerprint: Fingerprint, receive: Receive) -> None:
        self._fingerprint = fingerprint
        self._receive = receive
        self._has_ended = False

    async def receive(self) -> Message:
        """Return the next part."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._fingerprint.update(message.get("body", b""))
        self._has_ended = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read what is left."""
        while not self._has_ended:
            await self.receive()
