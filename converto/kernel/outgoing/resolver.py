"""Looks names up without letting one name that nobody answers for hold up the others."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence

LookUp = Callable[[str], Sequence[str]]
"""Gives the addresses of a host, taking its time; raises OSError for a name that nobody knows."""
LOOKUPS_AT_ONCE = 32
KNOWN_NAMES = 10_000


class UnknownName(Exception):
    """Nobody knows the name."""


class Resolver:
    """Asks the system's resolver, each name in a thread of its own.

    The event loop's own threads are few and serve the whole program: a handful of names whose servers do not answer would stop it. Here a
    name that was found the last time has a lane of its own, so that it never waits behind names that were not.
    """

    def __init__(self, look_up: LookUp | None = None) -> None:
        self._look_up = look_up or _of_the_system
        self._good = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._unproven = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._found: dict[str, None] = {}
        self._asking: dict[str, asyncio.Task[Sequence[str]]] = {}

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of a host, in the order in which they should be tried. Raises UnknownName."""
        asking = self._asking.get(host)
        if asking is None:
            asking = asyncio.create_task(self._ask(host))
            self._asking[host] = asking
            asking.add_done_callback(lambda task: self._asked(host, task))
        # whoever gives up waiting leaves the look-up to the others who wait for the same name
        return await asyncio.shield(asking)

    def close(self) -> None:
        """Wait for no name any more."""
        for asking in self._asking.values():
            asking.cancel()

    def _asked(self, host: str, task: asyncio.Task[Sequence[str]]) -> None:
        self._asking.pop(host, None)
        if task.cancelled() or task.exception() is not None:
            self._found.pop(host, None)
            return
        self._found[host] = None
        if len(self._found) > KNOWN_NAMES:
            del self._found[next(iter(self._found))]

    async def _ask(self, host: str) -> Sequence[str]:
        async with self._good if host in self._found else self._unproven:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[Sequence[str]] = loop.create_future()
            # a daemon, for no process should wait at its end for a name server that is silent
            threading.Thread(target=_answer, args=(self._look_up, host, loop, answer), name="name", daemon=True).start()
            return await answer


def _of_the_system(host: str) -> Sequence[str]:
    entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def _answer(look_up: LookUp, host: str, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Sequence[str]]) -> None:
    found: Sequence[str] | UnknownName
    try:
        found = look_up(host)
    except (OSError, UnicodeError) as error:
        found = UnknownName(getattr(error, "strerror", None) or "it is not a name")
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(_give, answer, found)


def _give(answer: asyncio.Future[Sequence[str]], found: Sequence[str] | UnknownName) -> None:
    if answer.done():
        return
    if isinstance(found, UnknownName):
        answer.set_exception(found)
    else:
        answer.set_result(found)
