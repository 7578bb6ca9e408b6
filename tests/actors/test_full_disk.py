"""A requestor's own disk without room: it waits a while, blames nobody and goes on."""

from __future__ import annotations

import errno
import json

import pytest

from claynet.actors.ports import Digest, Outcome
from claynet.actors.task_flow import INLINE_PARAMS
from claynet.proto import golem_task_api_pb2 as api
from claynet.sim.wire.memory import MemoryBlobs
from tests.actors.bent import Bend, Call
from tests.actors.harness import World
from tests.actors.strangeness import HOUR, no_bug

FULL = Outcome("error", code="out_of_disk", detail="no room for so large a file")


@pytest.mark.parametrize(("method", "ends"), [("collect", False), ("Verify", True)])
def test_only_a_call_that_ends_so_ends_the_service(method: str, ends: bool) -> None:
    def bend(call: Call) -> Outcome | None:
        return FULL if (call.side, call.method, call.n) == ("requestor", method, 1) else None

    with World() as world:
        world.provider()
        world.requestor(bend=bend)
        world.create(subtasks=1)
        world.run(120)
        assert [outcome for _, outcome in world.log].count(FULL) == 1
        reasons = [event["reason"] for event in world.seen("runtime", side="requestor") if event["reason"]]
        assert any(FULL.detail in reason for reason in reasons) == ends


def no_room(method: str, times: int) -> Bend:
    left = [times]

    def bend(call: Call) -> Outcome | None:
        if call.method == method and call.side == "requestor" and left[0]:
            left[0] -= 1
            return FULL
        return None

    return bend


@pytest.mark.parametrize(("times", "problem"), [(3, ""), (1000, "out_of_disk")])
def test_final_results_without_room_are_tried_again_for_a_while_and_then_told(times: int, problem: str) -> None:
    def bend(call: Call) -> Outcome | None:
        return full(call) if b"outputs" in call.request or call.request == b"()" else None

    full = no_room("collect", times)
    with World() as world:
        world.requestor(bend=bend)
        world.provider()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "finished"
        world.run(1200)
        (results,) = world.seen("results")
        assert problem in results["problem"]
        assert bool(results["problem"]) == bool(problem)


class FullBlobs(MemoryBlobs):
    """Has no room for so many pieces that come, or for what is put."""

    def __init__(self, pieces: int = 0, puts: int = 0) -> None:
        super().__init__()
        self.left = {"pieces": pieces, "puts": puts}

    def _demand_room(self, what: str) -> None:
        if self.left[what]:
            self.left[what] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")

    def put(self, data: bytes) -> Digest:
        self._demand_room("puts")
        return super().put(data)

    def extend(self, digest: Digest, offset: int, data: bytes | memoryview, total: int) -> bool:
        self._demand_room("pieces")
        return super().extend(digest, offset, data, total)


@pytest.mark.parametrize("pieces", [3, 1000])
def test_a_result_that_the_requestor_has_no_room_for_is_not_its_providers_fault(pieces: int) -> None:
    with World() as world:
        world.requestor(blobs=FullBlobs(pieces), config={"give_up_after": 1})
        world.provider()
        task_id = world.create(subtasks=1, task_timeout=2 * HOUR, subtask_timeout=HOUR)
        world.run(1800)
        task = world.task(task_id)
        assert not task.failed_providers
        assert (task.status == "finished") == (pieces == 3)
        no_bug(world)


def test_parameters_without_room_are_a_failed_try_and_no_end_of_the_shell() -> None:
    blobs = FullBlobs()

    def bend(call: Call) -> Outcome | None:
        if call.method != "NextSubtask":
            return None
        blobs.left["puts"] = 1
        given = api.SubtaskReply(subtask_params_json=json.dumps("x" * INLINE_PARAMS))
        return Outcome("ok", api.NextSubtaskReply(subtask=given).SerializeToString())

    with World() as world:
        world.requestor(blobs=blobs, bend=bend, config={"give_up_after": 1})
        world.provider()
        task_id = world.create(subtasks=1)
        assert world.finish(task_id).status == "failed"
        assert {subtask.rule for subtask in world.subtasks(task_id)} == {"out_of_disk"}
        no_bug(world)
