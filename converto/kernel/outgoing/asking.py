"""Asks others over HTTP: within the time allowed, and for no more bytes than expected."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from converto.kernel.outgoing.outgoing import Outgoing

MAX_BYTES: Final = 262_144


class Unreachable(Exception):
    """Somebody who does not answer, or not as they should; the message is for the log alone."""


class Asking:
    """Asks, and gives the answer whole."""

    def __init__(self, outgoing: Outgoing, *, timeout_s: float) -> None:
        self._outgoing = outgoing
        self._timeout_s = timeout_s

    async def close(self) -> None:
        """Close every connection."""
        await self._outgoing.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a 200. Raises Unreachable."""
        return _good(*await self._asked("GET", url, b"", headers or {}))

    async def post_form(self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the status and the body that a form is answered with. Raises Unreachable."""
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self._asked("POST", url, urlencode(fields).encode(), sent)

    async def post_json(self, url: str, said: object) -> Any:
        """Return the JSON that JSON is answered with. Raises Unreachable, also where the answer is none."""
        body = _good(*await self._asked("POST", url, orjson.dumps(said), {"content-type": "application/json"}))
        try:
            return orjson.loads(body)
        except ValueError as error:
            raise Unreachable(*error.args) from error

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
        async with self._outgoing.answer(method, url, content=content, headers={"accept": "application/json", **headers}) as response:
            body = b""
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_BYTES:
                    msg = f"answered more than {MAX_BYTES} bytes"
                    raise Unreachable(msg)
            return response.status, body


def _good(status: int, body: bytes) -> bytes:
    if status != 200:
        msg = f"answered {status}"
        raise Unreachable(msg)
    return body
