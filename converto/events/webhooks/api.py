"""Outbound webhooks over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import ConfigDict, Field

from converto.events.webhooks.interface import (
    LONGEST_OVERLAP_S,
    BadWebhookUrl,
    Day,
    Delivery,
    DeliveryStatus,
    DeliveryTooLarge,
    NewWebhook,
    Replay,
    Replayed,
    TooManyWebhooks,
    UnknownDelivery,
    UnknownWebhook,
    Webhook,
    WebhookChanges,
    WebhookDisabled,
    WebhookKeyReused,
    Webhooks,
    WebhookWithSecret,
)
from converto.kernel.interface import Value
from converto.kernel.paging import BadCursor, Page
from converto.kernel.paid_work import LimitReached
from converto.kernel.web import CurrentActor, Cursor, Limit, problems, the
from converto.kernel.written import WHOLE

router = APIRouter(prefix="/events/webhooks", tags=["webhooks"])

TheWebhooks = Annotated[Webhooks, Depends(the(Webhooks))]
WebhookId = Annotated[UUID, Path(description="The webhook.")]
DeliveryId = Annotated[UUID, Path(description="The delivery.")]


def _uncached(response: Response) -> None:
    """Have no proxy and no browser keep the answer: it holds a secret."""
    response.headers["cache-control"] = "no-store"


class Rotation(Value):
    """How the secret is changed."""

    overlap_s: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_S), WHOLE] = 86_400
    """For so long deliveries are signed with the former secret too."""


class Range(Value):
    """Which deliveries are sent anew."""

    model_config = ConfigDict(populate_by_name=True)

    since: Day = Field(alias="from")
    until: Day = Field(alias="to")
    status: DeliveryStatus | None = DeliveryStatus.FAILED
    """Only those that stand so; null means all."""


@router.post(
    "",
    status_code=201,
    dependencies=[Depends(_uncached)],
    responses=problems(BadWebhookUrl, LimitReached, TooManyWebhooks, WebhookKeyReused),
)
async def create(
    webhooks: TheWebhooks,
    actor: CurrentActor,
    wanted: NewWebhook,
    *,
    request: Request,
    response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> WebhookWithSecret:
    """Have events posted to an address; the secret that signs them is shown here and never again."""
    made = await webhooks.create(actor, wanted, idempotency_key=idempotency_key)
    response.headers["location"] = str(request.app.url_path_for("webhook", webhook_id=made.id))
    return made


@router.get("", responses=problems(BadCursor))
async def webhooks(webhooks: TheWebhooks, actor: CurrentActor, *, limit: Limit = 50, cursor: Cursor = None) -> Page[Webhook]:
    """List webhooks, oldest first."""
    return await webhooks.webhooks(actor, limit=limit, cursor=cursor)


@router.get("/{webhook_id}", responses=problems(UnknownWebhook))
async def webhook(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId) -> Webhook:
    """Return a webhook, and how its endpoint has been doing."""
    return await webhooks.webhook(actor, webhook_id)


@router.patch("/{webhook_id}", responses=problems(UnknownWebhook, BadWebhookUrl))
async def change(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId, *, changes: WebhookChanges) -> Webhook:
    """Change the address, the types of events or the description; what is left out stays."""
    return await webhooks.change(actor, webhook_id, changes=changes)


@router.delete("/{webhook_id}", status_code=204, responses=problems(UnknownWebhook))
async def delete(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId) -> None:
    """Remove a webhook with its deliveries."""
    await webhooks.delete(actor, webhook_id)


@router.post("/{webhook_id}/disable", responses=problems(UnknownWebhook))
async def disable(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId) -> Webhook:
    """Send nothing more: new events are not kept for it, deliveries that wait go on waiting."""
    return await webhooks.disable(actor, webhook_id)


@router.post("/{webhook_id}/enable", responses=problems(UnknownWebhook))
async def enable(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId) -> Webhook:
    """Send again what waits and what comes, with a clean record."""
    return await webhooks.enable(actor, webhook_id)


@router.post("/{webhook_id}/secret/rotate", dependencies=[Depends(_uncached)], responses=problems(UnknownWebhook))
async def rotate_secret(
    webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId, *, rotation: Rotation | None = None
) -> WebhookWithSecret:
    """Sign with a new secret, shown here and never again; for a while the former one signs too."""
    return await webhooks.rotate_secret(actor, webhook_id, overlap_s=(rotation or Rotation()).overlap_s)


@router.post("/{webhook_id}/test", status_code=202, responses=problems(UnknownWebhook, WebhookDisabled))
async def test(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId, *, request: Request, response: Response) -> Delivery:
    """Send a `webhook.test` once; what came of it is at `Location`."""
    queued = await webhooks.test(actor, webhook_id)
    path = request.app.url_path_for("delivery", webhook_id=webhook_id, delivery_id=queued.id)
    response.headers["location"] = str(path)
    return queued


@router.get("/{webhook_id}/deliveries", responses=problems(UnknownWebhook, BadCursor))
async def deliveries(
    webhooks: TheWebhooks,
    actor: CurrentActor,
    webhook_id: WebhookId,
    *,
    status: Annotated[DeliveryStatus | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Delivery]:
    """List what was sent or is on its way, newest first, with what came of each attempt."""
    return await webhooks.deliveries(actor, webhook_id, status=status, limit=limit, cursor=cursor)


@router.get("/{webhook_id}/deliveries/{delivery_id}", responses=problems(UnknownWebhook, UnknownDelivery))
async def delivery(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId, *, delivery_id: DeliveryId) -> Delivery:
    """Return a delivery with what came of each attempt."""
    return await webhooks.delivery(actor, webhook_id, delivery_id=delivery_id)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    responses=problems(UnknownWebhook, UnknownDelivery, WebhookDisabled, DeliveryTooLarge),
)
async def replay(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId, *, delivery_id: DeliveryId) -> Delivery:
    """Send a delivery anew, under the same `webhook-id`."""
    return await webhooks.replay(actor, webhook_id, delivery_id=delivery_id)


@router.post("/{webhook_id}/replay", status_code=202, responses=problems(UnknownWebhook, WebhookDisabled))
async def replay_range(webhooks: TheWebhooks, actor: CurrentActor, webhook_id: WebhookId, *, wanted: Range) -> Replayed:
    """Send anew what was queued within a time, at most 10,000 deliveries at once; those that failed unless `status` says otherwise."""
    return await webhooks.replay_range(actor, webhook_id, wanted=Replay(since=wanted.since, until=wanted.until, status=wanted.status))
