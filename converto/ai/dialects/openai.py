"""The dialect of OpenAI, which Azure, OpenRouter, Ollama, vLLM and most local servers speak too."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from converto.ai.call import Call, Delta, Result, UpstreamFailed, Usage
from converto.ai.conversation import Message, Outcome
from converto.ai.upstream import Upstream, headroom_s, parsed

DONE = b"[DONE]"


class OpenAI:
    """A provider that speaks OpenAI's dialect."""

    def __init__(self, upstream: Upstream, base_url: str, *, key_header: str = "authorization", limit_name: str = "max_tokens") -> None:
        self._upstream = upstream
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._key_header = key_header
        self._limit_name = limit_name

    async def chat(self, call: Call, *, key: str) -> Result:
        """See `Dialect.chat`."""
        told, headers = await self._upstream.post(self._url, self._body(call), headers=self._headers(key))
        try:
            choice = told["choices"][0]
            message = choice["message"]
            reason = choice.get("finish_reason")
            text, tool_calls = message.get("content") or "", tuple(message.get("tool_calls") or ())
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise UpstreamFailed(Outcome.MALFORMED, "the answer has no message", may_be_billed=True) from error
        if not reason:
            raise UpstreamFailed(Outcome.TRUNCATED, "the answer has no finish reason", may_be_billed=True)
        return Result(str(reason), str(text), tool_calls, usage_of(told.get("usage")), headroom_s(headers))

    async def stream(self, call: Call, *, key: str) -> AsyncIterator[Delta | Result]:
        """See `Dialect.stream`."""
        body = self._body(call) | {"stream": True, "stream_options": {"include_usage": True}}
        reason, usage = "", None
        async with aclosing(self._upstream.events(self._url, body, headers=self._headers(key))) as events:
            async for data in events:
                if data == DONE:
                    break
                told = parsed(data)
                usage = usage_of(told.get("usage")) or usage
                for choice in told.get("choices") or ():
                    reason = choice.get("finish_reason") or reason
                    delta = choice.get("delta") or {}
                    text, tool_calls = delta.get("content") or "", delta.get("tool_calls") or ()
                    if text or tool_calls:
                        yield Delta(text, tuple(tool_calls))
        if not reason:
            raise UpstreamFailed(Outcome.TRUNCATED, "the stream ended without a finish reason", may_be_billed=True)
        yield Result(reason, usage=usage)

    def _headers(self, key: str) -> dict[str, str]:
        if not key:
            return {}
        return {self._key_header: f"Bearer {key}" if self._key_header == "authorization" else key}

    def _body(self, call: Call) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": call.model,
            "messages": [_message(message) for message in call.messages],
            self._limit_name: call.max_tokens,
        }
        given = {"temperature": call.temperature, "top_p": call.top_p, "tool_choice": call.tool_choice}
        body |= {name: value for name, value in given.items() if value is not None}
        if call.stop:
            body["stop"] = list(call.stop)
        if call.tools:
            body["tools"] = list(call.tools)
        if call.response_schema is not None:
            schema = {"name": "answer", "schema": call.response_schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def _message(message: Message) -> dict[str, Any]:
    if isinstance(message.content, str) and not message.tool_calls and message.tool_call_id is None and message.name is None:
        return {"role": message.role, "content": message.content}
    return message.model_dump(mode="json", exclude_none=True, exclude={"tool_calls"} if not message.tool_calls else None)


def usage_of(told: Mapping[str, Any] | None) -> Usage | None:
    """Return what an answer took as OpenAI's dialect says it, or None where it does not."""
    if not told or told.get("prompt_tokens") is None:
        return None
    details = told.get("prompt_tokens_details") or {}
    prompt = int(told["prompt_tokens"])
    cached = min(prompt, int(details.get("cached_tokens") or 0))
    return Usage(prompt, int(told.get("completion_tokens") or 0), cached, min(prompt - cached, int(details.get("cache_write_tokens") or 0)))
