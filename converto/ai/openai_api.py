"""The same models for any client of OpenAI's: it needs no more than our address and an API key of ours."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from converto.ai.conversation import ChatRequest, Completion, Message, Piece, Stop, TokenLimit, Tokens
from converto.ai.interface import Ai
from converto.ai.live import begun, following
from converto.ai.refusals import (
    AllBusy,
    BudgetExceeded,
    NoProvider,
    NothingAsked,
    NothingFits,
    PromptTooLarge,
    ProviderFailed,
    ProviderLimited,
    Rejected,
    Truncated,
    UnknownModel,
)
from converto.kernel.errors import Error
from converto.kernel.web import CurrentActor, problems, server_sent, the
from converto.kernel.written import Number, YesNo

router = APIRouter(prefix="/ai/v1", tags=["ai"])

TheAi = Annotated[Ai, Depends(the(Ai))]
FAILURES = (
    NoProvider, UnknownModel, NothingFits, NothingAsked, AllBusy, BudgetExceeded, PromptTooLarge, ProviderFailed, ProviderLimited,
    Rejected, Truncated,
)  # fmt: skip
MADE_AT = 1_767_225_600
"""What clients are told of when a model was made: 2026-01-01, for no table says."""


class StreamOptions(BaseModel):
    """What else a stream tells."""

    include_usage: YesNo = False


class ResponseFormat(BaseModel):
    """The shape of an answer."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: dict[str, Any] | None = None


class CompletionBody(BaseModel):
    """A question as OpenAI's clients put it; what else they may say is passed over."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=2000)
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    n: Literal[1] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=200)] | None = None
    stream: YesNo = False
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    tools: list[dict[str, Any]] = Field(default=[], max_length=128)
    tool_choice: str | dict[str, Any] | None = None

    def request(self) -> ChatRequest:
        """Return the question as it is put to models."""
        shape = self.response_format
        schema = None
        if shape is not None and shape.type == "json_schema":
            schema = (shape.json_schema or {}).get("schema") or {"type": "object"}
        elif shape is not None and shape.type == "json_object":
            schema = {"type": "object"}
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return ChatRequest(
            messages=tuple(self.messages),
            model_preference=self.model,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=stop[:4],
            response_schema=schema if isinstance(schema, dict) else None,
            tools=tuple(self.tools),
            tool_choice=self.tool_choice,
        )


@router.post("/chat/completions", responses={200: {"content": {"text/event-stream": {}}}, **problems(*FAILURES)})
async def openai_chat(ai: TheAi, actor: CurrentActor, body: CompletionBody) -> Response:
    """Ask a model, in the way of OpenAI's clients; `model` is a model, a family, a strategy, or `auto`."""
    request = body.request()
    if not body.stream:
        return JSONResponse(_whole(await ai.chat(actor, request)))
    wants_usage = body.stream_options is not None and body.stream_options.include_usage
    return server_sent(_frames(*await begun(ai.chat_stream(actor, request)), wants_usage=wants_usage))


@router.get("/models")
async def openai_models(ai: TheAi, actor: CurrentActor) -> dict[str, Any]:
    """List the models that can be asked, in the way of OpenAI's clients."""
    told = await ai.models(actor)
    items = [model for model in told.items if model.allowed and model.price_version is not None]
    return {"object": "list", "data": [{"id": m.id, "object": "model", "created": MADE_AT, "owned_by": m.provider} for m in items]}


def _whole(completion: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": completion.text or None, "refusal": None}
    if completion.tool_calls:
        message["tool_calls"] = list(completion.tool_calls)
    choice = {"index": 0, "message": message, "finish_reason": completion.finish_reason, "logprobs": None}
    return {
        "id": _name(completion.id),
        "object": "chat.completion",
        "created": int(completion.created_at.timestamp()),
        "model": completion.model,
        "choices": [choice],
        "usage": _usage(completion.usage),
        "converto": _ours(completion),
    }


def _ours(completion: Completion) -> dict[str, Any]:
    """Return what we know beside what OpenAI's clients ask for."""
    names = {"cost", "cost_usd", "usage_source", "attempts", "routing", "cached", "masked", "warnings"}
    told: dict[str, Any] = completion.model_dump(mode="json", include=names)
    return told


def _usage(usage: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _name(completion_id: UUID) -> str:
    return f"chatcmpl-{completion_id}"


async def _frames(first: Piece, rest: AsyncIterator[Piece], *, wants_usage: bool) -> AsyncIterator[str]:
    head: dict[str, Any] = {"id": "chatcmpl-", "object": "chat.completion.chunk", "created": 0, "model": ""}
    is_first = True
    try:
        async with aclosing(following(first, rest)) as pieces:
            async for piece in pieces:
                delta: dict[str, Any] = {"role": "assistant"} if is_first else {}
                is_first = False
                delta |= {"content": piece.text} if piece.text else {}
                delta |= {"tool_calls": piece.tool_calls} if piece.tool_calls else {}
                if delta:
                    yield _frame(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                if piece.completion is not None:
                    for frame in _last(head, piece.completion, wants_usage=wants_usage):
                        yield frame
    except Error as error:
        yield _frame({"error": {"message": error.detail, "type": error.title, "code": error.code}})
        return
    yield "data: [DONE]\n\n"


def _last(head: Mapping[str, Any], completion: Completion, *, wants_usage: bool) -> list[str]:
    named = {**head, "id": _name(completion.id), "created": int(completion.created_at.timestamp()), "model": completion.model}
    frames = [_frame(named | {"choices": [{"index": 0, "delta": {}, "finish_reason": completion.finish_reason}]})]
    if wants_usage:
        frames.append(_frame(named | {"choices": [], "usage": _usage(completion.usage), "converto": _ours(completion)}))
    return frames


def _frame(told: Mapping[str, Any]) -> str:
    return f"data: {orjson.dumps(told).decode()}\n\n"
