"""The dialect of Google's Gemini."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from converto.ai.call import Call, Delta, Result, UpstreamFailed, Usage, data_of, text_of
from converto.ai.conversation import Message, Outcome
from converto.ai.upstream import Upstream, headroom_s, parsed

REASONS = {"STOP": "stop", "MAX_TOKENS": "length"}
FILTERED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"}
MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}


class Gemini:
    """Google, or who speaks its dialect."""

    def __init__(self, upstream: Upstream, base_url: str) -> None:
        self._upstream = upstream
        self._base = f"{base_url.rstrip('/')}/v1beta/models"

    async def chat(self, call: Call, *, key: str) -> Result:
        """See `Dialect.chat`."""
        url = f"{self._base}/{call.model}:generateContent"
        told, headers = await self._upstream.post(url, _body(call), headers={"x-goog-api-key": key})
        heard = _Heard()
        delta = heard.take(told)
        end = heard.end()
        return Result(end.finish_reason, delta.text, tuple(map(_whole, delta.tool_calls)), end.usage, headroom_s(headers))

    async def stream(self, call: Call, *, key: str) -> AsyncIterator[Delta | Result]:
        """See `Dialect.stream`."""
        url = f"{self._base}/{call.model}:streamGenerateContent?alt=sse"
        heard = _Heard()
        async with aclosing(self._upstream.events(url, _body(call), headers={"x-goog-api-key": key})) as events:
            async for data in events:
                delta = heard.take(parsed(data))
                if delta.text or delta.tool_calls:
                    yield delta
        yield heard.end()


class _Heard:
    """An answer as far as it has come."""

    def __init__(self) -> None:
        self._reason = ""
        self._usage: Usage | None = None
        self._calls = 0

    def take(self, told: Mapping[str, Any]) -> Delta:
        self._usage = _usage(told.get("usageMetadata")) or self._usage
        if (told.get("promptFeedback") or {}).get("blockReason"):
            self._reason = "content_filter"
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        for candidate in (told.get("candidates") or ())[:1]:
            self._reason = _reason(candidate.get("finishReason")) or self._reason
            for part in (candidate.get("content") or {}).get("parts") or ():
                if part.get("functionCall"):
                    calls.append(self._call(part["functionCall"]))
                elif not part.get("thought"):
                    texts.append(part.get("text") or "")
        return Delta("".join(texts), tuple(calls), self._usage)

    def _call(self, told: Mapping[str, Any]) -> dict[str, Any]:
        number, self._calls = self._calls, self._calls + 1
        function = {"name": told.get("name", ""), "arguments": orjson.dumps(told.get("args") or {}).decode()}
        return {"index": number, "id": told.get("id") or f"call_{number}", "type": "function", "function": function}

    def end(self) -> Result:
        if not self._reason:
            raise UpstreamFailed(Outcome.TRUNCATED, "the answer has no finish reason", may_be_billed=True)
        return Result("tool_calls" if self._calls and self._reason == "stop" else self._reason, usage=self._usage)


def _reason(told: str | None) -> str:
    if not told:
        return ""
    return "content_filter" if told in FILTERED else REASONS.get(told, told.lower())


def _whole(call: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != "index"}


def _usage(told: Mapping[str, Any] | None) -> Usage | None:
    """Return what an answer took; what the model thinks is paid as what it says, and counted beside it."""
    if not told or told.get("promptTokenCount") is None:
        return None
    prompt = int(told["promptTokenCount"]) + int(told.get("toolUsePromptTokenCount") or 0)
    said = int(told.get("candidatesTokenCount") or 0) + int(told.get("thoughtsTokenCount") or 0)
    return Usage(prompt, said, min(prompt, int(told.get("cachedContentTokenCount") or 0)))


def _body(call: Call) -> dict[str, Any]:
    system = "\n\n".join(text_of(message) for message in call.messages if message.role in {"system", "developer"})
    given: dict[str, Any] = {
        "maxOutputTokens": call.max_tokens,
        "temperature": call.temperature,
        "topP": call.top_p,
        "stopSequences": list(call.stop) or None,
    }
    if call.response_schema is not None:
        given |= {"responseMimeType": "application/json", "responseJsonSchema": call.response_schema}
    body: dict[str, Any] = {
        "contents": _contents(call.messages),
        "generationConfig": {name: value for name, value in given.items() if value is not None},
    }
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if call.tools:
        body["tools"] = [{"functionDeclarations": [_declared(tool) for tool in call.tools]}]
    if call.tool_choice is not None:
        body["toolConfig"] = {"functionCallingConfig": _choice(call.tool_choice)}
    return body


def _declared(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function", {})
    told = {"name": function.get("name", ""), "description": function.get("description", "")}
    return told | ({"parametersJsonSchema": function["parameters"]} if function.get("parameters") else {})


def _choice(choice: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(choice, str):
        return {"mode": MODES.get(choice, "AUTO")}
    return {"mode": "ANY", "allowedFunctionNames": [choice.get("function", {}).get("name", "")]}


def _contents(messages: Sequence[Message]) -> list[dict[str, Any]]:
    names = {call.get("id"): call.get("function", {}).get("name", "") for message in messages for call in message.tool_calls}
    contents: list[dict[str, Any]] = []
    for message in messages:
        if message.role in {"system", "developer"}:
            continue
        role = "model" if message.role == "assistant" else "user"
        if message.role == "tool":
            response = {"name": names.get(message.tool_call_id, ""), "response": {"result": text_of(message)}}
            parts: list[dict[str, Any]] = [{"functionResponse": response}]
        else:
            parts = _parts(message)
        contents.append({"role": role, "parts": parts})
    return contents


def _parts(message: Message) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": message.content}] if isinstance(message.content, str) else []
    told = message.content if isinstance(message.content, tuple) else ()
    parts += [{"text": part.text or ""} if part.image_url is None else _picture(part.image_url.url) for part in told]
    for call in message.tool_calls:
        function = call.get("function", {})
        given = {"name": function.get("name", ""), "args": orjson.loads(function.get("arguments") or "{}")}
        parts.append({"functionCall": given})
    return parts


def _picture(url: str) -> dict[str, Any]:
    found = data_of(url)
    if found is None:  # the selection offers no address to this provider, for it fetches none
        return {"fileData": {"fileUri": url}}
    return {"inlineData": {"mimeType": found[0], "data": found[1]}}
