"""Opens the keeper of people and companies alone, for commands that ask it what no other module may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from converto.auth.service import AuthService
from converto.kernel.config import CannotStart, Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.kernel.schema import behind
from converto.modules import installed


@dataclass(frozen=True, slots=True)
class Keeper:
    """The service itself, and its database."""

    service: AuthService
    database: Database


@asynccontextmanager
async def keeper(settings: Settings) -> AsyncIterator[Keeper]:
    """Open it on a database that is up to date. Raises CannotStart."""
    runtime = Runtime(settings.model_copy(update={"modules": ("auth",), "remote": {}}), installed(), metrics=new_registry())
    async with runtime.running():
        host = runtime.hosted["auth"]
        if await behind(host.database, "auth"):
            msg = "The database of auth is behind its migrations: run `converto migrate` first."
            raise CannotStart(msg)
        if not isinstance(host.service, AuthService):
            raise TypeError(type(host.service).__qualname__)
        yield Keeper(host.service, host.database)
