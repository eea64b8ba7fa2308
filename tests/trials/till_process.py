"""A process for the trials of the edge: everything that ships, and a module `till` whose requests cost what ordinary ones do."""

import asyncio
import os
import sys
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel

from converto.commands.serve import serve
from converto.kernel import log
from converto.kernel.access import Access, Admission
from converto.kernel.config import Settings
from converto.kernel.manifest import Module
from converto.modules import installed

RECEIPTS = 1500
router = APIRouter(prefix="/till")


class Receipt(BaseModel):
    """A line of the day."""

    number: int
    vendor: str
    total: str


def _day() -> list[Receipt]:
    return [Receipt(number=number, vendor=f"Kauppa {number % 7}", total=f"{number}.90") for number in range(RECEIPTS)]


@router.get("/receipts")
async def receipts() -> list[Receipt]:
    """Read the day."""
    await asyncio.sleep(0)
    return _day()


@router.get("/export")
async def export() -> list[Receipt]:
    """Read the day at length."""
    await asyncio.sleep(0)
    return _day()


@router.post("/sales")
async def sell() -> list[Receipt]:
    """Book something."""
    await asyncio.sleep(0)
    return _day()


TILL = Module(
    name="till",
    router=router,
    access={
        "GET /till/receipts": Access(None, Admission.READ),
        "GET /till/export": Access(None, Admission.BULK),
        "POST /till/sales": Access(None, Admission.MONEY),
    },
)


def main() -> None:
    """Serve on the port of the first argument."""
    settings = Settings(data_dir=Path(os.environ["CONVERTO_DATA_DIR"]))
    log.configure(level="error", log_format="json")
    serve(settings, host="127.0.0.1", port=int(sys.argv[1]), migrates=True, modules=[*installed(), TILL])


if __name__ == "__main__":
    main()
