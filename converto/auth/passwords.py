"""Passwords: which are taken, how they are hashed, and a pool that keeps a flood of sign-ins from starving all else."""

import asyncio
import contextlib
import os
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from passlib.registry import get_crypt_handler

from converto.auth.people import Overloaded, WeakPassword, is_broken

P = ParamSpec("P")
R = TypeVar("R")

MIN_CHARACTERS: Final = 10
MAX_CHARACTERS: Final = 256
PRODUCT: Final = "converto"
_MIN_WORD: Final = 4
_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1
_argon2: Any = get_crypt_handler("argon2")
_argon2id: Any = _argon2.using(type="ID", memory_cost=_MEMORY_KIB, time_cost=_PASSES, parallelism=_LANES)
_LEGAL_FORM = re.compile(r"\b(oy|oyj|ab|ky|ay|tmi|ry|osk|ltd|inc|gmbh)\b")


def hashed(password: str) -> str:
    """Return the argon2id hash of a password (19 MiB, two passes): about 30 ms of one core."""
    return str(_argon2id.hash(password))


def matches(password: str, stored: str) -> bool:
    """Tell whether a password is the one that was hashed; exactly as it was typed."""
    return bool(_argon2id.verify(password, stored))


def needs_rehash(stored: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return bool(_argon2id.needs_update(stored))


def nobodys_hash() -> str:
    """Return a hash that no password matches, and that takes as long to check as a real one: for people who do not exist."""
    salt, digest = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${salt}${digest}"


def require_strong(password: str, *, email: str, companies: Sequence[str], field: str = "password") -> None:
    """Go on only with a password that is hard to guess; `field` is what the caller names it. Raises WeakPassword; up to 0.1 s of work."""
    reason = _weakness(password, email=email, companies=companies)
    if reason is not None:
        raise WeakPassword(reason=reason, errors=[{"pointer": f"/{field}", "detail": reason}])


def _weakness(password: str, *, email: str, companies: Sequence[str]) -> str | None:
    if is_broken(password):
        return "it holds half a character"
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        return f"it needs {MIN_CHARACTERS} to {MAX_CHARACTERS} characters"
    known = _known_words(email, companies)
    if any(_plain(word) in _plain(password) for word in known):
        return "it holds your e-mail, your company or the name of this product"
    from converto.auth.strength import MIN_SCORE, is_common, score  # noqa: PLC0415 - 15 MiB of words, which only a new password needs

    if is_common(password):
        return "it is one of the most used passwords"
    return "it is easy to guess; several unrelated words are better" if score(password, known) < MIN_SCORE else None


def _known_words(email: str, companies: Sequence[str]) -> Sequence[str]:
    """Return what a guesser knows of a person; pieces of fewer than four letters are in too many good passwords."""
    local, _, domain = email.partition("@")
    names = [form for company in companies for form in (company, _LEGAL_FORM.sub(" ", company.lower()))]
    words = (PRODUCT, email, local, domain.partition(".")[0], *names)
    return [word for word in dict.fromkeys(words) if len(_plain(word)) >= _MIN_WORD]


def _plain(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


NICENESS = 10
"""How far the threads that hash step back: sign-ins come one by one in seconds, and others wait for milliseconds."""


def _step_back() -> None:
    """Let the event loop, and whatever else this machine does, go before this thread: on Linux each thread has a niceness of its own."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class PasswordHasher:
    """Hashes beside the event loop, with a short queue before its threads: one for each core but one, unless `threads` says otherwise.

    argon2 and its 19 MiB are given back to nobody while they run: without a bound a flood of sign-ins takes every core and
    all memory. Beyond the queue, or after `queue_timeout_s` in it, Overloaded is raised.
    """

    def __init__(self, *, threads: int | None = None, max_queued: int = 64, queue_timeout_s: float = 2.0) -> None:
        cores = os.cpu_count() or 1
        size = min(threads or max(1, cores - 1), cores)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="passwords", initializer=_step_back)
        self._free = asyncio.Semaphore(size)
        self._queued = 0
        self._max_queued = max_queued
        self._queue_timeout_s = queue_timeout_s
        self._nobody = nobodys_hash()

    async def hash(self, password: str) -> str:
        """Return the hash to store. Raises Overloaded."""
        return await self._run(hashed, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether the password is the stored one; without a stored one never, after the same time. Raises Overloaded."""
        if is_broken(password):
            return False
        right = await self._run(matches, password, stored or self._nobody)
        return right and stored is not None

    async def require_strong(self, password: str, *, email: str, companies: Sequence[str], field: str = "password") -> None:
        """Go on only with a password that is hard to guess. Raises WeakPassword or Overloaded."""
        await self._run(require_strong, password, email=email, companies=companies, field=field)

    def close(self) -> None:
        """Let the threads go; what is queued is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        await self._take_turn()
        running = asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))
        # The thread goes on when its caller gives up, so the place is free when the work ends, not when the wait does.
        running.add_done_callback(self._give_turn)
        return await asyncio.shield(running)

    async def _take_turn(self) -> None:
        if self._free.locked() and self._queued >= self._max_queued:
            raise Overloaded(retry_after_s=self._queue_timeout_s)
        self._queued += 1
        try:
            async with asyncio.timeout(self._queue_timeout_s):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded(retry_after_s=self._queue_timeout_s) from None
        finally:
            self._queued -= 1

    def _give_turn(self, finished: "asyncio.Future[R]") -> None:
        self._free.release()
        if not finished.cancelled():
            finished.exception()  # a caller who gave up never asks, and asyncio would complain
