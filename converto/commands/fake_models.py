"""`converto fake-models`: a provider of models that costs nothing, in three dialects, with faults by script and a bill of its own.

It says back what it is asked. What it charges stands in its bill, which is what a ledger can be held against.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CACHED = "[cached]"
"""A question with this in it is half read from the provider's cache."""
WORDS = ("The", " receipt", " says", " twelve", " euros", " and", " forty", " cents", ".")
REFUSALS = {"429": 429, "500": 500, "503": 503, "400": 400, "401": 401}
FAULTS = (*REFUSALS, "cut", "reset", "malformed", "hang", "no-usage")
HANG_S = 3600.0


@dataclass(frozen=True, slots=True)
class Bill:
    """What one call is charged."""

    provider: str
    model: str
    prompt: int
    completion: int
    cached: int
    written: int
    is_whole: bool
    """Whether the answer was sent to its end, and with its usage."""


@dataclass
class FakeModels:
    """The provider as an ASGI application."""

    latency_s: float = 0.0
    chunk_pause_s: float = 0.0
    chunks: int = len(WORDS)
    faults: dict[str, deque[str]] = field(default_factory=dict)
    """By provider what happens to the next calls; `""` is none."""
    broken: dict[str, str] = field(default_factory=dict)
    """By provider what happens to every call."""
    bills: list[Bill] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    """Every call that came, by provider."""
    asked: deque[tuple[str, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=100))
    """The last questions."""
    retry_after_s: float = 1.0
    answer: str | None = None
    """What is said instead of the same few words."""
    tool_call: tuple[str, dict[str, Any]] | None = None
    """The tool that is called instead, and with what; not in streams."""
    headers: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=100))
    """Those of the last questions."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        body = await _body(receive)
        provider, model, streams = _asked(scope["path"], body)
        if provider == "control":
            await _say(send, self._controlled(scope["path"], body))
            return
        self.calls[provider] += 1
        self.asked.append((provider, body))
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        waiting = self.faults.get(provider)
        fault = self.broken.get(provider) or (waiting.popleft() if waiting else "")
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        await self._answer(_Talk(self, provider, model, body), fault, streams=streams, receive=receive, send=send)

    async def _answer(self, talk: "_Talk", fault: str, *, streams: bool, receive: Receive, send: Send) -> None:
        if fault in REFUSALS:
            await _refuse(send, REFUSALS[fault], self.retry_after_s)
        elif fault == "hang":
            await asyncio.wait(
                [asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(asyncio.sleep(HANG_S))], return_when="FIRST_COMPLETED"
            )
        elif fault == "reset":
            raise ConnectionResetError
        elif fault == "malformed":
            await _start(send, 200, b"application/json")
            await send({"type": "http.response.body", "body": b'{"choices": [{"mess'})
        elif streams:
            await self._stream(talk, fault, receive=receive, send=send)
        else:
            self.bills.append(talk.bill(is_whole=fault == ""))
            await _say(send, talk.whole(fault))

    async def _stream(self, talk: "_Talk", fault: str, *, receive: Receive, send: Send) -> None:
        await _start(send, 200, b"text/event-stream")
        gone = asyncio.ensure_future(_gone(receive))
        is_whole = False
        try:
            async for frame in talk.frames(fault):
                await send({"type": "http.response.body", "body": frame, "more_body": True})
                if gone.done():
                    break
            else:
                is_whole = fault == ""
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self.bills.append(talk.bill(is_whole=is_whole))

    def _controlled(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Do what a test in another process wants."""
        if path.endswith("/set"):
            for name in ("latency_s", "chunk_pause_s", "chunks", "broken", "retry_after_s", "answer"):
                setattr(self, name, body.get(name, getattr(self, name)))
            self.faults = {provider: deque(faults) for provider, faults in body.get("faults", {}).items()} or self.faults
        totals: Counter[tuple[str, str, bool]] = Counter()
        sums: dict[tuple[str, str, bool], list[int]] = {}
        for bill in self.bills:
            key = (bill.provider, bill.model, bill.is_whole)
            totals[key] += 1
            row = sums.setdefault(key, [0, 0, 0, 0])
            for place, value in enumerate((bill.prompt, bill.completion, bill.cached, bill.written)):
                row[place] += value
        return {"calls": dict(self.calls), "bills": [[*key, totals[key], *sums[key]] for key in totals]}


