"""The contract of the ActorSystem port."""

from __future__ import annotations

from typing import Any

import pykka
import pytest

from claynet.actors.ports import ActorSystem, Address
from tests.contracts.driver import Box, Driver, Probe, probe

A, B, C = Address("n#1/a"), Address("n#1/b"), Address("m#1/c")


class Lively(Probe):
    """Tells its box of every turn of its life, and does what it is told."""

    def __init__(self, box: Box, system: ActorSystem, address: Address) -> None:
        super().__init__(box)
        self.system = system
        self.address = address

    def on_start(self) -> None:
        self.box.add("start")

    def on_stop(self) -> None:
        self.box.add("stop")

    def on_failure(self, kind: Any, value: Any, trace: Any) -> None:
        self.box.add(("failure", kind, str(value), trace is not None))

    def on_receive(self, message: Any) -> None:
        self.box.add(message)
        if message == "raise":
            raise LookupError("told to")
        if message == "stop yourself":
            self.stop()
        if message == "spawn":
            self.system.spawn(Probe, self.box, address=C)
            self.system.tell(C, "hello child")
        if isinstance(message, tuple) and message[0] == "forward":
            for item in message[2]:
                self.system.tell(message[1], item)


class FailsToStart(Lively):
    def on_start(self) -> None:
        raise LookupError("no start")


class ActorSystemContract:
    @pytest.fixture
    def system(self) -> ActorSystem:
        raise NotImplementedError

    @pytest.fixture
    def driver(self, system: ActorSystem) -> Driver:
        raise NotImplementedError

    def lively(self, system: ActorSystem, address: Address, kind: type[Lively] = Lively) -> Box:
        box = Box()
        assert system.spawn(kind, box, system, address, address=address) == address
        return box

    def test_an_actor_starts_hears_in_order_and_stops_after_what_was_queued(self, system, driver):
        box = self.lively(system, A)
        for number in range(100):
            system.tell(A, number)
        system.stop(A)
        driver.until(lambda: "stop" in box.heard)
        assert box.heard == ["start", *range(100), "stop"]
        driver.until(lambda: not system.is_alive(A))

    def test_it_is_a_pykka_actor_of_the_class_it_was_spawned_from(self, system, driver):
        kinds = Box()

        class Typed(Probe):
            def on_receive(self, message: Any) -> None:
                kinds.add((isinstance(self, pykka.Actor), isinstance(self, Typed), type(self).__name__))

        system.spawn(Typed, kinds, address=A)
        system.tell(A, 1)
        assert driver.until(lambda: kinds.heard) == [(True, True, "Typed")]

    def test_messages_of_one_sender_keep_their_order_on_the_way_through_others(self, system, driver):
        self.lively(system, A)
        box = probe(system, B)
        system.tell(A, ("forward", B, list(range(50))))
        system.tell(A, ("forward", B, list(range(50, 100))))
        driver.until(lambda: len(box.heard) == 100)
        assert box.heard == list(range(100))

    def test_messages_are_shared_not_copied(self, system, driver):
        box, message = probe(system, A), object()
        system.tell(A, message)
        assert driver.until(lambda: box.heard)[0] is message

    def test_a_handler_that_raises_kills_its_actor_with_on_failure_and_without_on_stop(self, system, driver):
        box, other = self.lively(system, A), probe(system, B)
        system.tell(A, "raise")
        system.tell(A, "too late")
        driver.until(lambda: len(box.heard) == 3 and not system.is_alive(A))
        system.tell(A, "much too late")
        system.tell(B, "still here")
        driver.until(lambda: other.heard)
        assert box.heard == ["start", "raise", ("failure", LookupError, "told to", True)]

    def test_an_on_start_that_raises_leaves_a_dead_actor_whose_on_failure_ran(self, system, driver):
        box = self.lively(system, A, FailsToStart)
        driver.until(lambda: box.heard and not system.is_alive(A))
        assert box.heard == [("failure", LookupError, "no start", True)]

    def test_an_address_in_use_is_refused(self, system, driver):
        box = probe(system, A)
        with pytest.raises(ValueError, match="n#1/a"):
            system.spawn(Probe, box, address=A)
        system.tell(A, "alive")
        driver.until(lambda: box.heard)

    def test_telling_and_stopping_who_is_not_there_is_no_error(self, system, driver):
        system.tell(A, "anyone?")
        system.stop(A)
        assert not system.is_alive(A)
        box = probe(system, B)
        system.tell(B, 1)
        driver.until(lambda: box.heard)

    def test_kill_takes_a_prefix_at_once_without_on_stop_and_leaves_others(self, system, driver):
        first, second, other = self.lively(system, A), self.lively(system, B), self.lively(system, C)
        driver.until(lambda: [first.heard, second.heard, other.heard] == [["start"]] * 3)
        system.kill("n#1/")
        assert [system.is_alive(address) for address in (A, B, C)] == [False, False, True]
        for address in (A, B, C):
            system.tell(address, "after")
        driver.until(lambda: "after" in other.heard)
        system.stop(C)
        driver.until(lambda: "stop" in other.heard)
        assert first.heard == second.heard == ["start"]

    def test_what_is_told_while_held_is_kept_and_handled_in_order_when_released(self, system, driver):
        first, second, other = self.lively(system, A), self.lively(system, B), self.lively(system, C)
        system.tell(A, "before")
        driver.until(lambda: "before" in first.heard and second.heard)
        system.hold("n#1/")
        for number in range(20):
            system.tell(A, number)
        system.tell(A, ("forward", B, [20, 21]))
        system.tell(C, "goes on")
        driver.until(lambda: "goes on" in other.heard)
        assert (first.heard, second.heard) == (["start", "before"], ["start"])
        system.release("n#1/")
        system.tell(A, "after")
        driver.until(lambda: "after" in first.heard and 21 in second.heard)
        assert first.heard == ["start", "before", *range(20), ("forward", B, [20, 21]), "after"]
        assert second.heard == ["start", 20, 21]

    def test_what_is_killed_while_held_never_hears_what_was_kept(self, system, driver):
        box, other = self.lively(system, A), self.lively(system, C)
        driver.until(lambda: box.heard)
        system.hold("n#1/")
        system.tell(A, "kept")
        system.kill("n#1/")
        system.release("n#1/")
        system.tell(C, "later")
        driver.until(lambda: "later" in other.heard and not system.is_alive(A))
        assert box.heard == ["start"]

    def test_an_actor_can_stop_itself(self, system, driver):
        box = self.lively(system, A)
        system.tell(A, "stop yourself")
        driver.until(lambda: "stop" in box.heard)
        assert box.heard == ["start", "stop yourself", "stop"]

    def test_a_handler_can_spawn_and_tell_at_once(self, system, driver):
        box = self.lively(system, A)
        system.tell(A, "spawn")
        driver.until(lambda: "hello child" in box.heard)
        assert system.is_alive(C)
