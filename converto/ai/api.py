"""Language models over HTTP."""

import base64
import binascii
import datetime
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from converto.ai import openai_api
from converto.ai.conversation import ChatRequest, Completion, ImageUrl, Message, Part, Piece
from converto.ai.interface import (
    Ai,
    AiHealth,
    BudgetChange,
    Budgets,
    Feedback,
    LoggedCall,
    LoggedContent,
    Models,
    NewTemplate,
    Options,
    Template,
    UsageReport,
)
from converto.ai.live import begun, following
from converto.ai.refusals import (
    AllBusy,
    BadPicture,
    BudgetExceeded,
    MissingVariables,
    NoProvider,
    NothingAsked,
    NothingFits,
    PromptTooLarge,
    ProviderFailed,
    ProviderLimited,
    Rejected,
    TemplateConflict,
    Truncated,
    UnknownCompletion,
    UnknownCurrency,
    UnknownModel,
    UnknownTemplate,
)
from converto.kernel.clock import now
from converto.kernel.errors import Error
from converto.kernel.paging import BadCursor, Page
from converto.kernel.paid_work import LimitReached
from converto.kernel.web import CurrentActor, Cursor, Limit, problem_of, problems, server_sent, the
from converto.kernel.written import Day, YesNo

router = APIRouter(prefix="/ai", tags=["ai"])

