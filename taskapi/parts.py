"""What an app keeps of a task's parts: which there are, who tried them, and how that went; in one SQLite file that outlives the service.

Knows parts (numbers) and tries (subtask ids). Must not know what a part is about, nor files other than its own. A part's status is that of
its current try, the latest. Every method is one transaction and may be called from any thread.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self


class Status(StrEnum):
    """How a part's current try stands."""

    WAITING = "waiting"
    """There is no try."""
    COMPUTING = "computing"
    VERIFYING = "verifying"
    SUCCESS = "success"
    FAILURE = "failure"
    ABORTED = "aborted"


COMPUTABLE = frozenset({Status.WAITING, Status.FAILURE, Status.ABORTED})
"""A part so may be tried (again)."""
RUNNING = frozenset({Status.COMPUTING, Status.VERIFYING})
"""A try so has no outcome yet."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it stands."""

    number: int
    status: Status
    subtask_id: str | None
    """The current try's, if there is one."""


class NotComputable(ValueError):  # noqa: N818 - it is the part that is not computable
    """A part that is being tried, or is done, or does not exist, was to be started."""


class DuplicateSubtask(ValueError):  # noqa: N818 - it is the id that is a duplicate
    """A subtask id was used before."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS tries (
    subtask_id TEXT PRIMARY KEY,
    part INTEGER NOT NULL,
    status TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY,
    current TEXT REFERENCES tries (subtask_id)
);
"""
_PARTS = "SELECT number, COALESCE(status, 'waiting') AS status, current FROM parts LEFT JOIN tries ON subtask_id = current"
_NEXT = f"{_PARTS} WHERE COALESCE(status, 'waiting') IN ('waiting', 'failure', 'aborted') ORDER BY number LIMIT 1"


class PartsStore:
    """The parts of one task, in the file at `path`; made when it is missing.

    The file is opened on first need, and again after `close`, so closing a store that may be used again does no harm.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def add(self, numbers: Iterable[int]) -> None:
        """Add parts; those that exist already stay as they are."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO parts (number) VALUES (?)", ((number,) for number in numbers))

    def parts(self) -> tuple[Part, ...]:
        """Return all parts by number."""
        with self._transaction() as connection:
            return tuple(_part(row) for row in connection.execute(f"{_PARTS} ORDER BY number"))

    def part(self, number: int) -> Part | None:
        """Return a part, None when there is none of this number."""
        with self._transaction() as connection:
            row = connection.execute(f"{_PARTS} WHERE number = ?", (number,)).fetchone()
        return None if row is None else _part(row)

    def part_number(self, subtask_id: str) -> int | None:
        """Return which part a subtask is or was a try of, None for an unknown id."""
        with self._transaction() as connection:
            row = connection.execute("SELECT part FROM tries WHERE subtask_id = ?", (subtask_id,)).fetchone()
        return None if row is None else int(row[0])

    def status(self, subtask_id: str) -> Status | None:
        """Return how a try stands, None for an unknown id."""
        with self._transaction() as connection:
            row = connection.execute("SELECT status FROM tries WHERE subtask_id = ?", (subtask_id,)).fetchone()
        return None if row is None else Status(row[0])

    def next_computable(self) -> int | None:
        """Return the computable part of the lowest number, None when there is none."""
        with self._transaction() as connection:
            row = connection.execute(_NEXT).fetchone()
        return None if row is None else int(row[0])

    def finished(self) -> bool:
        """Return whether every part is a success."""
        with self._transaction() as connection:
            row = connection.execute(f"SELECT 1 FROM ({_PARTS}) WHERE status != 'success' LIMIT 1").fetchone()
        return row is None

    def start(self, number: int, subtask_id: str) -> None:
        """Begin a try of a part, which becomes its current one; raises NotComputable or DuplicateSubtask, and changes nothing then."""
        with self._transaction() as connection:
            row = connection.execute(f"{_PARTS} WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise NotComputable(f"there is no part {number}")
            if _part(row).status not in COMPUTABLE:
                raise NotComputable(f"part {number} is {row[1]} (subtask {row[2]})")
            _begin(connection, number, subtask_id)

    def start_next(self, subtask_id: str) -> int | None:
        """Begin a try of the next computable part and return its number, None when there is none; raises DuplicateSubtask."""
        with self._transaction() as connection:
            row = connection.execute(_NEXT).fetchone()
            if row is None:
                return None
            _begin(connection, int(row[0]), subtask_id)
            return int(row[0])

    def set_status(self, subtask_id: str, status: Status) -> bool:
        """Say how a running try stands now; return whether that changed anything.

        An unknown id, and a try that has its outcome already (an aborted one, say), are left alone.
        """
        with self._transaction() as connection:
            done = connection.execute(
                "UPDATE tries SET status = ? WHERE subtask_id = ? AND status IN ('computing', 'verifying')", (status.value, subtask_id)
            )
        return done.rowcount > 0

    def abort_task(self) -> tuple[str, ...]:
        """Abort all running tries; return their ids in order."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT subtask_id FROM tries WHERE status IN ('computing', 'verifying') ORDER BY subtask_id")
            aborted = tuple(str(row[0]) for row in rows)
            connection.execute("UPDATE tries SET status = 'aborted' WHERE status IN ('computing', 'verifying')")
        return aborted

    def discard(self, subtask_ids: Sequence[str]) -> tuple[str, ...]:
        """Give tries up, whatever their outcome, so that their parts become computable again; return the ids that were not so already.

        Unknown and repeated ids are left out.
        """
        with self._transaction() as connection:
            return tuple(
                subtask_id
                for subtask_id in subtask_ids
                if connection.execute(
                    "UPDATE tries SET status = 'aborted' WHERE subtask_id = ? AND status != 'aborted'", (subtask_id,)
                ).rowcount
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._connection = self._connection or _open(self._path)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _open(path: Path) -> sqlite3.Connection:
    # Threads take turns under the store's lock. With a write-ahead log a commit costs no disk flush, and still none is torn.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _part(row: tuple[int, str, str | None]) -> Part:
    return Part(row[0], Status(row[1]), row[2])


def _begin(connection: sqlite3.Connection, number: int, subtask_id: str) -> None:
    try:
        connection.execute("INSERT INTO tries (subtask_id, part, status) VALUES (?, ?, 'computing')", (subtask_id, number))
    except sqlite3.IntegrityError as error:
        raise DuplicateSubtask(f"subtask id {subtask_id} was used before") from error
    connection.execute("UPDATE parts SET current = ? WHERE number = ?", (subtask_id, number))
