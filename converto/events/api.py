"""The events over HTTP."""

import re
import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from converto.events.asyncapi import document
from converto.events.forms import JSON, REQUEST_BODY, form_of
from converto.events.interface import (
    Changed,
    DeadLetters,
    Events,
    EventsHealth,
    EventType,
    ForeignTenant,
    Group,
    GroupDiffers,
    KeyReused,
    Message,
    Published,
    Settled,
    Streams,
    Subscribe,
    TooManyGroups,
    UnknownDeadEvent,
    UnknownSubscription,
    UnknownType,
    UnsupportedBody,
    WrongShape,
    WrongSubscription,
)
from converto.events.live import frames, unless_gone
from converto.kernel.paging import BadCursor, Page
from converto.kernel.web import CurrentActor, Cursor, Limit, TheDrain, problems, server_sent, the
from converto.kernel.written import WHOLE, Number, YesNo

router = APIRouter(tags=["events"])

TheEvents = Annotated[Events, Depends(the(Events))]
SubscriptionId = Annotated[UUID, Path(description="The `subscription_id` of POST /events/subscribe.")]
EventId = Annotated[UUID, Path(description="The event.")]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LARGEST_POSITION = 2**63 - 1
Receipts = Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=500)]


def _json_only(content_type: Annotated[str, Header(include_in_schema=False)] = "") -> None:
    """Go on only with a body that says that it is JSON. Raises UnsupportedBody, which says more than that the body is no object."""
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedBody(taken=JSON)


JsonOnly = Depends(_json_only)


def _name(given: str) -> str:
    if _NAME.fullmatch(given) is None:
        kind = "name"
        raise PydanticCustomError(kind, "Use letters, digits, '.', '_' and '-', at most 100, and begin with a letter or a digit")
    return given


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]


class Strict(BaseModel):
    """A body in which an unknown field is a mistake, and not passed over."""

    model_config = ConfigDict(extra="forbid")


class Subscription(Strict):
    """What to hear, and in whose name."""

    stream_names: Annotated[list[str], Field(min_length=1, max_length=50, examples=[["stream:ocr"]])]
    consumer_group: Annotated[Name, Field(description="Consumers of one group share its events.", examples=["bookkeeping"])]
    consumer_name: Annotated[Name, Field(description="Which of them you are; it stands in the log.", examples=["worker-1"])]
    event_types: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    start: Annotated[str, Field(max_length=100, description="`new`, `earliest`, or the id of the event to begin after.")] = "new"
    lease_seconds: Annotated[int, Field(ge=1, le=3600, description="How long an event is yours to acknowledge."), WHOLE] | None = None
    ordered: Annotated[YesNo, Field(description="Give out events about one subject one after another.")] = False


class Links(BaseModel):
    """Where a subscription is used."""

    receive: str
    ack: str
    nack: str
    renew: str
    events: str
    self: str


class Subscribed(BaseModel):
    """A subscription: the durable group, and where a consumer of it goes."""

    subscription_id: UUID
    consumer_group: str
    consumer_name: str
    stream_names: tuple[str, ...]
    event_types: tuple[str, ...] | None
    lease_seconds: int
    ordered: bool
    links: Links


class Received(BaseModel):
    """The events that are yours until their lease ends."""

    messages: tuple[Message, ...]


class Held(Strict):
    """Receipts of received events."""

    receipts: Receipts


class Refused(Held):
    """Receipts of events to be delivered again."""

    delay_s: Annotated[Number, Field(ge=0, le=43_200, allow_inf_nan=False, description="Absent means a growing pause.")] | None = None
    reason: Annotated[str, Field(max_length=500, description="Kept with the event.")] | None = None


class Results(BaseModel):
    """What became of each receipt."""

    accepted: int
    refused: int
    results: tuple[Settled, ...]


class PublishedTogether(BaseModel):
    """Where published events have gone, in the order in which they came."""

    items: tuple[Published, ...]


class EventTypes(BaseModel):
    """Every kind of event."""

    items: tuple[EventType, ...]
    next_cursor: None = None


