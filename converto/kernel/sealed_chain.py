"""Chains of entries: each holds the hash of the one before, and the ends of the chain are sealed."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson

from converto.kernel.database import UNREADABLE, Database, Transaction, is_of_a_value

NOTHING_BEFORE: Final = bytes(32)
"""The hash before the first entry."""
NO_COMPANY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a chain begins and ends."""

    tenant_id: UUID
    first: int
    before: bytes
    last: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of a chain: what it says, and the hash that is stored with it."""

    number: int
    said: Sequence[Any]
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one company's chain."""

    tenant_id: UUID
    entries: int
    hash: str
    """Of the last entry, in hexadecimal: written down elsewhere, it shows that a later chain goes on from this one."""
    fault: str | None
    """The first thing that is wrong, or None."""


Look = Callable[[Transaction, UUID], Awaitable[Verdict]]


async def verdicts(
    database: Database,
    companies: Callable[[Transaction], Awaitable[Iterable[UUID]]],
    *,
    look: Look,
    hold: Callable[[Transaction, UUID], Awaitable[object]],
) -> AsyncIterator[Verdict]:
    """Yield a verdict on each company's chain; `hold` keeps others from adding to one until the transaction ends.

    What cannot be read any more was changed, and is a fault. Errors of a database that does not answer are none, and are raised.
    """
    everywhere = database.across_tenants
    try:
        async with everywhere.reading() as session:
            found = await companies(session)
    except UNREADABLE as error:
        yield _unreadable(NO_COMPANY, error)
        return
    for tenant_id in found:
        async with everywhere.reading() as session:
            verdict = await _looked(session, tenant_id, look)
        if verdict.fault is not None:  # somebody may have added an entry while we looked: once more, while nobody can
            async with everywhere.writing() as session:
                await hold(session, tenant_id)
                verdict = await _looked(session, tenant_id, look)
        yield verdict


async def _looked(session: Transaction, tenant_id: UUID, look: Look) -> Verdict:
    try:
        return await look(session, tenant_id)
    except UNREADABLE as error:
        return _unreadable(tenant_id, error)


def _unreadable(tenant_id: UUID, error: Exception) -> Verdict:
    if not is_of_a_value(error):
        raise error
    what = "the id of a company" if tenant_id == NO_COMPANY else "something"
    return Verdict(tenant_id, 0, "", f"{what} cannot be read any more, so it was changed: {type(error).__name__}")


class ChainSeal:
    """Seals the ends of chains with a key that is not in the database: whoever writes to the tables cannot seal another end."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, ends: Ends) -> bytes:
        """Return the seal."""
        said = [str(ends.tenant_id), ends.first, ends.before.hex(), ends.last, ends.hash.hex()]
        return hmac.digest(self._key, orjson.dumps(said), "sha256")

    def holds(self, ends: Ends, seal: bytes) -> bool:
        """Tell whether these ends were sealed so."""
        return hmac.compare_digest(self.of(ends), seal)


def chained(before: bytes, said: Sequence[Any]) -> bytes:
    """Return the hash of an entry that comes after the one with the hash `before`."""
    return sha256(before + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


class Walk:
    """Goes along a chain entry by entry, and says what is the first that is wrong."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._hash = ends.before
        self._next = ends.first

    def fault(self, link: Link) -> str | None:
        """Return what is wrong with the next entry that was found, or None."""
        if link.number != self._next:
            return f"entry {self._next} is missing" if link.number > self._next else f"entry {link.number} was added before the first"
        if link.number > self._ends.last:
            return f"entry {link.number} was added after the sealed end"
        if not hmac.compare_digest(chained(self._hash, link.said), link.hash):
            return f"entry {link.number} was changed, or is not where it was"
        self._hash, self._next = link.hash, link.number + 1
        return None

    def end(self) -> str | None:
        """Return what is wrong with the end, once every entry was gone by."""
        if self._next <= self._ends.last:
            return f"entry {self._next} is missing, and all after it"
        if not hmac.compare_digest(self._hash, self._ends.hash):
            return f"entry {self._ends.last} is not the one that was sealed: the chain was written anew"
        return None
