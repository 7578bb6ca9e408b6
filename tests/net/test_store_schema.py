"""Upgrading a store: files of schema 1 as they were written, brought up whole or left whole, whatever happens in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claynet.actors.node import EFFECT_TYPES, STATE_TYPES
from claynet.net.storage.schema import MIGRATIONS, SCHEMA, StoreError
from claynet.net.storage.sqlite_store import SqliteStore
from tests.actors.harness import World
from tests.net.test_sqlite_store import Send, Slot, Task, Timer

Rows = list[tuple[str, Any, tuple[tuple[str, Any], ...]]]

# What the version of schema 1 did, word for word.
SCHEMA_1 = """
CREATE TABLE instances (ordinal INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state BLOB NOT NULL);
CREATE TABLE effects (ordinal INTEGER PRIMARY KEY, key TEXT NOT NULL, slot TEXT NOT NULL, effect BLOB NOT NULL, UNIQUE (key, slot));
"""
MARKS_1 = "PRAGMA application_id = 1668047225; PRAGMA user_version = 1;"

ROWS: Rows = [
    ("task/b", Task(2, "two"), (("timer", Timer(6)), ("send", Send(b"\0\xff" * 100)))),
    ("slot/a", Slot(-1), ()),
    ("task/ü", Task(2**62, "x" * 10_000), (("send", Send(b"")),)),
]

CHILD = """
import os, resource, signal, sys
from pathlib import Path
from claynet.net.storage.schema import MIGRATIONS, StoreError
from claynet.net.storage.sqlite_store import SqliteStore
from tests.net.test_sqlite_store import Send, Slot, Task, Timer

what, number = sys.argv[2], int(sys.argv[3])

