"""What the wall between tenants costs on PostgreSQL: a short transaction that says for whom it works, against one that says nothing.

The limit: at most 1.5 times as long, for one small read or one small write in a transaction of its own, which is the worst case: one round
trip more beside those for the connection's check, BEGIN, the statement and COMMIT.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert, select, update

from converto.kernel.database import Database, Databases
from converto.kernel.schema import upgrade
from converto.ocr.models import Base, ScanRow
from tests.isolation.rows import row
from tests.servers import Postgres

LIMIT = 1.5
ROUNDS, EACH = 15, 40
TENANT = UUID(int=0xA)


async def read(database: Database) -> None:
    """Look one thing up."""
    async with database.reading(TENANT) as session:
        await session.scalar(select(ScanRow.status).where(ScanRow.tenant_id == TENANT))


async def write(database: Database) -> None:
    """Change one thing."""
    async with database.writing(TENANT) as session:
        await session.execute(update(ScanRow).where(ScanRow.tenant_id == TENANT).values(pages=1))


async def measured(url: str, folder: Path) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of a transaction with the wall and without, taken in turns, and where half of them were faster."""
    databases = Databases(folder, url, pool_size=2)
    walled, open_to_all = databases.of("ocr"), databases.of("ocr").across_tenants
    await upgrade(walled, "ocr", Base.metadata)
    async with walled.writing(TENANT) as session:
        await session.execute(insert(ScanRow), row(ScanRow.__table__, TENANT))  # type: ignore[arg-type]
    async with walled.engine.begin() as connection:  # the same table, without a policy and for whoever owns it
        await connection.exec_driver_sql("ALTER TABLE ocr.scan NO FORCE ROW LEVEL SECURITY")
    open_to_all._wall = None  # noqa: SLF001 - what is measured is its cost
    found = {}
    for work in (read, write):
        took_ms: dict[Database, list[float]] = {walled: [], open_to_all: []}
        for _ in range(ROUNDS):
            for database, taken in took_ms.items():
                for _ in range(EACH):
                    start = time.perf_counter()
                    await work(database)
                    taken.append(1000 * (time.perf_counter() - start))
        found[work.__name__] = (statistics.median(took_ms[walled]), statistics.median(took_ms[open_to_all]))
    await databases.close()
    return found


def main() -> None:
    """Measure, print, and exit with 1 over the limit."""
    with Postgres() as server, tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(server.create_database("bench"), Path(folder)))
    for name, (with_wall_ms, without_ms) in found.items():
        print(f"a short {name}: {with_wall_ms:.2f} ms with the wall, {without_ms:.2f} ms without: {with_wall_ms / without_ms:.2f} times")
    sys.exit(any(with_wall_ms > LIMIT * without_ms for with_wall_ms, without_ms in found.values()))


if __name__ == "__main__":
    main()
