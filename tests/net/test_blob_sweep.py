"""Blobs that nothing needs go, after a while; a blob that anything may still read never does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claynet.actors.core.machine import AnyEffect, Fetch
from claynet.actors.core.slot import TABLE as SLOT_TABLE
from claynet.actors.core.slot import SlotState
from claynet.actors.core.subtask import TABLE as SUBTASK_TABLE
from claynet.actors.core.subtask import SubtaskState
from claynet.actors.core.task import TABLE as TASK_TABLE
from claynet.actors.core.task import TaskState
from claynet.actors.ports import Digest, FileRef, NodeId
from claynet.net.blob_sweep import BlobSweep
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.net.view.node_view import NodeView
from claynet.net.view.values import TaskRecord
from tests.actors.harness import spec

PEER = NodeId("0" * 64)
GRACE = 100.0


class Kept:
    """Blobs, a view and a sweep whose clock is turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.blobs = DiskBlobs(folder)
        self.view = NodeView()
        self.now = 0.0
        self.sweep = BlobSweep(self.blobs, self.view, lambda: self.now, GRACE)

    def pass_time(self, seconds: float = GRACE) -> None:
        """Look at the beginning and at the end."""
        self.sweep.look()
        self.now += seconds
        self.sweep.look()

    def put(self, text: str) -> FileRef:
        data = text.encode()
        return FileRef(text, self.blobs.put(data), len(data))

    def here(self) -> set[str]:
        return {self.blobs.read(digest, 0, 100).decode() for digest in self.blobs.marks() if self.blobs.has(digest)}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "blobs")


def statuses(table: Any) -> list[str]:
    return sorted({*table.values(), *(status for status, _ in table)})


def test_what_nothing_names_goes_after_a_while(kept: Kept) -> None:
    kept.put("a")
    kept.put("bc")
    kept.now = 1e9
    assert kept.sweep.look() == (0, 0), "however long the node was down"
    kept.now += GRACE - 1
    assert kept.sweep.look() == (0, 0)
    assert kept.here() == {"a", "bc"}  # asked for: their time begins anew
    kept.now += 1
    assert kept.sweep.look() == (0, 0)
    kept.now += GRACE
    assert kept.sweep.look() == (2, 3)
    assert kept.here() == set()


@pytest.mark.parametrize(
    "use",
    [
        lambda kept, file: kept.put(file.name),
        lambda kept, file: kept.blobs.has(file.digest),
        lambda kept, file: kept.blobs.put_file(kept.blobs._path(file.digest)),
    ],
    ids=["put", "asked for", "put as a file"],
)
def test_a_blob_that_is_put_again_or_asked_for_begins_anew(kept: Kept, use: Callable[[Kept, FileRef], object]) -> None:
    file = kept.put("a")
    kept.sweep.look()
    kept.now += GRACE - 1
    use(kept, file)
    kept.now += 2
    kept.sweep.look()
    kept.now += GRACE - 1
    kept.sweep.look()
    assert kept.blobs._path(file.digest).exists()
    kept.now += 1
    kept.sweep.look()
    assert not kept.blobs._path(file.digest).exists()


def test_a_blob_that_was_asked_for_since_the_look_is_not_deleted(kept: Kept) -> None:
    file = kept.put("a")
    mark = kept.blobs.marks()[file.digest]
    assert kept.blobs.has(file.digest)
    assert kept.blobs.delete_idle(file.digest, mark) == 0
    assert kept.blobs.delete_idle(file.digest, kept.blobs.marks()[file.digest]) == 1
    assert not kept.blobs.has(file.digest)


def test_who_is_told_that_a_blob_is_here_finds_it(kept: Kept) -> None:
    """One thread asks while another deletes what it saw idle before."""
    rounds, files = threading.Barrier(2), [kept.put(str(n)) for n in range(20)]
    lost: list[str] = []

    def use() -> None:
        for _ in range(20):
            rounds.wait(10)
            for file in files:
                if kept.blobs.has(file.digest):
                    try:
                        kept.blobs.read(file.digest, 0, 1)
                    except KeyError:
                        lost.append(file.name)
            rounds.wait(10)

    user = threading.Thread(target=use)
    user.start()
    deleted = 0
    for _ in range(20):
        for file in files:
            kept.put(file.name)
        marks = kept.blobs.marks()
        rounds.wait(10)
        deleted += sum(kept.blobs.delete_idle(digest, mark) for digest, mark in reversed(marks.items()))
        rounds.wait(10)
    user.join()
    assert not lost
    assert deleted


@pytest.mark.parametrize("status", statuses(TASK_TABLE))
def test_a_tasks_inputs_and_results_stay_until_it_is_deleted(kept: Kept, status: str) -> None:
    files = (kept.put("input"), kept.put("result"))
    kept.view.committed("task/t", TaskState(status=status, id="t", spec=spec(inputs=files[:1]), deadline=0))
    kept.view.committed("record/t", TaskRecord(id="t", created=0, results=files[1:], delivery="delivered"))
    kept.pass_time()
    kept.pass_time()
    assert kept.here() == {"input", "result"}
    kept.view.committed("task/t", None)  # and the node is killed before its record is gone
    kept.pass_time()
    assert kept.here() == set()


