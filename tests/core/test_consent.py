"""Whose images a provider runs: what an operator said counts, and strangers who ask can neither fill nor empty what is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.core.consent import MOST_ASKERS, MOST_OF_ONE, MOST_SEEN, MOST_TEXT, ConsentState, allow, allows, asked, forbid

SOURCES = st.sampled_from(["golem", "registry.example/team", "b", "c"])


def test_what_has_no_source_was_installed_by_the_operator():
    assert allows(ConsentState(), (), "")
    assert not allows(ConsentState(), (), "golem")
    assert allows(ConsentState(), ("golem",), "golem")


@given(st.lists(st.tuples(st.sampled_from([allow, forbid]), SOURCES), max_size=12), st.frozensets(SOURCES).map(tuple))
def test_the_last_word_on_a_source_counts_and_the_configuration_where_there_is_none(words, configured):
    state, last = ConsentState(), {}
    for word, source in words:
        state = word(state, source)
        last[source] = word is allow
    for source in ("golem", "registry.example/team", "b", "c"):
        assert allows(state, configured, source) == last.get(source, source in configured)
    assert len(set(state.allowed)) == len(state.allowed)
    assert not set(state.allowed) & set(state.forbidden)


def test_who_asked_is_remembered_once_and_allowing_ends_the_question():
    state = asked(ConsentState(), "golem", "golem/blender:1", "n1", 5)
    assert asked(state, "golem", "golem/blender:2", "n1", 9) is state
    state = asked(state, "golem", "golem/other:1", "n2", 9)
    (seen,) = state.seen
    assert (seen.source, seen.image, seen.since, seen.asked_by) == ("golem", "golem/blender:1", 5, ("n1", "n2"))
    for number in range(50):
        state = asked(state, "golem", "golem/blender:1", f"more{number}", 10)
    assert len(state.seen[0].asked_by) == MOST_ASKERS
    assert allow(state, "golem").seen == ()
    assert forbid(state, "golem").seen == state.seen


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 400)), max_size=600))
def test_what_is_remembered_is_bounded_whoever_asks(questions):
    state = ConsentState()
    for who, source in questions:
        before, state = state, asked(state, f"s{source}" * 90, "x" * 5000, f"n{who}", 0)
        assert state is before or any(f"n{who}" in one.asked_by for one in state.seen)
    assert len(state.seen) <= MOST_SEEN
    firsts = [one.asked_by[0] for one in state.seen]
    assert all(firsts.count(who) <= MOST_OF_ONE for who in firsts)
    assert all(len(one.source) <= MOST_TEXT and len(one.image) <= MOST_TEXT for one in state.seen)


def test_one_loud_stranger_pushes_out_only_what_it_asked_itself():
    state = asked(ConsentState(), "honest", "honest/app:1", "honest", 0)
    for number in range(10_000):
        state = asked(state, f"loud{number}", "x", "loud", 0)
    assert len(state.seen) == 1 + MOST_OF_ONE
    assert state.seen[0].source == "honest"


def test_many_strangers_at_once_push_out_the_loudest_first():
    state = asked(ConsentState(), "honest", "honest/app:1", "honest", 0)
    for who in range(100):
        for number in range(MOST_OF_ONE):
            state = asked(state, f"s{who}-{number}", "x", f"n{who}", 0)
    assert len(state.seen) == MOST_SEEN
    assert any(one.source == "honest" for one in state.seen)
