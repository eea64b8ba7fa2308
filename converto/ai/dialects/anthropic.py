"""The dialect of Anthropic's Messages."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson

from converto.ai.call import Call, Delta, Result, UpstreamFailed, Usage, data_of, text_of
from converto.ai.conversation import Message, Outcome
from converto.ai.upstream import Upstream, headroom_s, parsed

VERSION = "2023-06-01"
ANSWER = "answer"
"""The tool that a model is made to use where an answer has a schema."""
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
CHOICES: Mapping[str, Mapping[str, str]] = {"auto": {"type": "auto"}, "required": {"type": "any"}, "none": {"type": "none"}}


class Anthropic:
    """Anthropic, or who speaks its dialect."""

    def __init__(self, upstream: Upstream, base_url: str) -> None:
        self._upstream = upstream
        self._url = f"{base_url.rstrip('/')}/v1/messages"

    async def chat(self, call: Call, *, key: str) -> Result:
        """See `Dialect.chat`."""
        told, headers = await self._upstream.post(self._url, _body(call), headers=_headers(key))
        blocks, reason = told.get("content"), told.get("stop_reason")
        if not isinstance(blocks, list):
            raise UpstreamFailed(Outcome.MALFORMED, "the answer has no content", may_be_billed=True)
        if not reason:
            raise UpstreamFailed(Outcome.TRUNCATED, "the answer has no stop reason", may_be_billed=True)
        usage = _Counted().take(told.get("usage"))
        used = [block for block in blocks if block.get("type") == "tool_use"]
        if call.response_schema is not None and used:
            return Result("stop", orjson.dumps(used[0].get("input")).decode(), usage=usage, headroom=headroom_s(headers))
        text = "".join(block.get("text", "") for block in blocks if block.get("type") == "text")
        tool_calls = tuple(_tool_call(block) for block in used)
        return Result(_reason(reason), text, tool_calls, usage, headroom_s(headers))

    async def stream(self, call: Call, *, key: str) -> AsyncIterator[Delta | Result]:
        """See `Dialect.stream`."""
        heard = _Heard(call)
        async with aclosing(self._upstream.events(self._url, _body(call) | {"stream": True}, headers=_headers(key))) as events:
            async for data in events:
                told = parsed(data)
                delta = heard.take(told)
                if delta is not None:
                    yield delta
                if told.get("type") == "message_stop":
                    break
        yield heard.end()


class _Counted:
    """What an answer takes, as it is told bit by bit: Anthropic counts what its cache holds beside the prompt, and not among it."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def take(self, told: Mapping[str, Any] | None) -> Usage | None:
        self._told |= {name: count for name, count in (told or {}).items() if isinstance(count, int)}
        if "input_tokens" not in self._told:
            return None
        cached, written = self._told.get("cache_read_input_tokens", 0), self._told.get("cache_creation_input_tokens", 0)
        return Usage(self._told["input_tokens"] + cached + written, self._told.get("output_tokens", 0), cached, written)


