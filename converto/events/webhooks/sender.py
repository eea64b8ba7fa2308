"""Posts one delivery: to the very address that was checked, within the time allowed, following nothing."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpcore2

import converto
from converto.events.webhooks.schedule import retry_after_s
from converto.kernel.clock import now
from converto.kernel.outgoing.guard import Refused
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import UnknownName

KEPT_ANSWER_BYTES: Final = 1024
BODY_WITHIN_S: Final = 1.0
"""How long the body of an answer is waited for once its status is known: it is only for the log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a post."""

    latency_ms: int
    status_code: int | None = None
    text: str = ""
    error: str | None = None
    """Why it failed; None when it was taken."""
    retry_after_s: float | None = None


class Sender:
    """Posts bodies to endpoints."""

    def __init__(self, outgoing: Outgoing, *, timeout_s: float) -> None:
        self._outgoing = outgoing
        self._timeout_s = timeout_s

    async def close(self) -> None:
        """Close every connection."""
        await self._outgoing.close()

    async def resolvable(self, host: str) -> None:
        """Look a host up ahead of time. Raises Refused where all its addresses are; a name that is not known may yet become so."""
        await self._outgoing.look_up(host)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body, and return what came of it; never raises."""
        start = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, body, headers, start=start)
        except Exception as error:  # noqa: BLE001 - whatever an endpoint does is its own failure
            return Answer(latency_ms=_since(start), error=_plain(self._reason(error)))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], *, start: float) -> Answer:
        sent = {"content-type": "application/json", "user-agent": f"Converto-Webhooks/{converto.__version__}", **headers}
        async with self._outgoing.answer("POST", url, content=body, headers=sent) as response:
            latency_ms = _since(start)
            text = await _beginning(response)
        taken = 200 <= response.status < 300
        return Answer(
            latency_ms=latency_ms,
            status_code=response.status,
            text=text,
            error=None if taken else _refusal(response.status),
            retry_after_s=None if taken else retry_after_s(_header(response, b"retry-after"), at=now()),
        )

    def _reason(self, error: Exception) -> str:
        match error:
            case TimeoutError() | httpcore2.TimeoutException():
                return f"no answer within {self._timeout_s:g} s"
            case Refused():
                return str(error)
            case UnknownName():
                return f"the name cannot be looked up: {error}"[:200]
            case httpcore2.ConnectError():
                return f"cannot connect: {_innermost(error)}"[:200]
            case httpcore2.NetworkError() | httpcore2.ProtocolError():
                return f"the connection broke: {_innermost(error)}"[:200]
        return f"cannot be sent: {type(error).__name__}"


async def _beginning(response: httpcore2.Response) -> str:
    """Return the first bytes of an answer as text; an endless or slow one is not waited for."""
    kept = b""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in response.aiter_stream():
                kept += part
                if len(kept) > KEPT_ANSWER_BYTES:
                    break
    except (TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
        pass  # the status has come, which is what counts
    return _plain(kept[:KEPT_ANSWER_BYTES].decode("utf-8", errors="replace"))


def _plain(text: str) -> str:
    """Return a text without control characters: a database cannot hold NUL, and a terminal that shows a log should obey nobody."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _header(response: httpcore2.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _refusal(status: int) -> str:
    return f"answered {status}; redirects are not followed" if 300 <= status < 400 else f"answered {status}"


def _innermost(error: BaseException) -> str:
    """Return what the system said: libraries wrap it several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


def _since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
