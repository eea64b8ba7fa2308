"""What other modules, and the REST API, may ask of outbound webhooks."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import AwareDatetime, StringConstraints
from pydantic import Field as Bounded

from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Invalid, NotFound
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.paging import Page
from converto.kernel.written import WRITTEN_MOMENT

EventPattern = Annotated[str, StringConstraints(max_length=100, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$")]
"""A type of event, all types that begin with a word (`ocr.*`), or all (`*`)."""
EventPatterns = Annotated[tuple[EventPattern, ...], Bounded(min_length=1, max_length=50)]
Description = Annotated[str, Bounded(max_length=200)]
Url = Annotated[str, Bounded(min_length=1, max_length=2048)]
Day = Annotated[AwareDatetime, Bounded(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC)), WRITTEN_MOMENT]
LONGEST_OVERLAP_S = 7 * 86_400


class WebhookStatus(StrEnum):
    """Whether an endpoint is sent anything."""

    ACTIVE = "active"
    DISABLED = "disabled"


class DisabledBecause(StrEnum):
    """Why an endpoint is sent nothing."""

    ASKED = "asked"
    """Somebody disabled it."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It has taken nothing for days."""


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class NewWebhook(Value):
    """An endpoint to be made."""

    url: Url
    event_types: EventPatterns = ("*",)
    """Types of events, all that begin with a word (`ocr.*`), or all (`*`)."""
    description: Description = ""


class WebhookChanges(Value):
    """What is to be different about an endpoint; what is left out stays."""

    url: Url | None = None
    event_types: EventPatterns | None = None
    description: Description | None = None


class Webhook(Value):
    """An endpoint, and how it has been doing."""

    id: UUID
    url: str
    event_types: tuple[str, ...]
    description: str
    status: WebhookStatus
    disabled_at: datetime | None = None
    disabled_because: DisabledBecause | None = None
    failures: int = 0
    """Attempts that failed in a row, of whichever delivery."""
    failing_since: datetime | None = None
    paused_until: datetime | None = None
    """Nothing is sent before then, for the endpoint failed too often in a row or asked for peace."""
    old_secret_until: datetime | None = None
    """Until then deliveries are signed with the former secret too."""
    created_at: datetime
    updated_at: datetime


class WebhookWithSecret(Webhook):
    """An endpoint with its new signing secret, which is never shown again."""

    secret: str = Bounded(repr=False)


class Attempt(Value):
    """What came of one attempt."""

    number: int
    at: datetime
    status_code: int | None = None
    """What the endpoint answered; None where it did not."""
    latency_ms: int
    answer: str = ""
    """The first KiB of the answer's body."""
    error: str | None = None
    """Why this attempt failed."""


class Delivery(Value):
    """One event on its way to one endpoint."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    """The `webhook-id` that the endpoint sees, the same in every attempt and replay."""
    event_type: str
    status: DeliveryStatus
    created_at: datetime
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    attempt_count: int = 0
    attempts: tuple[Attempt, ...] = ()
    """The newest twenty, oldest first."""


class Replay(Value):
    """Which deliveries are to be sent anew."""

    since: Day
    until: Day
    status: DeliveryStatus | None = DeliveryStatus.FAILED
    """Only those that stand so; None means delivered ones too."""


class Replayed(Value):
    """How many deliveries are sent anew, at most 10,000 at a time: ask again with what is left."""

    replayed: int


class UnknownWebhook(NotFound):
    """There is no such endpoint, or it belongs to another company."""

    code = "events.unknown_webhook"
    message = "There is no webhook {webhook_id}."


class UnknownDelivery(NotFound):
    """The endpoint was sent no such delivery, or it is forgotten."""

    code = "events.unknown_delivery"
    message = "There is no delivery {delivery_id}."


class BadWebhookUrl(Invalid):
    """An address that nothing is sent to."""

    code = "events.bad_webhook_url"
    message = "Nothing is sent to this address: {reason}"


class TooManyWebhooks(Conflict):
    """The company has as many endpoints as it may."""

    code = "events.too_many_webhooks"
    message = "There are {limit} webhooks already, and no more may be; delete one first."


class WebhookDisabled(Conflict):
    """A disabled endpoint is sent nothing."""

    code = "events.webhook_disabled"
    message = "The webhook is disabled; enable it first."


class WebhookKeyReused(Invalid):
    """An Idempotency-Key that came before with another webhook."""

    code = "events.webhook_key_reused"
    message = "This Idempotency-Key was used for another webhook; choose a new key for a new webhook."


class DeliveryTooLarge(Conflict):
    """The event is too large to be posted."""

    code = "events.delivery_too_large"
    message = "The event is larger than {max_bytes} bytes, so it is not posted."


class Webhooks(Interface, Protocol):
    """Posts a company's events to addresses of its choice, signed, until they are taken."""

    @command
    async def create(self, actor: Actor, wanted: NewWebhook, *, idempotency_key: str | None = None) -> WebhookWithSecret:
        """Make an endpoint; the same key with the same wish gives the same one.

        Raises BadWebhookUrl, TooManyWebhooks, WebhookKeyReused, and LimitReached where the plan holds no more.
        """
        ...

    @query
    async def webhooks(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Webhook]:
        """List endpoints, oldest first. Raises BadCursor."""
        ...

    @query
    async def webhook(self, actor: Actor, webhook_id: UUID) -> Webhook:
        """Return an endpoint. Raises UnknownWebhook."""
        ...

    @command
    async def change(self, actor: Actor, webhook_id: UUID, *, changes: WebhookChanges) -> Webhook:
        """Change an endpoint; a new address begins with a clean record. Raises UnknownWebhook, BadWebhookUrl."""
        ...

    @command
    async def delete(self, actor: Actor, webhook_id: UUID) -> None:
        """Remove an endpoint with its deliveries. Raises UnknownWebhook."""
        ...

    @command
    async def disable(self, actor: Actor, webhook_id: UUID) -> Webhook:
        """Send nothing more; events are not kept for it, deliveries that wait go on waiting. Raises UnknownWebhook."""
        ...

    @command
    async def enable(self, actor: Actor, webhook_id: UUID) -> Webhook:
        """Send again, with a clean record, what waits and what comes. Raises UnknownWebhook."""
        ...

    @command
    async def rotate_secret(self, actor: Actor, webhook_id: UUID, *, overlap_s: int = 86_400) -> WebhookWithSecret:
        """Sign with a new secret, and for `overlap_s` (at most seven days) with the former one too. Raises UnknownWebhook."""
        ...

    @command
    async def test(self, actor: Actor, webhook_id: UUID) -> Delivery:
        """Send a `webhook.test` once. Raises UnknownWebhook, WebhookDisabled."""
        ...

    @query
    async def deliveries(
        self, actor: Actor, webhook_id: UUID, *, status: DeliveryStatus | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Delivery]:
        """List what was sent to an endpoint or is on its way, newest first. Raises UnknownWebhook, BadCursor."""
        ...

    @query
    async def delivery(self, actor: Actor, webhook_id: UUID, *, delivery_id: UUID) -> Delivery:
        """Return a delivery. Raises UnknownWebhook, UnknownDelivery."""
        ...

    @command
    async def replay(self, actor: Actor, webhook_id: UUID, *, delivery_id: UUID) -> Delivery:
        """Send a delivery anew, at once. Raises UnknownWebhook, UnknownDelivery, WebhookDisabled, DeliveryTooLarge."""
        ...

    @command
    async def replay_range(self, actor: Actor, webhook_id: UUID, *, wanted: Replay) -> Replayed:
        """Send anew what was queued within a time. Raises UnknownWebhook, WebhookDisabled."""
        ...