class _Heard:
    """A stream as far as it has come."""

    def __init__(self, call: Call) -> None:
        self._is_shaped = call.response_schema is not None
        self._counted = _Counted()
        self._usage: Usage | None = None
        self._reason = ""
        self._numbers: dict[int, int] = {}
        """By block of the answer the number of its tool call."""

    def take(self, told: Mapping[str, Any]) -> Delta | None:
        kind = told.get("type")
        if kind == "message_start":
            self._usage = self._counted.take(told["message"].get("usage"))
            return Delta(usage=self._usage)
        if kind == "message_delta":
            self._reason = (told.get("delta") or {}).get("stop_reason") or self._reason
            self._usage = self._counted.take(told.get("usage"))
            return None
        if kind == "content_block_start":
            return self._begun(told["index"], told.get("content_block") or {})
        return self._more(told["index"], told.get("delta") or {}) if kind == "content_block_delta" else None

    def _begun(self, index: int, block: Mapping[str, Any]) -> Delta | None:
        if block.get("type") != "tool_use" or self._is_shaped:
            return None
        number = self._numbers[index] = len(self._numbers)
        function = {"name": block.get("name", ""), "arguments": ""}
        return Delta(tool_calls=({"index": number, "id": block.get("id", ""), "type": "function", "function": function},))

    def _more(self, index: int, delta: Mapping[str, Any]) -> Delta | None:
        if delta.get("type") == "text_delta":
            return None if self._is_shaped else Delta(delta["text"])
        if delta.get("type") != "input_json_delta":
            return None
        if self._is_shaped:
            return Delta(delta["partial_json"])
        number = self._numbers.get(index, 0)
        return Delta(tool_calls=({"index": number, "function": {"arguments": delta["partial_json"]}},))

    def end(self) -> Result:
        if not self._reason:
            raise UpstreamFailed(Outcome.TRUNCATED, "the stream ended without a stop reason", may_be_billed=True)
        return Result("stop" if self._is_shaped and self._reason == "tool_use" else _reason(self._reason), usage=self._usage)


def _headers(key: str) -> dict[str, str]:
    return {"x-api-key": key, "anthropic-version": VERSION}


def _reason(told: str) -> str:
    return REASONS.get(told, told)


def _tool_call(block: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": block.get("name", ""), "arguments": orjson.dumps(block.get("input") or {}).decode()}
    return {"id": block.get("id", ""), "type": "function", "function": function}


def _body(call: Call) -> dict[str, Any]:
    system = "\n\n".join(text_of(message) for message in call.messages if message.role in {"system", "developer"})
    body: dict[str, Any] = {"model": call.model, "max_tokens": call.max_tokens, "messages": _merged(_turns(call.messages))}
    given = {"system": system or None, "temperature": call.temperature, "top_p": call.top_p}
    body |= {name: value for name, value in given.items() if value is not None}
    if call.stop:
        body["stop_sequences"] = list(call.stop)
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
        body |= {"tool_choice": _choice(call.tool_choice)} if call.tool_choice is not None else {}
    if call.response_schema is not None:
        answer = {"name": ANSWER, "description": "Give the answer by this.", "input_schema": call.response_schema}
        body["tools"] = [*body.get("tools", ()), answer]
        body["tool_choice"] = {"type": "tool", "name": ANSWER}
    return body


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function", {})
    told = {"name": function.get("name", ""), "description": function.get("description", "")}
    return told | {"input_schema": function.get("parameters") or {"type": "object"}}


def _choice(choice: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(choice, str):
        return CHOICES.get(choice, CHOICES["auto"])
    return {"type": "tool", "name": choice.get("function", {}).get("name", "")}


def _turns(messages: Any) -> Iterator[dict[str, Any]]:
    for message in messages:
        if message.role == "tool":
            result = {"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": text_of(message)}
            yield {"role": "user", "content": [result]}
        elif message.role in {"user", "assistant"}:
            yield {"role": message.role, "content": _blocks(message)}


def _merged(turns: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join turns of one side that follow one another: the answers of several tools are one turn."""
    joined: list[dict[str, Any]] = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            joined[-1]["content"] = [*joined[-1]["content"], *turn["content"]]
        else:
            joined.append(turn)
    return joined


def _blocks(message: Message) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    parts = message.content if isinstance(message.content, tuple) else ()
    if isinstance(message.content, str) and message.content:
        blocks.append({"type": "text", "text": message.content})
    blocks += [{"type": "text", "text": part.text or ""} if part.image_url is None else _image(part.image_url.url) for part in parts]
    for call in message.tool_calls:
        function = call.get("function", {})
        given = orjson.loads(function.get("arguments") or "{}")
        blocks.append({"type": "tool_use", "id": call.get("id", ""), "name": function.get("name", ""), "input": given})
    return blocks


def _image(url: str) -> dict[str, Any]:
    found = data_of(url)
    if found is None:
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": {"type": "base64", "media_type": found[0], "data": found[1]}}
