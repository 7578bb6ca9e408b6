"""What a service may fill of the disk: how it is counted, and who is told when it is too much."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from claynet.actors.ports import Outcome
from claynet.envs.disk_watch import OUT_OF_DISK, Area, DiskWatch, TooOddError, held_by
from claynet.envs.paths import FileProblem

MIB = 1024 * 1024
PLENTY = 1 << 50
"""More than any disk has."""


def test_what_is_allocated_counts_and_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(MIB))
    once = held_by(tmp_path, PLENTY)
    assert MIB <= once < 2 * MIB
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert held_by(tmp_path, PLENTY) == once
    (tmp_path / "deep" / "down").mkdir(parents=True)
    (tmp_path / "deep" / "down" / "c").write_bytes(os.urandom(MIB))
    assert once + MIB <= held_by(tmp_path, PLENTY) < once + 2 * MIB


def test_no_link_is_followed_and_nothing_is_waited_for(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "big").write_bytes(os.urandom(4 * MIB))
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "big")
    (inside / "itself").symlink_to(inside)
    os.mkfifo(inside / "pipe")
    assert held_by(inside, PLENTY) < MIB
    assert held_by(inside / "folder", PLENTY) == 0
    assert held_by(tmp_path / "nowhere", PLENTY) == 0


def test_counting_ends_when_it_is_enough(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}").write_bytes(os.urandom(MIB))
    assert MIB <= held_by(tmp_path, MIB) < 2 * MIB + 8192


def test_folders_nested_without_end_are_told(tmp_path: Path) -> None:
    (tmp_path / "/".join(["d"] * 120)).mkdir(parents=True)
    with pytest.raises(TooOddError, match="nested"):
        held_by(tmp_path, PLENTY)


def test_files_that_vanish_meanwhile_do_no_harm(tmp_path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(50):
                (tmp_path / f"d{number}").mkdir()
                (tmp_path / f"d{number}" / "f").touch()
            for number in range(50):
                (tmp_path / f"d{number}" / "f").unlink()
                (tmp_path / f"d{number}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(200):
            assert held_by(tmp_path, PLENTY) < MIB
    finally:
        stop.set()
        thread.join()


class Told:
    """Hears what it is told, and counts."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.heard = threading.Event()

    def __call__(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.heard.set()


@contextmanager
def watching(watch: DiskWatch, told: Told, *areas: Area) -> Iterator[None]:
    watch.watch(told, areas, told)
    try:
        yield
    finally:
        watch.forget(told)


def test_who_fills_too_much_is_told_once_and_others_are_not(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, reserve=0)
    greedy, modest, beside = Told(), Told(), Told()
    for name in ("greedy", "modest", "beside"):
        (tmp_path / name).mkdir()
    (tmp_path / "modest" / "a").write_bytes(os.urandom(MIB))
    with (
        watching(watch, modest, Area(tmp_path / "modest", 2 * MIB)),
        watching(watch, beside, Area(tmp_path / "nothing", MIB), Area(tmp_path / "beside", MIB)),
        watching(watch, greedy, Area(tmp_path / "greedy", 2 * MIB)),
    ):
        (tmp_path / "greedy" / "a").write_bytes(os.urandom(3 * MIB))
        assert greedy.heard.wait(10)
        (tmp_path / "beside" / "a").write_bytes(os.urandom(2 * MIB))
        assert beside.heard.wait(10)  # several looks have been taken meanwhile
    assert greedy.outcomes == [Outcome("error", code=OUT_OF_DISK, detail="the service filled more than its 2MiB of disk")]
    assert beside.outcomes == [Outcome("error", code=OUT_OF_DISK, detail="the service filled more than its 1MiB of disk")]
    assert not modest.outcomes


def test_on_a_full_disk_who_holds_most_is_told_first(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, reserve=PLENTY)
    with pytest.raises(FileProblem, match="disk is full"):
        watch.demand_room()
    order: list[str] = []
    looked, added, told = threading.Event(), threading.Event(), threading.Event()

    def tell(name: str, outcome: Outcome) -> None:
        looked.set()
        added.wait(10)  # holds the first up until all are watched
        assert outcome.code == OUT_OF_DISK
        order.append(name)
        if len(order) == 4:
            told.set()

    for name, size in (("first", 0), ("small", MIB), ("big", 3 * MIB), ("middle", 2 * MIB)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_bytes(os.urandom(size))
        watch.watch(name, [Area(tmp_path / name, PLENTY)], partial(tell, name))
        assert looked.wait(10)
    added.set()
    assert told.wait(20)
    for name in order:
        watch.forget(name)
    assert [name for name in order if name != "first"] == ["big", "middle", "small"]


def test_no_thread_is_left_when_nothing_is_watched(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, reserve=0)
    for _ in range(2):
        with watching(watch, Told(), Area(tmp_path, MIB)):
            (thread,) = [one for one in threading.enumerate() if one.name == "disk-watch"]
        thread.join(10)
        assert not thread.is_alive()
    watch.demand_room()
