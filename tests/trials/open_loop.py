"""An open loop: requests go out when their time has come, whether or not those before are answered, as those of many people do.

Run as a program it does what the JSON of its one argument says, and prints what came of each request as JSON.
"""

import asyncio
import gc
import itertools
import json
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import httptools
import uvloop

GIVE_UP_S = 20.0


class Connection(asyncio.Protocol):
    """One connection, which one request after another uses."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[int] | None = None
        self.is_good = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport: Any = transport
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Read a part of an answer."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Tell that an answer is whole."""
        status, self.is_good = self._parser.get_status_code(), self.is_good and self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(status)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell that nothing more will come."""
        self.is_good = False
        if self.answered is not None and not self.answered.done():
            self.answered.set_result(0)


class Loop:
    """Sends requests to one port, and notes of each its kind, when it was due, its status (0: no answer) and how long it took."""

    def __init__(self, port: int, requests: Mapping[str, bytes]) -> None:
        self._port = port
        self._requests = requests
        self._idle: deque[Connection] = deque()
        self.noted: list[tuple[str, float, int, float]] = []

    async def at_rate(self, kinds: Sequence[str], rate: float, seconds: float) -> None:
        """Send so many a second for so long, in an order of kinds that is repeated."""
        begun, running = time.perf_counter(), set()
        for number, kind in zip(range(int(rate * seconds)), itertools.cycle(kinds), strict=False):
            due = begun + number / rate
            if due > time.perf_counter():
                await asyncio.sleep(due - time.perf_counter())
            task = asyncio.create_task(self._ask(kind, due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def one_by_one(self, kinds: Sequence[str], seconds: float, at_once: int) -> None:
        """Send each when the one before is answered, so many at once."""
        until, order = time.perf_counter() + seconds, itertools.cycle(kinds)

        async def keep_asking() -> None:
            while time.perf_counter() < until:
                await self._ask(next(order), time.perf_counter())

        await asyncio.gather(*(keep_asking() for _ in range(at_once)))

    async def _ask(self, kind: str, due: float) -> None:
        while self._idle and not self._idle[-1].is_good:
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await self._connect()
        status = 0
        if connection is not None:
            connection.answered = asyncio.get_running_loop().create_future()
            connection.transport.write(self._requests[kind])
            try:
                async with asyncio.timeout(GIVE_UP_S):
                    status = await connection.answered
            except TimeoutError:
                connection.is_good = False
                connection.transport.abort()
            if connection.is_good:
                self._idle.append(connection)
        self.noted.append((kind, due, status, time.perf_counter() - due))

    async def _connect(self) -> Connection | None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        except OSError:
            return None
        return connection


async def main(told: Mapping[str, Any]) -> None:
    """Do what is told, and print it."""
    gc.disable()  # its own breaks would be told as the server's
    loop = Loop(told["port"], {kind: request.encode() for kind, request in told["requests"].items()})
    if "rate" in told:
        await loop.at_rate(told["kinds"], told["rate"], told["seconds"])
    else:
        await loop.one_by_one(told["kinds"], told["seconds"], told["at_once"])
    json.dump(loop.noted, sys.stdout)


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1])))
