"""Files that cannot be removed stay on the disk for good, so the operator hears of them."""

from __future__ import annotations

import pytest

from claynet.actors.ports import Outcome, Side
from tests.actors.bent import Call
from tests.actors.harness import World

STAYS = Outcome("error", code="io_error", detail="Permission denied")


@pytest.mark.parametrize("side", ["provider", "requestor"])
def test_a_work_dir_that_could_not_be_tidied_up_is_told_and_stops_nobody(side: Side) -> None:
    def bend(call: Call) -> Outcome | None:
        return STAYS if (call.side, call.method) == (side, "discard") else None

    with World() as world:
        world.provider(bend=bend)
        world.requestor(bend=bend)
        assert world.finish(world.create(subtasks=1)).status == "finished"
        world.run(60)
        told = world.seen("untidy")
        assert told
        assert {event["side"] for event in told} == {side}
        assert all(event["problem"].endswith("Permission denied") and event["id"] for event in told)


def test_nothing_is_told_when_all_is_tidy() -> None:
    with World() as world:
        world.provider()
        world.requestor()
        assert world.finish(world.create(subtasks=1)).status == "finished"
        world.run(60)
        assert world.seen("runtime", side="provider", state="stopped")
        assert not world.seen("untidy")
