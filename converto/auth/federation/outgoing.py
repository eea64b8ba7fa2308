"""Asks providers over HTTP: within the time allowed, no more bytes than expected, to public addresses alone, following nothing."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpcore2

import converto
from converto.events.webhooks.guard import Guard
from converto.events.webhooks.resolver import Resolver
from converto.events.webhooks.sender import GuardedNetwork

MAX_BYTES: Final = 262_144
IDLE_S: Final = 10.0


class Unreachable(Exception):
    """A provider that does not answer, or not as it should; the message is for the log alone."""


class Outgoing:
    """Asks providers. What was checked is what is called: a name is looked up here and nowhere else."""

    def __init__(self, guard: Guard, resolver: Resolver, *, timeout_s: float, ca_file: Path | None = None) -> None:
        self._guard = guard
        self._resolver = resolver
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def close(self) -> None:
        """Close every connection."""
        self._resolver.close()
        if self._pool is not None:
            await self._pool.aclose()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a 200. Raises Unreachable."""
        status, body = await self._asked("GET", url, b"", headers or {})
        if status != 200:
            msg = f"answered {status}"
            raise Unreachable(msg)
        return body

    async def post_form(self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the status and the body that a form is answered with. Raises Unreachable."""
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self._asked("POST", url, urlencode(fields).encode(), sent)

    async def _asked(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answer(method, url, content, headers)
        except Unreachable:
            raise
        except TimeoutError as error:
            msg = f"no answer within {self._timeout_s:g} s"
            raise Unreachable(msg) from error
        except Exception as error:
            msg = f"{type(error).__name__}: {error}"[:200]
            raise Unreachable(msg) from error

    async def _answer(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        target = self._guard.checked(url)
        sent = {
            "host": target.netloc.decode("ascii"),
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"Converto/{converto.__version__}",
            "content-length": str(len(content)),
            **headers,
        }
        parsed = httpcore2.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        pool = await self._opened()
        async with pool.stream(method, parsed, headers=[*sent.items()], content=content) as response:
            body = b""
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_BYTES:
                    msg = f"answered more than {MAX_BYTES} bytes"
                    raise Unreachable(msg)
            return response.status, body

    async def _opened(self) -> httpcore2.AsyncConnectionPool:
        """Return the connections. Reading the certificates takes a while, so it is done once there is somebody to ask."""
        if self._pool is None:
            trusted = await asyncio.to_thread(self._trusted)
            if self._pool is None:  # several may have waited for the certificates
                network = GuardedNetwork(self._guard, self._resolver)
                self._pool = httpcore2.AsyncConnectionPool(
                    ssl_context=trusted, max_connections=50, keepalive_expiry=IDLE_S, network_backend=network
                )
        return self._pool

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca_file) if self._ca_file is not None else httpcore2.default_ssl_context()
