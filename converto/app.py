"""The composition root: settings and modules in, one FastAPI application out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

import converto
from converto.events.backend import Following, Subscriber
from converto.events.desk import Deliveries, DeliveryDesk
from converto.events.tables import tables as delivery_tables
from converto.events.traffic import Traffic, open_backend
from converto.gateway.edge import edge_running, install_edge
from converto.kernel import schema
from converto.kernel.config import CannotStart, Settings
from converto.kernel.manifest import Companion, Module
from converto.kernel.metrics import EventFigures, new_registry
from converto.kernel.runtime import Runtime
from converto.kernel.web import install_problems
from converto.modules import installed

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI would look for OpenTelemetry with every request; the edge has traces and figures of its own."""
DELIVERY = "delivery"
"""The history of the tables that carry events, the same in every module's database; and what is asked of them beside each module."""
COMPANIONS = {DELIVERY: Companion(Deliveries, DeliveryDesk)}  # type: ignore[type-abstract]
"""What every module with tables is asked beside its own interface."""


def create_app(
    settings: Settings, modules: Sequence[Module] | None = None, *, transport: httpx2.AsyncBaseTransport | None = None
) -> FastAPI:
    """Return the application for these settings; `transport` reaches the modules elsewhere, where it is not the network.

    Raises CannotStart when the settings do not make an application.
    """
    registry = new_registry()
    runtime = Runtime(settings, installed() if modules is None else modules, metrics=registry, transport=transport, companions=COMPANIONS)
    keep = timedelta(days=settings.events_keep_days)
    traffic = Traffic(open_backend(settings), EventFigures(registry), lease_s=settings.events_lease_s, keep=keep)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with runtime.running():
            await _refuse_outdated(runtime)
            await _refuse_unwalled(runtime)
            hosted = [host for host in runtime.hosted.values() if host.module.carries_events]
            subscribers = [Subscriber(subscription, host.service, host.database) for host in hosted for subscription in host.module.hears]
            sources = sorted(name for name, module in runtime.known.items() if module.events)
            following = [Following(follower, host.service, sources) for host in hosted for follower in host.module.follows]
            async with traffic.running([host.database for host in hosted], subscribers, following), edge_running(app):
                yield

    app = FastAPI(title="Converto", version=converto.__version__, lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY)
    app.state.runtime = runtime
    install_problems(app)
    for module in runtime.routed():
        if module.router is not None:
            app.router.routes.extend(module.router.routes)  # as they are: to include them would make each of them anew
    app.router.routes.extend(runtime.internal_routes())
    install_edge(app, runtime, traffic)
    return app


async def migrate(settings: Settings, modules: Sequence[Module] | None = None) -> None:
    """Bring the databases of the modules that live here to their newest revision."""
    async with _histories(settings, modules) as histories:
        for history in histories:
            await schema.upgrade(history.database, history.name, history.tables)


async def is_outdated(settings: Settings, modules: Sequence[Module] | None = None) -> bool:
    """Tell whether a database of the modules that live here lacks a migration."""
    async with _histories(settings, modules) as histories:
        for history in histories:
            if await schema.behind(history.database, history.name):
                return True
    return False


@asynccontextmanager
async def _histories(settings: Settings, modules: Sequence[Module] | None) -> AsyncIterator[Sequence[schema.History]]:
    runtime = Runtime(settings, installed() if modules is None else modules, metrics=new_registry())
    databases = runtime.open_databases(as_owner=True)
    found = list[schema.History]()
    for module in runtime.here:
        if module.tables is not None:
            database = databases.of(module.name)
            if module.carries_events:
                found.append(schema.History(database, DELIVERY, delivery_tables))
            found.append(schema.History(database, module.name, module.tables))
    try:
        yield found
    finally:
        await databases.close()


async def _refuse_outdated(runtime: Runtime) -> None:
    for name, host in runtime.hosted.items():
        if host.module.tables is None:
            continue
        for history in (DELIVERY, name) if host.module.carries_events else (name,):
            if await schema.behind(host.database, history):
                msg = f"The database of {name} is behind its migrations: run `converto migrate` first."
                raise CannotStart(msg)


async def _refuse_unwalled(runtime: Runtime) -> None:
    for name, host in runtime.hosted.items():
        if host.module.tables is not None and not await host.database.is_walled():
            msg = (
                f"Row-level security does not hold in the database of {name}, for its user may pass it by: "
                "let the owner of the tables be nobody with SUPERUSER or BYPASSRLS, or run `converto migrate` as who may make roles."
            )
            raise CannotStart(msg)
