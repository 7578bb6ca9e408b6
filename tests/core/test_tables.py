"""Every machine's literal table, as a graph and as a function: what is absent raises and keeps the state."""

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors import events
from claynet.actors.core.machine import STORY, InvalidTransition, State, move

NAMES = ("task", "subtask", "slot", "payment", "runtime", "environment", "offering", "pool", "pair")
MACHINES = {name: importlib.import_module(f"claynet.actors.core.{name}") for name in NAMES}


class Thing(State, frozen=True, kw_only=True, tag="thing"):
    """A state with nothing of its own: tables are the same for all."""


def statuses(machine):
    return {status for status, _ in machine.TABLE} | set(machine.TABLE.values())


def moves(machine):
    return {name for _, name in machine.TABLE}


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_is_in_the_table_or_raises_and_keeps_the_state(name):
    machine = MACHINES[name]
    illegal = 0
    for status in sorted(statuses(machine)):
        for step in sorted(moves(machine) | {"no such move"}):
            state = Thing(status=status, story=("before",))
            if (status, step) in machine.TABLE:
                after = move(machine.TABLE, "it", state, step)
                assert after.status == machine.TABLE[status, step]
                assert after.story == ("before", f"{status} -{step}-> {after.status}")
            else:
                illegal += 1
                with pytest.raises(InvalidTransition) as caught:
                    move(machine.TABLE, "it", state, step)
                assert (caught.value.status, caught.value.move, caught.value.history) == (status, step, ("before",))
            assert state == Thing(status=status, story=("before",))
    assert illegal


@pytest.mark.parametrize("name", NAMES)
def test_final_states_have_no_exits(name):
    machine = MACHINES[name]
    exits = {status for status, _ in machine.TABLE}
    assert machine.FINAL.isdisjoint(exits)
    assert statuses(machine) >= machine.FINAL
    dead_ends = statuses(machine) - exits
    assert dead_ends == machine.FINAL, "a state without an exit must be called final"


@pytest.mark.parametrize("name", NAMES)
def test_every_state_is_reachable(name):
    machine = MACHINES[name]
    reached = {machine.INITIAL}
    while True:
        more = {after for (before, _), after in machine.TABLE.items() if before in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == statuses(machine)


@pytest.mark.parametrize("name", [name for name in NAMES if MACHINES[name].FINAL])
def test_every_state_can_end(name):
    machine = MACHINES[name]
    ending = set(machine.FINAL)
    while True:
        more = {before for (before, _), after in machine.TABLE.items() if after in ending} - ending
        if not more:
            break
        ending |= more
    assert ending == statuses(machine)


def test_the_final_states_are_those_that_checks_rely_on():
    assert MACHINES["task"].FINAL == events.TASK_FINAL
    assert MACHINES["subtask"].SETTLED == events.SUBTASK_FINAL


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 50), max_size=40))
def test_a_walk_keeps_to_the_table_and_tells_a_bounded_story(name, choices):
    machine = MACHINES[name]
    state = Thing(status=machine.INITIAL)
    for choice in choices:
        options = sorted(step for status, step in machine.TABLE if status == state.status)
        if not options:
            break
        before = state
        state = move(machine.TABLE, "it", state, options[choice % len(options)])
        assert state.story[-1].startswith(f"{before.status} -")
        assert len(state.story) <= STORY
    assert (state.status in machine.FINAL) == (not any(status == state.status for status, _ in machine.TABLE))
