"""Models as others ask them, on a database of the test, and a provider of our own that they are asked of."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import select

from converto.ai.conversation import ChatRequest, Completion, Message
from converto.ai.interface import Ai
from converto.ai.models import CallRow, ReservationRow, SpendingRow
from converto.ai.module import module
from converto.ai.service import AiService
from converto.app import DELIVERY
from converto.commands.fake_models import FakeModels
from converto.events.tables import outbox
from converto.events.tables import tables as delivery_tables
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.kernel.schema import upgrade

SCOPES = frozenset({"ai:read", "ai:write", "billing:write"})


@dataclass(frozen=True)
class House:
    """A process that asks models."""

    ai: Ai
    service: AiService
    database: Database
    fake: FakeModels
    runtime: Runtime

    async def ask(self, actor: Actor, text: str = "Mitä kuitissa lukee?", **more: Any) -> Completion:
        """Ask something."""
        return await self.ai.chat(actor, question(text, **more))

    async def streamed(self, actor: Actor, text: str = "Mitä kuitissa lukee?", **more: Any) -> tuple[str, Completion]:
        """Ask something, and return the pieces of text together and the end."""
        texts, end = [], None
        async for piece in self.ai.chat_stream(actor, question(text, **more)):
            texts.append(piece.text)
            end = piece.completion or end
        assert end is not None
        return "".join(texts), end

    async def calls(self) -> list[CallRow]:
        """Return the ledger, the oldest first."""
        await self.service.ledger.flushed()
        async with self.database.reading() as session:
            return list(await session.scalars(select(CallRow).order_by(CallRow.id)))

    async def spending(self, actor: Actor, subject: str = "tenant") -> SpendingRow:
        """Return how an account stands."""
        await self.service.ledger.flushed()
        async with self.database.reading() as session:
            mine = (SpendingRow.tenant_id == actor.tenant_id, SpendingRow.subject == subject)
            return (await session.scalars(select(SpendingRow).where(*mine))).one()

    async def reservations(self) -> int:
        """Return how many reservations there are."""
        await self.service.ledger.flushed()
        async with self.database.reading() as session:
            return len((await session.scalars(select(ReservationRow.id))).all())

    async def told(self, kind: str) -> list[Envelope]:
        """Return the events of a type that were told."""
        await self.service.ledger.flushed()
        async with self.database.reading() as session:
            rows = await session.scalars(select(outbox.c.envelope).where(outbox.c.type == kind).order_by(outbox.c.told_at))
            return [Envelope.model_validate(row) for row in rows]


def question(text: str = "Mitä kuitissa lukee?", **more: Any) -> ChatRequest:
    """Return a question of one message."""
    return ChatRequest(messages=(Message(role="user", content=text),), **more)


def somebody(**more: Any) -> Actor:
    """Return an actor of a company of its own."""
    return Actor(tenant_id=new_id(), user_id=new_id(), scopes=SCOPES, **more)


@asynccontextmanager
async def serving(fake: FakeModels) -> AsyncIterator[str]:
    """Serve the provider in this process, and return its address."""
    async with running(uvicorn.Config(fake, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)) as url:
        yield url


class _Quiet(uvicorn.Server):
    """A server that leaves signals to the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


@asynccontextmanager
async def running(config: uvicorn.Config) -> AsyncIterator[str]:
    """Serve an application in this process, and return its address."""
    server = _Quiet(config)
    serves = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no other way to say so
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serves


def environment(url: str) -> dict[str, str]:
    """Return the settings by which all three dialects are asked at an address."""
    return {
        "CONVERTO_AI_OPENAI_API_KEY": "sk-test",
        "CONVERTO_AI_OPENAI_BASE_URL": f"{url}/v1",
        "CONVERTO_AI_ANTHROPIC_API_KEY": "ant-test",
        "CONVERTO_AI_ANTHROPIC_BASE_URL": url,
        "CONVERTO_AI_GEMINI_API_KEY": "gem-test",
        "CONVERTO_AI_GEMINI_BASE_URL": url,
    }


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None = None, **settings: str) -> AsyncIterator[House]:
    """Host the module on a fresh database, beside a provider of our own; settings are variables of the environment."""
    fake = FakeModels()
    async with serving(fake) as url:
        given = environment(url) | {name: value.format(url=url) for name, value in settings.items()}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            async with hosted(data_dir, database_url) as (runtime, service, ai):
                yield House(ai, service, runtime.hosted["ai"].database.across_tenants, fake, runtime)


@asynccontextmanager
async def hosted(data_dir: Path, database_url: str | None = None) -> AsyncIterator[tuple[Runtime, AiService, Ai]]:
    """Host the module by what the environment says."""
    url = SecretStr(database_url) if database_url is not None else None
    settings = Settings(environment=Environment.TEST, data_dir=data_dir, database_url=url, modules=("ai",))
    runtime = Runtime(settings, [module], metrics=new_registry())
    databases = runtime.open_databases()
    assert module.tables is not None
    await upgrade(databases.of("ai"), DELIVERY, delivery_tables)
    await upgrade(databases.of("ai"), "ai", module.tables)
    await databases.close()
    async with runtime.running():
        service: Any = runtime.hosted["ai"].service
        ai: Any = runtime.interfaces[Ai]  # type: ignore[type-abstract]
        yield runtime, service, ai
