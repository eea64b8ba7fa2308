"""Opens the keeper of vouchers and returns alone, for commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from converto.kernel.config import CannotStart, Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.kernel.schema import behind
from converto.modules import installed
from converto.vat.service import VatService


@dataclass(frozen=True, slots=True)
class Books:
    """The service itself, and its database."""

    service: VatService
    database: Database


@asynccontextmanager
async def books(settings: Settings) -> AsyncIterator[Books]:
    """Open it, and what it asks, on a database that is up to date. Raises CannotStart."""
    runtime = Runtime(settings.model_copy(update={"modules": ("ocr", "vat"), "remote": {}}), installed(), metrics=new_registry())
    async with runtime.running():
        host = runtime.hosted["vat"]
        if await behind(host.database, "vat"):
            msg = "The database of vat is behind its migrations: run `converto migrate` first."
            raise CannotStart(msg)
        if not isinstance(host.service, VatService):
            raise TypeError(type(host.service).__qualname__)
        yield Books(host.service, host.database)
