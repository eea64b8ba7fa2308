"""The manifest of outbound webhooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.events.webhooks import handlers
from converto.events.webhooks.api import router
from converto.events.webhooks.dispatcher import Dispatcher
from converto.events.webhooks.figures import WebhookFigures
from converto.events.webhooks.interface import Webhooks
from converto.events.webhooks.models import Base
from converto.events.webhooks.seal import Seal
from converto.events.webhooks.sender import Sender
from converto.events.webhooks.service import WebhooksService
from converto.events.webhooks.settings import WebhooksSettings
from converto.kernel.config import CannotStart, Environment, Settings
from converto.kernel.event import follow
from converto.kernel.kept_secret import SHORTEST_SECRET, installation_secret
from converto.kernel.manifest import Module, Parts
from converto.kernel.outgoing.guard import Guard
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import Resolver

IDLE_S = 2.0
"""How long a connection is kept for the next delivery to the same endpoint."""
SECRET_FILE = "webhooks.secret"  # noqa: S105 - the name of a file


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[WebhooksService]:
    """Open the service, and send what is due while it is open. Raises CannotStart without a good secret in production."""
    settings: WebhooksSettings = parts.settings
    seal = Seal(_secret(settings, parts.program))
    guard = Guard(allowed=settings.allowed_networks, https_only=parts.program.environment is Environment.PRODUCTION)
    sender = Sender(Outgoing(guard, Resolver(), idle_s=IDLE_S, ca_file=settings.ca_file), timeout_s=settings.endpoint_timeout_s)
    dispatcher = Dispatcher(parts.database.across_tenants, sender, seal, settings=settings, figures=WebhookFigures(parts.metrics))
    sending = asyncio.create_task(dispatcher.run())
    try:
        yield WebhooksService(
            parts.database, guard=guard, sender=sender, seal=seal, settings=settings, queued=dispatcher.bell, paid_work=parts.paid_work
        )
    finally:
        dispatcher.stop()
        await sending
        await sender.close()


def _secret(settings: WebhooksSettings, program: Settings) -> str:
    """Return the secret that seals the signing secrets; outside production one is made once and kept in the data folder."""
    secret = installation_secret(settings.secret_key, program, file=SECRET_FILE)
    if secret is None:
        msg = f"In production webhooks need a secret: set CONVERTO_WEBHOOKS_SECRET_KEY to {SHORTEST_SECRET} random characters or more."
        raise CannotStart(msg)
    return secret


module = Module(
    name="webhooks",
    interface=Webhooks,
    build=opened,
    settings=WebhooksSettings,
    tables=Base.metadata,
    router=router,
    follows=(follow(handlers.enqueue),),
)
