"""Actors on threads: order, stop, kill, failure, shutdown."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pykka
import pytest

from claynet.actors.ports import SECOND, ActorSystem, Address
from claynet.net.threads.threads_system import ThreadActor, ThreadsSystem
from tests.net.conftest import PATIENCE, Heard, Listener

A, B = Address("a#1/one"), Address("a#1/two")


class Worker(pykka.Actor):
    """Does what it is told: raise, wait, tell its system."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self.heard = heard

    def on_start(self) -> None:
        self.heard.add("started")

    def on_stop(self) -> None:
        self.heard.add("stopped")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.heard.add(f"failed: {exception_value}")

    def on_receive(self, message: Any) -> None:
        match message:
            case BaseException():
                raise message
            case (threading.Event() as reached, threading.Event() as go):
                reached.set()
                assert go.wait(PATIENCE)
            case _:
                self.heard.add(message)


class BadStart(Worker):
    def on_start(self) -> None:
        raise ValueError("no start")


def test_the_port_is_met(system: ThreadsSystem) -> None:
    port: ActorSystem = system
    assert not port.is_alive(A)


def test_the_shell_comes_before_the_thread_side_in_the_resolution_order(system: ThreadsSystem) -> None:
    class Derived(Worker):
        pass

    heard = Heard()
    system.spawn(Derived, heard, address=A)
    order = type(system._actors[A]).__mro__
    assert order[1:5] == (Derived, Worker, ThreadActor, pykka.ThreadingActor)
    system.spawn(Derived, heard, address=B)
    assert type(system._actors[B]) is type(system._actors[A])


def test_messages_of_one_sender_arrive_in_order_and_are_counted(system: ThreadsSystem) -> None:
    heard = Heard()
    system.spawn(Listener, heard, address=A)
    for number in range(500):
        system.tell(A, number)
    assert heard.count(500) == list(range(500))
    assert system.deliveries == 500


def test_stop_comes_after_the_messages_already_queued(system: ThreadsSystem) -> None:
    heard, reached, go = Heard(), threading.Event(), threading.Event()
    system.spawn(Worker, heard, address=A)
    system.tell(A, (reached, go))
    assert reached.wait(PATIENCE)
    system.tell(A, "before")
    system.stop(A)
    system.tell(A, "after")
    go.set()
    assert system.join("a#1/") == []
    assert heard.messages == ["started", "before", "stopped"]
    assert not system.is_alive(A)
    assert (system.deliveries, system.dead_letters) == (2, 1)


def test_a_message_to_nobody_is_counted_and_dropped(system: ThreadsSystem) -> None:
    system.tell(A, "hello")
    system.stop(A)
    assert system.dead_letters == 1


def test_an_address_in_use_is_refused_and_free_again_after_a_stop(system: ThreadsSystem) -> None:
    system.spawn(Listener, Heard(), address=A)
    with pytest.raises(ValueError, match="a#1/one"):
        system.spawn(Listener, Heard(), address=A)
    system.stop(A)
    system.join()
    system.spawn(Listener, Heard(), address=A)


def test_kill_takes_a_life_with_all_it_has_queued_and_runs_no_on_stop(system: ThreadsSystem) -> None:
    heard, other, reached, go = Heard(), Heard(), threading.Event(), threading.Event()
    system.spawn(Worker, heard, address=A)
    system.spawn(Worker, heard, address=B)
    system.spawn(Worker, other, address=Address("b#1/one"))
    heard.count(2)
    system.tell(A, (reached, go))
    system.tell(A, "queued")
    system.stop(A)
    assert reached.wait(PATIENCE)
    system.kill("a#1/")
    assert not system.is_alive(A)
    assert not system.is_alive(B)
    system.tell(A, "late")
    go.set()
    assert system.join("a#1/") == []
    assert heard.messages == ["started", "started"]
    system.tell(Address("b#1/one"), "alive")
    assert other.count(2) == ["started", "alive"]


def test_a_failing_handler_stops_the_actor_tells_on_failure_and_is_logged_once(
    system: ThreadsSystem, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    system.spawn(Worker, heard, address=A)
    with caplog.at_level(logging.INFO):
        system.tell(A, KeyError("lost"))
        system.tell(A, "never")
        assert heard.count(2) == ["started", "failed: 'lost'"]
        assert not system.is_alive(A)
        system.join()
    assert [record.getMessage() for record in caplog.records] == ["a#1/one failed"]
    assert (system.dead_letters, system.failures) == (1, 1)


def test_a_failing_start_and_a_system_exit_are_failures_of_that_actor_only(system: ThreadsSystem) -> None:
    bad, good, other = Heard(), Heard(), Heard()
    system.spawn(BadStart, bad, address=A)
    assert bad.count(1) == ["failed: no start"]
    system.spawn(Listener, other, address=Address("other"))
    system.spawn(Worker, good, address=B)
    system.tell(B, SystemExit(3))
    assert good.count(2)[1] == "failed: SystemExit in an actor: 3"
    system.tell(Address("other"), "alive")
    assert other.count(1) == ["alive"]


def test_a_shell_that_stops_itself_stops_in_its_turn(system: ThreadsSystem) -> None:
    class Once(Worker):
        def on_receive(self, message: Any) -> None:
            super().on_receive(message)
            self.stop()

    heard, reached, go = Heard(), threading.Event(), threading.Event()
    system.spawn(Once, heard, address=A)
    system.tell(A, (reached, go))
    assert reached.wait(PATIENCE)
    system.tell(A, "queued")
    go.set()
    assert heard.count(3) == ["started", "queued", "stopped"]
    assert system.deliveries == 2


def test_shutdown_stops_latest_first_also_what_is_spawned_meanwhile() -> None:
    system, heard, order = ThreadsSystem(), Heard(), Heard()

    class Parent(Worker):
        def on_stop(self) -> None:
            system.spawn(Worker, order, address=Address("child"))

    system.spawn(Parent, heard, address=A)
    assert system.shutdown() == []
    assert order.messages == ["started", "stopped"]
    with pytest.raises(RuntimeError, match="shut down"):
        system.spawn(Worker, heard, address=A)


def test_shutdown_names_who_does_not_end() -> None:
    system, heard, reached, go = ThreadsSystem(), Heard(), threading.Event(), threading.Event()
    system.spawn(Worker, heard, address=A)
    system.tell(A, (reached, go))
    assert reached.wait(PATIENCE)
    assert system.shutdown(timeout=SECOND // 20) == [A]
    go.set()
    assert system.join() == []
    assert heard.messages == ["started"]


def test_some_hundred_actors_are_cheap(system: ThreadsSystem) -> None:
    heard = Heard()
    addresses = [system.spawn(Listener, heard, address=Address(f"many/{number}")) for number in range(300)]
    for address in addresses:
        system.tell(address, address)
    assert set(heard.count(300)) == set(addresses)
