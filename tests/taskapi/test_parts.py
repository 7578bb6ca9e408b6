"""The parts store: rules one by one, and against a model under random use."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from claynet.taskapi.parts import COMPUTABLE, RUNNING, DuplicateSubtask, NotComputable, Part, PartsStore, Status


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PartsStore]:
    with PartsStore(tmp_path / "parts.sqlite") as store:
        store.add(range(3))
        yield store


def test_new_parts_wait(store: PartsStore) -> None:
    assert store.parts() == tuple(Part(number, Status.WAITING, None) for number in range(3))
    assert store.part(1) == Part(1, Status.WAITING, None)
    assert store.part(7) is None
    assert not store.finished()


def test_adding_again_changes_nothing(store: PartsStore) -> None:
    store.start(0, "a")
    store.add(range(4))
    assert [part.status for part in store.parts()] == [Status.COMPUTING, Status.WAITING, Status.WAITING, Status.WAITING]


def test_a_started_part_is_computing(store: PartsStore) -> None:
    store.start(1, "a")
    assert store.part(1) == Part(1, Status.COMPUTING, "a")
    assert store.part_number("a") == 1
    assert store.status("a") is Status.COMPUTING


def test_double_start_is_refused_and_changes_nothing(store: PartsStore) -> None:
    store.start(1, "a")
    with pytest.raises(NotComputable, match=r"part 1 is computing \(subtask a\)"):
        store.start(1, "b")
    assert store.part_number("b") is None
    with pytest.raises(NotComputable, match="there is no part 9"):
        store.start(9, "b")


def test_a_duplicate_id_is_refused_and_changes_nothing(store: PartsStore) -> None:
    store.start(1, "a")
    with pytest.raises(DuplicateSubtask):
        store.start(2, "a")
    with pytest.raises(DuplicateSubtask):
        store.start_next("a")
    assert store.part(0) == Part(0, Status.WAITING, None)
    assert store.part(2) == Part(2, Status.WAITING, None)
    assert store.part_number("a") == 1


def test_a_duplicate_id_of_an_earlier_try_is_refused(store: PartsStore) -> None:
    store.start(1, "a")
    store.set_status("a", Status.FAILURE)
    with pytest.raises(DuplicateSubtask):
        store.start(1, "a")


@pytest.mark.parametrize("status", list(Status)[1:])
def test_which_statuses_are_computable(store: PartsStore, status: Status) -> None:
    store.start(0, "a")
    store.set_status("a", status)
    computable = status in COMPUTABLE
    assert (store.next_computable() == 0) is computable
    if computable:
        store.start(0, "b")
        assert store.part(0) == Part(0, Status.COMPUTING, "b")
    else:
        with pytest.raises(NotComputable):
            store.start(0, "b")


def test_the_order_is_by_number_and_repeatable(store: PartsStore) -> None:
    assert [store.next_computable(), store.next_computable()] == [0, 0]
    assert [store.start_next("a"), store.start_next("b"), store.start_next("c"), store.start_next("d")] == [0, 1, 2, None]
    store.set_status("c", Status.FAILURE)
    store.set_status("b", Status.ABORTED)
    assert [store.start_next("e"), store.start_next("f"), store.start_next("g")] == [1, 2, None]


def test_a_part_follows_its_latest_try(store: PartsStore) -> None:
    store.start(0, "a")
    store.set_status("a", Status.FAILURE)
    store.start(0, "b")
    assert not store.set_status("a", Status.SUCCESS)
    assert store.part(0) == Part(0, Status.COMPUTING, "b")
    assert store.part_number("a") == 0


def test_an_outcome_stays(store: PartsStore) -> None:
    store.start(0, "a")
    assert store.set_status("a", Status.ABORTED)
    assert not store.set_status("a", Status.SUCCESS)
    assert store.status("a") is Status.ABORTED


def test_unknown_ids_do_no_harm(store: PartsStore) -> None:
    assert not store.set_status("nobody", Status.SUCCESS)
    assert store.status("nobody") is None
    assert store.discard(["nobody"]) == ()
    assert all(part.status is Status.WAITING for part in store.parts())


def test_abort_task_aborts_what_runs(store: PartsStore) -> None:
    for number, subtask_id in enumerate("abc"):
        store.start(number, subtask_id)
    store.set_status("a", Status.SUCCESS)
    store.set_status("b", Status.VERIFYING)
    assert store.abort_task() == ("b", "c")
    assert [part.status for part in store.parts()] == [Status.SUCCESS, Status.ABORTED, Status.ABORTED]
    assert store.abort_task() == ()


def test_discarded_successes_are_computable_again(store: PartsStore) -> None:
    for number, subtask_id in enumerate("abc"):
        store.start(number, subtask_id)
        store.set_status(subtask_id, Status.SUCCESS)
    assert store.finished()
    assert store.discard(["b", "nobody", "b"]) == ("b",)
    assert not store.finished()
    assert store.next_computable() == 1


def test_it_outlives_its_process(tmp_path: Path) -> None:
    with PartsStore(tmp_path / "parts") as store:
        store.add(range(2))
        store.start(0, "a")
        store.set_status("a", Status.SUCCESS)
        store.start(1, "b")
        with PartsStore(tmp_path / "parts") as after_a_kill:  # nothing was closed before
            assert after_a_kill.parts() == store.parts()
    with PartsStore(tmp_path / "parts") as store:
        assert [part.status for part in store.parts()] == [Status.SUCCESS, Status.COMPUTING]


def test_a_closed_store_opens_again(store: PartsStore) -> None:
    store.close()
    store.close()
    assert store.start_next("a") == 0


def test_threads_never_get_the_same_part(tmp_path: Path) -> None:
    with PartsStore(tmp_path / "parts") as store:
        store.add(range(60))
        got: list[int | None] = []

        def take(thread: int) -> None:
            got.extend(store.start_next(f"{thread}-{number}") for number in range(10))

        threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(number for number in got if number is not None) == list(range(60))


class StoreAgainstModel(RuleBasedStateMachine):
    """Any sequence of operations leaves the store as a dictionary of tries would be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = PartsStore(Path(self.folder.name) / "parts")
        self.store.add(range(4))
        self.tries: dict[str, tuple[int, Status]] = {}
        self.current: dict[int, str] = {}

    def status_of(self, number: int) -> Status:
        return self.tries[self.current[number]][1] if number in self.current else Status.WAITING

    ids = st.sampled_from([f"s{number}" for number in range(12)])

    @rule(number=st.integers(0, 4), subtask_id=ids)
    def start(self, number: int, subtask_id: str) -> None:
        if number > 3 or self.status_of(number) not in COMPUTABLE:
            with pytest.raises(NotComputable):
                self.store.start(number, subtask_id)
        elif subtask_id in self.tries:
            with pytest.raises(DuplicateSubtask):
                self.store.start(number, subtask_id)
        else:
            self.store.start(number, subtask_id)
            self.tries[subtask_id] = (number, Status.COMPUTING)
            self.current[number] = subtask_id

    @rule(subtask_id=ids, status=st.sampled_from(list(Status)[1:]))
    def set_status(self, subtask_id: str, status: Status) -> None:
        known = self.tries.get(subtask_id)
        changes = known is not None and known[1] in RUNNING
        assert self.store.set_status(subtask_id, status) is changes
        if changes and known is not None:
            self.tries[subtask_id] = (known[0], status)

    @rule()
    def abort_task(self) -> None:
        running = sorted(subtask_id for subtask_id, (_, status) in self.tries.items() if status in RUNNING)
        assert self.store.abort_task() == tuple(running)
        for subtask_id in running:
            self.tries[subtask_id] = (self.tries[subtask_id][0], Status.ABORTED)

    @rule(subtask_ids=st.lists(ids, unique=True, max_size=3))
    def discard(self, subtask_ids: list[str]) -> None:
        expected = [name for name in subtask_ids if name in self.tries and self.tries[name][1] is not Status.ABORTED]
        assert self.store.discard(subtask_ids) == tuple(expected)
        for name in expected:
            self.tries[name] = (self.tries[name][0], Status.ABORTED)

    @rule()
    def reopen(self) -> None:
        self.store.close()

    @invariant()
    def same(self) -> None:
        parts = self.store.parts()
        assert parts == tuple(Part(number, self.status_of(number), self.current.get(number)) for number in range(4))
        computable = [part.number for part in parts if part.status in COMPUTABLE]
        assert self.store.next_computable() == (computable[0] if computable else None)
        assert self.store.finished() is all(part.status is Status.SUCCESS for part in parts)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
