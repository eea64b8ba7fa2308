"""A module that forgets: what the matrix has to find."""

from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import select, update

from converto.auth.models import TenantRow
from converto.kernel.access import Access, Admission
from converto.kernel.database import Database
from converto.kernel.manifest import Module
from converto.kernel.web import CurrentActor
from converto.ocr.models import ScanRow

router = APIRouter(prefix="/leaky")


class Renaming(BaseModel):
    company_id: UUID
    name: str


def _database(request: Request, module: str) -> Database:
    found: Database = request.app.state.runtime.hosted[module].database
    return found


@router.get("/scans")
async def every_scan(request: Request, actor: CurrentActor) -> list[str]:
    """List scans, and forget whose: on PostgreSQL the wall still stands."""
    async with _database(request, "ocr").reading(actor.tenant_id) as session:
        return [str(scan_id) for scan_id in await session.scalars(select(ScanRow.id))]


@router.get("/scans/{scan_id}")
async def any_scan(request: Request, actor: CurrentActor, scan_id: UUID) -> dict[str, str | None]:  # noqa: ARG001 - that is the leak
    """Show a scan, and forget whose, across tenants."""
    async with _database(request, "ocr").across_tenants.reading() as session:
        return {"name": await session.scalar(select(ScanRow.filename).where(ScanRow.id == scan_id))}


@router.post("/names", status_code=202)
async def rename(request: Request, actor: CurrentActor, renaming: Renaming) -> None:  # noqa: ARG001 - that is the leak
    """Name a company anew, whosesoever it is, and say nothing."""
    async with _database(request, "auth").across_tenants.writing() as session:
        await session.execute(update(TenantRow).where(TenantRow.id == renaming.company_id).values(name="leaky"))


module = Module(
    name="leaky",
    router=router,
    access={
        "GET /leaky/scans": Access("ocr:read", Admission.READ),
        "GET /leaky/scans/{scan_id}": Access("ocr:read", Admission.READ),
        "POST /leaky/names": Access("ocr:read", Admission.READ),
    },
)
LEAKS = frozenset(module.access)