@router.post(
    "/events/publish",
    status_code=202,
    response_model=Published | PublishedTogether,
    openapi_extra={"requestBody": REQUEST_BODY},
    responses=problems(UnsupportedBody, UnknownType, WrongShape, ForeignTenant, KeyReused),
)
async def publish(
    events: TheEvents,
    actor: CurrentActor,
    request: Request,
    *,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, description="A second try counts once.")] = None,
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
    ce_specversion: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Published | PublishedTogether:
    """Tell an event of your own company, or several as a batch of CloudEvents: all or none."""
    form = form_of(content_type, is_binary=ce_specversion is not None)
    publications = form.publications(await request.body(), actor.tenant_id, idempotency_key)
    try:
        published = await events.publish(actor, tuple(publications))
    except (UnknownType, WrongShape) as error:
        raise form.placed(error) from error
    return PublishedTogether(items=published) if form.is_batch else published[0]


@router.post(
    "/events/subscribe",
    status_code=201,
    response_model=Subscribed,
    dependencies=[JsonOnly],
    responses={200: {"model": Subscribed}, **problems(UnsupportedBody, WrongSubscription, GroupDiffers, TooManyGroups)},
)
async def subscribe(events: TheEvents, actor: CurrentActor, request: Request, body: Subscription) -> Response:
    """Make a consumer group, 201, or join the one of that name, 200. Repeating it changes nothing."""
    wanted = Subscribe.model_validate(body.model_dump(exclude={"consumer_name"}))
    subscribed = await events.subscribe(actor, wanted)
    told = Subscribed(
        **subscribed.model_dump(exclude={"is_new"}),
        consumer_name=body.consumer_name,
        links=_links(request, subscribed.subscription_id, body.consumer_name),
    )
    status = 201 if subscribed.is_new else 200
    return JSONResponse(told.model_dump(mode="json"), status_code=status, headers={"location": told.links.self})


def _links(request: Request, subscription_id: UUID, consumer_name: str) -> Links:
    path = request.app.url_path_for
    return Links(
        receive=path("receive", subscription_id=subscription_id, consumer_name=consumer_name),
        ack=path("acknowledge", subscription_id=subscription_id),
        nack=path("refuse", subscription_id=subscription_id),
        renew=path("renew", subscription_id=subscription_id),
        events=path("live_view", subscription_id=subscription_id),
        self=path("subscription", subscription_id=subscription_id),
    )


@router.get("/events/subscriptions", responses=problems(BadCursor))
async def subscriptions(events: TheEvents, actor: CurrentActor, *, limit: Limit = 50, cursor: Cursor = None) -> Page[Group]:
    """List your consumer groups, newest first."""
    return await events.subscriptions(actor, limit=limit, cursor=cursor)


@router.get("/events/subscriptions/{subscription_id}", responses=problems(UnknownSubscription))
async def subscription(events: TheEvents, actor: CurrentActor, subscription_id: SubscriptionId) -> Group:
    """Return a consumer group: what it hears, and how far behind it is."""
    return await events.subscription(actor, subscription_id)


@router.delete("/events/subscriptions/{subscription_id}", status_code=204, responses=problems(UnknownSubscription))
async def unsubscribe(events: TheEvents, actor: CurrentActor, subscription_id: SubscriptionId) -> None:
    """Remove a consumer group with all that waits for it, for good."""
    await events.unsubscribe(actor, subscription_id)


@router.post("/events/subscriptions/{subscription_id}/consumers/{consumer_name}/receive", responses=problems(UnknownSubscription))
async def receive(
    events: TheEvents,
    actor: CurrentActor,
    request: Request,
    *,
    drain: TheDrain,
    subscription_id: SubscriptionId,
    consumer_name: Annotated[Name, Path(description="The `consumer_name` of POST /events/subscribe.")],
    limit: Annotated[int, Query(alias="max", ge=1, le=500, description="The most events at once.")] = 100,
    wait: Annotated[float, Query(ge=0, le=25, allow_inf_nan=False, description="Seconds to wait for the first event.")] = 0,
) -> Received:
    """Take the next events of the group: yours until the lease ends. With `wait`, the answer comes with the first event."""
    until = time.monotonic() + wait
    while True:
        messages = await events.receive(actor, subscription_id, consumer_name=consumer_name, limit=limit)
        left_s = until - time.monotonic()
        if messages or left_s <= 0 or drain.has_begun:
            return Received(messages=messages)
        # waiting takes nothing: whoever hangs up meanwhile leaves no event leased to nobody
        waiting = unless_gone(request, events.ready(actor, subscription_id, wait_s=left_s))
        if not await drain.or_done(waiting):
            return Received(messages=())


