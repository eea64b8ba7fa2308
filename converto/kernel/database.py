"""A module's database: an SQLite file of its own, or a schema of its own in one PostgreSQL."""

import asyncio
import copy
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import orjson
from sqlalchemy import CTE, Connection, Engine, NullPool, Select, UpdateBase, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from converto.kernel import row_security
from converto.kernel.bell import Bell, Bells
from converto.kernel.context import current, within
from converto.kernel.sqlite_driver import BUSY_TIMEOUT_MS, SqliteConnection, SqliteDriver

Transaction = AsyncSession
"""What `reading` and `writing` give: a session within one transaction."""

# the timeout comes first: turning a new file to WAL may have to wait for another process that does the same
# and 500 KiB of pages for each connection, not 2 MB: there are some for each module, and the system keeps the file in memory anyway
SQLITE_PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-500")
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, DBAPIError)
"""What a value raises that a database kept, and nobody of ours wrote; `is_of_a_value` says whether it is of a value."""
_BEGIN = "converto_begin"
_BRIEF = "converto_brief"


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


JSON_CODEC: dict[str, Any] = {"json_serializer": _to_json, "json_deserializer": orjson.loads}


def sqlite_engine(file: Path) -> AsyncEngine:
    """Return an engine for one SQLite file, which is made where it does not exist."""
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", module=SqliteDriver(), **JSON_CODEC)
    _configured(engine.sync_engine)
    return engine


