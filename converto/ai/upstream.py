"""The way to providers: requests and streams over aiohttp, and what their failures mean."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from converto.ai.call import UpstreamFailed
from converto.ai.conversation import Outcome
from converto.kernel.clock import now

if TYPE_CHECKING:
    import aiohttp

IDLE_S = 4
"""A connection goes before a server ends it (vLLM does after 5 s): a question put on one that is just ending counts as a failure."""
LONGEST_ANSWER_BYTES = 32_000_000
LONGEST_EVENT_BYTES = 4_000_000
LONGEST_REASON = 300
OVERLOADED = 529
"""What Anthropic answers where it has too much to do."""


class Upstream:
    """Connections to providers, opened at the first call: what opens them takes a fifth of a second to load."""

    def __init__(self, *, connect_timeout_s: float, silence_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._silence_timeout_s = silence_timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: Any, *, headers: Mapping[str, str]) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Return the JSON that a provider answers, and its headers. Raises UpstreamFailed."""
        async with self._answer(url, body, headers) as answer:
            content = await answer.content.read(LONGEST_ANSWER_BYTES) if answer.content_length is None else await answer.read()
            parts = [content]
            while not answer.content.at_eof():
                parts.append(await answer.content.readany())
                if sum(map(len, parts)) > LONGEST_ANSWER_BYTES:
                    raise UpstreamFailed(Outcome.MALFORMED, "the answer does not end", may_be_billed=True)
            return _object(b"".join(parts)), answer.headers

    async def events(self, url: str, body: Any, *, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """Yield the data of each Server-Sent Event that a provider answers with. Raises UpstreamFailed."""
        async with self._answer(url, body, headers) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise UpstreamFailed(Outcome.MALFORMED, "the answer is no event stream", may_be_billed=True)
            lines = Lines()
            async for chunk in answer.content.iter_any():
                for event in lines.fed(chunk):
                    yield event

    @asynccontextmanager
    async def _answer(self, url: str, body: Any, headers: Mapping[str, str]) -> "AsyncIterator[aiohttp.ClientResponse]":
        session = self._session or await self._opened()
        import aiohttp  # noqa: PLC0415 - loaded by now, see `_opened`

        given = False
        try:
            async with session.post(url, data=orjson.dumps(body), headers={"content-type": "application/json", **headers}) as answer:
                if answer.status != HTTPStatus.OK:
                    raise _refusal(answer.status, answer.headers, await answer.content.read(20_000))
                given = True
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamFailed(Outcome.UNREACHABLE, type(error).__name__) from error
        except TimeoutError as error:
            raise UpstreamFailed(Outcome.TIMED_OUT, "the provider said nothing", may_be_billed=True) from error
        except aiohttp.ClientError as error:
            outcome = Outcome.TRUNCATED if given else Outcome.UNREACHABLE
            raise UpstreamFailed(outcome, type(error).__name__, may_be_billed=True) from error

    async def _opened(self) -> "aiohttp.ClientSession":
        async with self._opening:
            if self._session is None:
                aiohttp = await asyncio.to_thread(_loaded)
                timeout = aiohttp.ClientTimeout(
                    total=None, connect=None, sock_connect=self._connect_timeout_s, sock_read=self._silence_timeout_s
                )
                connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S, ttl_dns_cache=60)
                self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
            return self._session


def _loaded() -> Any:
    import aiohttp  # noqa: PLC0415 - it takes a fifth of a second, and memory that a server without models need not have

    return aiohttp


class Lines:
    """Takes an event stream apart as it comes, whatever its line ends are and wherever its chunks end."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def fed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that are complete by now. Raises UpstreamFailed for one without an end."""
        whole = self._rest + chunk
        found = []
        *lines, self._rest = whole.split(b"\n")
        if len(self._rest) > LONGEST_EVENT_BYTES:
            raise UpstreamFailed(Outcome.MALFORMED, "an event does not end", may_be_billed=True)
        for line in lines:
            line = line.removesuffix(b"\r")  # noqa: PLW2901 - the same line
            if line.startswith(b"data:"):
                self._data.append(line[5:].lstrip(b" "))
            elif not line and self._data:
                found.append(b"\n".join(self._data))
                self._data.clear()
        return found


def _refusal(status: int, headers: Mapping[str, str], content: bytes) -> UpstreamFailed:
    reason = _reason(content)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return UpstreamFailed(Outcome.RATE_LIMITED, reason, retry_after_s=retry_after_s(headers) or 1.0)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return UpstreamFailed(Outcome.UNAUTHORISED, reason)
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return UpstreamFailed(Outcome.TIMED_OUT, reason)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == OVERLOADED:
        return UpstreamFailed(Outcome.SERVER_ERROR, f"{status} {reason}".strip(), retry_after_s=retry_after_s(headers))
    return UpstreamFailed(Outcome.REJECTED, reason or str(status))


def _reason(content: bytes) -> str:
    """Return what a provider says of a failure, if it says so in one of the ways that they have."""
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return ""
    told = told[0] if isinstance(told, list) and told else told
    error = told.get("error", told) if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message[:LONGEST_REASON] if isinstance(message, str) else ""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a provider asks to be left alone, as its headers say in seconds, milliseconds or by a date."""
    if (given := headers.get("retry-after-ms", "")).isdigit():
        return int(given) / 1000
    given = headers.get("retry-after", "")
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(given) - now()).total_seconds())
    except (TypeError, ValueError):
        return None


def _object(content: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UpstreamFailed(Outcome.MALFORMED, "the answer is no JSON", may_be_billed=True) from error
    if not isinstance(told, dict):
        raise UpstreamFailed(Outcome.MALFORMED, "the answer is no object", may_be_billed=True)
    return told


def parsed(data: bytes) -> dict[str, Any]:
    """Return the object that an event holds. Raises UpstreamFailed, also for one that tells of a failure."""
    told = _object(data)
    if told.get("error"):
        error = told["error"]
        kind = str(error.get("type") or error.get("status") or "") if isinstance(error, dict) else ""
        limited = "rate_limit" in kind or kind == "RESOURCE_EXHAUSTED"
        raise UpstreamFailed(Outcome.RATE_LIMITED if limited else Outcome.SERVER_ERROR, _reason(data) or kind, may_be_billed=True)
    return told


def headroom_s(headers: Mapping[str, str]) -> float | None:
    """Return for how long no request is left, as the headers of rate limits say; None where some are."""
    for what in ("requests", "tokens"):
        for name in (f"x-ratelimit-remaining-{what}", f"anthropic-ratelimit-{what}-remaining"):
            if headers.get(name) == "0":
                return _seconds(headers.get(f"x-ratelimit-reset-{what}", "")) or 1.0
    return None


def _seconds(given: str) -> float | None:
    """Return `1m30.5s`, `250ms` or `2` in seconds."""
    number, total = "", 0.0
    try:
        for part in given.replace("ms", "u"):
            if part in "hmsu":
                total += float(number) * {"h": 3600, "m": 60, "s": 1, "u": 0.001}[part]
                number = ""
            else:
                number += part
        return total + (float(number) if number else 0.0) if given else None
    except ValueError:
        return None
