"""What a stranger made is removed however deep it is and whatever it forbids, and nothing outside of it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from claynet.envs.removal import remove, remove_path
from claynet.envs.workspace import DataDir
from tests.envs.harness import ROOT, MemoryBlobs, ok

NOBODY = 65534


@pytest.fixture
def top(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path, os.O_RDONLY)
    yield handle
    os.close(handle)


def nest(folder: Path, depth: int) -> None:
    """Nest folders, each with a file, deeper than any path may be long."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def test_folders_nested_beyond_the_length_of_paths_and_of_recursion_are_removed(tmp_path: Path) -> None:
    workspace = DataDir(tmp_path, MemoryBlobs()).workspace("provider/s0")
    ok(workspace.place([], ["task"]).run())
    nest(workspace.path / "task", 2100)
    ok(workspace.discard(["task"]).run())
    assert list(workspace.path.iterdir()) == []
    nest(workspace.path, 1200)
    ok(workspace.discard(["."]).run())
    assert not workspace.path.exists()
    ok(workspace.discard(["."]).run())


def test_wide_trees_are_removed_and_links_are_not_followed(tmp_path: Path, top: int) -> None:
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder" / "file").write_text("kept")
    for a in range(10):
        for b in range(10):
            folder = tmp_path / "tree" / f"{a}" / f"{b}" / "same" / "same"
            folder.mkdir(parents=True)
            (folder / "file").touch()
            (folder / "link").symlink_to(outside)
            (folder.parent / "link").symlink_to(outside / "folder" / "file")
    os.mkfifo(tmp_path / "tree" / "pipe")
    assert remove(top, "tree")
    assert not (tmp_path / "tree").exists()
    (tmp_path / "link").symlink_to(outside)
    assert remove(top, "link")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "folder" / "file").read_text() == "kept"
    with pytest.raises(FileNotFoundError):
        remove(top, "tree")
    assert remove_path(tmp_path / "tree")
    assert remove_path(tmp_path / "no" / "where")


def test_it_ends_when_it_is_given_up(tmp_path: Path, top: int) -> None:
    nest(tmp_path, 100)
    looks = iter(range(50))
    assert not remove(top, "d", lambda: next(looks, None) is None)
    assert (tmp_path / "d").exists()
    assert remove(top, "d")


def test_it_ends_while_somebody_keeps_making_more(tmp_path: Path) -> None:
    work_dir = tmp_path / "w"
    work_dir.mkdir()
    done = threading.Event()
    begun = threading.Event()

    def make() -> None:
        at = os.open(work_dir, os.O_RDONLY)
        number = 0
        while not done.is_set():
            try:
                os.mkdir(f"n{number}", dir_fd=at)
            except FileNotFoundError:  # the folder is gone
                break
            number += 1
            begun.set()
        os.close(at)

    maker = threading.Thread(target=make)
    maker.start()
    assert begun.wait(10)
    work = DataDir(tmp_path, MemoryBlobs()).workspace("w").discard(["."])
    threading.Timer(0.5, work.kill).start()
    outcome = work.run()
    done.set()
    maker.join()
    assert outcome.ok or outcome.code in ("killed", "io_error")


CHILD = """
import os, sys
from pathlib import Path
from claynet.envs.disk_watch import TooOddError, held_by
from claynet.envs.removal import remove_path
if os.geteuid() == 0:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
top = Path(sys.argv[1])
for mode in (0o000, 0o444, 0o111, 0o555, 0o200):
    deep = top / "w" / f"{mode:o}" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x" * 100_000)
    for folder in (deep, deep.parent, deep.parent.parent):
        folder.chmod(mode)
    try:
        print("held", held_by(deep.parent.parent, 1 << 50))
    except TooOddError as error:
        print("odd")
(top / "w").chmod(0)
assert remove_path(top / "w")
print("gone", remove_path(top / "part"), *(path.name for path in top.glob("part/*")))
"""


def test_what_forbids_it_is_removed_when_it_is_ours_and_too_odd_to_be_measured() -> None:
    with tempfile.TemporaryDirectory() as name:  # a folder that others may reach
        top = Path(name)
        (top / "part" / "mine").mkdir(parents=True)
        (top / "part" / "theirs").mkdir()
        (top / "part" / "theirs" / "file").touch()
        if os.geteuid() == 0:
            for path in (top, top / "part", top / "part" / "mine"):
                os.chown(path, NOBODY, NOBODY)
        done = subprocess.run([sys.executable, "-c", CHILD, name], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert not done.stderr, done.stderr
        *measured, last = done.stdout.splitlines()
        assert ["odd" if one == "odd" else one.split()[0] for one in measured] == ["odd", "odd", "odd", "held", "odd"]
        assert last == ("gone False theirs" if os.geteuid() == 0 else "gone True")
        assert sorted(path.name for path in top.iterdir()) == (["part"] if os.geteuid() == 0 else [])
