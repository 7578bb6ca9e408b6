"""The contract of the Store port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from claynet.actors.ports import Store


class State(msgspec.Struct, frozen=True, tag="state"):
    value: int


class Effect(msgspec.Struct, frozen=True, tag="effect"):
    text: str


class StoreContract:
    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        """Open the node's store for its next life, which ends the life before. States are State, effects Effect."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, open_store: Callable[[], Store]) -> Store:
        return open_store()

    def loaded(self, store: Store) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        return store.load()

    def test_a_new_store_is_empty(self, store):
        assert store.load() == []

    def test_the_last_state_counts_in_the_order_of_first_append(self, store):
        store.append("task/b", State(1))
        store.append("task/a", State(2))
        store.append("task/b", State(3))
        assert store.load() == [("task/b", State(3), ()), ("task/a", State(2), ())]

    def test_effects_stay_until_done_and_a_slot_is_replaced(self, store):
        store.append("k", State(1), [("send", Effect("one")), ("timer", Effect("tick"))])
        store.append("k", State(2), [("send", Effect("two"))])
        assert store.load() == [("k", State(2), (("send", Effect("two")), ("timer", Effect("tick"))))] or store.load() == [
            ("k", State(2), (("timer", Effect("tick")), ("send", Effect("two"))))
        ]
        store.append("k", State(3), done=["timer"])
        assert store.load() == [("k", State(3), (("send", Effect("two")),))]

    def test_done_comes_before_new_effects(self, store):
        store.append("k", State(1), [("send", Effect("one"))])
        store.append("k", State(2), [("send", Effect("two"))], done=["send"])
        assert store.load() == [("k", State(2), (("send", Effect("two")),))]

    def test_a_done_slot_that_never_was_is_ignored(self, store):
        store.append("k", State(1), done=["nothing"])
        assert store.load() == [("k", State(1), ())]

    def test_forgetting_takes_state_and_effects_and_a_new_one_comes_last(self, store):
        store.append("a", State(1), [("send", Effect("x"))])
        store.append("b", State(2))
        store.append("a", None)
        store.append("a", None)
        assert store.load() == [("b", State(2), ())]
        store.append("a", State(3))
        assert store.load() == [("b", State(2), ()), ("a", State(3), ())]

    def test_an_append_that_fails_changes_nothing(self, store):
        store.append("k", State(1), [("send", Effect("one"))])

        def effects() -> Any:
            yield ("timer", Effect("half"))
            raise LookupError("while it was being made")

        with pytest.raises(LookupError):
            store.append("k", State(2), effects(), done=["send"])
        assert store.load() == [("k", State(1), (("send", Effect("one")),))]

    def test_the_next_life_finds_what_append_returned_from(self, store, open_store):
        store.append("a", State(1), [("send", Effect("x"))])
        store.append("b", State(2))
        following = open_store()
        assert following.load() == [("a", State(1), (("send", Effect("x")),)), ("b", State(2), ())]
        following.append("b", None)
        assert open_store().load() == [("a", State(1), (("send", Effect("x")),))]

    def test_a_closed_store_takes_no_more(self, store, open_store):
        store.append("a", State(1))
        store.close()
        store.close()
        with pytest.raises(Exception, match="closed"):
            store.append("a", State(2))
        assert open_store().load() == [("a", State(1), ())]
