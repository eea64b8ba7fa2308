"""The forms in which events come over HTTP: a plain body, a CloudEvent, or several of those."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from converto.events.cloudevents import BATCH_MEDIA_TYPE, MEDIA_TYPE
from converto.events.faults import told
from converto.events.interface import Publication, UnknownType, UnsupportedBody, WrongShape
from converto.kernel.errors import BadRequest
from converto.kernel.written import WRITTEN_MOMENT

MOST = 500
"""So many CloudEvents may come together."""
JSON = "application/json"
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Times that every zone can tell."""
_CLOUD_NAMES = {"event_type": "type", "source_service": "source", "tenant_id": "tenantid"}


class PlainEvent(BaseModel):
    """An event to be told."""

    model_config = ConfigDict(extra="forbid")

    event_type: str = Field(max_length=100, description="One of those that GET /events/types lists.", examples=["ocr.completed"])
    source_service: str = Field(max_length=100, description="The module that tells events of this type.", examples=["ocr"])
    tenant_id: UUID = Field(description="Your own company.")
    data: dict[str, Any] = Field(description="As GET /events/types gives the shape.")

    def publication(self, key: str | None) -> Publication:
        """Return what is to be published; under a key it counts once."""
        return Publication(
            event_type=self.event_type, source_service=self.source_service, tenant_id=self.tenant_id, data=self.data, key=key
        )


class IncomingCloudEvent(BaseModel):
    """A CloudEvent to be told. Its `id` is its idempotency key; the event is given an id of ours. Other extensions are ignored."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=255)
    source: str = Field(max_length=100, description="The module that tells events of this type.", examples=["ocr"])
    type: str = Field(max_length=100, examples=["ocr.completed"])
    time: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST), WRITTEN_MOMENT] | None = None
    datacontenttype: Annotated[str, Field(pattern=r"^application/json(;.*)?$")] | None = None
    tenantid: UUID | None = Field(default=None, description="Your own company, which is the default.")
    data: dict[str, Any]

    def publication(self, tenant_id: UUID, key: str | None) -> Publication:
        """Return what is to be published; under a key it counts once."""
        return Publication(
            event_type=self.type,
            source_service=self.source,
            tenant_id=self.tenantid or tenant_id,
            data=self.data,
            time=self.time.astimezone(UTC) if self.time else None,
            key=key or f"the CloudEvents id {self.id} of {self.source}",
        )


@dataclass(frozen=True, slots=True)
class Form:
    """A form of publishing: what a body of it says, and how its fields are called."""

    media_type: str
    shape: TypeAdapter[Any]
    is_cloud: bool = False
    is_batch: bool = False

    def publications(self, body: bytes, tenant_id: UUID, idempotency_key: str | None) -> Sequence[Publication]:
        """Return what is to be published. Raises BadRequest, RequestValidationError."""
        try:
            events = self.shape.validate_python(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            raise BadRequest(reason="The body is not valid JSON.") from error
        except ValidationError as error:
            wrong = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False, include_context=False)]
            raise RequestValidationError(wrong) from error
        key = f"the Idempotency-Key {idempotency_key}" if idempotency_key else None
        if isinstance(events, PlainEvent):
            return [events.publication(key)]
        if isinstance(events, IncomingCloudEvent):
            return [events.publication(tenant_id, key)]
        return [one.publication(tenant_id, f"{key}, number {number}" if key else None) for number, one in enumerate(events)]

    def placed(self, error: UnknownType | WrongShape) -> UnknownType | WrongShape:
        """Return the error with its pointers as this form's fields are called."""
        return type(error)(**told([{**one, "pointer": self._placed(one["pointer"])} for one in error.details["errors"]]))

    def _placed(self, pointer: str) -> str:
        _, number, name, *rest = pointer.split("/")
        shown = _CLOUD_NAMES.get(name, name) if self.is_cloud else name
        return "/".join(["", *([number] if self.is_batch else []), shown, *rest])


def forms() -> Sequence[Form]:
    """Return every form."""
    several = Annotated[list[IncomingCloudEvent], Field(min_length=1, max_length=MOST)]
    return (
        Form(JSON, TypeAdapter(PlainEvent)),
        Form(MEDIA_TYPE, TypeAdapter(IncomingCloudEvent), is_cloud=True),
        Form(BATCH_MEDIA_TYPE, TypeAdapter(several), is_cloud=True, is_batch=True),
    )


FORMS = {form.media_type: form for form in forms()}
_CLOUD_SHAPE = IncomingCloudEvent.model_json_schema()
REQUEST_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": PlainEvent.model_json_schema()},
        MEDIA_TYPE: {"schema": _CLOUD_SHAPE},
        BATCH_MEDIA_TYPE: {"schema": {"type": "array", "items": _CLOUD_SHAPE, "minItems": 1, "maxItems": MOST}},
    },
}


def form_of(content_type: str, *, is_binary: bool) -> Form:
    """Return the form that a content type names. Raises UnsupportedBody; the binary mode of CloudEvents is none of the forms."""
    found = FORMS.get(content_type.partition(";")[0].strip().lower())
    if found is None or is_binary:
        raise UnsupportedBody(taken=f"{JSON}, {MEDIA_TYPE} or {BATCH_MEDIA_TYPE}")
    return found