@router.post(
    "/events/subscriptions/{subscription_id}/ack", dependencies=[JsonOnly], responses=problems(UnsupportedBody, UnknownSubscription)
)
async def acknowledge(events: TheEvents, actor: CurrentActor, subscription_id: SubscriptionId, body: Held) -> Results:
    """Settle events for good. A receipt whose lease is over and whose event went to somebody else is refused."""
    return _results(await events.acknowledge(actor, subscription_id, tuple(body.receipts)))


@router.post(
    "/events/subscriptions/{subscription_id}/nack", dependencies=[JsonOnly], responses=problems(UnsupportedBody, UnknownSubscription)
)
async def refuse(events: TheEvents, actor: CurrentActor, subscription_id: SubscriptionId, body: Refused) -> Results:
    """Have events delivered again; after the fifth refusal an event lies with the dead ones."""
    return _results(await events.refuse(actor, subscription_id, tuple(body.receipts), delay_s=body.delay_s, reason=body.reason))


@router.post(
    "/events/subscriptions/{subscription_id}/renew", dependencies=[JsonOnly], responses=problems(UnsupportedBody, UnknownSubscription)
)
async def renew(events: TheEvents, actor: CurrentActor, subscription_id: SubscriptionId, body: Held) -> Results:
    """Keep events for another lease, counted from now."""
    return _results(await events.renew(actor, subscription_id, tuple(body.receipts)))


def _results(settled: tuple[Settled, ...]) -> Results:
    accepted = sum(one.accepted for one in settled)
    return Results(accepted=accepted, refused=len(settled) - accepted, results=settled)


@router.get(
    "/events/subscriptions/{subscription_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **problems(UnknownSubscription)},
)
async def live_view(
    events: TheEvents,
    actor: CurrentActor,
    drain: TheDrain,
    *,
    subscription_id: SubscriptionId,
    last_event_id: Annotated[int | None, Header(ge=0, le=LARGEST_POSITION, description="Go on after this `id`; 0 is the start.")] = None,
) -> StreamingResponse:
    """Look on: what the group's streams bring, as Server-Sent Events. It takes nothing from the group."""
    begin = await events.live(actor, subscription_id, after=last_event_id)
    return server_sent(frames(events, actor, subscription_id, begin=begin, drain=drain))


@router.get("/events/streams")
async def streams(events: TheEvents, actor: CurrentActor) -> Streams:
    """List the streams: how many of your events each keeps, who hears it, and how far behind they are."""
    return await events.streams(actor)


@router.get("/events/types")
async def types(events: TheEvents, actor: CurrentActor) -> EventTypes:
    """List every kind of event with the shape of its data."""
    return EventTypes(items=await events.types(actor))


@router.get("/events/dead", responses=problems(BadCursor))
async def dead(events: TheEvents, actor: CurrentActor, *, limit: Limit = 50, cursor: Cursor = None) -> DeadLetters:
    """List the events that somebody has given up on, newest first."""
    return await events.dead(actor, limit=limit, cursor=cursor)


@router.post("/events/dead/{event_id}/retry", responses=problems(UnknownDeadEvent))
async def retry(events: TheEvents, actor: CurrentActor, event_id: EventId) -> Changed:
    """Have a dead event delivered anew to all who have given up on it."""
    return await events.retry(actor, event_id)


@router.delete("/events/dead/{event_id}", status_code=204, responses=problems(UnknownDeadEvent))
async def purge(events: TheEvents, actor: CurrentActor, event_id: EventId) -> None:
    """Forget a dead event of your consumer groups, for good."""
    await events.purge(actor, event_id)


@router.get("/events/health")
async def health(events: TheEvents) -> EventsHealth:
    """Return how the events are."""
    return await events.health()


@router.get("/asyncapi.json", response_class=JSONResponse)
async def asyncapi(request: Request) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of every stream."""
    known = request.app.state.runtime.known.values()
    return document(event for module in known for event in module.events)
