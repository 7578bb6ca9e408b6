"""The store on disk: what was returned is there, whatever happens to the process or the disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from claynet.actors.ports import Store
from claynet.net.storage.schema import StoreError
from claynet.net.storage.sqlite_store import SqliteStore


class Task(msgspec.Struct, frozen=True, tag="task"):
    n: int
    text: str = ""


class Slot(msgspec.Struct, frozen=True, tag="slot"):
    n: int


class Send(msgspec.Struct, frozen=True, tag="send"):
    body: bytes


class Timer(msgspec.Struct, frozen=True, tag="timer"):
    at: int


class Foreign(msgspec.Struct, frozen=True, tag="foreign"):
    n: int


Opener = Callable[[], SqliteStore]

CHILD = """
import sys, resource
from pathlib import Path
from claynet.net.storage.schema import StoreError
from claynet.net.storage.sqlite_store import SqliteStore
from tests.net.test_sqlite_store import Send, Slot, Task, Timer

store = SqliteStore(Path(sys.argv[1]), Task | Slot, Send | Timer)
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
n = 0
while True:
    n += 1
    try:
        store.append(f"task/{n % 7}", Task(n, "x" * 500), [("send", Send(str(n).encode())), (f"timer/{n % 3}", Timer(n))])
    except StoreError as error:
        print("error", error, flush=True)
        break
    print(n, flush=True)
print("read", max(state.n for _, state, _ in store.load()), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node" / "store.db"


@pytest.fixture
def opener(path: Path) -> Opener:
    return lambda: SqliteStore(path, Task | Slot, Send | Timer)


def test_states_and_undone_effects_survive_closing(opener: Opener) -> None:
    store: Store = opener()
    store.append("b", Task(1), [("send", Send(b"1")), ("timer", Timer(5))])
    store.append("a", Slot(1))
    store.append("b", Task(2, "two"), [("more", Timer(7)), ("timer", Timer(6))], done=["send"])
    expected = [("b", Task(2, "two"), (("timer", Timer(6)), ("more", Timer(7)))), ("a", Slot(1), ())]
    assert store.load() == expected
    store.close()
    store.close()
    again = opener()
    assert again.load() == expected
    again.append("b", None)
    assert again.load() == [("a", Slot(1), ())]
    again.append("b", Task(3))
    assert [key for key, _, _ in again.load()] == ["a", "b"]
    again.close()


def test_a_slot_that_is_done_and_added_again_is_kept(opener: Opener) -> None:
    store = opener()
    store.append("a", Task(1), [("send", Send(b"old")), ("timer", Timer(1))])
    store.append("a", Task(2), [("send", Send(b"new"))], done=["send", "unknown"])
    assert store.load() == [("a", Task(2), (("timer", Timer(1)), ("send", Send(b"new"))))]
    store.close()


def test_a_type_the_store_was_not_made_for_is_refused_before_anything_is_written(opener: Opener) -> None:
    store = opener()
    with pytest.raises(TypeError, match="Foreign"):
        store.append("a", Foreign(1))
    with pytest.raises(TypeError, match="Foreign"):
        store.append("a", Task(1), [("send", Foreign(1))])
    assert store.load() == []
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.append("a", Task(1))


def test_only_one_may_hold_the_store(opener: Opener, path: Path) -> None:
    store = opener()
    with pytest.raises(StoreError, match="in use by another node") as caught:
        opener()
    assert str(path) in str(caught.value)
    store.close()
    opener().close()


def test_appends_come_from_several_threads(opener: Opener) -> None:
    store = opener()

    def work(who: int) -> None:
        for n in range(20):
            store.append(f"{who}/{n}", Task(n), [("timer", Timer(who))])

    threads = [threading.Thread(target=work, args=(who,)) for who in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.load()) == 100
    store.close()


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("user_version = 7", "store schema 7, this version reads 2.*version that wrote it"), ("application_id = 5", "something else")],
)
def test_a_file_of_another_schema_or_program_is_refused(opener: Opener, path: Path, pragma: str, words: str) -> None:
    opener().close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA {pragma}")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match=words) as caught:
        opener()
    assert str(path) in str(caught.value)


def test_a_damaged_file_is_refused(opener: Opener, path: Path) -> None:
    store = opener()
    for n in range(100):
        store.append(f"task/{n}", Task(n, "x" * 500))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(StoreError, match=r"store\.db"):
        opener().load()
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(StoreError, match=r"store\.db"):
        opener()
    path.write_bytes(whole)
    opener().close()


def test_a_record_of_another_version_is_refused_when_read(opener: Opener, path: Path) -> None:
    store = SqliteStore(path, Task | Slot | Foreign, Send)
    store.append("a", Foreign(1))
    store.close()
    store = opener()
    with pytest.raises(StoreError, match="does not understand"):
        store.load()
    store.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store\.db: cannot be opened"):
        SqliteStore(tmp_path / "file" / "store.db", Task, Send)


def run_child(path: Path, limit: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(limit)], stdout=subprocess.PIPE, text=True)


def test_after_kill_9_every_append_that_returned_is_there_and_none_is_torn(opener: Opener, path: Path) -> None:
    for _ in range(2):
        child = run_child(path, 0)
        assert child.stdout is not None
        told = 0
        while told < 40:
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        told = int((child.stdout.read().split() or [str(told)])[-1])
        child.stdout.close()
        child.wait(10)
        store = opener()
        instances = {key: (state, dict(effects)) for key, state, effects in store.load()}
        for n in range(told - 6, told + 1):
            assert instances[f"task/{n % 7}"][0].n >= n
        for state, effects in instances.values():
            assert effects["send"] == Send(str(state.n).encode())
            assert effects[f"timer/{state.n % 3}"] == Timer(state.n)
        for key in instances:
            store.append(key, None)
        store.close()


def test_a_full_disk_is_an_error_that_names_the_file_and_keeps_what_was_there(opener: Opener, path: Path) -> None:
    child = run_child(path, 100_000)
    out, _ = child.communicate(timeout=20)
    lines = out.splitlines()
    last = int(lines[-3])
    assert lines[-2].startswith(f"error {path}: cannot be written (")
    assert lines[-2].endswith(" KiB free); make room on that disk, or see that it works")
    assert lines[-1] == f"read {last}"
    store = opener()
    assert max(state.n for _, state, _ in store.load()) == last
    store.append("task/1", Task(0))
    store.close()