def killed(db):
    "The step as it is, until its n-th statement (the one that commits included): then nothing of this process is left."
    left = number
    def count(_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    db.set_trace_callback(count)
    MIGRATIONS[1](db)

steps = MIGRATIONS
if what == "kill":
    steps = {1: killed}
elif what == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
elif what == "as":
    os.chdir(sys.argv[4])
    os.seteuid(number)
try:
    SqliteStore(Path(sys.argv[1]), Task | Slot, Send | Timer, steps).close()
    print("up")
except StoreError as error:
    print(error)
"""


def write_1(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"BEGIN; {SCHEMA_1} {MARKS_1} COMMIT;")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN")
        for key, state, effects in rows:
            db.execute("INSERT INTO instances (key, state) VALUES (?, ?)", (key, msgspec.msgpack.encode(state)))
            for slot, effect in effects:
                db.execute("INSERT INTO effects (key, slot, effect) VALUES (?, ?, ?)", (key, slot, msgspec.msgpack.encode(effect)))
        db.execute("COMMIT")


def read_1(path: Path) -> tuple[int, list[Any]]:
    """What the version of schema 1 would find."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states = db.execute("SELECT key, state FROM instances ORDER BY ordinal").fetchall()
        effects = db.execute("SELECT key, slot, effect FROM effects ORDER BY ordinal").fetchall()
        return db.execute("PRAGMA user_version").fetchone()[0], [*states, *effects]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "node" / "store.db"
    write_1(path, ROWS)
    return path


def opened(path: Path, **more: Any) -> SqliteStore:
    return SqliteStore(path, Task | Slot, Send | Timer, **more)


def beside(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir()} - {path.name, f"{path.name}.lock"}


def run_child(path: Path, what: str, number: int, *more: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", CHILD, str(path), what, str(number), *more], capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.strip()


def test_a_file_of_schema_1_is_brought_up_and_loads_equal(path: Path) -> None:
    before = read_1(path)
    store = opened(path)
    assert store.load() == ROWS
    store.append("slot/a", Slot(5), [("timer", Timer(1))])
    store.append("task/b", None)
    store.close()
    store = opened(path)
    assert store.load() == [("slot/a", Slot(5), (("timer", Timer(1)),)), ROWS[2]]
    store.close()
    assert beside(path) == {"store.db.schema-1"}
    kept = path.with_name("store.db.schema-1")
    assert read_1(kept) == before
    assert kept.stat().st_mode == path.stat().st_mode


def test_what_a_node_was_in_the_middle_of_is_brought_up(tmp_path: Path) -> None:
    rows: list[Rows] = []
    with World() as world:
        world.provider()
        world.requestor()
        task_id = world.create(subtasks=3)
        world.run_until(lambda: any(one.status == "finished" for one in world.subtasks(task_id)))
        for name in ("r0", "p0"):
            world.crash(name)
            rows.append(world.places[name].store.load())
    assert any(effects for found in rows for _, _, effects in found)
    for number, found in enumerate(rows):
        assert len(found) > 1
        write_1(tmp_path / f"{number}.db", found)
        with closing(SqliteStore(tmp_path / f"{number}.db", STATE_TYPES, EFFECT_TYPES)) as store:
            assert store.load() == found


def test_what_the_old_version_had_not_yet_moved_from_its_log_is_brought_up_too(tmp_path: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE instances SET state = ? WHERE key = 'slot/a'", (msgspec.msgpack.encode(Slot(77)),))
        db.commit()
        killed = tmp_path / "killed" / "store.db"
        killed.parent.mkdir()
        for end in ("", "-wal"):
            killed.with_name(killed.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    store = opened(killed)
    assert ("slot/a", Slot(77), ()) in store.load()
    store.close()
    with closing(opened(killed.with_name("store.db.schema-1"))) as store:
        assert ("slot/a", Slot(77), ()) in store.load()


def test_a_migrated_file_has_the_tables_of_a_new_one(tmp_path: Path, path: Path) -> None:
    found = []
    for one in (path, tmp_path / "new.db"):
        opened(one).close()
        with closing(sqlite3.connect(one)) as db:
            tables = db.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY name").fetchall()
            columns = [db.execute(f"PRAGMA table_info({table})").fetchall() for table in ("instances", "effects")]
            found.append((tables, columns, db.execute("PRAGMA user_version").fetchone()))
    assert found[0] == found[1]
    assert found[0][2] == (SCHEMA,)
    assert set(MIGRATIONS) == set(range(1, SCHEMA))


def broken(db: sqlite3.Connection) -> None:
    MIGRATIONS[1](db)
    db.execute("DELETE FROM effects")
    raise LookupError("no such thing")


def test_a_step_that_fails_leaves_the_file_as_it_was_and_says_where_the_copy_is(path: Path) -> None:
    before = read_1(path)
    kept = path.with_name("store.db.schema-1")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"from schema 1 to 2 \(no such thing\)") as caught:
            opened(path, migrations={1: broken})
        assert str(kept) in str(caught.value)
        assert read_1(path) == read_1(kept) == before
        assert beside(path) == {kept.name}
    made = kept.stat()
    with closing(opened(path)) as store:
        assert store.load() == ROWS
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_of_several_steps_those_that_were_done_stay_done(path: Path) -> None:
    def third(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM instances WHERE key = 'slot/a'")

    with pytest.raises(StoreError, match=r"from schema 2 to 3 \(no such column: checksum"):
        opened(path, migrations={**MIGRATIONS, 2: lambda db: db.execute("UPDATE instances SET crc = checksum")})
    with closing(opened(path)) as store:
        assert store.load() == ROWS
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    opened(path, migrations={**MIGRATIONS, 2: third}).close()
    with closing(sqlite3.connect(path.with_name("store.db.schema-2"))) as db:
        assert list(db.iterdump()) == before
    assert beside(path) == {"store.db.schema-1", "store.db.schema-2"}
    with pytest.raises(StoreError, match="store schema 3, this version reads 2"):
        opened(path)


def test_a_copy_of_an_earlier_upgrade_is_left_alone(path: Path) -> None:
    """Somebody went back to the old version, worked on with it and upgrades again: both copies are worth something."""
    opened(path).close()
    kept = path.with_name("store.db.schema-1")
    first = kept.read_bytes()
    path.write_bytes(first)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM effects")
        db.commit()
    before = read_1(path)
    opened(path).close()
    assert kept.read_bytes() == first
    assert read_1(path.with_name("store.db.schema-1-2")) == before
    assert beside(path) == {"store.db.schema-1", "store.db.schema-1-2"}


def test_killed_at_any_statement_of_the_step_the_file_is_whole(tmp_path: Path) -> None:
    """Rows beyond what SQLite holds back in memory, so that half of the step is in its log when the process dies."""
    rows: Rows = [*ROWS, *((f"task/{n}", Task(n, "y" * 100_000), ()) for n in range(60))]
    whole = tmp_path / "whole" / "store.db"
    write_1(whole, rows)
    before, grew = read_1(whole), 0
    for number in range(1, 100):
        path = tmp_path / str(number) / "store.db"
        path.parent.mkdir()
        path.write_bytes(whole.read_bytes())
        code, out = run_child(path, "kill", number)
        if code == 0:
            assert out == "up"
            break
        assert code == -signal.SIGKILL
        grew += path.with_name("store.db-wal").stat().st_size > 1_000_000
        assert read_1(path) == before
        assert read_1(path.with_name("store.db.schema-1")) == before
        with closing(opened(path)) as store:
            assert store.load() == rows
        assert beside(path) == {"store.db.schema-1"}
    assert 5 < number < 99
    assert grew


def test_killed_while_it_is_copied_the_next_start_copies_again(path: Path) -> None:
    before = read_1(path)
    half = path.with_name("store.db.schema-1.half")
    half.write_bytes(path.read_bytes()[:4096])
    opened(path).close()
    assert beside(path) == {"store.db.schema-1"}
    assert read_1(path.with_name("store.db.schema-1")) == before


@pytest.mark.parametrize("copied", [False, True])
def test_a_full_disk_is_said_and_costs_nothing(tmp_path: Path, copied: bool) -> None:
    path = tmp_path / "node" / "store.db"
    rows: Rows = [*ROWS, *((f"task/{n}", Task(n, "y" * 10_000), ()) for n in range(60))]
    write_1(path, rows)
    before = read_1(path)
    if copied:
        with pytest.raises(StoreError, match="no such thing"):
            opened(path, migrations={1: broken})
        words = f"from schema 1 to 2 (disk I/O error); it is as it was, and a copy of it is {path}.schema-1"
    else:
        words = f"copied to {path}.schema-1 before it is brought up, which failed (disk I/O error); it is as it was: make room"
    code, out = run_child(path, "full", path.stat().st_size // 2)
    assert code == 0
    assert out.startswith(f"{path}: ")
    assert words in out
    assert read_1(path) == before
    assert beside(path) == ({"store.db.schema-1"} if copied else set())
    with closing(opened(path)) as store:
        assert store.load() == rows


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A store in a folder that nobody (or, without root's rights, we) may write to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.db")
        write_1(path, ROWS)
        Path(folder).chmod(0o555)
        path.chmod(0o444)
        yield path
        Path(folder).chmod(0o700)


@pytest.mark.parametrize("lock", [False, True], ids=["folder", "file"])
def test_a_folder_that_cannot_be_written_to_is_said(read_only: Path, lock: bool) -> None:
    before = read_1(read_only)
    if lock:
        read_only.parent.chmod(0o755)
        read_only.with_name("store.db.lock").touch(0o666)
        read_only.with_name("store.db.lock").chmod(0o666)
        read_only.parent.chmod(0o555)
    _, out = run_child(Path("store.db"), "as", os.geteuid() or 65534, str(read_only.parent))
    assert out.startswith("store.db: ")
    assert any(words in out for words in ("Permission denied", "readonly", "unable to open")), out
    assert read_1(read_only) == before


def test_a_damaged_file_is_not_kept_as_if_it_were_good(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(StoreError, match=r"store\.db"):
        opened(path)
    assert not [name for name in beside(path) if "schema" in name]


def flipped(whole: bytes) -> Iterable[bytes]:
    for at in range(0, len(whole), 3):
        if whole[at] or at % 51 == 0:  # a part of the empty places is enough
            yield whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]


def test_a_flipped_bit_is_found_or_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    rows: Rows = [(f"task/{n}", Task(n * 1000, "x" * 60), (("send", Send(b"y" * 40)), ("timer", Timer(10**9 * n)))) for n in range(12)]
    with closing(opened(path)) as store:
        for row in rows:
            store.append(*row)
    found = 0
    for bent in flipped(path.read_bytes()):
        path.write_bytes(bent)
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        try:
            with closing(opened(path)) as store:
                assert store.load() == rows
        except StoreError:
            found += 1
    assert found > 500


def test_a_record_that_was_changed_is_named(tmp_path: Path) -> None:
    for number, (change, name) in enumerate(
        [
            ("UPDATE instances SET state = CAST(x'01' || substr(state, 2) AS BLOB)", "'task/a'"),
            ("UPDATE instances SET state = 5", "'task/a'"),
            ("UPDATE effects SET slot = 'sent'", "'task/a' 'sent'"),
            ("UPDATE effects SET effect = x'00'", "'task/a' 'send'"),
        ]
    ):
        path = tmp_path / f"{number}.db"
        with closing(opened(path)) as store:
            store.append("task/a", Task(1, "5"), [("send", Send(b"5"))])
        with closing(sqlite3.connect(path)) as db:
            db.execute(change)
            db.commit()
        with closing(opened(path)) as store, pytest.raises(StoreError, match=f"the record {name} has a wrong checksum"):
            store.load()
