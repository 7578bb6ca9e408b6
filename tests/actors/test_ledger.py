"""The embedded ledger: tokens are booked once, whatever is repeated and whenever the power goes."""

from __future__ import annotations

import pytest

from claynet.actors.ledger import EmbeddedLedger
from claynet.actors.ports import NodeId
from claynet.sim.wire.memory import MemoryStore
from tests.actors.watched import PowerCut, WatchedStore

ALICE, BOB = NodeId("a" * 64), NodeId("b" * 64)


def test_reserving_is_idempotent_and_never_more_than_is_free() -> None:
    ledger = EmbeddedLedger(MemoryStore(), 100)
    assert ledger.reserve("x", 60)
    assert ledger.reserve("x", 60)
    assert not ledger.reserve("y", 41)
    assert ledger.reserve("y", 40)
    assert not ledger.reserve("z", 1)
    assert ledger.reserve("nothing", 0)
    assert not ledger.reserve("negative", -1)
    assert ledger.balance() == 100
    ledger.release("x")
    ledger.release("x")
    ledger.release("unknown")
    assert ledger.reserve("z", 60)


def test_paying_is_idempotent_and_uses_its_own_reservation() -> None:
    ledger = EmbeddedLedger(MemoryStore(), 100)
    assert ledger.reserve("x", 70)
    assert ledger.reserve("other", 30)
    ledger.pay("x", BOB, 70, b"note")
    ledger.pay("x", BOB, 70, b"note")
    assert ledger.balance() == 30
    assert not ledger.reserve("more", 1), "the other reservation stands"
    with pytest.raises(ValueError, match="already paid"):
        ledger.pay("x", BOB, 71, b"note")
    with pytest.raises(ValueError, match="already paid"):
        ledger.pay("x", ALICE, 70, b"note")
    with pytest.raises(ValueError, match="more than"):
        ledger.pay("y", BOB, 1, b"note")
    with pytest.raises(ValueError, match="more than"):
        ledger.pay("y", BOB, -1, b"note")
    assert [(entry.payment_id, entry.direction, entry.amount) for entry in ledger.history()] == [("x", "out", 70)]


def test_receiving_is_idempotent_by_payer_and_id() -> None:
    ledger = EmbeddedLedger(MemoryStore(), 0)
    for _ in range(2):
        ledger.receive("x", ALICE, 5, b"one")
        ledger.receive("x", BOB, 7, b"two")
    assert ledger.balance() == 12
    assert len(ledger.history()) == 2
    with pytest.raises(ValueError, match="payment of -1"):
        ledger.receive("y", ALICE, -1, b"")


def test_a_restart_finds_everything_as_it_was() -> None:
    store = MemoryStore()
    ledger = EmbeddedLedger(store, 100)
    assert ledger.reserve("paid", 10)
    assert ledger.reserve("held", 20)
    assert ledger.reserve("freed", 30)
    ledger.release("freed")
    ledger.pay("paid", BOB, 10, b"note")
    ledger.receive("in", ALICE, 3, b"note")
    again = EmbeddedLedger(store.reopen(), 100)
    assert again.balance() == 93
    assert again.history() == ledger.history()
    assert not again.reserve("too much", 74)
    assert again.reserve("rest", 73)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("commit", [1, 2])
def test_power_that_goes_while_paying_neither_loses_nor_doubles_tokens(commit: int, before: bool) -> None:
    store = WatchedStore("x")
    ledger = EmbeddedLedger(store, 100)
    assert ledger.reserve("x", 100)
    store.cut_in, store.cut_before = commit, before
    with pytest.raises(PowerCut):
        ledger.pay("x", BOB, 100, b"note")
    store.reopen()
    again = EmbeddedLedger(store, 100)
    again.pay("x", BOB, 100, b"note")
    assert again.balance() == 0
    assert len(again.history()) == 1
    assert again.reserve("nothing", 0)
    again.receive("in", ALICE, 40, b"note")
    assert again.reserve("everything", 40), "no reservation was left behind"
    assert not store.states("hold").keys() & {"x"}
