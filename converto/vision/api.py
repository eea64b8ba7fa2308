"""Vision over HTTP."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from converto.ai.interface import AllBusy, BudgetExceeded, NothingFits, ProviderFailed, ProviderLimited, Truncated
from converto.kernel.errors import BadRequest
from converto.kernel.paging import BadCursor, Page
from converto.kernel.paid_work import LimitReached
from converto.kernel.web import BadBody, CurrentActor, Cursor, Limit, problems, the
from converto.kernel.written import YesNo
from converto.vision.interface import (
    Analysis,
    AnalysisSummary,
    Detail,
    Task,
    UnknownAnalysis,
    Vision,
    VisionHealth,
    VisionNotConfigured,
    Wanted,
)
from converto.vision.refusals import REFUSALS, NoBase64

router = APIRouter(prefix="/vision", tags=["vision"])

TheVision = Annotated[Vision, Depends(the(Vision))]
LONGEST_IMAGE = 40_000_000
FAILURES = (
    *REFUSALS, NoBase64, VisionNotConfigured,
    LimitReached, NothingFits, AllBusy, BudgetExceeded, ProviderFailed, ProviderLimited, Truncated,
)  # fmt: skip


class AnalyzeOptions(BaseModel):
    """What is to be told of a picture."""

    model_config = ConfigDict(extra="ignore", use_enum_values=False)

    task: Task = Field(default=Task.DESCRIBE, description="What is to be told.")
    detail: Detail = Field(default=Detail.AUTO, description="How closely a model looks.")
    languages: str = Field(default="", max_length=50, description="Of what is written, such as fin+eng.")
    model_preference: str | None = Field(default=None, max_length=200, description="As for /ai/chat.")
    blur_faces: YesNo = Field(default=False, description="Blur faces before anything else sees the picture, and give it back so.")
    local_only: YesNo = Field(default=False, description="Ask no model: nothing leaves this installation.")


FLAGS: Mapping[Any, bool] = {"true": True, "false": False}
FLAGGED = frozenset(name for name, field in AnalyzeOptions.model_fields.items() if field.annotation is bool)
"""What is yes or no: a form has words for it."""


class AnalyzeBody(AnalyzeOptions):
    """The same with the picture, in base64 or as a `data:` URL."""

    image: str = Field(min_length=1, max_length=LONGEST_IMAGE, description="Base64, or a `data:` URL.", repr=False)


def _described(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema with its references written out, for there is no place for them beside a route."""
    schema = model.model_json_schema()
    known = schema.pop("$defs", {})
    for name, one in schema["properties"].items():
        if "$ref" in one:
            told = known[one.pop("$ref").rpartition("/")[2]]
            schema["properties"][name] = {**{key: told[key] for key in ("type", "enum")}, **one}
    return schema


_FORM = _described(AnalyzeOptions)
_FORM["properties"] = {"file": {"type": "string", "contentMediaType": "application/octet-stream"}, **_FORM["properties"]}
_FORM["required"] = ["file"]
REQUEST_BODY = {
    "required": True,
    "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": _described(AnalyzeBody)}},
}


@router.post("/analyze", responses=problems(*FAILURES), openapi_extra={"requestBody": REQUEST_BODY})
async def analyze(vision: TheVision, actor: CurrentActor, request: Request) -> Analysis:
    """Tell of a picture, sent as a form with a `file` or as JSON: JPEG, PNG, WebP, TIFF or HEIC. The picture is not kept.

    Faces are counted and boxed, never recognised. Without a provider of models faces, texts, codes, devices and receipts are told by what
    is built in; `objects` is answered 501 with what to set.
    """
    return await vision.analyze(actor, await _wanted(request))


@router.get("/analyses", responses=problems(BadCursor))
async def analyses(vision: TheVision, actor: CurrentActor, *, limit: Limit = 50, cursor: Cursor = None) -> Page[AnalysisSummary]:
    """List analyses, newest first."""
    return await vision.analyses(actor, limit=limit, cursor=cursor)


@router.get("/analyses/{analysis_id}", responses=problems(UnknownAnalysis))
async def analysis(vision: TheVision, actor: CurrentActor, analysis_id: Annotated[UUID, Path(description="The analysis.")]) -> Analysis:
    """Return what was told of a picture; the picture was not kept."""
    return await vision.analysis(actor, analysis_id)


@router.get("/health")
async def health(vision: TheVision) -> VisionHealth:
    """Tell by whom each task is done here: by a model, by what is built in, or by nobody."""
    return await vision.health()


async def _wanted(request: Request) -> Wanted:
    """Return what a body of either kind asks for. Raises BadRequest, BadBody."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        try:
            told = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise BadRequest(reason="The body is not valid JSON.") from error
        body = _valid(AnalyzeBody, told)
        return _as_wanted(body, _decoded(body.image))
    async with request.form(max_files=1, max_fields=20) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadBody(summary="/file Field required", errors=[{"pointer": "/file", "detail": "Field required"}])
        told = {name: FLAGS.get(value, value) if name in FLAGGED else value for name, value in form.items() if name != "file"}
        options = _valid(AnalyzeOptions, told)
        return _as_wanted(options, await file.read())


def _valid(model: type[AnalyzeOptions] | type[AnalyzeBody], told: Any) -> Any:
    try:
        return model.model_validate(told)
    except ValidationError as error:
        found = [{"pointer": "".join(f"/{part}" for part in one["loc"]), "detail": one["msg"]} for one in error.errors(include_input=False)]
        summary = "; ".join(f"{one['pointer']} {one['detail']}" for one in found[:3])
        raise BadBody(summary=summary, errors=found) from error


def _as_wanted(options: AnalyzeOptions, picture: bytes) -> Wanted:
    told: Mapping[str, Any] = {name: getattr(options, name) for name in AnalyzeOptions.model_fields}
    return Wanted.model_construct(picture=picture, **told)


def _decoded(image: str) -> bytes:
    plain = image.partition(",")[2] if image.startswith("data:") else image
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoBase64(errors=[{"pointer": "/image", "detail": "This is no base64."}]) from error