class _Talk:
    """One question and what is said to it."""

    def __init__(self, fake: FakeModels, provider: str, model: str, body: dict[str, Any]) -> None:
        self._fake = fake
        self.provider = provider
        self.model = model
        asked = orjson.dumps(body.get("messages") or body.get("contents"))
        self.prompt = len(asked) // 4 + 1
        is_cached = CACHED.encode() in asked
        self.cached = self.prompt // 2 if is_cached else 0
        self.written = self.prompt // 4 if is_cached and provider == "anthropic" else 0
        words = [fake.answer] if fake.answer is not None else [WORDS[number % len(WORDS)] for number in range(fake.chunks)]
        self.words = words
        self.said = 0
        self._is_shaped = any(tool.get("name") == "answer" for tool in body.get("tools") or () if isinstance(tool, dict))

    def bill(self, *, is_whole: bool) -> Bill:
        said = len(self.words) if is_whole or not self.said else self.said
        return Bill(self.provider, self.model, self.prompt, said, self.cached, self.written, is_whole)

    def _usage(self) -> dict[str, Any]:
        said = len(self.words)
        if self.provider == "openai":
            details = {"cached_tokens": self.cached}
            return {
                "prompt_tokens": self.prompt,
                "completion_tokens": said,
                "total_tokens": self.prompt + said,
                "prompt_tokens_details": details,
            }
        if self.provider == "anthropic":
            plain = self.prompt - self.cached - self.written
            cache = {"cache_read_input_tokens": self.cached, "cache_creation_input_tokens": self.written}
            return {"input_tokens": plain, "output_tokens": said, **cache}
        return {"promptTokenCount": self.prompt, "candidatesTokenCount": said, "cachedContentTokenCount": self.cached}

    def called(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return an answer that calls a tool."""
        usage = self._usage()
        if self.provider == "openai":
            function = {"name": name, "arguments": orjson.dumps(arguments).decode()}
            message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
            return {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": usage}
        if self.provider == "anthropic":
            block = {"type": "tool_use", "id": "c1", "name": name, "input": arguments}
            return {"id": "m", "type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use", "usage": usage}
        content = {"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]}
        return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}

    def whole(self, fault: str) -> dict[str, Any]:
        """Return an answer as it is without a stream."""
        if self._fake.tool_call is not None:
            return self.called(*self._fake.tool_call)
        text, cut = "".join(self.words), fault == "cut"
        usage = None if fault in {"no-usage", "cut"} else self._usage()
        if self.provider == "openai":
            message = {"role": "assistant", "content": text}
            told: dict[str, Any] = {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": None if cut else "stop"}]}
            return told | ({"usage": usage} if usage else {})
        if self.provider == "anthropic":
            block: dict[str, Any] = {"type": "text", "text": text}
            if self._is_shaped:
                block = {"type": "tool_use", "id": "t1", "name": "answer", "input": orjson.loads(text)}
            reason = "tool_use" if self._is_shaped else "end_turn"
            told = {"id": "m", "type": "message", "role": "assistant", "content": [block], "stop_reason": None if cut else reason}
            return told | ({"usage": usage} if usage else {})
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}} | ({} if cut else {"finishReason": "STOP"})
        return {"candidates": [candidate]} | ({"usageMetadata": usage} if usage else {})

    async def frames(self, fault: str) -> AsyncIterator[bytes]:
        ways = {"openai": self._openai, "anthropic": self._anthropic, "gemini": self._gemini}
        half = max(1, len(self.words) // 2)
        for number, told in enumerate(ways[self.provider](fault)):
            if fault == "cut" and number > half:
                return
            if self._fake.chunk_pause_s:
                await asyncio.sleep(self._fake.chunk_pause_s)
            kind = f"event: {told['type']}\n" if "type" in told else ""
            yield f"{kind}data: ".encode() + orjson.dumps(told) + b"\n\n"
        if self.provider == "openai":
            yield b"data: [DONE]\n\n"

    def _openai(self, fault: str) -> Iterator[dict[str, Any]]:
        for word in self.words:
            self.said += 1
            yield {"id": "x", "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        yield {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        if fault != "no-usage":
            yield {"id": "x", "choices": [], "usage": self._usage()}

    def _anthropic(self, fault: str) -> Iterator[dict[str, Any]]:
        usage = self._usage()
        begun = {} if fault == "no-usage" else {"usage": usage | {"output_tokens": 1}}
        yield {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []} | begun}
        block = {"type": "tool_use", "id": "t1", "name": "answer", "input": {}} if self._is_shaped else {"type": "text", "text": ""}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        for word in self.words:
            self.said += 1
            delta = {"type": "input_json_delta", "partial_json": word} if self._is_shaped else {"type": "text_delta", "text": word}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        reason = {"stop_reason": "tool_use" if self._is_shaped else "end_turn"}
        yield {"type": "message_delta", "delta": reason} | (
            {} if fault == "no-usage" else {"usage": {"output_tokens": usage["output_tokens"]}}
        )
        yield {"type": "message_stop"}

    def _gemini(self, fault: str) -> Iterator[dict[str, Any]]:
        for number, word in enumerate(self.words):
            self.said += 1
            is_last = number == len(self.words) - 1
            candidate = {"content": {"role": "model", "parts": [{"text": word}]}} | ({"finishReason": "STOP"} if is_last else {})
            yield {"candidates": [candidate]} | ({"usageMetadata": self._usage()} if is_last and fault != "no-usage" else {})


def _asked(path: str, body: dict[str, Any]) -> tuple[str, str, bool]:
    """Return by the path which provider is meant, which model, and whether the answer is to come bit by bit."""
    if path.startswith("/control"):
        return "control", "", False
    if path.endswith("/messages"):
        return "anthropic", str(body.get("model")), bool(body.get("stream"))
    if path.endswith("/chat/completions"):
        return "openai", str(body.get("model")), bool(body.get("stream"))
    model, _, way = path.rpartition("/")[2].partition(":")
    return "gemini", model, way == "streamGenerateContent"


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Receive) -> dict[str, Any]:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            found: dict[str, Any] = orjson.loads(b"".join(parts) or b"{}")
            return found


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, kind: bytes, *more: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *more]})


async def _say(send: Send, told: dict[str, Any]) -> None:
    await _start(send, 200, b"application/json")
    await send({"type": "http.response.body", "body": orjson.dumps(told)})


async def _refuse(send: Send, status: int, retry_after_s: float) -> None:
    more = [(b"retry-after", f"{retry_after_s:g}".encode())] if status == 429 else []
    await _start(send, status, b"application/json", *more)
    await send({"type": "http.response.body", "body": orjson.dumps({"error": {"message": f"scripted {status}", "type": "fault"}})})