def subtask(kept: Kept, status: str) -> SubtaskState:
    files = {"inputs": (kept.put("input"), kept.put("params")), "result": kept.put("result")}
    return SubtaskState(status=status, id="s", task_id="t", provider=PEER, offer=b"", price=0, amount=0, **files)


@pytest.mark.parametrize("status", statuses(SUBTASK_TABLE))
def test_a_subtasks_files_stay_while_it_is_open(kept: Kept, status: str) -> None:
    kept.view.committed("task/t", TaskState(status="computing", id="t", spec=spec(), deadline=0))
    kept.view.committed("subtask/s", subtask(kept, status))
    kept.pass_time()
    open_ones = {"requested", "assigned", "computing", "fetching", "verifying", "awaiting_data"}
    assert kept.here() == ({"input", "params", "result"} if status in open_ones else {"result"} if status == "finished" else set())


@pytest.mark.parametrize(
    ("status", "delivery", "stays"),
    [("computing", "", True), ("finished", "", True), ("finished", "stored", False), ("finished", "failed", False), ("aborted", "", False)],
)
def test_an_accepted_result_stays_until_its_tasks_results_are_stored(kept: Kept, status: str, delivery: str, stays: bool) -> None:
    kept.view.committed("task/t", TaskState(status=status, id="t", spec=spec(), deadline=0))
    if delivery:
        kept.view.committed("record/t", TaskRecord(id="t", created=0, delivery=delivery))
    kept.view.committed("subtask/s", subtask(kept, "finished"))
    kept.pass_time()
    assert kept.here() == ({"result"} if stays else set())


@pytest.mark.parametrize("status", statuses(SLOT_TABLE))
def test_a_provider_keeps_inputs_while_it_computes_and_a_result_until_its_verdict(kept: Kept, status: str) -> None:
    inputs = (kept.put("input"),)
    done = status not in ("fetching", "computing")
    rest = {"env_id": "", "prerequisites_json": "", "params_json": "", "amount": 0, "assignment": b"", "deadline": 0}
    result = kept.put("result") if done else None
    kept.view.committed("slot/s", SlotState(status=status, id="s", task_id="t", requestor=PEER, inputs=inputs, result=result, **rest))
    kept.pass_time()
    assert kept.here() == ({"input"} if not done else {"result"} if status in ("reported", "unanswered") else set())


def test_a_blob_of_two_tasks_stays_until_both_are_deleted(kept: Kept) -> None:
    file = kept.put("shared")
    for name in ("one", "two"):
        kept.view.committed(f"task/{name}", TaskState(status="finished", id=name, spec=spec(inputs=(file,)), deadline=0))
    for name, here in (("one", {"shared"}), ("two", set())):
        kept.view.committed(f"task/{name}", None)
        kept.pass_time()
        assert kept.here() == here


def test_effects_name_no_blobs_but_those_that_are_fetched() -> None:
    """Those stand in the states too. Another effect that names files needs a thought in blob_sweep."""
    naming = {kind for kind in AnyEffect.__args__ for one in msgspec.structs.fields(kind) if "FileRef" in str(one.type)}
    assert naming == {Fetch}


def test_a_download_that_was_given_up_goes_and_one_that_waits_for_its_peer_stays(kept: Kept) -> None:
    digests = [Digest(f"{number:x}" * 64) for number in (1, 2, 3)]
    for digest in digests:
        kept.blobs.extend(digest, 0, b"half", 8)
    waiting = SlotState(
        status="fetching",
        id="s",
        task_id="t",
        requestor=PEER,
        env_id="",
        prerequisites_json="",
        params_json="",
        inputs=(FileRef("file", digests[0], 8),),
        amount=0,
        assignment=b"",
        deadline=0,
    )
    kept.view.committed("slot/s", waiting)
    kept.sweep.look()
    kept.now += GRACE - 1
    kept.blobs.extend(digests[1], 4, b"x", 8)  # goes on, slowly
    kept.sweep.look()
    kept.now += 1
    assert kept.sweep.look() == (1, 4)
    assert [kept.blobs.partial(digest) for digest in digests] == [4, 5, 0]
    kept.view.committed("slot/s", msgspec.structs.replace(waiting, status="cancelled"))
    kept.pass_time()
    assert not kept.blobs.marks()


def test_nothing_goes_while_files_are_taken_in(kept: Kept) -> None:
    kept.put("a")
    kept.sweep.look()
    with kept.sweep.held():
        kept.now += 10 * GRACE
        assert kept.sweep.look() == (0, 0)
    assert kept.sweep.look() == (0, 0), "its time begins anew"
    kept.now += GRACE
    assert kept.sweep.look() == (1, 1)


def test_files_of_others_in_the_folder_are_left_alone(kept: Kept, tmp_path: Path) -> None:
    strange = [tmp_path / "blobs" / name for name in ("README", "ab/cd/readme", "partial/notes", "tmp/x")]
    for path in strange:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    kept.pass_time()
    assert all(path.exists() for path in strange)
