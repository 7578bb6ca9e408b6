"""The director: an actor of the world that makes tasks and faults happen when the plan says so.

Knows the plan's events, those that overlap too, and the world. Must not know nodes' insides. It is an actor so that its deeds take their
place among all messages, in every mode alike.
"""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any

import pykka

from claynet.actors.ports import Address, Message
from claynet.sim.run_world import RunWorld
from claynet.sim.scenario.plan import At, CrashEvent, EventPlan, LinkEvent, PartitionEvent, PauseEvent
from claynet.sim.watch.recorder import Recorder
from claynet.sim.wire.wiring import LinkFaults

DIRECTOR = Address("world/director")


class Begin(Message, frozen=True):
    """Start the nodes and arm what the plan says."""


class MakeTask(Message, frozen=True):
    """Let a node make a task."""

    instance: Any


class Fire(Message, frozen=True):
    """Do an event."""

    index: int


class Undo(Message, frozen=True):
    """End an event that lasts for a while."""

    index: int


class Director(pykka.Actor):
    """Follows the plan."""

    def __init__(self, world: RunWorld, recorder: Recorder, failures: list[BaseException]) -> None:
        super().__init__()
        self._world = world
        self._recorder = recorder
        self._failures = failures
        self._undo: dict[int, Any] = {}
        self._down: Counter[str] = Counter()
        """How many crashes of a node last: it is up again when the last of them has ended."""
        self._paused: Counter[str] = Counter()

    def on_receive(self, message: Any) -> None:
        """Do what is due."""
        with self._world.engine.lifted():
            if isinstance(message, MakeTask):
                self._world.create_task(message.instance)
            elif isinstance(message, Fire):
                self._fire(message.index)
            elif isinstance(message, Undo):
                self._end(message.index)
            else:
                self._begin()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The harness itself failed: the run ends and says so."""
        del exception_type, traceback
        self._failures.append(exception_value or RuntimeError("the director failed"))

    def _begin(self) -> None:
        self._world.start()
        for instance in self._world.plan.instances():
            self._at(instance.at, MakeTask(instance))
        for index, event in enumerate(self._world.plan.events):
            if isinstance(event.trigger, At):
                self._at(event.trigger.at, Fire(index))

    def _fire(self, index: int) -> None:
        event = self._world.plan.events[index]
        self._note(event, "begins")
        if isinstance(event, PartitionEvent):
            self._undo[index] = self._link_faults().partition(event.sides)
            self._later(event.lasts, index)
        elif isinstance(event, CrashEvent):
            for name in event.nodes:
                self._crash(name)
            self._later(event.restart_after, index)
        elif isinstance(event, PauseEvent):
            for name in event.nodes:
                self._pause(name)
            self._later(event.lasts, index)
        else:
            self._undo[index] = self._link_faults().change(event.left, event.right, event.change)
            self._later(event.lasts, index)

    def _end(self, index: int) -> None:
        event = self._world.plan.events[index]
        self._note(event, "ends")
        if isinstance(event, CrashEvent):
            for name in event.nodes:
                self._restart(name)
        elif isinstance(event, PauseEvent):
            for name in event.nodes:
                self._resume(name)
        else:
            self._undo.pop(index)()

    def _crash(self, name: str) -> None:
        self._down[name] += 1
        if self._down[name] == 1:
            self._world.crash(name)

    def _restart(self, name: str) -> None:
        self._down[name] -= 1
        if not self._down[name]:
            self._world.restart(name, is_paused=self._paused[name] > 0)

    def _pause(self, name: str) -> None:
        self._paused[name] += 1
        if self._paused[name] == 1:
            self._world.pause(name)

    def _resume(self, name: str) -> None:
        self._paused[name] -= 1
        if not self._paused[name]:
            self._world.resume(name)

    def _link_faults(self) -> LinkFaults:
        faults = self._world.link_faults
        assert faults is not None, "the reader refuses faults of links that are not ours"
        return faults

    def _later(self, delay: int | None, index: int) -> None:
        if delay is not None:
            self._at(self._world.engine.now() + delay, Undo(index))

    def _at(self, at: int, message: Message) -> None:
        clock = self._world.engine.clock
        clock.call_at(clock.monotonic() + at - self._world.engine.now(), DIRECTOR, message)

    def _note(self, event: EventPlan, what: str) -> None:
        names = {PartitionEvent: "partition", CrashEvent: "crash", LinkEvent: "link_change", PauseEvent: "pause"}
        self._recorder.happened(self._world.engine.now(), "fault", names[type(event)], "", what)