TheAi = Annotated[Ai, Depends(the(Ai))]
FAILURES = (
    NoProvider, UnknownModel, NothingFits, NothingAsked, AllBusy, BudgetExceeded, PromptTooLarge, UnknownTemplate, MissingVariables,
    ProviderFailed, ProviderLimited, Rejected, Truncated, UnknownCurrency, LimitReached, BadPicture,
)  # fmt: skip
DAY_BACK = datetime.timedelta(days=29)
_DATA_URL = re.compile(r"data:image/(png|jpeg|webp|gif);base64,")
_MAGIC = (("iVBOR", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp"))


class ChatBody(ChatRequest):
    """A question: `prompt`, `messages` or `template`, with pictures if need be."""

    prompt: Annotated[str, Field(min_length=1, max_length=4_000_000)] | None = None
    images: list[Annotated[str, Field(min_length=8, max_length=40_000_000)]] = Field(default_factory=list, max_length=50)
    """Base64 or `data:` URLs of PNG, JPEG, WebP or GIF; they go with the last thing that the user says."""
    stream: YesNo = False

    def request(self) -> ChatRequest:
        """Return the question as it is put to models. Raises BadPicture."""
        messages = self.messages
        if self.prompt is not None:
            messages = (*messages, Message.model_construct(role="user", content=self.prompt, name=None, tool_calls=(), tool_call_id=None))
        if self.images:
            messages = _with_images(messages, [_data_url(number, image) for number, image in enumerate(self.images)])
        given = {name: getattr(self, name) for name in ChatRequest.model_fields} | {"messages": messages}
        return ChatRequest.model_construct(**given)


@router.post("/chat", response_model=Completion, responses={200: {"content": {"text/event-stream": {}}}, **problems(*FAILURES)})
async def chat(ai: TheAi, actor: CurrentActor, body: ChatBody) -> Response:
    """Ask a model; with `stream: true` the answer comes bit by bit as Server-Sent Events `delta`, `done` and `error`."""
    if not body.stream:
        completion = await ai.chat(actor, body.request())
        return Response(completion.__pydantic_serializer__.to_json(completion), media_type="application/json")
    return server_sent(_frames(*await begun(ai.chat_stream(actor, body.request()))))


async def _frames(first: Piece, rest: AsyncIterator[Piece]) -> AsyncIterator[str]:
    try:
        async with aclosing(following(first, rest)) as pieces:
            async for piece in pieces:
                if piece.text or piece.tool_calls:
                    told: dict[str, Any] = {"text": piece.text} | ({"tool_calls": piece.tool_calls} if piece.tool_calls else {})
                    yield f"event: delta\ndata: {orjson.dumps(told).decode()}\n\n"
                if piece.completion is not None:
                    yield f"event: done\ndata: {piece.completion.__pydantic_serializer__.to_json(piece.completion).decode()}\n\n"
    except Error as error:
        yield f"event: error\ndata: {orjson.dumps(problem_of(error)).decode()}\n\n"


@router.get("/models")
async def models(ai: TheAi, actor: CurrentActor) -> Models:
    """List every model that can be asked, with its price, what it can do and how it has been doing."""
    return await ai.models(actor)


@router.get("/usage")
async def usage(
    ai: TheAi,
    actor: CurrentActor,
    since: Annotated[Day | None, Query(alias="from", description="The first day, UTC; 30 days ago unless said.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day, UTC; today unless said.")] = None,
    *,
    by: Annotated[
        list[Literal["day", "model", "member", "api_key"]], Query(max_length=4, description="What to group by; repeat for several.")
    ] = ["day", "model"],  # noqa: B006 - FastAPI copies it
) -> UsageReport:
    """Tell what calls of models took."""
    until = until or now().date()
    if since is None:
        since = until - DAY_BACK if until > datetime.date.min + DAY_BACK else datetime.date.min
    return await ai.usage(actor, since, until, by=tuple(by))


@router.get("/budget")
async def budgets(ai: TheAi, actor: CurrentActor) -> Budgets:
    """Tell what may be spent in this calendar month, UTC, and what has been."""
    return await ai.budgets(actor)


@router.put("/budget", responses=problems(UnknownCurrency))
async def set_budget(ai: TheAi, actor: CurrentActor, body: BudgetChange) -> Budgets:
    """Say what the company, a member or an API key may spend in a calendar month; returns all budgets."""
    await ai.set_budget(actor, body)
    return await ai.budgets(actor)


@router.get("/options")
async def options(ai: TheAi, actor: CurrentActor) -> Options:
    """Tell how the company wants models to be asked."""
    return await ai.options(actor)


@router.put("/options")
async def set_options(ai: TheAi, actor: CurrentActor, body: Options) -> Options:
    """Say how the company wants models to be asked: which, by what strategy, and what is masked or kept."""
    return await ai.set_options(actor, body)


@router.get("/templates")
async def templates(ai: TheAi, actor: CurrentActor) -> list[Template]:
    """List the newest version of each prompt template."""
    return list(await ai.templates(actor))


@router.post("/templates", status_code=201, responses=problems(TemplateConflict))
async def add_template(ai: TheAi, actor: CurrentActor, body: NewTemplate) -> Template:
    """Keep the next version of a prompt template; earlier ones stay as they are."""
    return await ai.add_template(actor, body)


@router.get("/templates/{name}", responses=problems(UnknownTemplate))
async def template(
    ai: TheAi,
    actor: CurrentActor,
    name: Annotated[str, Path(max_length=64)],
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The newest unless said.")] = None,
) -> Template:
    """Return a prompt template in one of its versions."""
    return await ai.template(actor, name, version=version)


@router.get("/requests", responses=problems(BadCursor))
async def requests(ai: TheAi, actor: CurrentActor, *, limit: Limit = 50, cursor: Cursor = None) -> Page[LoggedCall]:
    """List the calls of providers, newest first, without what was said."""
    return await ai.calls(actor, limit=limit, cursor=cursor)


@router.get("/requests/{completion_id}/content", responses=problems(UnknownCompletion))
async def content(ai: TheAi, actor: CurrentActor, completion_id: UUID) -> LoggedContent:
    """Return what was asked and answered, where the company has it kept (`keep_content`)."""
    return await ai.content(actor, completion_id)


@router.post("/feedback", status_code=204, responses=problems(UnknownCompletion))
async def feedback(ai: TheAi, actor: CurrentActor, body: Feedback) -> None:
    """Say how good an answer was, from 0 to 1: it moves the quality by which models are chosen for the company."""
    await ai.give_feedback(actor, body)


@router.get("/health")
async def health(ai: TheAi) -> AiHealth:
    """Tell whether models can be asked, and how each has been doing in the process that answers."""
    return await ai.health()


def _data_url(number: int, image: str) -> str:
    """Return a picture as a `data:` URL. Raises BadPicture."""
    if _DATA_URL.match(image):
        return image
    kind = next((kind for magic, kind in _MAGIC if image.startswith(magic)), None)
    try:
        base64.b64decode(image, validate=True)
    except binascii.Error:
        kind = None
    if kind is None:
        detail = "This is no PNG, JPEG, WebP or GIF in base64."
        raise BadPicture(number=number, errors=[{"pointer": f"/images/{number}", "detail": detail}])
    return f"data:image/{kind};base64,{image}"


def _with_images(messages: tuple[Message, ...], urls: list[str]) -> tuple[Message, ...]:
    parts = tuple(Part(type="image_url", image_url=ImageUrl.model_construct(url=url, detail=None)) for url in urls)
    if not messages or messages[-1].role != "user":
        return (*messages, Message(role="user", content=parts))
    said = messages[-1].content
    before = (Part(type="text", text=said),) if isinstance(said, str) else (said or ())
    return (*messages[:-1], messages[-1].model_copy(update={"content": before + parts}))


router.routes.extend(openai_api.router.routes)
