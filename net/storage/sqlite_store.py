"""The Store port on SQLite: states and outbox in one file, one transaction per append.

Knows SQL, MessagePack and a lock file. Must not know what a machine or an effect means; their types are given.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

SCHEMA = 1
"""Version of the tables and of how rows are encoded; another one is refused, never guessed at."""

_APPLICATION_ID = 0x636C6179  # "clay": tells our files from any other SQLite database

_TABLES = """
CREATE TABLE instances (ordinal INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state BLOB NOT NULL);
CREATE TABLE effects (ordinal INTEGER PRIMARY KEY, key TEXT NOT NULL, slot TEXT NOT NULL, effect BLOB NOT NULL, UNIQUE (key, slot));
"""


class StoreError(Exception):
    """A store file cannot be opened, read or written; the text names the file, the cause and where possible the remedy."""


class SqliteStore:
    """Durable memory of one node in one file (`ports.Store`). Safe from several threads; held by one process at a time."""

    def __init__(self, path: Path, state_types: Any, effect_types: Any) -> None:
        """Open or make the file. `state_types` and `effect_types` are a tagged Struct type or a union of such.

        Raises StoreError when the file is held by another process, damaged, of another schema or not ours.
        """
        self._path = path
        self._lock = threading.Lock()
        self._encoder = msgspec.msgpack.Encoder()
        self._states = msgspec.msgpack.Decoder(state_types)
        self._effects = msgspec.msgpack.Decoder(effect_types)
        self._state_types = frozenset(get_args(state_types) or (state_types,))
        self._effect_types = frozenset(get_args(effect_types) or (effect_types,))
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
            statements.append(
                ("INSERT INTO instances (key, state) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET state = excluded.state", (key, row))
            )
            statements.extend(("DELETE FROM effects WHERE key = ? AND slot = ?", (key, slot)) for slot in done)
            insert = (
                "INSERT INTO effects (key, slot, effect) VALUES (?, ?, ?) ON CONFLICT (key, slot) DO UPDATE SET effect = excluded.effect"
            )
            statements.extend((insert, (key, slot, self._encode(effect, self._effect_types))) for slot, effect in effects)
        with self._lock:
            self._commit(statements)

    def load(self) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        """Every instance: (key, state, undone effects), in the order of first append. Raises StoreError when unreadable."""
        with self._lock:
            db = self._database()
            try:
                instances = db.execute("SELECT key, state FROM instances ORDER BY ordinal").fetchall()
                outbox = db.execute("SELECT key, slot, effect FROM effects ORDER BY ordinal").fetchall()
            except sqlite3.Error as error:
                raise self._error("cannot be read", error) from error
        try:
            undone: dict[str, list[tuple[str, Any]]] = {}
            for key, slot, effect in outbox:
                undone.setdefault(key, []).append((slot, self._effects.decode(effect)))
            return [(key, self._states.decode(state), tuple(undone.get(key, ()))) for key, state in instances]
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
            self._check(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            db.close()
            raise self._error("cannot be opened", error) from error
        except StoreError:
            db.close()
            raise
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty and application == 0:
            marks = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {SCHEMA};"
            db.executescript(f"BEGIN; {_TABLES} {marks} COMMIT;")
            return
        if application != _APPLICATION_ID:
            raise StoreError(f"{self._path}: a database of something else; name another file")
        if version != SCHEMA:
            raise StoreError(
                f"{self._path}: written with store schema {version}, this version reads {SCHEMA}; "
                "use the version that wrote it, or move the file away to begin anew"
            )
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"{self._path}: damaged ({found}); restore it from a copy, or move it away to begin anew")

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
        return StoreError(f"{self._path}: {what} ({cause})")
