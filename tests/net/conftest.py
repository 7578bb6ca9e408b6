"""What the tests of net/ share: an actor that keeps what it is told, and the proof that no thread is left over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from claynet.actors.ports import Address
from claynet.net.threads.threads_system import ThreadsSystem

PATIENCE = 10.0
"""Seconds before a test gives up waiting; a passing test never waits that long."""


class Heard:
    """A list that can be waited for."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.changed = threading.Condition()

    def add(self, message: Any) -> None:
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def until(self, predicate: Callable[[list[Any]], Any]) -> Any:
        with self.changed:
            assert self.changed.wait_for(lambda: predicate(self.messages), PATIENCE), f"only heard {self.messages[-20:]}"
            return predicate(self.messages)

    def count(self, number: int) -> list[Any]:
        self.until(lambda messages: len(messages) >= number)
        return self.messages[:number]

    def first(self, kind: type[Any]) -> Any:
        return self.until(lambda messages: next((message for message in messages if isinstance(message, kind)), None))

    def all(self, kind: type[Any]) -> list[Any]:
        with self.changed:
            return [message for message in self.messages if isinstance(message, kind)]


class Listener(pykka.Actor):
    """A shell that keeps what it is told."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self.heard = heard

    def on_receive(self, message: Any) -> None:
        self.heard.add(message)


@pytest.fixture(autouse=True)
def _no_thread_left_over() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not set(threading.enumerate()) - before


@pytest.fixture
def system(_no_thread_left_over: None) -> Iterator[ThreadsSystem]:
    made = ThreadsSystem()
    yield made
    assert made.shutdown() == []


@pytest.fixture
def listen(system: ThreadsSystem) -> Callable[[str], Heard]:
    def spawn(name: str) -> Heard:
        heard = Heard()
        system.spawn(Listener, heard, address=Address(name))
        return heard

    return spawn


@pytest.fixture
def make(system: ThreadsSystem) -> Iterator[Callable[..., Any]]:
    """Makes nodes (`p2p_nodes.Node`) and shuts them down at the end."""
    from tests.net.p2p_nodes import LIMITS, Node

    made: list[Node] = []

    def node(name: str, limits: Any = LIMITS, host: str = "127.0.0.1") -> Node:
        made.append(Node(system, name, limits, host))
        return made[-1]

    yield node
    for each in made:
        each.network.shutdown()
