"""Vision as others ask it, with the reader and the models that it asks, on databases of the test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from starlette.applications import Starlette

from converto.ai import module as ai
from converto.app import migrate
from converto.commands.fake_models import FakeModels
from converto.events.tables import outbox
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.ocr import module as ocr
from converto.vision import module as vision
from converto.vision.interface import Vision
from converto.vision.service import VisionService
from tests.ai.house import environment, serving

SECRET = SecretStr("a secret between processes, long enough")
OTHERS = ("ocr", "ai")
SCOPES = frozenset({"vision:read", "vision:write"})
MODULES = (ai.module, ocr.module, vision.module)


@dataclass(frozen=True)
class House:
    """A process that hosts vision."""

    vision: Vision
    service: VisionService
    database: Database
    fake: FakeModels

    async def told(self, actor: Actor) -> list[Envelope]:
        """Return the events of a company, the oldest first."""
        async with self.database.reading() as session:
            rows = await session.scalars(select(outbox.c.envelope).order_by(outbox.c.told_at, outbox.c.event_id))
            return [told for row in rows if (told := Envelope.model_validate(row)).tenant_id == actor.tenant_id]


def somebody(tenant_id: UUID | None = None) -> Actor:
    """Return an actor of a company of its own."""
    return Actor(tenant_id=tenant_id or new_id(), user_id=new_id(), scopes=SCOPES)


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None = None, *, apart: bool = False, models: bool = True) -> AsyncIterator[House]:
    """Host vision, the reader and models in one process, or the latter two in another."""
    fake = FakeModels()
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        if models:
            for name, value in environment(await stack.enter_async_context(serving(fake))).items():
                patch.setenv(name, value)
        url = SecretStr(database_url) if database_url is not None else None
        settings = Settings(
            environment=Environment.TEST,
            data_dir=data_dir,
            database_url=url,
            modules=("vision", *OTHERS),
            rpc_secrets=(SECRET,),
            events="redis://redis",
        )
        await migrate(settings, MODULES)
        if apart:
            others = Runtime(settings.model_copy(update={"modules": OTHERS}), MODULES, metrics=new_registry())
            await stack.enter_async_context(others.running())
            reached = httpx2.ASGITransport(Starlette(routes=others.internal_routes()))
            elsewhere = {"modules": ("vision",), "remote": dict.fromkeys(OTHERS, "http://others")}
            runtime = Runtime(settings.model_copy(update=elsewhere), MODULES, metrics=new_registry(), transport=reached)
        else:
            runtime = Runtime(settings, MODULES, metrics=new_registry())
        await stack.enter_async_context(runtime.running())
        hosted = runtime.hosted["vision"]
        bound: Any = runtime.interfaces[Vision]  # type: ignore[type-abstract]
        service: Any = hosted.service
        yield House(bound, service, hosted.database.across_tenants, fake)
