"""The signing keys in force: read from the database, made on the first start, rotated when they are old."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from converto.auth.keys import KeyRing, Seal, SigningKey
from converto.auth.people import KeySet
from converto.auth.repository import Keys, StoredKey
from converto.auth.tokens import Signer, Verifier, key_set
from converto.kernel.clock import now
from converto.kernel.database import Database

OVERLAP: Final = timedelta(hours=1)
"""How long a key is published after it has stopped signing: longer than a token lives."""
LOOK_AGAIN_S: Final = 60.0
"""How soon another process's rotation is noticed. A key is published for weeks before it signs, so nobody is refused meanwhile."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tools:
    """What one state of the keys gives."""

    ring: KeyRing
    signer: Signer
    verifier: Verifier
    public: KeySet


class Signing:
    """Keeps the tools at hand; every process that signs shares the keys by the database."""

    def __init__(
        self, database: Database, seal: Seal, *, issuer: str, audience: str, max_age: timedelta, look_again_s: float = LOOK_AGAIN_S
    ) -> None:
        self._database = database
        self._seal = seal
        self._issuer, self._audience = issuer, audience
        self._max_age = max_age
        self._look_again_s = look_again_s
        self._opened: dict[str, SigningKey] = {}
        self._tools: Tools | None = None
        self._looked_at = 0.0
        self._turn = asyncio.Lock()

    async def tools(self) -> Tools:
        """Return the keys in force. Raises WrongSecret when they were sealed with another secret."""
        if self._tools is not None and time.monotonic() - self._looked_at < self._look_again_s:
            return self._tools
        async with self._turn:
            if self._tools is None or time.monotonic() - self._looked_at >= self._look_again_s:
                self._tools = await self._read()
                self._looked_at = time.monotonic()
            return self._tools

    async def rotate(self) -> None:
        """Let the next key sign from now on; tokens of the current one stay good until they end."""
        async with self._turn:
            await self._rotate((await self._read()).ring)
            self._tools = await self._read()

    async def _read(self) -> Tools:
        ring = await self._ring()
        if ring.due(now(), max_age=self._max_age):
            await self._rotate(ring)
            ring = await self._ring()
        return Tools(
            ring=ring,
            signer=Signer(ring.current, issuer=self._issuer, audience=self._audience),
            verifier=Verifier(ring, issuer=self._issuer, audience=self._audience),
            public=key_set(ring),
        )

    async def _ring(self) -> KeyRing:
        stored = await self._stored()
        if not stored:
            await self._begin()
            stored = await self._stored()
        keys = [(await self._open(key), key) for key in stored]
        current, since = next((opened, key.signs_from) for opened, key in keys if key.signs_from is not None and key.signs_until is None)
        following = next(opened for opened, key in keys if key.signs_from is None)
        former = tuple((opened, key.signs_until) for opened, key in reversed(keys) if key.signs_until is not None)
        return KeyRing(current=current, next=following, rotated_at=since, previous=former)

    async def _stored(self) -> Sequence[StoredKey]:
        async with self._database.reading() as session:
            return await Keys(session).all()

    async def _begin(self) -> None:
        moment = now()
        ring = KeyRing.fresh(moment)
        sealed = [await self._close(ring.current), await self._close(ring.next)]
        async with self._database.writing() as session:
            await Keys(session).begin(sealed, at=moment)

    async def _rotate(self, ring: KeyRing) -> None:
        moment = now()
        rotated = ring.rotated(moment, overlap=OVERLAP)
        following = await self._close(rotated.next)
        async with self._database.writing() as session:
            done = await Keys(session).rotate(ring.current.kid, following, at=moment, keep_from=moment - OVERLAP)
        if done:
            log.info("auth.keys_rotated", kid=rotated.current.kid)

    async def _open(self, key: StoredKey) -> SigningKey:
        if key.kid not in self._opened:  # deriving the key from the secret takes a twentieth of a second
            self._opened[key.kid] = await asyncio.to_thread(self._seal.open, key.kid, key.sealed)
        return self._opened[key.kid]

    async def _close(self, key: SigningKey) -> tuple[str, bytes]:
        self._opened[key.kid] = key
        return key.kid, await asyncio.to_thread(self._seal.close, key)
