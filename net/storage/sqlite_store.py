"""The Store port on SQLite: states and outbox in one file, one transaction per append.

Knows SQL, MessagePack and a lock file. Must not know what a machine or an effect means; their types are given. The tables are schema.py's.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from claynet.net.storage.schema import MIGRATIONS, Migration, StoreError, checksum, prepare

_SET_STATE = (
    "INSERT INTO instances (key, state, crc) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET state = excluded.state, crc = excluded.crc"
)
_SET_EFFECT = (
    "INSERT INTO effects (key, slot, effect, crc) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (key, slot) DO UPDATE SET effect = excluded.effect, crc = excluded.crc"
)

_UNREADABLE = (sqlite3.Error, ValueError)
"""What a damaged file makes sqlite3 raise: ValueError when not even its message is text."""


class SqliteStore:
    """Durable memory of one node in one file (`ports.Store`). Safe from several threads; held by one process at a time."""

    def __init__(self, path: Path, state_types: Any, effect_types: Any, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
        """Open or make the file. `state_types` and `effect_types` are a tagged Struct type or a union of such.

        A file of an older schema is kept beside it and brought up by `migrations`. Raises StoreError when the file is held by another
        process, damaged, of a newer schema or not ours, and when it cannot be brought up.
        """
        self._path = path
        self._lock = threading.Lock()
        self._encoder = msgspec.msgpack.Encoder()
        self._states = msgspec.msgpack.Decoder(state_types)
        self._effects = msgspec.msgpack.Decoder(effect_types)
        self._state_types = frozenset(get_args(state_types) or (state_types,))
        self._effect_types = frozenset(get_args(effect_types) or (effect_types,))
        self._migrations = migrations
        self._held = self._hold()
        self._db: sqlite3.Connection | None = None
        try:
            self._db = self._open()
        except BaseException:
            os.close(self._held)
            raise

    def append(
        self,
        key: str,
        state: Any | None,
        effects: Sequence[tuple[str, Any]] = (),
        done: Iterable[str] = (),
    ) -> None:
        """Commit at once: the new state (None: forget the instance), `done` slots removed, then `effects` added or replaced.

        Durable on return. Raises StoreError when it cannot be written (nothing of it is then kept), TypeError for a state or
        effect of a type the store was not made for.
        """
        statements: list[tuple[str, tuple[Any, ...]]] = []
        if state is None:
            statements.append(("DELETE FROM instances WHERE key = ?", (key,)))
            statements.append(("DELETE FROM effects WHERE key = ?", (key,)))
        else:
            row = self._encode(state, self._state_types)
            statements.append((_SET_STATE, (key, row, checksum(key, row))))
            statements.extend(("DELETE FROM effects WHERE key = ? AND slot = ?", (key, slot)) for slot in done)
            for slot, effect in effects:
                row = self._encode(effect, self._effect_types)
                statements.append((_SET_EFFECT, (key, slot, row, checksum(key, slot, row))))
        with self._lock:
            self._commit(statements)

    def load(self) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        """Every instance: (key, state, undone effects), in the order of first append. Raises StoreError when unreadable."""
        with self._lock:
            db = self._database()
            try:
                instances = db.execute("SELECT key, state, crc FROM instances ORDER BY ordinal").fetchall()
                outbox = db.execute("SELECT key, slot, effect, crc FROM effects ORDER BY ordinal").fetchall()
            except _UNREADABLE as error:
                raise self._error("cannot be read", error) from error
        for row in (*instances, *outbox):
            self._check(*row)
        try:
            undone: dict[str, list[tuple[str, Any]]] = {}
            for key, slot, effect, _ in outbox:
                undone.setdefault(key, []).append((slot, self._effects.decode(effect)))
            return [(key, self._states.decode(state), tuple(undone.get(key, ()))) for key, state, _ in instances]
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise self._error("holds a record this version does not understand; use the version that wrote it", error) from error

    def close(self) -> None:
        """Flush, close and let go of the file. Idempotent; an append after it raises StoreError."""
        with self._lock:
            db, self._db = self._db, None
            if db is None:
                return
            try:
                db.close()
            except sqlite3.Error as error:
                raise self._error("cannot be closed", error) from error
            finally:
                os.close(self._held)

    def _hold(self) -> int:
        # flock, since the kernel lets go of it however the holder ends; a lock file's mere existence says nothing.
        lock = self._path.with_name(self._path.name + ".lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._error("cannot be opened", error) from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(held)
            raise self._error("is in use by another node; stop that one or use another data folder", error) from error
        return held

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._error("cannot be opened", error) from error
        try:
            prepare(db, self._path, self._migrations)
        except BaseException as error:
            db.close()
            if isinstance(error, _UNREADABLE):
                raise self._error("cannot be opened", error) from error
            raise
        return db

    def _check(self, *row: Any) -> None:
        *texts, data, crc = row
        if not (all(isinstance(text, str) for text in texts) and isinstance(data, bytes) and checksum(*texts, data) == crc):
            where = " ".join(map(repr, texts))
            raise StoreError(f"{self._path}: damaged (the record {where} has a wrong checksum); restore it from a copy")

    def _commit(self, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        db = self._database()
        try:
            db.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                db.execute(statement, values)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                try:
                    db.execute("ROLLBACK")
                except sqlite3.Error as second:
                    error.add_note(f"rolling back failed too: {second}")
            raise self._error("cannot be written", error) from error

    def _database(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreError(f"{self._path}: closed")
        return self._db

    def _encode(self, value: Any, types: frozenset[Any]) -> bytes:
        if type(value) not in types:  # it would be written all right, and never read again
            raise TypeError(f"{type(value).__name__} is not a type this store was made for")
        return self._encoder.encode(value)

    def _error(self, what: str, cause: Exception) -> StoreError:
        name = getattr(cause, "sqlite_errorname", "")  # of sqlite3's own errors only
        if name != "SQLITE_FULL" and not name.startswith("SQLITE_IOERR"):
            return StoreError(f"{self._path}: {what} ({cause})")
        # On a full disk SQLite says `disk I/O error` as often as not: its helping files have no room.
        return StoreError(f"{self._path}: {what} ({cause}{_free(self._path.parent)}); make room on that disk, or see that it works")


def _free(folder: Path) -> str:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    return f"; its disk has {disk.f_bavail * disk.f_frsize // 1024} KiB free"
