"""Environments whose apps write real files: whatever an app plants in its work dir, nothing outside of it is read or written."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from claynet.actors.environment import Environment, Placement, RuntimeBackend
from claynet.actors.ports import Outcome
from claynet.envs.workspace import DataDir, FileLimits
from tests.envs.harness import MemoryBlobs, code, ok, runnable

SECRET = b"not for anybody"


@pytest.fixture
def backend(disk_environment: Environment) -> RuntimeBackend:
    return disk_environment.backend(runnable(disk_environment), "provider", "node/s0", "provider/s0")


@pytest.fixture
def work_dir(data_dir: Path, backend: RuntimeBackend) -> Path:
    ok(backend.place([], ["real"]).run())
    return data_dir / "provider" / "s0"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    return folder


def collected(backend: RuntimeBackend, folder: str, *names: str) -> Outcome:
    return backend.collect(folder, names).run()


def test_a_link_to_a_file_is_no_result(backend: RuntimeBackend, work_dir: Path, outside: Path) -> None:
    (work_dir / "link").symlink_to(outside / "secret")
    (work_dir / "inner").symlink_to("real")
    for name in ("link", "inner"):
        assert code(collected(backend, ".", name)) == "unsafe_path"
    assert code(collected(backend, ".")) == "unsafe_path"


def test_a_path_through_a_linked_folder_is_unsafe(backend: RuntimeBackend, work_dir: Path, outside: Path, blobs: MemoryBlobs) -> None:
    (work_dir / "real" / "way").symlink_to(outside)
    assert code(collected(backend, ".", "real/way/secret")) == "unsafe_path"
    assert code(collected(backend, "real/way", "secret")) == "unsafe_path"
    assert code(collected(backend, "real/way")) == "unsafe_path"
    assert code(backend.place([Placement("real/way/new", blobs.put(b"x"))]).run()) == "unsafe_path"
    assert code(backend.place([], ["real/way/new"]).run()) == "unsafe_path"
    assert code(backend.discard(["real/way/secret"]).run()) == "unsafe_path"
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_work_dir_that_became_a_link_is_unsafe(backend: RuntimeBackend, work_dir: Path, outside: Path, blobs: MemoryBlobs) -> None:
    work_dir.rename(work_dir.with_name("moved"))
    work_dir.symlink_to(outside)
    assert code(collected(backend, ".", "secret")) == "unsafe_path"
    assert code(backend.place([Placement("new", blobs.put(b"x"))]).run()) == "unsafe_path"
    assert code(backend.start().run()) == "unsafe_path"
    assert [path.name for path in outside.iterdir()] == ["secret"]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_neither_file_nor_folder_is_unsafe(backend: RuntimeBackend, work_dir: Path, kind: str) -> None:
    path = work_dir / "real" / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        handle = os.open(path.parent, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{handle}/odd")  # the whole path may be too long for a socket
        os.close(handle)
    assert code(collected(backend, ".", "real/odd")) == "unsafe_path"
    assert code(collected(backend, "real")) == "unsafe_path"


def test_a_name_that_is_no_text_is_unsafe(backend: RuntimeBackend, work_dir: Path) -> None:
    (work_dir / "real" / os.fsdecode(b"\xff")).touch()
    assert code(collected(backend, "real")) == "unsafe_path"


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(
    backend: RuntimeBackend, work_dir: Path, outside: Path, blobs: MemoryBlobs
) -> None:
    (work_dir / "file").symlink_to(outside / "secret")
    ok(backend.place([Placement("file", blobs.put(b"new"))]).run())
    assert (work_dir / "file").read_bytes() == b"new"
    assert not (work_dir / "file").is_symlink()
    assert (outside / "secret").read_bytes() == SECRET


def test_discarding_deletes_links_and_not_what_they_point_at(backend: RuntimeBackend, work_dir: Path, outside: Path) -> None:
    (work_dir / "link").symlink_to(outside)
    (work_dir / "real" / "link").symlink_to(outside)
    ok(backend.discard(["link", "real"]).run())
    assert list(work_dir.iterdir()) == []
    assert (outside / "secret").read_bytes() == SECRET


def test_a_folder_swapped_for_a_link_meanwhile_gives_nothing_away(
    backend: RuntimeBackend, work_dir: Path, outside: Path, blobs: MemoryBlobs
) -> None:
    (work_dir / "real" / "secret").write_bytes(b"honest")
    (work_dir / "link").symlink_to(outside)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for old, new in (("real", "spare"), ("link", "real"), ("real", "link"), ("spare", "real")):
                (work_dir / old).rename(work_dir / new)

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes = [collected(backend, "real", "secret") for _ in range(300)] + [collected(backend, "real") for _ in range(300)]
    done.set()
    swapper.join()
    assert {outcome.code for outcome in outcomes} <= {"", "unsafe_path", "missing_file"}
    assert SECRET not in blobs.data.values()


def test_large_files_are_collected_whole(backend: RuntimeBackend, work_dir: Path, blobs: MemoryBlobs, data_dir: Path) -> None:
    data = os.urandom(1024) * 3000
    (work_dir / "large").write_bytes(data)
    (file,) = ok(collected(backend, ".", "large")).files
    assert blobs.data[file.digest] == data
    assert list((data_dir / ".staging").iterdir()) == []


def test_caps_on_what_is_collected(tmp_path: Path, blobs: MemoryBlobs) -> None:
    limits = FileLimits(file_bytes=100, total_bytes=150, files=2)
    workspace = DataDir(tmp_path, blobs, limits).workspace("w")
    for name, size in (("a", 100), ("b", 101), ("c", 50), ("d", 1)):
        ok(workspace.place([Placement(name, blobs.put(b"x" * size))]).run())
    ok(workspace.collect(".", ["a", "c"]).run())
    for names in (["b"], ["a", "a"], ["d", "d", "d"], []):
        assert code(workspace.collect(".", names).run()) == "too_large"


def test_work_dirs_keep_clear_of_the_environments_own_folders(tmp_path: Path, blobs: MemoryBlobs) -> None:
    with pytest.raises(Exception, match="unsafe_path"):
        DataDir(tmp_path, blobs).workspace(".staging/x")


def test_a_killed_file_work_ends(tmp_path: Path, blobs: MemoryBlobs) -> None:
    workspace = DataDir(tmp_path, blobs).workspace("w")
    work = workspace.place([Placement("a", blobs.put(b"x"))])
    work.kill()
    assert code(work.run()) == "killed"
    assert not (tmp_path / "w" / "a").exists()
