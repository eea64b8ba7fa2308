"""A balancer as stands before gateways: it carries connections, and knows of a server what `/health/ready` says."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from itertools import count
from typing import Self

import httpx2

LOOK_EVERY_S = 0.5


class Balancer:
    """Listens on a free port while the block runs, and carries each connection to the next server that is ready."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._ready = set[str]()
        self._next = count()
        self._stack = AsyncExitStack()
        self._carried = set[asyncio.Task[None]]()
        self._looked = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        server = await self._stack.enter_async_context(await asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        http = await self._stack.enter_async_context(httpx2.AsyncClient(timeout=5, trust_env=False))
        await self._look(http)
        looking = asyncio.create_task(self._go_on_looking(http))
        self._stack.push_async_callback(_ended, looking)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._carried:
            task.cancel()
        await self._stack.aclose()

    async def until_ready(self, address: str) -> None:
        """Return once it has seen that a server is ready."""
        while address not in self._ready:
            await self._looked.wait()

    async def _go_on_looking(self, http: httpx2.AsyncClient) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look(http)
            self._looked.set()
            self._looked.clear()

    async def _look(self, http: httpx2.AsyncClient) -> None:
        for address in self._addresses:
            try:
                is_ready = (await http.get(f"http://{address}/health/ready", headers={"connection": "close"})).is_success
            except httpx2.TransportError:
                is_ready = False
            (self._ready.add if is_ready else self._ready.discard)(address)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carried.add(task)
        ready = [address for address in self._addresses if address in self._ready]
        with suppress(OSError, asyncio.CancelledError):
            host, _, port = ready[next(self._next) % len(ready)].rpartition(":")
            from_server, to_server = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pass_on(reader, to_server), _pass_on(from_server, writer))
        writer.close()
        self._carried.discard(task)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    writer.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
