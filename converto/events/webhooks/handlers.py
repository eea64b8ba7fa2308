"""What outbound webhooks hear: everything."""

from collections.abc import Sequence

from converto.events.webhooks.service import WebhooksService
from converto.kernel.event import Envelope


async def enqueue(envelopes: Sequence[Envelope], webhooks: WebhooksService) -> None:
    """Queue events for the endpoints that asked for them."""
    await webhooks.enqueue(envelopes)
