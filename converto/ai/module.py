"""Language models, as the runtime sees them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from converto.ai.api import router
from converto.ai.catalogue import catalogue_of
from converto.ai.dialects.litellm import price_map
from converto.ai.events import BudgetReached, CompletionFinished, UsageSettled
from converto.ai.figures import AiFigures
from converto.ai.interface import Ai
from converto.ai.ledger import Ledger
from converto.ai.models import Base
from converto.ai.providers import providers_of
from converto.ai.repository import PriceTable
from converto.ai.service import AiService
from converto.ai.settings import AiSettings
from converto.ai.upstream import Upstream
from converto.kernel.database import Database
from converto.kernel.manifest import Module, Parts
from converto.kernel.upkeep import now_and_then

SWEPT_EVERY_S = 3600
FIRST_SWEEP_S = 300


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[AiService]:
    """Open the way to models: connections are made with the first question."""
    settings: AiSettings = parts.settings
    catalogue = catalogue_of(settings, await _litellm_prices(settings, parts.database))
    upstream = Upstream(connect_timeout_s=settings.connect_timeout_s, silence_timeout_s=settings.silence_timeout_s)
    ledger = Ledger(parts.database, catalogue.exchange, lease_s=settings.reservation_lease_s)
    service = AiService(
        parts.database,
        settings,
        catalogue=catalogue,
        providers=providers_of(settings, upstream),
        ledger=ledger,
        figures=AiFigures(parts.metrics),
        paid_work=parts.paid_work,
    )

    async def sweep() -> None:
        await service.wishes.forget_content(keep_days=settings.keep_content_days)

    try:
        async with ledger.running(), now_and_then(sweep, name="ai.content", after_s=FIRST_SWEEP_S, every_s=SWEPT_EVERY_S):
            yield service
    finally:
        await upstream.close()


async def _litellm_prices(settings: AiSettings, database: Database) -> Mapping[str, Mapping[str, Any]]:
    """Return what the models of other providers cost, by the table of the litellm that is installed; each version is taken in once."""
    if not settings.litellm_models:
        return {}
    version, entries = await asyncio.to_thread(price_map, settings.litellm_models)
    async with database.across_tenants.writing() as session:
        await PriceTable(session).take_in(version, entries)
        return await PriceTable(session).of(version, settings.litellm_models)


module = Module(
    name="ai",
    interface=Ai,
    build=build,
    settings=AiSettings,
    tables=Base.metadata,
    router=router,
    events=(CompletionFinished, UsageSettled, BudgetReached),
)
