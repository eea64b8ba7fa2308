"""Every event that a shipped module hears, delivered twice to its handler: the second time changes nothing."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData, select

from converto.app import DELIVERY
from converto.auth.events import LetterWritten
from converto.auth.people import Client
from converto.auth.sign_in.interface import Registration
from converto.events.tables import outbox
from converto.events.tables import tables as delivery_tables
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Settings
from converto.kernel.context import within
from converto.kernel.database import Database
from converto.kernel.event import Envelope, Event, Subscription
from converto.kernel.manifest import Module
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Hosted, Runtime
from converto.kernel.schema import upgrade
from converto.modules import installed
from converto.ocr.events import ScanRequested
from converto.ocr.interface import Upload
from tests.ocr.drawn import drawn

Situation = Callable[[Hosted], Awaitable[Event]]
HEARD = [(module, subscription) for module in installed() for subscription in module.hears]


async def a_scan_that_waits(host: Hosted) -> Event:
    ocr: Any = host.service
    picture = io.BytesIO()
    drawn().save(picture, "PNG")
    tenant = new_id()
    with within(tenant_id=tenant):  # as the binding would say
        await ocr.submit(Actor.service(tenant, "ocr:write"), Upload(content=picture.getvalue(), filename="kuitti.png"))
    async with host.database.across_tenants.reading() as session:
        return Envelope.model_validate(await session.scalar(select(outbox.c.envelope))).open(ScanRequested)


async def a_letter_that_waits(host: Hosted) -> Event:
    auth: Any = host.service
    person = {"email": "aino@example.fi", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}
    await auth.register(Registration(password=SecretStr("kolme vihreää tuolia 81"), **person), Client())
    async with host.database.across_tenants.reading() as session:
        written = select(outbox.c.envelope).where(outbox.c.type == LetterWritten.type)
        return Envelope.model_validate(await session.scalar(written)).open(LetterWritten)


SITUATIONS: Mapping[type[Event], Situation] = {ScanRequested: a_scan_that_waits, LetterWritten: a_letter_that_waits}
"""What has to be there before an event, and the event."""


@asynccontextmanager
async def hosted(module: Module, data_dir: Path, database_url: str | None) -> AsyncIterator[Hosted]:
    """Build one module on a fresh database, with no event moving by itself."""
    runtime = Runtime(Settings(data_dir=data_dir, database_url=database_url, modules=(module.name,)), [module], metrics=new_registry())
    databases = runtime.open_databases()
    await upgrade(databases.of(module.name), DELIVERY, delivery_tables)
    if module.tables is not None:
        await upgrade(databases.of(module.name), module.name, module.tables)
    await databases.close()
    async with runtime.running():
        yield runtime.hosted[module.name]


async def content_of(database: Database, tables: MetaData) -> dict[str, list[Any]]:
    """Return every row of a module, and the facts that it has told."""
    async with database.across_tenants.reading() as session:
        content = {table.name: [tuple(row) for row in await session.execute(select(table))] for table in tables.sorted_tables}
        told = await session.execute(select(outbox.c.event_id, outbox.c.type).order_by(outbox.c.event_id))
        return content | {"told": [tuple(row) for row in told]}


def test_every_event_that_is_heard_has_a_situation() -> None:
    assert {subscription.event for _, subscription in HEARD} == set(SITUATIONS)


@pytest.mark.parametrize(("module", "subscription"), HEARD, ids=[subscription.name for _, subscription in HEARD])
async def test_a_second_delivery_changes_nothing(
    data_dir: Path, database_url: str | None, module: Module, subscription: Subscription
) -> None:
    async with hosted(module, data_dir, database_url) as host:
        event = await SITUATIONS[subscription.event](host)
        before = await content_of(host.database, module.tables or MetaData())
        with within(tenant_id=event.tenant_id):
            await subscription.handler(event, host.service)
        once = await content_of(host.database, module.tables or MetaData())
        with within(tenant_id=event.tenant_id):
            await subscription.handler(event, host.service)
        twice = await content_of(host.database, module.tables or MetaData())
    assert before != once, "the situation gives the handler nothing to do"
    assert once == twice


@pytest.mark.parametrize(("module", "subscription"), HEARD, ids=[subscription.name for _, subscription in HEARD])
async def test_giving_up_twice_changes_nothing_either(data_dir: Path, module: Module, subscription: Subscription) -> None:
    assert subscription.given_up is not None
    async with hosted(module, data_dir, None) as host:
        event = await SITUATIONS[subscription.event](host)
        await subscription.given_up(event, host.service, "it went wrong")
        once = await content_of(host.database, module.tables or MetaData())
        await subscription.given_up(event, host.service, "it went wrong")
        assert await content_of(host.database, module.tables or MetaData()) == once


@pytest.mark.parametrize("event", [event for module in installed() for event in module.events], ids=lambda event: event.type)
def test_the_type_of_an_event_begins_with_the_name_of_its_module(event: type[Event]) -> None:
    assert event.type.startswith(event.__module__.split(".")[1] + ".")


def test_no_two_events_share_a_type() -> None:
    types = [event.type for module in installed() for event in module.events]
    assert len(types) == len(set(types))


def test_an_envelope_gives_back_what_was_put_into_it() -> None:
    event = ScanRequested(tenant_id=new_id(), scan_id=new_id())
    assert Envelope.model_validate_json(Envelope.around(event).model_dump_json()).open(ScanRequested) == event
