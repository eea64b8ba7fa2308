"""Every event that a shipped module hears, delivered twice to its handler: the second time changes nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData, select

from converto.ai.events import UsageSettled
from converto.app import DELIVERY
from converto.auth.events import LetterWritten
from converto.auth.people import Client
from converto.auth.sign_in.interface import Registration
from converto.billing.events import PaymentsSpoke, UsageRecorded
from converto.billing.interface import NewSubscription
from converto.billing.models import AccountRow
from converto.billing.plans import Feature
from converto.commands.fake_models import FakeModels
from converto.events.tables import outbox
from converto.events.tables import tables as delivery_tables
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Settings
from converto.kernel.context import within
from converto.kernel.event import Envelope, Event, Subscription
from converto.kernel.manifest import Module
from converto.kernel.metrics import new_registry
from converto.kernel.money import Money
from converto.kernel.paid_work import Use
from converto.kernel.runtime import Hosted, Runtime
from converto.kernel.schema import upgrade
from converto.modules import installed
from converto.ocr.events import ScanAssistWanted, ScanCancelled, ScanCompleted, ScanFailed, ScanRequested
from converto.ocr.interface import Failure, Kind, OcrOptions, Upload
from converto.vision.events import AnalysisCompleted, AnalysisFailed
from converto.vision.interface import Task
from tests.ai.house import environment, serving
from tests.billing.bank import VISA, Bank, bank_open, sell
from tests.ocr.drawn import drawn, saved

Situation = Callable[[Runtime], Awaitable[Event]]
HEARD = [(module, subscription) for module in installed() for subscription in module.hears]
GIVEN_UP = [(module, subscription) for module, subscription in HEARD if subscription.given_up is not None]
PLAN = "starter"


async def written(runtime: Runtime, module: str, kind: type[Event]) -> Event:
    """Return the newest event of a kind that a module has told."""
    async with runtime.hosted[module].database.across_tenants.reading() as session:
        told = select(outbox.c.envelope).where(outbox.c.type == kind.type).order_by(outbox.c.event_id.desc())
        return Envelope.model_validate(await session.scalar(told.limit(1))).open(kind)


async def a_scan_that_waits(runtime: Runtime) -> Event:
    ocr: Any = runtime.hosted["ocr"].service
    tenant = new_id()
    with within(tenant_id=tenant):  # as the binding would say
        await ocr.submit(Actor.service(tenant, "ocr:write"), Upload(content=saved(drawn()), filename="kuitti.png"))
    return await written(runtime, "ocr", ScanRequested)


async def a_document_that_was_read(runtime: Runtime) -> Event:
    waiting = await a_scan_that_waits(runtime)
    (reads,) = [one for module, one in HEARD if (module.name, one.event) == ("ocr", ScanRequested)]
    with within(tenant_id=waiting.tenant_id):
        await reads.handler(waiting, runtime.hosted["ocr"].service)
    return await written(runtime, "ocr", ScanCompleted)


async def a_reading_that_lacks_something(runtime: Runtime) -> Event:
    ocr: Any = runtime.hosted["ocr"].service
    waiting = await a_scan_that_waits(runtime)
    (reads,) = [one for module, one in HEARD if (module.name, one.event) == ("ocr", ScanRequested)]
    with within(tenant_id=waiting.tenant_id):
        await ocr.set_options(Actor.service(waiting.tenant_id, "billing:write"), OcrOptions(ai_assist=True))
        await reads.handler(waiting, ocr)
    return await written(runtime, "ocr", ScanAssistWanted)


async def a_letter_that_waits(runtime: Runtime) -> Event:
    auth: Any = runtime.hosted["auth"].service
    person = {"email": "aino@example.fi", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}
    await auth.register(Registration(password=SecretStr("kolme vihreää tuolia 81"), **person), Client())
    return await written(runtime, "auth", LetterWritten)


async def _reserved(runtime: Runtime) -> tuple[UUID, UUID]:
    billing: Any = runtime.hosted["billing"].service
    tenant, scan_id = new_id(), new_id()
    await billing.reserve(Actor.service(tenant), (Use(feature=Feature.OCR_SCANS, key=f"ocr:{scan_id}"),))
    return tenant, scan_id


async def a_scan_to_be_paid(runtime: Runtime) -> Event:
    tenant, scan_id = await _reserved(runtime)
    return ScanCompleted(tenant_id=tenant, scan_id=scan_id, kind=Kind.RECEIPT, pages=1, vendor=None, total=None)


async def a_scan_that_failed(runtime: Runtime) -> Event:
    tenant, scan_id = await _reserved(runtime)
    return ScanFailed(tenant_id=tenant, scan_id=scan_id, error=Failure(code="unreadable", detail="it is torn"))


async def a_scan_that_nobody_wants(runtime: Runtime) -> Event:
    tenant, scan_id = await _reserved(runtime)
    return ScanCancelled(tenant_id=tenant, scan_id=scan_id)


async def _analysis_reserved(runtime: Runtime) -> tuple[UUID, UUID]:
    billing: Any = runtime.hosted["billing"].service
    tenant, analysis_id = new_id(), new_id()
    await billing.reserve(Actor.service(tenant), (Use(feature=Feature.VISION_ANALYSES, key=f"vision:{analysis_id}"),))
    return tenant, analysis_id


async def a_picture_to_be_paid(runtime: Runtime) -> Event:
    tenant, analysis_id = await _analysis_reserved(runtime)
    nothing = Money(amount=Decimal(0))
    return AnalysisCompleted(tenant_id=tenant, analysis_id=analysis_id, task=Task.FACES, model="embedded", cost=nothing)


async def a_picture_of_which_nothing_is_told(runtime: Runtime) -> Event:
    tenant, analysis_id = await _analysis_reserved(runtime)
    failure = Failure(code="vision.damaged_picture", detail="it is torn")
    return AnalysisFailed(tenant_id=tenant, analysis_id=analysis_id, task=Task.FACES, error=failure)


async def an_answer_to_be_paid(runtime: Runtime) -> Event:
    billing: Any = runtime.hosted["billing"].service
    tenant, completion_id = new_id(), new_id()
    key = f"ai:{completion_id}"
    uses = (Use(feature=Feature.AI_TOKENS, key=key, quantity=900), Use(feature=Feature.AI_SPEND, key=key, quantity=70))
    await billing.reserve(Actor.service(tenant), uses)
    taken = tuple(use.model_copy(update={"quantity": use.quantity - 1}) for use in uses)
    return UsageSettled(tenant_id=tenant, uses=taken)


async def a_company_that_has_paid(runtime: Runtime) -> Event:
    billing: Any = runtime.hosted["billing"].service
    owner = Actor(tenant_id=new_id(), scopes=frozenset({"billing:read", "billing:write"}))
    page = (await billing.subscribe(owner, NewSubscription(plan=PLAN))).checkout_url
    async with httpx2.AsyncClient() as browser:
        paid = await browser.post(str(page), data={"card": VISA})
        assert paid.is_redirect
    async with runtime.hosted["billing"].database.across_tenants.reading() as session:
        customer = await session.scalar(select(AccountRow.customer_id).where(AccountRow.tenant_id == owner.tenant_id))
    return PaymentsSpoke(tenant_id=owner.tenant_id, customer_id=customer)


async def usage_to_be_reported(runtime: Runtime) -> Event:
    del runtime
    period = {"period_start": datetime(2026, 11, 1, tzinfo=UTC), "period_end": datetime(2026, 12, 1, tzinfo=UTC)}
    return UsageRecorded(tenant_id=new_id(), feature=Feature.OCR_SCANS, quantity=3, used=3, limit=500, **period)


SITUATIONS: Mapping[str, Situation] = {
    "ocr.read_scan": a_scan_that_waits,
    "auth.send_letter": a_letter_that_waits,
    "billing.count_scan": a_scan_to_be_paid,
    "billing.release_failed_scan": a_scan_that_failed,
    "billing.release_cancelled_scan": a_scan_that_nobody_wants,
    "billing.count_answers": an_answer_to_be_paid,
    "billing.count_analysis": a_picture_to_be_paid,
    "billing.release_failed_analysis": a_picture_of_which_nothing_is_told,
    "vision.assist_reading": a_reading_that_lacks_something,
    "billing.take_in": a_company_that_has_paid,
    "billing.note_report": usage_to_be_reported,
    "vat.draft_voucher": a_document_that_was_read,
}
"""What has to be there before an event comes to a handler, and the event."""


@asynccontextmanager
async def running(module: Module, data_dir: Path, database_url: str | None) -> AsyncIterator[Runtime]:
    """Build a module and those that it asks on a fresh database, with no event moving by itself."""
    modules = [one for one in installed() if one is module or one.interface in module.needs]
    names = tuple(one.name for one in modules)
    runtime = Runtime(Settings(data_dir=data_dir, database_url=database_url, modules=names), modules, metrics=new_registry())
    databases = runtime.open_databases()
    for one in modules:
        await upgrade(databases.of(one.name), DELIVERY, delivery_tables)
        if one.tables is not None:
            await upgrade(databases.of(one.name), one.name, one.tables)
    await databases.close()
    async with runtime.running():
        yield runtime


@pytest.fixture
async def bank(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bank]:
    """Return the payment service that plans are sold through, and usage is reported to."""
    async with bank_open() as opened:
        sell(monkeypatch, opened)
        monkeypatch.setenv("CONVERTO_BILLING_DEFAULT_PLAN", PLAN)
        monkeypatch.setenv("CONVERTO_BILLING_REPORT_USAGE", "true")
        yield opened


@pytest.fixture
async def models(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModels]:
    """Return the provider of models that is asked what a reading lacks."""
    fake = FakeModels(answer='{"iban": "FI2112345600000785"}')
    async with serving(fake) as url:
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        yield fake


WRITTEN_LATER = {"ai"}
"""Whose books are written a moment after what they are about."""
SAID_ANEW = {("account", "synced_at"), ("account", "sync_version")}
"""When somebody last looked, and how often: there to change with each look."""


async def content_of(host: Hosted) -> dict[str, list[Any]]:
    """Return every row of a module, and the facts that it has told."""
    tables = (host.module.tables or MetaData()).sorted_tables
    async with host.database.across_tenants.reading() as session:
        content = {}
        for table in tables:
            columns = [column for column in table.columns if (table.name, column.name) not in SAID_ANEW]
            content[table.name] = sorted(tuple(map(repr, row)) for row in await session.execute(select(*columns)))
        told = await session.execute(select(outbox.c.event_id, outbox.c.type).order_by(outbox.c.event_id))
        return content | {"told": [tuple(row) for row in told]}


def test_every_event_that_is_heard_has_a_situation() -> None:
    assert {subscription.name for _, subscription in HEARD} == set(SITUATIONS)


async def content_of_all(runtime: Runtime) -> dict[str, dict[str, list[Any]]]:
    """Return what the module has, and those that it asks: a handler may do its work there."""
    return {name: await content_of(host) for name, host in runtime.hosted.items() if name not in WRITTEN_LATER}


@pytest.mark.usefixtures("bank", "models")
@pytest.mark.parametrize(("module", "subscription"), HEARD, ids=[subscription.name for _, subscription in HEARD])
async def test_a_second_delivery_changes_nothing(
    data_dir: Path, database_url: str | None, module: Module, subscription: Subscription
) -> None:
    async with running(module, data_dir, database_url) as runtime:
        event, host = await SITUATIONS[subscription.name](runtime), runtime.hosted[module.name]
        before = await content_of_all(runtime)
        with within(tenant_id=event.tenant_id):
            await subscription.handler(event, host.service)
        once = await content_of_all(runtime)
        with within(tenant_id=event.tenant_id):
            await subscription.handler(event, host.service)
        twice = await content_of_all(runtime)
    assert before != once, "the situation gives the handler nothing to do"
    assert once == twice


@pytest.mark.parametrize(("module", "subscription"), GIVEN_UP, ids=[subscription.name for _, subscription in GIVEN_UP])
async def test_giving_up_twice_changes_nothing_either(data_dir: Path, module: Module, subscription: Subscription) -> None:
    assert subscription.given_up is not None
    async with running(module, data_dir, None) as runtime:
        event, host = await SITUATIONS[subscription.name](runtime), runtime.hosted[module.name]
        await subscription.given_up(event, host.service, "it went wrong")
        once = await content_of(host)
        await subscription.given_up(event, host.service, "it went wrong")
        assert await content_of(host) == once


@pytest.mark.parametrize("event", [event for module in installed() for event in module.events], ids=lambda event: event.type)
def test_the_type_of_an_event_begins_with_the_name_of_its_module(event: type[Event]) -> None:
    assert event.type.startswith(event.__module__.split(".")[1] + ".")


def test_no_two_events_share_a_type() -> None:
    types = [event.type for module in installed() for event in module.events]
    assert len(types) == len(set(types))


def test_an_envelope_gives_back_what_was_put_into_it() -> None:
    event = ScanRequested(tenant_id=new_id(), scan_id=new_id())
    assert Envelope.model_validate_json(Envelope.around(event).model_dump_json()).open(ScanRequested) == event
