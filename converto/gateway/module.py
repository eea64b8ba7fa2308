"""The manifest of the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from converto.auth.interface import Auth
from converto.gateway.api import router
from converto.gateway.interface import KeptAnswers
from converto.gateway.models import Base
from converto.gateway.secret import secret_of
from converto.gateway.service import KeptAnswersService
from converto.gateway.settings import GatewaySettings
from converto.kernel.manifest import Module, Parts

log = structlog.get_logger()

FORGET_AFTER_S = 60.0
FORGET_EVERY_S = 600.0


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[KeptAnswersService]:
    """Open the service, and forget what is over while it is open. Raises CannotStart without a good secret in production."""
    secret_of(parts.settings, parts.program)
    service = KeptAnswersService(parts.database)
    task = asyncio.create_task(_forget_old(service), name="old idempotency keys")
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _forget_old(service: KeptAnswersService) -> None:
    await asyncio.sleep(FORGET_AFTER_S)
    while True:
        try:
            await service.forget_old()
        except Exception as error:  # such as a database that is away: the next time is as good
            log.warning("gateway.old_keys_not_forgotten", exc_info=error)
        await asyncio.sleep(FORGET_EVERY_S)


module = Module(
    name="gateway",
    interface=KeptAnswers,
    build=opened,
    needs=(Auth,),
    settings=GatewaySettings,
    tables=Base.metadata,
    router=router,
)
