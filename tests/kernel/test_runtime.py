"""What the program refuses to start with, one sentence each, and what it builds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from converto.kernel.config import CannotStart, Environment, Settings
from converto.kernel.errors import Unavailable
from converto.kernel.interface import Interface, query
from converto.kernel.manifest import Module, Parts
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from tests.kernel.echo import ECHO, SECRET, EchoService, Process

LONG_SECRET = "a secret of the tests with more than 32 characters"


class Asker(Interface):
    @query
    async def asks(self) -> int:
        raise NotImplementedError


class AskerService(Asker):
    def __init__(self, echo: Any) -> None:
        self.echo = echo

    async def asks(self) -> int:
        answer: int = await self.echo.look()
        return answer


def echo_module(opened: list[str]) -> Module:
    @asynccontextmanager
    async def build(_: Parts) -> AsyncIterator[Interface]:
        opened.append("echo opens")
        yield EchoService()
        opened.append("echo closes")

    return Module(name="echo", interface=ECHO, build=build)


def asker_module(opened: list[str]) -> Module:
    @asynccontextmanager
    async def build(parts: Parts) -> AsyncIterator[Interface]:
        opened.append("asker opens")
        yield AskerService(parts.other(ECHO))
        opened.append("asker closes")

    return Module(name="asker", interface=Asker, build=build, needs=(ECHO,))


def runtime(settings: Settings, opened: list[str] | None = None) -> Runtime:
    log = [] if opened is None else opened
    return Runtime(settings, [asker_module(log), echo_module(log), Module(name="gateway")], metrics=new_registry())


REMOTE_ECHO: dict[str, Any] = {
    "modules": "asker,gateway",
    "remote": {"echo": "http://echo:8002"},
    "events": "redis://redis:6379/0",
    "rpc_secrets": LONG_SECRET,
}
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown module": (
        {"modules": "echo,ecco"},
        "There is no module ecco, which CONVERTO_MODULES names; there are asker, echo, gateway.",
    ),
    "an unknown module elsewhere": (
        {"remote": {"ecco": "http://ecco:8002"}},
        "There is no module ecco, which CONVERTO_REMOTE__... names; there are asker, echo, gateway.",
    ),
    "a module here and elsewhere": (
        REMOTE_ECHO | {"modules": ""},
        "The module echo is both here and elsewhere: say by CONVERTO_MODULES what lives here, or unset CONVERTO_REMOTE__ECHO.",
    ),
    "a needed module nowhere": (
        {"modules": "asker"},
        "The module asker needs echo: add it to CONVERTO_MODULES, or say where it lives by CONVERTO_REMOTE__ECHO.",
    ),
    "modules apart without secrets": (
        REMOTE_ECHO | {"rpc_secrets": ""},
        "Modules live elsewhere, so calls between processes are signed: set CONVERTO_RPC_SECRETS to the same secret in each.",
    ),
    "modules apart with events in process": (
        REMOTE_ECHO | {"events": "memory"},
        "Modules live apart, so events cannot stay in this process: set CONVERTO_EVENTS to redis://host:6379/0 in each.",
    ),
    "events by something else": (
        {"events": "kafka://host"},
        "Events travel by memory or by Redis: set CONVERTO_EVENTS to memory or to redis://host:6379/0.",
    ),
    "no address": (
        REMOTE_ECHO | {"remote": {"echo": " , "}},
        "The module echo lives at no address: set CONVERTO_REMOTE__ECHO to http://host:port, several with commas.",
    ),
    "an address that is none": (
        REMOTE_ECHO | {"remote": {"echo": "http://echo:8002, echo:8003"}},
        "The module echo lives at no address: set CONVERTO_REMOTE__ECHO to http://host:port, several with commas.",
    ),
    "a short secret in production": (
        REMOTE_ECHO | {"rpc_secrets": f"{LONG_SECRET},short", "environment": Environment.PRODUCTION},
        "In production each of CONVERTO_RPC_SECRETS needs at least 32 characters.",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_cannot_work_is_refused_in_one_sentence_that_names_the_setting(what: str) -> None:
    wrong, sentence = REFUSALS[what]
    with pytest.raises(CannotStart) as caught:
        runtime(Settings(**wrong))
    assert str(caught.value) == sentence


@pytest.mark.parametrize("right", [{}, {"modules": "echo"}, REMOTE_ECHO, REMOTE_ECHO | {"environment": Environment.PRODUCTION}])
def test_what_can_work_is_not_refused(right: dict[str, Any]) -> None:
    runtime(Settings(**right))


def test_all_processes_may_have_the_same_settings_but_for_what_lives_there() -> None:
    everywhere = REMOTE_ECHO | {"remote": {"asker": "http://asker:8001", "echo": "http://echo:8002"}}

    here = runtime(Settings(**everywhere | {"modules": "asker"}))

    assert set(here.replicas) == {"echo"}
    assert [module.name for module in here.here] == ["asker"]


async def test_modules_that_need_one_another_in_a_circle_are_refused(data_dir: Path) -> None:
    @asynccontextmanager
    async def build(_: Parts) -> AsyncIterator[Interface]:
        yield EchoService()

    circle = [
        Module(name="echo", interface=ECHO, build=build, needs=(Asker,)),
        Module(name="asker", interface=Asker, build=build, needs=(ECHO,)),
    ]
    with pytest.raises(CannotStart, match="in a circle"):
        async with Runtime(Settings(data_dir=data_dir), circle, metrics=new_registry()).running():
            pass


async def test_a_module_is_built_after_those_it_needs_and_closed_before_them(data_dir: Path) -> None:
    opened: list[str] = []
    async with runtime(Settings(data_dir=data_dir), opened).running():
        pass
    assert opened == ["echo opens", "asker opens", "asker closes", "echo closes"]


async def test_a_module_asks_another_in_the_same_process(data_dir: Path) -> None:
    house = runtime(Settings(data_dir=data_dir))
    async with house.running():
        asker: Any = house.interfaces[Asker]
        assert await asker.asks() == 1


async def test_one_setting_moves_a_module_to_another_process(data_dir: Path) -> None:
    service = EchoService()
    process = Process.of(service, SECRET)
    await process.start()
    moved = REMOTE_ECHO | {"remote": {"echo": process.url}, "rpc_secrets": SECRET.get_secret_value(), "data_dir": data_dir}
    house = runtime(Settings(**moved))
    async with house.running():
        asker: Any = house.interfaces[Asker]
        assert await asker.asks() == 1
        await process.kill()
        with pytest.raises(Unavailable):
            await asker.asks()
    assert service.calls["look"] == 1


@pytest.mark.parametrize(
    ("settings", "routes"),
    [({"rpc_secrets": ""}, []), ({"rpc_secrets": LONG_SECRET}, ["/internal/asker/{operation}", "/internal/echo/{operation}"])],
)
def test_internal_routes_exist_only_with_secrets(settings: dict[str, Any], routes: list[str]) -> None:
    assert [route.path for route in runtime(Settings(**settings)).internal_routes()] == routes


@pytest.mark.parametrize(("modules", "is_edge", "routed"), [("", True, {"asker", "echo", "gateway"}), ("echo", False, {"echo"})])
def test_the_edge_serves_the_rest_of_every_module(modules: str, is_edge: bool, routed: set[str]) -> None:  # noqa: FBT001
    house = runtime(Settings(modules=modules))
    assert (house.is_edge, {module.name for module in house.routed()}) == (is_edge, routed)


def test_the_edge_serves_the_rest_of_a_module_that_lives_elsewhere() -> None:
    assert {module.name for module in runtime(Settings(**REMOTE_ECHO)).routed()} == {"asker", "echo", "gateway"}
