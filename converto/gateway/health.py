"""How well this process and the modules elsewhere are: what is known, without asking them anew."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Literal

import structlog

from converto.kernel.database import Database
from converto.kernel.discovery import watch
from converto.kernel.errors import Unavailable
from converto.kernel.interface import Value
from converto.kernel.replicas import Replica
from converto.kernel.runtime import Runtime
from converto.kernel.upkeep import now_and_then

log = structlog.get_logger()
DATABASE_TIMEOUT_S = 2.0


class ModuleStatus(StrEnum):
    """How a module or one of its replicas is."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class ModuleHealth(Value):
    """A module, as this process sees it."""

    where: Literal["here", "elsewhere"]
    status: ModuleStatus


class Health(Value):
    """This process."""

    status: Literal["ok", "degraded"]
    version: str
    modules: dict[str, ModuleHealth]


class ReplicaHealth(Value):
    """One address of a module: how it is, and when it last answered."""

    url: str
    address: str | None = None
    """The address that the name in the URL has, where it is one of several or may become so."""
    status: ModuleStatus
    version: str | None = None
    problem: str | None = None
    """Why it did not answer the last time."""
    breaker: Literal["closed", "open", "half-open"]
    latency_ms: float | None
    last_seen: datetime | None


class ServiceHealth(ModuleHealth):
    """A module with every replica of it; one that lives here has none but this process."""

    replicas: tuple[ReplicaHealth, ...] = ()


class NotReady(Unavailable):
    """A process that should get no requests now; `reasons` says why."""

    code = "gateway.not_ready"
    message = "This process is not ready: {summary}."


def services(runtime: Runtime) -> dict[str, ServiceHealth]:
    """Return every module that this process knows where to find."""
    here = {module.name: ServiceHealth(where="here", status=_status_here(runtime, module.name)) for module in runtime.here}
    elsewhere = {}
    for name, replicas in runtime.replicas.items():
        found = tuple(_replica(replica) for replica in replicas.all)
        elsewhere[name] = ServiceHealth(where="elsewhere", status=together([replica.status for replica in found]), replicas=found)
    return dict(sorted({**here, **elsewhere}.items()))


def together(statuses: Sequence[ModuleStatus]) -> ModuleStatus:
    """Return how a module is whose replicas are so: degraded where only some of them answer."""
    if len(set(statuses)) == 1:
        return statuses[0]
    return ModuleStatus.DEGRADED if ModuleStatus.OK in statuses else ModuleStatus.DOWN


def health(runtime: Runtime, version: str) -> Health:
    """Return how this process is; it is degraded while any module is not ok."""
    modules = {name: ModuleHealth(where=found.where, status=found.status) for name, found in services(runtime).items()}
    bad = any(found.status in {ModuleStatus.DEGRADED, ModuleStatus.DOWN} for found in modules.values())
    return Health(status="degraded" if bad else "ok", version=version, modules=modules)


async def reasons_against(runtime: Runtime, *, traffic_is_alive: bool) -> list[str]:
    """Return why this process should get no requests now; nothing when it should."""
    reasons = [] if runtime.interfaces else ["it has not started"]
    if not traffic_is_alive:
        reasons.append("a loop that moves events has stopped")
    if runtime.drain.is_announced:
        reasons.append("it is about to end")
    # the modules of one PostgreSQL share its pool: one look is enough
    pools = {id(host.database.engine.pool): host for host in runtime.hosted.values() if host.module.tables is not None}
    answered = await asyncio.gather(*(_is_reachable(host.database) for host in pools.values()))
    reasons += [
        f"the database of {host.module.name} does not answer" for host, is_up in zip(pools.values(), answered, strict=True) if not is_up
    ]
    return reasons


async def _is_reachable(database: Database) -> bool:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S), database.reading() as session:
            await (await session.connection()).get_raw_connection()
    except Exception as error:  # noqa: BLE001 - a driver fails in ways of its own, and each of them means no
        log.warning("health.database_unreachable", module=database.module, error=type(error).__name__)
        return False
    return True


def _status_here(runtime: Runtime, name: str) -> ModuleStatus:
    module = runtime.known[name]
    return ModuleStatus.OK if name in runtime.hosted or module.interface is None else ModuleStatus.UNKNOWN


def _replica(replica: Replica) -> ReplicaHealth:
    answers = ModuleStatus.UNKNOWN if replica.last_seen is None else ModuleStatus.OK
    return ReplicaHealth(
        url=replica.url,
        address=replica.address,
        version=replica.version,
        problem=replica.problem,
        status=ModuleStatus.DOWN if replica.failures else answers,
        breaker=replica.breaker,
        latency_ms=None if replica.latency_s is None else round(replica.latency_s * 1000, 2),
        last_seen=replica.last_seen,
    )


@asynccontextmanager
async def watching(runtime: Runtime, *, every_s: float, of_module: Mapping[str, float] | None = None) -> AsyncIterator[None]:
    """Look at every replica now and then, while the block runs; `of_module` says how often where that is not the same for all."""
    if not runtime.replicas:
        yield
        return
    async with runtime.client() as client:
        often = {**dict.fromkeys(runtime.replicas, every_s), **(of_module or {})}
        async with AsyncExitStack() as stack:
            for name, replicas in runtime.replicas.items():
                look = partial(watch, replicas, client)
                await stack.enter_async_context(now_and_then(look, name=f"health of {name} elsewhere", after_s=0, every_s=often[name]))
            yield
