"""An environment that fails under its node: work is held while it comes back, on both sides, and costs no app its good name."""

from __future__ import annotations

from itertools import pairwise

import pytest

from claynet.actors.environment_watch import PATIENCE, SETTLE
from claynet.actors.ports import SECOND, Outcome
from tests.actors.bent import Call
from tests.actors.harness import APP, Event, Place, World
from tests.actors.test_consent import strict
from tests.actors.watch import Watch

ENGINE = Outcome("error", code="engine", detail="the engine died")


class Breaks:
    """Bends one call into a fault of the environment, which does not work from then on."""

    def __init__(self, method: str, n: int) -> None:
        self.method, self.n = method, n
        self.place: Place | None = None

    def __call__(self, call: Call) -> Outcome | None:
        assert self.place is not None
        if call.method == self.method and call.n == self.n:
            self.place.environment.broken = ENGINE
        return ENGINE if self.place.environment.broken else None


def side(world: World, which: str) -> list[Event]:
    return world.seen("environment", side=which)


@pytest.mark.parametrize("method", ["start", "Compute"])
def test_a_provider_whose_engine_dies_takes_no_work_until_it_is_back(method: str) -> None:
    breaks = Breaks(method, 2 if method == "start" else 1)  # the first start is the benchmark's
    with World() as world:
        watch = Watch(world)
        breaks.place = world.provider(bend=breaks)
        world.requestor()
        task_id = world.create(subtasks=2)
        world.run_until(lambda: side(world, "provider")[-1]["state"] == "broken", 60)
        assert [slot.rule for slot in world.slots()] == ["engine"]
        offers = len(world.frames("p0", "offer"))
        world.run(120)
        assert len(world.frames("p0", "offer")) == offers
        assert world.seen("decline", by="provider", rule="environment")
        breaks.place.environment.broken = None
        assert world.finish(task_id).status == "finished"
        assert len(world.calls("RunBenchmark")) == 1
        watch.settle()
        world.clean()


def test_an_assignment_that_comes_while_the_environment_is_looked_after_waits_and_is_computed() -> None:
    """Two slots: the fault of one shows while the other's assignment is on its way."""
    with World(probe=20 * SECOND) as world:
        watch = Watch(world)
        once = iter([ENGINE])
        world.provider(bend=lambda call: next(once, None) if (call.method, call.n) == ("Compute", 1) else None, config={"slots": 2})
        world.requestor()
        task_id = world.create(subtasks=4)
        assert world.finish(task_id).status == "finished"
        failed = [slot for slot in world.slots() if slot.status == "failed"]
        assert [slot.rule for slot in failed] == ["engine"]
        watch.settle()
        world.clean()


def test_work_held_for_an_environment_that_does_not_come_back_fails_by_that_reason() -> None:
    """Its second assignment came while the fault of the first was being looked at; after the patience there is no hope for it."""
    with World() as world:
        watch = Watch(world)
        place = world.provider(start=False, config={"slots": 2})
        world.start("p0")
        world.requestor()
        task_id = world.create(subtasks=1)
        world.run_until(lambda: any(slot.status == "computing" for slot in world.slots()), 60)
        place.environment.broken = ENGINE
        world.restart("p0")
        world.run(1)
        (slot,) = world.slots()
        assert (slot.status, slot.rule) == ("failed", "environment")
        assert "the engine died" in slot.reason
        assert side(world, "provider")[-1]["state"] == "broken"
        place.environment.broken = None
        assert world.finish(task_id).status == "finished"
        watch.settle()
        world.clean()


@pytest.mark.parametrize("method", ["start", "NextSubtask", "Verify"])
def test_a_requestor_whose_engine_dies_goes_on_when_it_is_back(method: str) -> None:
    breaks = Breaks(method, 1)
    with World() as world:
        watch = Watch(world)
        breaks.place = world.requestor(bend=breaks, retry_most=5 * SECOND)
        for number in range(2):
            world.provider(f"p{number}")
        task_id = world.create(subtasks=2)
        world.run_until(lambda: len(side(world, "requestor")) > 2, 60)  # it worked, and then it did not
        world.run(0.5)
        breaks.place.environment.broken = None
        assert world.finish(task_id).status == "finished"
        assert world.seen("evidence", tag="rejection") == [], "no provider pays for it"
        watch.settle()
        world.clean()


def test_faults_of_the_environment_cost_an_app_none_of_its_lives() -> None:
    """Three services that end without an answer would be an app that does not work; ten engines that die are not."""
    with World() as world:
        watch = Watch(world)
        world.provider()
        place = world.requestor(bend=lambda call: ENGINE if call.method == "start" and call.n <= 10 else None)
        task_id = world.create(subtasks=1, task_timeout=3600 * SECOND)
        assert world.finish(task_id).status == "finished"
        assert place.environment.counts["start"] == 11
        starts = [event.at for event in world.seen("runtime", side="requestor", state="starting")]
        assert min(b - a for a, b in pairwise(starts)) >= SETTLE, "it is not probed and started in a circle"
        watch.settle()
        world.clean()


def test_a_task_of_a_requestor_whose_environment_does_not_work_fails_with_the_reason_and_the_next_one_is_tried() -> None:
    with World() as world:
        place = world.requestor(start=False)
        place.environment.broken = Outcome("error", code="engine", detail="no engine here: start docker")
        world.start("r0")
        world.provider()
        world.run(1)
        state = world.finish(world.create())
        assert state.status == "failed_to_create"
        assert "environment" in state.reason
        assert "start docker" in state.reason
        place.environment.broken = None
        world.run_until(lambda: side(world, "requestor")[-1]["state"] == "ready", 120)
        assert world.finish(world.create()).status == "finished"
        world.clean()


def test_patience_is_asked_for_only_of_an_environment_that_has_worked() -> None:
    asked: list[int] = []
    once = iter([ENGINE])
    with World() as world:
        place = world.provider(start=False, bend=lambda call: next(once, None) if (call.method, call.n) == ("Compute", 1) else None)
        probe = place.environment.probe
        place.environment.probe = lambda patience=0: (asked.append(patience), probe(patience))[1]  # type: ignore[method-assign]
        world.start("p0")
        world.requestor()
        assert world.finish(world.create(subtasks=1)).status == "finished"
        assert asked == [0, PATIENCE]
        world.clean()


def test_a_fault_under_a_look_or_a_benchmark_says_nothing_about_the_image() -> None:
    for where in ("identify", "RunBenchmark"):
        with World() as world:
            place = strict(world, whitelist=("registry.example/team",))
            place.config = place.config
            world.crash("p0")
            if where == "identify":
                place.environment.identity = ENGINE
            else:
                once = iter([ENGINE])
                place.environment.bend = lambda call, once=once: next(once, None) if call.method == "RunBenchmark" else None
            world.start("p0")
            world.requestor(files=(APP,))
            task_id = world.create(subtasks=1)
            world.run_until(lambda: len(side(world, "provider")) > 3, 60)
            place.environment.identity = None
            assert world.finish(task_id).status == "finished", where
            assert not world.seen("benchmark", state="failed")
            world.clean()
