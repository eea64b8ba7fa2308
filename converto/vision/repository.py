"""All SQL of vision."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from converto.vision.interface import AnalysisStatus
from converto.vision.models import AnalysisRow

SWEPT_AT_ONCE = 100


class Analyses:
    """The analyses of a tenant."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: AnalysisRow) -> None:
        """Keep a new analysis."""
        self._session.add(row)

    async def get(self, tenant_id: UUID, analysis_id: UUID) -> AnalysisRow | None:
        """Return one analysis."""
        return await self._session.get(AnalysisRow, (tenant_id, analysis_id))

    async def lock(self, tenant_id: UUID, analysis_id: UUID) -> AnalysisRow | None:
        """Return one analysis for a change."""
        return await self._session.get(AnalysisRow, (tenant_id, analysis_id), with_for_update=True)

    async def page(self, tenant_id: UUID, *, limit: int, after: UUID | None) -> Sequence[AnalysisRow]:
        """Return up to `limit` analyses, newest first, that come after the given one."""
        wanted = select(AnalysisRow).where(AnalysisRow.tenant_id == tenant_id)
        if after is not None:
            wanted = wanted.where(AnalysisRow.id < after)
        return (await self._session.scalars(wanted.order_by(AnalysisRow.id.desc()).limit(limit))).all()

    async def left_behind(self, before: datetime) -> Sequence[AnalysisRow]:
        """Return some analyses, of all tenants, that began before a moment and have no end, for a change."""
        wanted = select(AnalysisRow).where(AnalysisRow.status == AnalysisStatus.STARTED, AnalysisRow.created_at < before)
        return (await self._session.scalars(wanted.limit(SWEPT_AT_ONCE).with_for_update(skip_locked=True))).all()

    async def unfinished(self) -> int:
        """Return how many analyses of all tenants have no end yet."""
        return (await self._session.scalar(select(func.count()).where(AnalysisRow.status == AnalysisStatus.STARTED))) or 0
