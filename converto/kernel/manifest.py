"""The manifest of a module: all that the runtime knows of it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData

from converto.kernel.access import Access
from converto.kernel.blobs import BlobStore
from converto.kernel.config import ModuleSettings, Settings
from converto.kernel.database import Database
from converto.kernel.drain import Drain
from converto.kernel.event import Event, Follower, Subscription
from converto.kernel.interface import Interface
from converto.kernel.paid_work import PaidWork, WhoeverSells

Asked = TypeVar("Asked", bound=Interface)


@dataclass(frozen=True, slots=True)
class Companion:
    """A second interface beside the own one of every module that keeps something, made of nothing but its database."""

    interface: type[Interface]
    build: Callable[[Database], Interface]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a module is built from."""

    program: Settings
    settings: Any
    """An instance of the module's own settings class."""
    database: Database
    blobs: BlobStore
    metrics: CollectorRegistry
    others: Mapping[type[Interface], Interface]
    known_events: Mapping[str, type[Event]] = field(default_factory=dict)
    """Every event of every module of this installation by its type, wherever the module lives."""
    known_handlers: Mapping[str, type[Event]] = field(default_factory=dict)
    """What each handler of every module hears, by the handler's name."""
    companions: Mapping[str, Mapping[str, Interface]] = field(default_factory=dict)
    """By the companion's name and the module's, wherever the module lives; it fills up as the modules are built."""
    drain: Drain = field(default_factory=Drain)
    """Says when this process begins to end: a service that lets callers wait looks at it."""
    paid_work: PaidWork = field(default_factory=WhoeverSells)
    """What is asked before work that a plan may not hold; where nobody sells plans, it allows everything."""

    def other(self, interface: type[Asked]) -> Asked:
        """Return the caller of a module named in `needs`."""
        found: Any = self.others[interface]
        bound: Asked = found
        return bound


Build = Callable[[Parts], AbstractAsyncContextManager[Interface]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A domain package, as data; importing it opens nothing."""

    name: str
    interface: type[Interface] | None = None
    """What it may be asked; None for the edge, which only asks."""
    build: Build | None = None
    """Opens the module's service, and closes it again."""
    needs: tuple[type[Interface], ...] = ()
    """The interfaces of other modules that it asks."""
    settings: type[ModuleSettings] = ModuleSettings
    tables: MetaData | None = None
    router: APIRouter | None = None
    """Its REST; it knows interfaces only, so that it can be served where the module does not live."""
    events: tuple[type[Event], ...] = ()
    """The facts it tells."""
    hears: tuple[Subscription, ...] = field(default=())
    """What it reacts to."""
    follows: tuple[Follower, ...] = ()
    """What takes in every event of the installation."""
    access: Mapping[str, Access] = field(default_factory=dict)
    """Who may use each route of its REST, by `GET /things/{thing_id}`; the modules that ship stand in the gateway's own table."""

    @property
    def carries_events(self) -> bool:
        """Whether its database holds the tables that carry events: those of a module that tells and hears nothing would stay empty."""
        return self.tables is not None and bool(self.events or self.hears or self.follows)

    @property
    def package(self) -> str:
        """The package that holds its code, as far as the manifest shows it: where its service is built, or where its settings are."""
        return (self.build or self.settings).__module__.rpartition(".")[0]
