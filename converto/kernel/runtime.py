"""The runtime: what lives in this process, what lives elsewhere, and who can be asked."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx2
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.routing import Route

from converto.kernel.binding import LocalTransport, bind
from converto.kernel.blobs import BlobStore, open_blobs
from converto.kernel.config import CannotStart, Environment, ModuleSettings, Settings
from converto.kernel.database import Database, Databases
from converto.kernel.discovery import Discovery
from converto.kernel.drain import Drain
from converto.kernel.interface import Interface
from converto.kernel.manifest import Companion, Module, Parts
from converto.kernel.paid_work import PaidWork, WhoeverSells
from converto.kernel.replicas import Replicas
from converto.kernel.rpc import HttpTransport, route_name, rpc_route

SHORTEST_SECRET = 32
CONNECT_TIMEOUT_S = 2.0
"""Within one installation a connection takes milliseconds; an address that nobody has any more would not answer at all."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A module that lives in this process."""

    module: Module
    service: Interface
    database: Database


class Runtime:
    """Builds the modules that live here and binds those that live elsewhere; refuses at once what cannot work."""

    def __init__(
        self,
        settings: Settings,
        modules: Sequence[Module],
        *,
        metrics: CollectorRegistry,
        transport: httpx2.AsyncBaseTransport | None = None,
        companions: Mapping[str, Companion] | None = None,
    ) -> None:
        self.settings = _without_own(settings)
        self.known = {module.name: module for module in modules}
        self.metrics = metrics
        self.drain = Drain()
        self.paid_work: PaidWork = WhoeverSells(self._seller)
        self._transport = transport
        self.hosted: dict[str, Hosted] = {}
        self.interfaces: dict[type[Interface], Interface] = {}
        self._companions = dict(companions or {})
        self.companions: dict[str, dict[str, Interface]] = {name: {} for name in self._companions}
        self._check()
        self.here = [module for module in modules if not settings.modules or module.name in settings.modules]
        self.replicas = {
            name: Replicas(name, [url.strip() for url in urls.split(",") if url.strip()]) for name, urls in self.settings.remote.items()
        }

    @property
    def is_edge(self) -> bool:
        """Whether this process hosts the gateway, and so serves the REST of every module."""
        return any(module.name == "gateway" for module in self.here)

    def routed(self) -> Iterator[Module]:
        """Yield the modules whose REST is served here."""
        for module in self.known.values():
            if module in self.here or (self.is_edge and module.name in self.settings.remote):
                yield module

    def internal_routes(self) -> list[Route]:
        """Return the routes by which other processes ask the modules of this one; without secrets there are none."""
        secrets = self.settings.rpc_secrets
        if not secrets:
            return []
        asked = [(module.name, module.interface) for module in self.here if module.interface is not None]
        beside = [(module.name, name) for module in self.here if module.carries_events for name in self._companions]
        return [
            *(rpc_route(name, interface, self._local(name), secrets) for name, interface in asked),
            *(
                rpc_route(route_name(module, name), self._companions[name].interface, self._local_companion(module, name), secrets)
                for module, name in beside
            ),
        ]

    def open_databases(self, *, as_owner: bool = False) -> Databases:
        """Return what opens the databases of this process; as the owner of the tables for migrations."""
        url = (self.settings.database_owner_url if as_owner else None) or self.settings.database_url
        return Databases(self.settings.data_dir, url.get_secret_value() if url else None, pool_size=self.settings.database_pool)

    def client(self) -> httpx2.AsyncClient:
        """Return a client for the other processes of this installation, to be closed by whoever asked for it."""
        # idle connections go before the callee would end them (after 5 s), or a command might be sent on one that is just ending
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=3)
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return httpx2.AsyncClient(timeout=timeout, limits=limits, trust_env=False, transport=self._transport)

    def discovery(self) -> Discovery:
        """Return what finds the replicas of the modules elsewhere; where a transport of our own reaches them, names are only names."""
        return Discovery([] if self._transport else list(self.replicas.values()), every_s=self.settings.discovery_every_s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Build every module, those it needs first, and close them in the opposite order."""
        async with AsyncExitStack() as stack:
            databases = self.open_databases()
            stack.push_async_callback(databases.close)
            blobs = open_blobs(self.settings.data_dir, self.settings.blobs_url)
            if self.replicas:
                await self._bind_remote(stack)
            waiting = list(self.here)
            while waiting:
                ready = next((m for m in waiting if all(need in self.interfaces for need in m.needs)), None)
                if ready is None:
                    _refuse(f"The modules {', '.join(m.name for m in waiting)} need one another in a circle.")
                waiting.remove(ready)
                await self._host(ready, stack, databases=databases, blobs=blobs)
            yield
            self.interfaces.clear()
            for bound in self.companions.values():
                bound.clear()

    async def _bind_remote(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self.discovery().running())
        client = await stack.enter_async_context(self.client())
        for name, replicas in self.replicas.items():
            interface = self.known[name].interface
            if interface is not None:
                self.interfaces[interface] = bind(
                    interface, HttpTransport(replicas, self.settings.rpc_secrets, client), timeout_s=ModuleSettings.of(name).timeout_s
                )
            if self.known[name].carries_events:
                for beside, companion in self._companions.items():
                    transport = HttpTransport(replicas, self.settings.rpc_secrets, client, companion=beside)
                    self.companions[beside][name] = bind(companion.interface, transport)

    async def _host(self, module: Module, stack: AsyncExitStack, *, databases: Databases, blobs: BlobStore) -> None:
        if module.build is None or module.interface is None:
            return
        parts = Parts(
            program=self.settings,
            settings=module.settings(),
            database=databases.of(module.name),
            blobs=blobs,
            metrics=self.metrics,
            others={need: self.interfaces[need] for need in module.needs},
            known_events={event.type: event for known in self.known.values() for event in known.events if not event.internal},
            known_handlers={heard.name: heard.event for known in self.known.values() for heard in known.hears},
            companions=self.companions,
            drain=self.drain,
            paid_work=self.paid_work,
        )
        service = await stack.enter_async_context(module.build(parts))
        self.hosted[module.name] = Hosted(module, service, parts.database)
        self.interfaces[module.interface] = bind(
            module.interface, LocalTransport(service), timeout_s=ModuleSettings.of(module.name).timeout_s
        )
        if module.carries_events:
            for name, companion in self._companions.items():
                self.companions[name][module.name] = bind(companion.interface, LocalTransport(companion.build(parts.database)))

    def _seller(self) -> PaidWork | None:
        """Return the caller of the module that sells plans, here or elsewhere; None where there is none, or not yet."""
        found: Any = next((bound for interface, bound in self.interfaces.items() if PaidWork in interface.__mro__), None)
        seller: PaidWork | None = found
        return seller

    def _local(self, name: str) -> Any:
        return lambda: self.interfaces[self._interface(name)]

    def _local_companion(self, module: str, name: str) -> Any:
        return lambda: self.companions[name][module]

    def _interface(self, name: str) -> type[Interface]:
        interface = self.known[name].interface
        if interface is None:
            raise KeyError(name)
        return interface

    def _check(self) -> None:
        settings = self.settings
        _known(settings.modules, self.known, setting="CONVERTO_MODULES")
        _known(settings.remote, self.known, setting="CONVERTO_REMOTE__...")
        here = set(settings.modules or self.known)
        for name in sorted(here & set(settings.remote)):
            where = f"CONVERTO_REMOTE__{name.upper()}"
            _refuse(f"The module {name} is both here and elsewhere: say by CONVERTO_MODULES what lives here, or unset {where}.")
        self._check_needs(here)
        for name, urls in settings.remote.items():
            _addresses(name, urls)
        if settings.events != "memory" and not settings.events.startswith(("redis://", "rediss://", "unix://")):
            _refuse("Events travel by memory or by Redis: set CONVERTO_EVENTS to memory or to redis://host:6379/0.")
        if settings.remote and not settings.rpc_secrets:
            _refuse("Modules live elsewhere, so calls between processes are signed: set CONVERTO_RPC_SECRETS to the same secret in each.")
        if settings.remote and settings.events == "memory":
            _refuse("Modules live apart, so events cannot stay in this process: set CONVERTO_EVENTS to redis://host:6379/0 in each.")
        if settings.environment is Environment.PRODUCTION:
            _long_enough(settings.rpc_secrets)

    def _check_needs(self, here: set[str]) -> None:
        owners = {module.interface: name for name, module in self.known.items() if module.interface is not None}
        for name in sorted(here):
            for need in self.known[name].needs:
                other = owners.get(need, need.__name__.lower())
                if other not in here and other not in self.settings.remote:
                    where = f"CONVERTO_REMOTE__{other.upper()}"
                    _refuse(f"The module {name} needs {other}: add it to CONVERTO_MODULES, or say where it lives by {where}.")


def _without_own(settings: Settings) -> Settings:
    """Return the settings without the addresses of what is named to live here: all processes may have the same settings but that."""
    others = {name: urls for name, urls in settings.remote.items() if name not in settings.modules}
    return settings.model_copy(update={"remote": others})


def _refuse(reason: str) -> NoReturn:
    raise CannotStart(reason)


def _known(names: Sequence[str] | Mapping[str, str], known: Mapping[str, Module], *, setting: str) -> None:
    for name in names:
        if name not in known:
            _refuse(f"There is no module {name}, which {setting} names; there are {', '.join(sorted(known))}.")


def _addresses(name: str, urls: str) -> None:
    if not urls.strip(" ,") or not all(url.strip().startswith(("http://", "https://")) for url in urls.split(",") if url.strip()):
        _refuse(f"The module {name} lives at no address: set CONVERTO_REMOTE__{name.upper()} to http://host:port, several with commas.")


def _long_enough(secrets: Sequence[SecretStr]) -> None:
    if any(len(secret.get_secret_value()) < SHORTEST_SECRET for secret in secrets):
        _refuse(f"In production each of CONVERTO_RPC_SECRETS needs at least {SHORTEST_SECRET} characters.")
