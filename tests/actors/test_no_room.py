"""A file that the disk has no room for is that file's trouble: the service that it is for, or of, has not ended."""

from __future__ import annotations

import pytest

from claynet.actors.ports import Outcome
from tests.actors.bent import Call
from tests.actors.harness import World

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
