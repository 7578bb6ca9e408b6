"""Any schedule of deeds and faults in a small world of honest nodes: the invariants of `watch.py` hold at every step, and all ends well."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from claynet.actors.ports import MILLISECOND, SECOND
from tests.actors.harness import PRICE, TOKEN, World
from tests.actors.watch import Watch

pytestmark = pytest.mark.timeout(7200)  # a deep look takes its time

NAMES = ("r0", "r1", "p0", "p1", "p2")
REQUESTORS, PROVIDERS = NAMES[:2], NAMES[2:]
TIMES = (0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 15.0, 70.0)


class Deeds:
    """What can be done to a world. Each deed takes small numbers, and does something for any of them."""

    def __init__(self, seed: int = 0, slots: int = 1) -> None:
        self.world = World(seed)
        self.watch = Watch(self.world)
        for name in PROVIDERS:
            self.world.provider(name, price=PRICE, config={"slots": slots, "offers_per_slot": 2})
        for name in REQUESTORS:
            self.world.requestor(name, config={"announce_most": 20 * SECOND})
        self.tasks: list[tuple[str, str]] = []

    def close(self) -> None:
        self.world.close()

    def wait(self, which: int, _: int = 0) -> None:
        self.world.run(TIMES[which % len(TIMES)])

    def step(self, count: int, more: int = 0) -> None:
        self.world.steps(count + more)

    def create(self, who: int, parts: int) -> None:
        name = REQUESTORS[who % 2]
        if self.world.up(name):
            timeout = (120, 300, 20)[parts // 4 % 3] * SECOND
            params = '{"subtasks_bytes": 2500000, "result_bytes": 1500000}' if parts % 16 == 7 else "{}"
            task_id = self.world.create(
                name, subtasks=1 + parts % 4, task_timeout=timeout, subtask_timeout=12 * SECOND, max_price=TOKEN, params_json=params
            )
            self.tasks.append((name, task_id))

    def abort(self, which: int, _: int = 0) -> None:
        if self.tasks:
            name, task_id = self.tasks[which % len(self.tasks)]
            if self.world.up(name):
                self.world.abort(task_id, name)

    def restart_subtask(self, which: int, _: int = 0) -> None:
        for name in REQUESTORS:
            known = list(self.world.places[name].store.states("subtask"))
            node = self.world.places[name].node
            if known and node is not None:
                node.restart_subtask(known[-1 - which % len(known)])

    def crash(self, who: int, steps: int = 0) -> None:
        self.world.steps(steps)
        self.world.crash(NAMES[who % len(NAMES)])

    def cut_power(self, who: int, commits: int = 0) -> None:
        """Crash in the middle of a handler: at one of the next commits, just before or just after it."""
        store = self.world.places[NAMES[who % len(NAMES)]].store
        store.cut_in, store.cut_before = 1 + commits // 2, bool(commits % 2)

    def restart(self, who: int, _: int = 0) -> None:
        name = NAMES[who % len(NAMES)]
        if not self.world.up(name):
            self.world.start(name)

    def pause(self, who: int, _: int = 0) -> None:
        """A node stands still, or goes on."""
        name = NAMES[who % len(NAMES)]
        if self.world.places[name].is_paused:
            self.world.resume(name)
        else:
            self.world.pause(name)

    def part(self, who: int, other: int = 0) -> None:
        if len(self.world.partitions) < 2:
            left = {NAMES[who % 5], NAMES[other % 5]}
            self.world.partition(tuple(sorted(left)), tuple(sorted(set(NAMES) - left)))

    def heal(self, _: int = 0, __: int = 0) -> None:
        self.world.heal()

    def weather(self, latency: int, loss: int) -> None:
        self.world.weather((1, 20, 300, 1500)[latency % 4] * MILLISECOND, (0.0, 0.1, 0.5)[loss % 3], (0.0, 0.8)[loss // 3 % 2])

    def all(self) -> tuple[Callable[[int, int], None], ...]:
        """Every deed, the common ones more than once."""
        return (
            self.wait,
            self.step,
            self.create,
            self.wait,
            self.abort,
            self.restart_subtask,
            self.crash,
            self.restart,
            self.part,
            self.heal,
            self.weather,
            self.cut_power,
            self.wait,
            self.create,
            self.restart,
            self.pause,
        )


SMALL = st.integers(0, 63)


class RandomWorld(RuleBasedStateMachine):
    """Readable traces of what happened."""

    @initialize(seed=st.integers(0, 3), slots=st.integers(1, 2))
    def begin(self, seed: int, slots: int) -> None:
        self.deeds = Deeds(seed, slots)
        self.deeds.create(0, 2)

    @rule(which=st.integers(0, len(TIMES) - 1))
    def wait(self, which: int) -> None:
        self.deeds.wait(which)

    @rule(count=st.integers(1, 200))
    def step(self, count: int) -> None:
        self.deeds.step(count)

    @rule(who=st.integers(0, 1), parts=st.integers(0, 15))
    def create(self, who: int, parts: int) -> None:
        self.deeds.create(who, parts)

    @precondition(lambda self: self.deeds.tasks)
    @rule(which=st.integers(0, 3))
    def abort(self, which: int) -> None:
        self.deeds.abort(which)

    @rule(which=st.integers(0, 3))
    def restart_subtask(self, which: int) -> None:
        self.deeds.restart_subtask(which)

    @rule(who=st.integers(0, 4), steps=st.integers(0, 60))
    def crash(self, who: int, steps: int) -> None:
        self.deeds.crash(who, steps)

    @rule(who=st.integers(0, 4), commits=st.integers(0, 40))
    def cut_power(self, who: int, commits: int) -> None:
        self.deeds.cut_power(who, commits)

    @rule(who=st.integers(0, 4))
    def restart(self, who: int) -> None:
        self.deeds.restart(who)

    @rule(who=st.integers(0, 4))
    def pause(self, who: int) -> None:
        self.deeds.pause(who)

    @rule(who=st.integers(0, 4), other=st.integers(0, 4))
    def part(self, who: int, other: int) -> None:
        self.deeds.part(who, other)

    @rule()
    def heal(self) -> None:
        self.deeds.heal()

    @rule(latency=st.integers(0, 3), loss=st.integers(0, 5))
    def weather(self, latency: int, loss: int) -> None:
        self.deeds.weather(latency, loss)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "deeds"):
            self.deeds.watch.check()

    def teardown(self) -> None:
        if hasattr(self, "deeds"):
            try:
                self.deeds.watch.settle()
            finally:
                self.deeds.close()


TestRandomWorld = RandomWorld.TestCase
TestRandomWorld.settings = settings(settings.default, max_examples=settings.default.max_examples * 3 // 2)


def play(schedule: bytes) -> None:
    """Two bytes a deed: four bits say which, six and six its numbers."""
    deeds = Deeds()
    try:
        deeds.create(0, 2)
        table = deeds.all()
        for place in range(0, len(schedule) - 1, 2):
            code = schedule[place] << 8 | schedule[place + 1]
            table[code >> 12](code >> 6 & 63, code & 63)
            deeds.watch.check()
        deeds.watch.settle()
    finally:
        deeds.close()


@settings(max_examples=settings.default.max_examples * 3)
@given(st.binary(max_size=60))
def test_any_schedule_keeps_the_invariants_and_all_ends(schedule: bytes) -> None:
    play(schedule)
