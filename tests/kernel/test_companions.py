"""What the kernel gives beside a module's own interface: companions of every module, and the events of all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData
from starlette.applications import Starlette

from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.errors import Unavailable
from converto.kernel.event import Event
from converto.kernel.interface import Interface, query
from converto.kernel.manifest import Companion, Module, Parts
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime

SECRET = SecretStr("a secret of the tests with more than 32 characters")


class Store(Interface):
    @query
    async def owner(self) -> str:
        raise NotImplementedError


class DatabaseStore(Store):
    def __init__(self, database: Database) -> None:
        self.database = database

    async def owner(self) -> str:
        return self.database.module


class Nothing(Interface):
    """A module's own interface, which nobody asks here."""


class NothingOfOthers(Interface):
    """Another one's."""


class NothingOfThese(Interface):
    """A third one's."""


class Drawn(Event):
    type = "pens.drawn"


class Filled(Event):
    type = "inks.filled"


def module(name: str, interface: type[Interface], given: dict[str, Parts], **more: Any) -> Module:
    @asynccontextmanager
    async def build(parts: Parts) -> AsyncIterator[Interface]:
        given[name] = parts
        yield interface.__new__(type(interface.__name__, (interface,), {}))

    return Module(name=name, interface=interface, build=build, **more)


def house(settings: Settings, given: dict[str, Parts], transport: httpx2.AsyncBaseTransport | None = None) -> Runtime:
    modules = [
        module("pens", Nothing, given, tables=MetaData(), events=(Drawn,)),
        module("inks", NothingOfOthers, given, tables=MetaData(), events=(Filled,)),
        module("blots", NothingOfThese, given, tables=MetaData()),
        Module(name="gateway"),
    ]
    stores = {"store": Companion(Store, DatabaseStore)}
    return Runtime(settings, modules, metrics=new_registry(), transport=transport, companions=stores)


def apart(name: str, elsewhere: str, data_dir: Path) -> Settings:
    return Settings(modules=(name,), remote={elsewhere: "http://there"}, events="redis://redis", rpc_secrets=(SECRET,), data_dir=data_dir)


async def test_every_module_that_carries_events_has_a_companion_made_of_its_database(data_dir: Path) -> None:
    given: dict[str, Parts] = {}
    async with house(Settings(data_dir=data_dir), given).running():
        stores: Any = given["pens"].companions["store"]  # the first one built sees those built after it
        assert {name: await store.owner() for name, store in stores.items()} == {"pens": "pens", "inks": "inks"}


async def test_the_companion_of_a_module_elsewhere_is_asked_there(data_dir: Path) -> None:
    given: dict[str, Parts] = {}
    there = house(apart("inks", "pens", data_dir), {})
    async with there.running():
        transport = httpx2.ASGITransport(Starlette(routes=there.internal_routes()))
        async with house(apart("pens", "inks", data_dir), given, transport).running():
            stores: Any = given["pens"].companions["store"]
            assert [await stores[name].owner() for name in ("pens", "inks")] == ["pens", "inks"]


async def test_a_companion_that_does_not_answer_is_missed_by_its_modules_name(data_dir: Path) -> None:
    given: dict[str, Parts] = {}
    settings = apart("pens", "inks", data_dir).model_copy(update={"remote": {"inks": "http://127.0.0.1:1"}})
    async with house(settings, given).running():
        store: Any = given["pens"].companions["store"]["inks"]
        with pytest.raises(Unavailable) as caught:
            await store.owner()
    assert caught.value.details["module"] == "inks"


def test_companions_are_served_beside_the_modules_and_only_with_secrets(data_dir: Path) -> None:
    served = house(Settings(data_dir=data_dir, rpc_secrets=(SECRET,)), {}).internal_routes()
    assert {route.path.removesuffix("/{operation}") for route in served} == {
        "/internal/pens", "/internal/inks", "/internal/blots", "/internal/pens.store", "/internal/inks.store",
    }  # fmt: skip
    assert house(Settings(data_dir=data_dir), {}).internal_routes() == []


async def test_a_module_knows_the_events_of_those_elsewhere_too(data_dir: Path) -> None:
    given: dict[str, Parts] = {}
    async with house(apart("inks", "pens", data_dir), given).running():
        assert given["inks"].known_events == {"pens.drawn": Drawn, "inks.filled": Filled}
