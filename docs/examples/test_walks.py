"""Any walk through the subtask machine keeps to its table, and a final state stays final."""

from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.core import subtask
from claynet.actors.core.machine import InvalidTransition, State, move

MOVES = sorted({name for _, name in subtask.TABLE})


@given(st.lists(st.sampled_from(MOVES), max_size=20))
def test_a_final_state_stays(walk: list[str]) -> None:
    """Try every move of a walk; those that are illegal change nothing."""
    state = State(status=subtask.INITIAL)
    for name in walk:
        before = state
        try:
            state = move(subtask.TABLE, "subtask/1", state, name)
        except InvalidTransition:
            assert (before.status, name) not in subtask.TABLE
        else:
            assert before.status not in subtask.FINAL
