"""The tables of a store file, and how a file of an earlier schema becomes one of this.

Knows SQL, versions of the schema, checksums of rows, and where an earlier file is kept. Must not know what a row's record means.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from claynet.net.storage.durable import sync_file, sync_folder

SCHEMA = 2
"""Version of the tables and of how rows are encoded. An older file is brought up by MIGRATIONS, a newer one is refused, not guessed at."""

APPLICATION_ID = 0x636C6179
""" "clay": tells our files from any other SQLite database."""

# SQLite has no checksums: of bits flipped in a file of schema 1, half were read as other amounts, times and ids, and nobody was told. So
# since schema 2 each row has its own. The order of rows needs none: it is that of the tree, whose shape SQLite checks when it opens.
TABLES = """
CREATE TABLE instances (ordinal INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0);
CREATE TABLE effects (ordinal INTEGER PRIMARY KEY, key TEXT NOT NULL, slot TEXT NOT NULL, effect BLOB NOT NULL,
                      crc INTEGER NOT NULL DEFAULT 0, UNIQUE (key, slot));
"""


class StoreError(Exception):
    """A store file cannot be opened, read or written; the text names the file, the cause and where possible the remedy."""


Migration = Callable[[sqlite3.Connection], None]
"""Changes a file of one schema to the next, inside a transaction that it must not end (so no `executescript`, which commits)."""


def checksum(*parts: str | bytes) -> int:
    """CRC-32 of a row's columns, in their order."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(b"\0", zlib.crc32(part.encode() if isinstance(part, str) else part, crc))
    return crc


def _add_checksums(db: sqlite3.Connection) -> None:
    db.create_function("checksum", -1, checksum, deterministic=True)
    for table, columns in (("instances", "key, state"), ("effects", "key, slot, effect")):
        db.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER NOT NULL DEFAULT 0")
        db.execute(f"UPDATE {table} SET crc = checksum({columns})")


MIGRATIONS: Mapping[int, Migration] = {
    1: _add_checksums,
}
"""From a schema to the next. Each is committed together with the new version, so that a crash in its middle leaves the old file."""


def prepare(db: sqlite3.Connection, path: Path, migrations: Mapping[int, Migration]) -> None:
    """Make the tables of a new file, or bring an older one up; the older one is kept beside it first.

    Raises StoreError when the file is damaged, of a newer schema or not ours, when it cannot be kept, or when a step fails: it is then as
    it was before that step. Raises sqlite3.Error when it cannot be read.
    """
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if empty and application == 0:
        version = SCHEMA
        db.executescript(f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; COMMIT;")
    elif application != APPLICATION_ID:
        raise StoreError(f"{path}: a database of something else; name another file")
    newest = max(migrations, default=SCHEMA - 1) + 1
    steps = range(version, newest)
    if version > newest or any(step not in migrations for step in steps):
        raise StoreError(
            f"{path}: written with store schema {version}, this version reads {newest}; "
            "use the version that wrote it, or move the file away to begin anew"
        )
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{path}: damaged ({found}); restore it from a copy, or move it away to begin anew")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if steps:
        kept = _keep(db, path, version)
        for step in steps:
            _migrate(db, path, step, migrations[step], kept)


def _migrate(db: sqlite3.Connection, path: Path, version: int, migration: Migration, kept: Path) -> None:
    try:
        db.execute("BEGIN IMMEDIATE")
        migration(db)
        db.execute(f"PRAGMA user_version = {version + 1}")
        db.execute("COMMIT")
    except Exception as error:  # whatever a step raises, its user must learn where the data is
        with contextlib.suppress(sqlite3.Error):  # a full disk has it rolled back already
            db.execute("ROLLBACK")
        raise StoreError(
            f"{path}: cannot be brought from schema {version} to {version + 1} ({error}); it is as it was, and a copy of it is {kept}; "
            "remove the cause and start again, or use the version that wrote it"
        ) from error


def _keep(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the whole file beside it, durably; an equal copy that is already there will do, another one is left alone."""
    names = (f"{path.name}.schema-{version}{more}" for more in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    for kept in map(path.with_name, names):
        if not kept.exists():
            break
        if _is_copy(kept, db):
            return kept
    half = kept.with_name(f"{kept.name}.half")
    try:
        half.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(half)) as copy:
            db.backup(copy)
        shutil.copymode(path, half)
        sync_file(half)
        half.replace(kept)
        sync_folder(kept.parent)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: has schema {version} and must be copied to {kept} before it is brought up, which failed ({error}); "
            "it is as it was: make room, or see that its folder can be written to"
        ) from error
    return kept


def _is_copy(kept: Path, db: sqlite3.Connection) -> bool:
    try:
        # immutable: nothing is locked, made or replayed beside a file that is not in use
        with contextlib.closing(sqlite3.connect(f"{kept.absolute().as_uri()}?immutable=1", uri=True)) as copy:
            return all(ours == theirs for ours, theirs in itertools.zip_longest(_content(db), _content(copy)))
    except (sqlite3.Error, ValueError):
        return False


def _content(db: sqlite3.Connection) -> Iterator[object]:
    yield db.execute("PRAGMA user_version").fetchone()
    yield from db.iterdump()