def _configured(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver would otherwise begin, and commit, when it likes
        cursor = connection.cursor()
        for pragma in SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        statement, driver = options.get(_BEGIN, "BEGIN"), connection.connection.dbapi_connection
        if isinstance(driver, SqliteConnection):
            driver.begin(statement, is_brief=options.get(_BRIEF, False))
        else:
            connection.exec_driver_sql(statement)

    return engine


def postgres_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """Return an engine with one pool for a whole process."""
    _, _, rest = url.partition("://")
    return create_async_engine(f"postgresql+asyncpg://{rest}", pool_size=pool_size, max_overflow=0, pool_pre_ping=True, **JSON_CODEC)


class _Wall:
    """Which role the transactions in one schema of PostgreSQL take on."""

    def __init__(self, schema: str, engine: AsyncEngine) -> None:
        self._schema = schema
        self._engine = engine
        self._role: str | None = None

    async def role(self) -> str:
        """Return the role, which is looked up once."""
        if self._role is None:
            async with self._engine.connect() as connection:
                self._role = await row_security.role_for(connection, self._schema)
        return self._role


class Database:
    """The database of one module.

    `reading()` and `writing()` give a session in one transaction. Writers of an SQLite file take turns from the start of their
    transaction (BEGIN IMMEDIATE): with a deferred BEGIN, 90 of 100 concurrent read-then-write transactions fail as locked.

    A transaction works for one tenant: the actor's of the operation in force, the event's of the handler, or the one that is named. On
    PostgreSQL it sees and changes the rows of no other, and where nobody has said for whom, none. The few places that work for several
    tenants, or look up whose something is, say so by `across_tenants`.
    """

    def __init__(self, module: str, engine: AsyncEngine) -> None:
        self.module = module
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.engine = engine if self.is_sqlite else engine.execution_options(schema_translate_map={None: module})
        self.published = Bell()
        """Rung when a transaction that told a fact has committed."""
        self.received = Bells()
        """Rung for a subscriber when a transaction that took a fact in for it has committed."""
        self.cancelled = Bell()
        """Rung when a transaction that cancelled what is being handled has committed."""
        self._turn = asyncio.Lock()
        self._wall = None if self.is_sqlite else _Wall(module, engine)
        self._is_across = False
        self.info: dict[str, Any] = {"database": self}
        """What each transaction brings along as `session.info`: a module may add what its repositories cannot do without."""
        self._reading = async_sessionmaker(self.engine, expire_on_commit=False, info=self.info)
        immediate = self.engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        self._writing = async_sessionmaker(immediate, expire_on_commit=False, info=self.info)
        brief = {_BRIEF: True}
        self._reading_briefly = async_sessionmaker(self.engine.execution_options(**brief), expire_on_commit=False, info=self.info)
        self._writing_briefly = async_sessionmaker(immediate.execution_options(**brief), expire_on_commit=False, info=self.info)

    @property
    def across_tenants(self) -> Self:
        """The same database, whose transactions see the rows of all tenants: for sweeps, queues and sign-in, not for what an actor asks."""
        twin = copy.copy(self)  # its bells and its turns are the same
        twin._is_across = True  # noqa: SLF001 - one of our own
        return twin

    @asynccontextmanager
    async def reading(self, tenant_id: UUID | None = None, *, brief: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a transaction that only reads, for the tenant that is named or else the one of the operation in force.

        One is brief whose statements each touch few rows, which an index finds: on SQLite it is worked off at once instead of in a thread.
        """
        async with self._transaction(self._reading_briefly if brief else self._reading, tenant_id) as session:
            yield session

    @asynccontextmanager
    async def writing(self, tenant_id: UUID | None = None, *, brief: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a transaction that writes: committed at the end of the block, undone when the block fails. What is brief, `reading` says."""
        sessions = self._writing_briefly if brief else self._writing
        if not self.is_sqlite:
            async with self._transaction(sessions, tenant_id) as session:
                yield session
            return
        async with self._turn, self._transaction(sessions, tenant_id) as session:
            yield session

    async def is_walled(self) -> bool:
        """Return whether the wall between tenants holds here, as far as the database has one."""
        if self.is_sqlite:
            return True
        async with self.reading() as session:
            return await row_security.holds(await session.connection())

    @asynccontextmanager
    async def upgrading(self) -> AsyncIterator[AsyncConnection]:
        """Open a bare connection in a writing transaction, for migrations."""
        async with self.engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
            yield connection

    async def migrating(self, work: Callable[[Connection], None]) -> None:
        """Have a bare connection worked on in a writing transaction, for the hundreds of statements of migrations."""
        if self.is_sqlite:
            # in one thread: each statement would otherwise go to the driver's thread and back, which takes longer than itself
            await asyncio.to_thread(self._migrating_file, work)
            return
        async with self.upgrading() as connection:
            await connection.run_sync(work)

    def _migrating_file(self, work: Callable[[Connection], None]) -> None:
        engine = _configured(create_engine(self.engine.url.set(drivername="sqlite"), poolclass=NullPool, **JSON_CODEC))
        with engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
            work(connection)

    @asynccontextmanager
    async def _transaction(self, sessions: async_sessionmaker[AsyncSession], tenant_id: UUID | None) -> AsyncIterator[AsyncSession]:
        tenant_id = tenant_id or current().tenant_id
        with within(in_transaction=True):
            role = "" if self._wall is None else await self._wall.role()
            session = sessions()
            try:
                if self._wall is not None:
                    await row_security.enter(await session.connection(), role, tenant_id, across_tenants=self._is_across)
                yield session
                await session.commit()
            except BaseException:
                await session.__aexit__(None, None, None)  # to its end, also where we are cancelled
                raise
            session.sync_session.close()  # it holds no connection any more: nothing is waited for


def is_of_a_value(error: Exception) -> bool:
    """Tell whether an error is of a value that cannot be read, and not of a database that does not answer."""
    # SQLite gives each error of its own a number; its driver gives none where a text is no text
    return not isinstance(error, DBAPIError) or (isinstance(error.orig, sqlite3.Error) and not hasattr(error.orig, "sqlite_errorcode"))


def after_commit(session: AsyncSession, then: Callable[[], None]) -> None:
    """Have something done once this transaction has committed, and not at all when it is undone."""

    def committed(sync_session: Session) -> None:
        if not sync_session.in_nested_transaction():  # a savepoint may still be undone with the whole
            then()

    event.listen(session.sync_session, "after_commit", committed)


def once(wanted: Select[Any]) -> CTE:
    """Have a choice of rows made once: PostgreSQL may repeat a subquery for each row, and its LIMIT would hold for each time."""
    return wanted.cte().prefix_with("MATERIALIZED", dialect="postgresql")


def insert_into(session: AsyncSession, table: Any) -> Any:
    """Return an INSERT that can be told what to do where a row is already: SQLAlchemy has one for each database."""
    database: Database = session.info["database"]
    return (sqlite.insert if database.is_sqlite else postgresql.insert)(table)


async def changed(session: AsyncSession, statement: UpdateBase) -> int:
    """Execute an UPDATE or DELETE; returns of how many rows."""
    result: Any = await session.execute(statement, execution_options={"synchronize_session": False})
    return int(result.rowcount)


async def take_turns(session: AsyncSession, name: str) -> None:
    """Wait until no other transaction of this module holds the name, and hold it until this one ends.

    On SQLite writers take turns anyway.
    """
    database: Database = session.info["database"]
    if not database.is_sqlite:
        key = zlib.crc32(f"{database.module}:{name}".encode())
        await session.execute(select(func.pg_advisory_xact_lock(key)))


class Databases:
    """Opens the databases of a process, and closes them together."""

    def __init__(self, data_dir: Path, url: str | None, *, pool_size: int) -> None:
        self._data_dir = data_dir
        self._shared = postgres_engine(url, pool_size=pool_size) if url else None
        self._own: dict[str, AsyncEngine] = {}

    def of(self, module: str) -> Database:
        """Return the database of one module."""
        if self._shared is not None:
            return Database(module, self._shared)
        if module not in self._own:
            self._own[module] = sqlite_engine(self._data_dir / f"{module}.db")
        return Database(module, self._own[module])

    async def close(self) -> None:
        """Close every connection."""
        for engine in [*self._own.values(), *([self._shared] if self._shared else [])]:
            await engine.dispose()
