"""How suites wait, and the actor that keeps what it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import pykka

from claynet.actors.ports import ActorSystem, Address
from claynet.sim.virtual.system import VirtualSystem

PATIENCE = 10.0
"""Seconds before a test on threads gives up; a passing test never waits that long."""

CHANGED = threading.Condition()
"""Notified whenever any box hears anything."""


class Driver(Protocol):
    def until(self, predicate: Callable[[], Any]) -> Any:
        """Let the world go on until `predicate()` holds; return its value; fail when it never does."""


class VirtualDriver:
    """Steps a virtual world."""

    def __init__(self, system: VirtualSystem) -> None:
        self.system = system

    def until(self, predicate: Callable[[], Any]) -> Any:
        while not (value := predicate()):
            assert self.system.step(), f"nothing is left to run at {self.system.now} ns, and it does not hold"
        return value


class ThreadDriver:
    """Waits while threads go on: for a box to hear something, or (an actor's death is heard by nobody) for a moment."""

    def until(self, predicate: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        with CHANGED:
            while not (value := predicate()):
                assert time.monotonic() < deadline, "it does not hold after all that time"
                CHANGED.wait(0.005)
            return value


class Box:
    """What a probe heard, in order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def add(self, item: Any) -> None:
        with CHANGED:
            self.heard.append(item)
            CHANGED.notify_all()

    def of(self, kind: type[Any]) -> list[Any]:
        return [item for item in self.heard if isinstance(item, kind)]


class Probe(pykka.Actor):
    """Keeps what it is told."""

    def __init__(self, box: Box) -> None:
        super().__init__()
        self.box = box

    def on_receive(self, message: Any) -> None:
        self.box.add(message)


def probe(system: ActorSystem, address: str = "probe") -> Box:
    box = Box()
    system.spawn(Probe, box, address=Address(address))
    return box
