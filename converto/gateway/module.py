"""The manifest of the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.auth.interface import Auth
from converto.gateway.api import router
from converto.gateway.interface import KeptAnswers
from converto.gateway.models import Base
from converto.gateway.secret import secret_of
from converto.gateway.service import KeptAnswersService
from converto.gateway.settings import GatewaySettings
from converto.kernel.manifest import Module, Parts
from converto.kernel.upkeep import now_and_then

FORGET_AFTER_S = 60.0
FORGET_EVERY_S = 600.0


@asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[KeptAnswersService]:
    """Open the service, and forget what is over while it is open. Raises CannotStart without a good secret in production."""
    secret_of(parts.settings, parts.program)
    service = KeptAnswersService(parts.database)
    async with now_and_then(service.forget_old, name="gateway.forget_old", after_s=FORGET_AFTER_S, every_s=FORGET_EVERY_S):
        yield service


module = Module(
    name="gateway",
    interface=KeptAnswers,
    build=opened,
    needs=(Auth,),
    settings=GatewaySettings,
    tables=Base.metadata,
    router=router,
)
