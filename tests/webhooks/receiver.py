"""An endpoint of a customer, on a socket of its own: notes what it is sent, and answers as it was told to."""

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Post:
    """What came in."""

    head: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> Any:
        """Return the payload as the receiver's library reads it. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, dict(self.headers))


Behaviour = Callable[[asyncio.StreamWriter, Post], Awaitable[None]]


def answers(status: int = 204, *, body: bytes = b"", headers: Mapping[str, str] | None = None, after_s: float = 0.0) -> Behaviour:
    """Answer with a status, after a while."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    answer = "\r\n".join([*lines, "", ""]).encode() + body

    async def behave(writer: asyncio.StreamWriter, _: Post) -> None:
        await asyncio.sleep(after_s)
        writer.write(answer)
        await writer.drain()

    return behave


def says(*parts: bytes) -> Behaviour:
    """Answer with bytes as they are, and then with nothing more, without an end."""

    async def behave(writer: asyncio.StreamWriter, _: Post) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        await asyncio.sleep(3600)

    return behave


@dataclass
class Receiver:
    """Answers with what stands first in `script`, and with `usual` once that is empty."""

    url: str = ""
    usual: Behaviour = field(default_factory=answers)
    script: list[Behaviour] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    connections: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.Task[Any]] = field(default_factory=set)

    async def got(self, count: int = 1) -> list[Post]:
        """Return once so many posts have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.posts) < count:
                self._came.clear()
                await self._came.wait()
        return self.posts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take posts on one connection, until its other end closes it."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while True:
                post = await _read(reader)
                self.posts.append(post)
                self._came.set()
                await (self.script.pop(0) if self.script else self.usual)(writer, post)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def end(self) -> None:
        """Let go of every connection."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Post:
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Post(head, headers, await reader.readexactly(int(headers.get("content-length", "0"))), time.monotonic())


@asynccontextmanager
async def receiving(*script: Behaviour, usual: Behaviour | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver on a free port of the loopback."""
    receiver = Receiver(usual=usual or answers(), script=[*script])
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.end()
        with contextlib.suppress(TimeoutError):
            await server.wait_closed()


def refusing_url() -> str:
    """Return the URL of a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/hook"
