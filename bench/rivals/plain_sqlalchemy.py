"""The transactional outbox as SQLAlchemy's documentation writes it: one session and one transaction for each fact."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.measuring.sale import SaleMade
from converto.events.outbox import row_of
from converto.events.tables import outbox
from converto.kernel.event import Envelope


class Base(DeclarativeBase):
    """The tables of the measurement."""

    metadata = MetaData()


class SaleRow(Base):
    """The fact that an event tells of."""

    __tablename__ = "sales"

    sale_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    customer: Mapped[str]
    cents: Mapped[int]


class OutboxRow(Base):
    """The event, in the same table as ours."""

    __table__ = outbox.to_metadata(Base.metadata)


class PlainSqlAlchemy:
    """Writes a fact and its event. Writers wait for one another here, not in SQLite, whose way of waiting is slower."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions = async_sessionmaker(engine.execution_options(converto_begin="BEGIN IMMEDIATE"), expire_on_commit=False)
        self._turn = asyncio.Lock()

    async def publish_with_row(self, event: SaleMade) -> None:
        """Write both."""
        await self._add(SaleRow(**sale_row(event)), OutboxRow(**row_of(Envelope.around(event))))

    async def publish(self, event: SaleMade) -> None:
        """Write the event alone."""
        await self._add(OutboxRow(**row_of(Envelope.around(event))))

    async def _add(self, *rows: Base) -> None:
        async with self._turn, self._sessions.begin() as session:
            session.add_all(rows)


def sale_row(event: SaleMade) -> dict[str, Any]:
    """Return the fact as a row."""
    return {"sale_id": event.sale_id, "tenant_id": event.tenant_id, "customer": event.customer, "cents": event.cents}


async def create_tables(engine: AsyncEngine) -> None:
    """Make the tables, as the measurement's only migration."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
