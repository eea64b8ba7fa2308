"""SQLite under asyncio: a statement goes to its connection's thread once, and within a brief transaction not at all.

To go to a thread and back takes fifty times as long as most statements do. SQLAlchemy with aiosqlite goes four times for each: for a
cursor, to execute, for the rows, and to close.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor, AsyncAdapt_aiosqlite_dbapi
from sqlalchemy.util.concurrency import await_

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5000
_READING = "BEGIN"
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class _Answer(NamedTuple):
    """What a statement gave; everything is fetched, so that its cursor is closed."""

    rows: Sequence[Any] = ()
    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None


class Cursor(AsyncAdapt_aiosqlite_cursor):
    """A statement and its rows."""

    __slots__ = ("_answer", "_size")

    def __init__(self, adapt_connection: "SqliteConnection") -> None:
        self._adapt_connection: SqliteConnection = adapt_connection
        self._rows = deque()
        self._answer = _Answer()
        self._size = 1

    @property
    def description(self) -> Any:
        """The columns of the rows; None where there can be none."""
        return self._answer.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._answer.rowcount

    @property
    def lastrowid(self) -> Any:
        """The number of the row that was added last."""
        return self._answer.lastrowid

    @property
    def arraysize(self) -> int:
        """How many rows `fetchmany` gives."""
        return self._size

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._size = value

    def close(self) -> None:
        """Forget the rows."""
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """There is nothing open."""

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        self._answer = await self._adapt_connection.run(lambda raw: _executed(raw, operation, parameters))
        self._rows = deque(self._answer.rows)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        self._answer = await self._adapt_connection.run(lambda raw: _executed_many(raw, operation, seq_of_parameters))


class SqliteConnection(AsyncAdapt_aiosqlite_connection):
    """A connection with a thread of its own, which works in the caller's thread for as long as a transaction is brief."""

    __slots__ = ("_away", "_is_here", "_only_reads")

    _cursor_cls: Any = Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._is_here = self._only_reads = False
        self._away: deque[None] = deque()

    def begin(self, statement: str, *, is_brief: bool) -> None:
        """Begin a transaction; a brief one is begun in the thread where it would have to wait for another process."""
        self._is_here = False
        self._only_reads = statement == _READING
        if not (is_brief and not self._away and _begun(self._connection._conn, statement)):  # noqa: SLF001 - there is no other way
            self.execute(statement)
        self._is_here = is_brief

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have something done with the connection, in order. Raises what it raises."""
        raw: sqlite3.Connection = self._connection._conn  # noqa: SLF001
        if self._is_here and not self._away:
            return work(raw)
        self._away.append(None)  # whoever waits may be cancelled: what is done next must not overtake what is still under way
        done: T = await self._connection._execute(self._counted, work, raw)  # noqa: SLF001
        return done

    def commit(self) -> None:
        """Commit; what was written may have to be copied and synced then, which holds nobody up in the thread."""
        self._end(sqlite3.Connection.commit)

    def rollback(self) -> None:
        """Roll back; where nothing is open this costs nothing."""
        self._end(sqlite3.Connection.rollback)

    def _end(self, how: Callable[[sqlite3.Connection], None]) -> None:
        if self._connection._connection is None:  # noqa: SLF001 - it is closed
            return
        if not self._away and not self._connection.in_transaction:
            return
        self._is_here = self._is_here and self._only_reads
        try:
            await_(self.run(how))
        except Exception as error:  # noqa: BLE001 - it is raised again, as the others of this class are
            self._handle_exception(error)

    def _counted(self, work: Callable[[sqlite3.Connection], T], raw: sqlite3.Connection) -> T:
        try:
            return work(raw)
        finally:
            self._away.pop()


class SqliteDriver(AsyncAdapt_aiosqlite_dbapi):
    """What SQLAlchemy takes for the driver's module."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *arg: Any, **kw: Any) -> SqliteConnection:
        """Open a connection that several threads may work with, one after another."""
        adapted = super().connect(*arg, **{**kw, "check_same_thread": False})
        return SqliteConnection(self, adapted._connection)  # noqa: SLF001


def _begun(raw: sqlite3.Connection, statement: str) -> bool:
    if statement == _READING:  # nobody is waited for
        raw.execute(statement)
        return True
    raw.execute("PRAGMA busy_timeout=0")
    try:
        raw.execute(statement)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _LOCKED:
            raise
        return False
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return True


def _executed(raw: sqlite3.Connection, operation: str, parameters: Any) -> _Answer:
    # closed also where a row cannot be read: an open cursor would hold the connection to what the file was then
    with closing(raw.execute(operation, () if parameters is None else parameters)) as cursor:
        rows = cursor.fetchall() if cursor.description else ()
        return _Answer(rows, cursor.description, cursor.rowcount, cursor.lastrowid)


def _executed_many(raw: sqlite3.Connection, operation: str, parameters: Any) -> _Answer:
    with closing(raw.executemany(operation, parameters)) as cursor:
        return _Answer((), cursor.description, cursor.rowcount, cursor.lastrowid)
