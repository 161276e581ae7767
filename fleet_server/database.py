"""The database: one SQLite file, every change in one transaction.

Rules:

1. WAL with synchronous=FULL: what was committed survives a power cut. Foreign keys are enforced.
2. `reading()` sees one consistent state. `writing()` takes the write lock at its start (BEGIN IMMEDIATE), so
   that what it read cannot change before it writes; it commits at the end and rolls back on any exception.
3. A transaction lives in one thread from begin to end. A writer never waits for another thread while it
   holds the lock; from asyncio call the whole function by `asyncio.to_thread`.
4. Tables are declared in each domain's `model.py` on `metadata` and made by `migrations/`; a test holds the
   two against each other.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, event

BUSY_FOR_MS = 10_000  # how long a writer waits for another process (an administrator's sqlite3)
CONNECTIONS_MAX = 64  # above the 40 threads that run requests

# Every constraint has a name, or later migrations cannot change it.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Database:
    """The engine of one database file; made once, closed at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(
            f"sqlite:///{path}",
            connect_args={"timeout": BUSY_FOR_MS / 1000, "check_same_thread": False},
            pool_size=CONNECTIONS_MAX,
            max_overflow=0,
        )
        # SQLite's own wait is neither fair nor quick; threads of this process queue here instead.
        self._writer = threading.Lock()
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock; committed at the end, rolled back on an exception."""
        with self._writer, self._engine.connect() as connection:
            connection.execution_options(begin="IMMEDIATE")
            with connection.begin():
                yield connection

    def close(self) -> None:
        self._engine.dispose()


def _configure(connection: Any, _record: object) -> None:
    # The driver must not begin transactions on its own; _begin does.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")
