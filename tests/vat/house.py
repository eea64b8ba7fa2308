"""Value added tax as others ask it, on a database of the test, beside a reader whose documents the test makes up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.ocr.module import module as ocr_module
from converto.vat.interface import Vat
from converto.vat.module import module
from converto.vat.service import VatService
from converto.vat.vouchers import NewVoucher
from tests.databases import lay_files
from tests.servers import ask


@dataclass(frozen=True)
class House:
    """One process that hosts value added tax."""

    vat: Vat
    service: VatService
    database: Database


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None = None) -> AsyncIterator[House]:
    """Host it on a database that is up to date."""
    url = SecretStr(database_url) if database_url is not None else None
    settings = Settings(environment=Environment.TEST, data_dir=data_dir, database_url=url, modules=("vat", "ocr"))
    lay_files(settings)
    runtime = Runtime(settings, [module, ocr_module], metrics=new_registry())
    async with runtime.running():
        hosted = runtime.hosted["vat"]
        service: Any = hosted.service
        vat: Any = runtime.interfaces[Vat]  # type: ignore[type-abstract]
        yield House(vat, service, hosted.database)


@asynccontextmanager
async def opened_on(database: Literal["sqlite", "postgres"], data_dir: Path) -> AsyncIterator[House]:
    """Host it on a database of its own, and drop that afterwards."""
    url = None if database == "sqlite" else ask("postgres")
    async with opened(data_dir, url) as found:
        yield found
    if url is not None:
        ask("drop", url.rpartition("/")[2])


def somebody(*scopes: str) -> Actor:
    """Return an actor of a company of its own."""
    return Actor(tenant_id=new_id(), user_id=new_id(), scopes=frozenset(scopes or ("vat:read", "vat:write")))


def voucher(*lines: dict[str, Any], on: str = "2026-01-15", **more: Any) -> NewVoucher:
    """Return a voucher of these lines."""
    return NewVoucher.model_validate({"document_date": on, "lines": lines, **more})


def boxes(**amounts: str) -> dict[str, Decimal]:
    """Return boxes by number: `b301="255.00"`."""
    return {name.removeprefix("b"): Decimal(amount) for name, amount in amounts.items()}
