"""Every other provider, by litellm: loaded in a thread at the first call, for that takes seconds and 170 MB."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from converto.ai.call import Call, Delta, Result, UpstreamFailed, Usage
from converto.ai.conversation import Outcome
from converto.ai.dialects.openai import usage_of

SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_MODE": "PRODUCTION",
}
"""So that it fetches nothing, and reads no file of somebody else's settings."""
PRICE_MAP = "model_prices_and_context_window_backup.json"
FAILURES: Mapping[str, Outcome] = {
    "RateLimitError": Outcome.RATE_LIMITED,
    "AuthenticationError": Outcome.UNAUTHORISED,
    "PermissionDeniedError": Outcome.UNAUTHORISED,
    "BadRequestError": Outcome.REJECTED,
    "UnprocessableEntityError": Outcome.REJECTED,
    "NotFoundError": Outcome.REJECTED,
    "ContextWindowExceededError": Outcome.REJECTED,
    "ContentPolicyViolationError": Outcome.REJECTED,
    "UnsupportedParamsError": Outcome.REJECTED,
    "Timeout": Outcome.TIMED_OUT,
    "APIConnectionError": Outcome.UNREACHABLE,
}


class LiteLLM:
    """A provider that litellm knows."""

    def __init__(self, *, timeout_s: float, options: Mapping[str, Any] | None = None) -> None:
        self._timeout_s = timeout_s
        self._options = options or {}
        self._opening = asyncio.Lock()
        self._library: Any = None

    async def chat(self, call: Call, *, key: str) -> Result:
        """See `Dialect.chat`."""
        told = await self._asked(call, key)
        answer = told.model_dump()
        choice = answer["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        if not reason:
            raise UpstreamFailed(Outcome.TRUNCATED, "the answer has no finish reason", may_be_billed=True)
        return Result(reason, message.get("content") or "", tuple(message.get("tool_calls") or ()), _counted(answer.get("usage")))

    async def stream(self, call: Call, *, key: str) -> AsyncIterator[Delta | Result]:
        """See `Dialect.stream`. It says `stop` of a stream that was cut, so that what it heard itself is looked at."""
        reason, usage = "", None
        stream = await self._asked(call, key, stream=True, stream_options={"include_usage": True})
        async for chunk in stream:
            told = chunk.model_dump()
            usage = _counted(told.get("usage")) or usage
            for choice in told.get("choices") or ():
                reason = choice.get("finish_reason") or reason
                delta = choice.get("delta") or {}
                if delta.get("content") or delta.get("tool_calls"):
                    yield Delta(delta.get("content") or "", tuple(delta.get("tool_calls") or ()))
        if not reason or getattr(stream, "received_finish_reason", None) is None:
            raise UpstreamFailed(Outcome.TRUNCATED, "the stream ended without a finish reason", may_be_billed=True)
        yield Result(reason, usage=usage)

    async def _asked(self, call: Call, key: str, **more: Any) -> Any:
        library = self._library or await self._loaded()
        given: dict[str, Any] = {
            "temperature": call.temperature,
            "top_p": call.top_p,
            "tool_choice": call.tool_choice,
            "stop": list(call.stop) or None,
        }
        given |= {"tools": [dict(tool) for tool in call.tools] or None, "api_key": key or None}
        if call.response_schema is not None:
            schema = {"name": "answer", "schema": dict(call.response_schema), "strict": True}
            given["response_format"] = {"type": "json_schema", "json_schema": schema}
        try:
            return await library.acompletion(
                model=call.model,
                messages=[message.model_dump(mode="json", exclude_none=True) for message in call.messages],
                max_tokens=call.max_tokens,
                timeout=self._timeout_s,
                num_retries=0,
                **{name: value for name, value in given.items() if value is not None},
                **self._options,
                **more,
            )
        except Exception as error:
            outcome = FAILURES.get(type(error).__name__, Outcome.SERVER_ERROR)
            is_sent = outcome in {Outcome.TIMED_OUT, Outcome.SERVER_ERROR}
            raise UpstreamFailed(outcome, type(error).__name__, may_be_billed=is_sent) from error

    async def _loaded(self) -> Any:
        async with self._opening:
            if self._library is None:
                self._library = await asyncio.to_thread(_library)
            return self._library


def _counted(told: Mapping[str, Any] | None) -> Usage | None:
    """Return what an answer took; the zeros that stand there where the provider said nothing are no count."""
    usage = usage_of(told)
    return usage if usage is not None and usage.prompt > 0 else None


def _library() -> Any:
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    try:
        import litellm  # noqa: PLC0415 - it costs seconds and 170 MB, so only who calls it pays
    except ImportError as error:
        raise UpstreamFailed(Outcome.UNREACHABLE, "litellm is not installed: it comes with the extra ai") from error
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


def price_map(names: Sequence[str]) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    """Return the version of litellm's table of prices, and its entries of these models in the shape of our catalogue.

    The table is read as the file that it is: the library itself need not be loaded for it. Empty where it is not installed.
    """
    try:
        number = version("litellm")
    except PackageNotFoundError:
        return "", {}
    found = find_spec("litellm")
    if found is None or found.origin is None:
        return "", {}
    table = json.loads((Path(found.origin).parent / PRICE_MAP).read_text(encoding="utf-8"))
    version_name = f"litellm-{number}"
    return version_name, {name: _entry(table[name], version_name) for name in names if name in table}


def _entry(told: Mapping[str, Any], version_name: str) -> dict[str, Any]:
    prices = {"input": "input_cost_per_token", "output": "output_cost_per_token", "cached_input": "cache_read_input_token_cost"}
    prices["cache_write"] = "cache_creation_input_token_cost"
    known = {ours: _per_million(told[theirs]) for ours, theirs in prices.items() if told.get(theirs) is not None}
    limits = {"context": told.get("max_input_tokens") or told.get("max_tokens"), "max_output": told.get("max_output_tokens")}
    abilities = {"images": bool(told.get("supports_vision")), "schema": bool(told.get("supports_response_schema"))}
    return known | {name: limit for name, limit in limits.items() if limit} | abilities | {"version": version_name}


def _per_million(usd_per_token: float) -> str:
    return f"{usd_per_token * 1e6:.6f}"
