"""Copies of SQLite files as of one moment, while everybody goes on working with them."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from converto.kernel.database import SQLITE_PRAGMAS


class CannotCopy(Exception):
    """A database is damaged, or was not free in time; the message says which, and what is wrong."""


def copies(databases: Sequence[Path], folder: Path) -> Iterator[Path]:
    """Yield a copy of each database, all of them as of the same moment; each is removed when the next is asked for. Raises CannotCopy."""
    try:
        with ExitStack() as stack:
            views = [stack.enter_context(closing(_opened(path))) for path in databases]
            with _still(databases):
                for view in views:
                    view.execute("BEGIN")
                    view.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now it sees what is there, and goes on seeing it
            for path, view in zip(databases, views, strict=True):
                copy = folder / path.name
                with closing(sqlite3.connect(copy)) as target:
                    view.backup(target)
                    _check(target, path.name)
                view.execute("COMMIT")
                yield copy
                copy.unlink()
    except sqlite3.Error as error:
        raise CannotCopy(str(error)) from error


def is_in_use(database: Path) -> bool:
    """Tell whether a process works with a database; a damaged one is in nobody's use."""
    try:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as alone:
            alone.execute("PRAGMA locking_mode=EXCLUSIVE")
            alone.execute("BEGIN EXCLUSIVE")  # of a database with a write-ahead log only who is alone in it gets this
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False
    return False


@contextmanager
def _still(databases: Sequence[Path]) -> Iterator[None]:
    """Let nobody write to any of the databases meanwhile."""
    with ExitStack() as stack:
        for path in databases:
            writer = stack.enter_context(closing(_opened(path)))
            writer.execute("BEGIN IMMEDIATE")
        yield


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA {SQLITE_PRAGMAS[0]}")
    return connection


def _check(database: sqlite3.Connection, name: str) -> None:
    told = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if told != "ok":
        msg = f"the database {name} is damaged: {told}"
        raise CannotCopy(msg)
