"""A small market in which a node crashes inside any one of its appends, or two nodes do: what was agreed is done once, and all ends.

The points are (node, n-th append, before or after its commit) of an undisturbed run. CLAYNET_TESTS=deep takes every point with every
pause, and many more pairs.
"""

from __future__ import annotations

import ast
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from claynet.actors.core.records import amount_due
from claynet.actors.ledger import Hold, Note
from claynet.actors.node import EFFECT_TYPES, STATE_TYPES
from claynet.actors.ports import SECOND, FileRef, Outcome
from claynet.net.storage.sqlite_store import SqliteStore
from tests.actors.bent import Call
from tests.actors.harness import OPENING, PRICE, World
from tests.actors.watch import Watch
from tests.actors.watched import WatchedStore

pytestmark = pytest.mark.timeout(7200)  # a deep look takes its time

DEEP = os.environ.get("CLAYNET_TESTS") == "deep"
POINTS = 200
PAIRS = 2_000 if DEEP else 120
PARTS = 3
DUE = amount_due(PRICE, 30 * SECOND)
PAUSES = (0.0, 1.0, 9.0, 70.0)
"""Seconds until a node that crashed is started again: at once, within a retry, past most timers, past a subtask's timeout."""

Point = tuple[str, int, bool]
MakeStore = Callable[[str], WatchedStore]

EXCLUSIVE = ({"acceptance", "rejection"}, {"report", "failed"})
"""Of one subtask a peer may be told one of these, not both."""


class DiskStore(WatchedStore):
    """The real store. After a crash the next life finds its files as they are on disk; of a commit that was cut, half of its log."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._folder = folder
        self._lives = 0
        self._half: int | None = None
        self.inner: Any = self._open()

    def _open(self) -> SqliteStore:
        return SqliteStore(self._folder / f"{self.name}-{self._lives}.db", STATE_TYPES | Note | Hold, EFFECT_TYPES)

    def _log(self) -> Path:
        return self._folder / f"{self.name}-{self._lives}.db-wal"

    def torn(self, key: str, state: Any | None, effects: Sequence[tuple[str, Any]], done: Iterable[str]) -> None:
        size = self._log().stat().st_size
        self.inner.append(key, state, effects, done)
        grown = self._log().stat().st_size
        assert grown > size, "it began its log anew: nothing shows where this commit begins"
        self._half = (size + grown) // 2

    def reopen(self) -> None:
        dropped, data, log = self.inner, self._log().with_suffix(".db").read_bytes(), self._log().read_bytes()[: self._half]
        self._lives += 1
        self._half = self.cut_in = None
        self._log().with_suffix(".db").write_bytes(data)
        self._log().write_bytes(log)
        dropped.close()  # moves its log into its own file, which nobody looks at any more
        self.inner = self._open()


class Market:
    """One requestor and two providers, of which one's first result is wrong; three subtasks."""

    def __init__(self, store: MakeStore = WatchedStore) -> None:
        self.world = World()
        self.watch = Watch(self.world)
        self.world.provider("p0", start=False)
        self.world.provider("p1", start=False, bend=self._lie)
        self.world.requestor("r0", start=False)
        for name, place in self.world.places.items():
            place.store = store(name)

    def _lie(self, call: Call) -> Outcome | None:
        if (call.method, call.n) != ("collect", 1):
            return None
        names = ast.literal_eval(call.request.decode())
        return Outcome("ok", files=tuple(FileRef(name, self.world.places["p1"].blobs.put(b"wrong"), 5) for name in names))

    def play(self, points: Iterable[Point] = (), pause: float = 0.0) -> None:
        """Live through a task and crash at each of the points that come up; a node's second point counts from its second start."""
        world = self.world
        self._points = list(points)
        for name in world.places:
            self._start(name)
        task_id = ""
        while True:
            world.run(100, self._is_somebody_down)
            self.watch.check()
            if self._is_somebody_down():
                world.run(pause)
                for name in world.places:
                    if not world.up(name):
                        self._start(name)
            elif not task_id or world.places["r0"].store.state("task", task_id) is None:  # nobody was told yet that it exists
                task_id = world.create(subtasks=PARTS)
            else:
                break
        self.watch.settle()
        self.check(task_id)

    def _start(self, name: str) -> None:
        point = next((one for one in self._points if one[0] == name), None)
        if point is not None:
            self._points.remove(point)
            store = self.world.places[name].store
            _, store.cut_in, store.cut_before = point
        self.world.start(name)

    def _is_somebody_down(self) -> bool:
        return any(place.node is None for place in self.world.places.values())

    def check(self, task_id: str) -> None:
        world, story = self.world, self.world.story
        task, places = world.task(task_id), world.places
        finished = {one.id for one in world.subtasks(task_id) if one.status == "finished"}
        assert task.status in ("finished", "failed_to_create"), story()
        assert len(finished) == (PARTS if task.status == "finished" else 0), story()
        out = {note.entry.payment_id: note.entry for note in places["r0"].store.states("note").values()}
        received = [
            (note.entry.payment_id, world.id(name), note.entry.amount)
            for name in ("p0", "p1")
            for note in places[name].store.states("note").values()
        ]
        assert set(out) == finished, story()
        assert sorted(received) == sorted((name, entry.other, entry.amount) for name, entry in out.items()), story()
        assert all(entry.amount == DUE for entry in out.values())
        assert OPENING - world.balance("r0") == len(finished) * DUE == sum(world.balance(name) - OPENING for name in ("p0", "p1"))
        paid = {one.id for name in ("p0", "p1") for one in world.slots(name) if one.status == "paid"}
        assert paid == finished, story()
        assert {frame.record.subtask_id for frame in world.frames("r0", "acceptance")} == finished, "an acceptance was taken back"
        self._check_frames()
        assert world.jobs.pending == 0
        world.clean()

    def _check_frames(self) -> None:
        """What was said again was said in the same words, and is no contradiction."""
        said: dict[tuple[str, str], dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
        for sender, frame in self.world.sent:
            name = getattr(frame.record, "subtask_id", "") or getattr(frame.record, "payment_id", "")
            if name:
                said[sender, name][frame.tag].add(frame.body)
        for (sender, name), tags in said.items():
            twice = {tag for tag, bodies in tags.items() if len(bodies) > 1}
            assert not twice, f"{sender} said several different {twice} of {name}\n{self.world.story()}"
            for pair in EXCLUSIVE:
                assert len(pair & set(tags)) < 2, f"{sender} said {pair} of {name}\n{self.world.story()}"


@pytest.fixture(scope="module")
def points() -> list[Point]:
    """All of an undisturbed run."""
    market = Market()
    with market.world as world:
        market.play()
        assert world.calls("Verify")
        assert Counter(one.status for one in world.places["r0"].store.states("subtask").values()) == {"finished": PARTS, "failed": 1}
        return [
            (name, n + 1, before) for name, place in world.places.items() for n in range(place.store.appends) for before in (True, False)
        ]


def spread(all_of: Sequence[Any], count: int) -> Iterator[Any]:
    """So many of them, evenly; all when there are fewer."""
    count = min(count, len(all_of))
    return (all_of[number * len(all_of) // count] for number in range(count))


def crash(points: Sequence[Point], pause: float, store: MakeStore = WatchedStore) -> int:
    """One run; return how many of the points came up."""
    market = Market(store)
    with market.world as world:
        try:
            market.play(points, pause)
        except AssertionError as error:
            error.add_note(f"crashed at {points}, each for {pause} s")
            raise
        return sum(place.lives - 1 for place in world.places.values())


def test_a_node_crashes_inside_any_append(points: list[Point]) -> None:
    assert len(points) >= POINTS
    for number, point in enumerate(points if DEEP else spread(points, POINTS)):
        for pause in PAUSES if DEEP else PAUSES[number // 2 % len(PAUSES) :][:1]:
            assert crash([point], pause) == 1


def test_two_nodes_crash_in_one_run(points: list[Point]) -> None:
    ours = [point for point in points if point[0] == "r0"]
    others = [point for point in points if point[0] != "r0"]
    both = 0
    for number, pair in enumerate(spread(list(product(ours, others)), PAIRS)):
        both += crash(pair, PAUSES[number % len(PAUSES)]) == 2
    assert both > PAIRS // 2  # the first crash may take the second's occasion away


def test_a_node_crashes_again_while_it_comes_back(points: list[Point]) -> None:
    crashed = 0
    seconds = [(number, before) for number in range(1, 5) for before in (True, False)]
    pairs = [(point, (point[0], *second)) for point in points for second in seconds]
    for number, pair in enumerate(spread(pairs, PAIRS)):
        crashed += crash(pair, PAUSES[number % len(PAUSES)]) == 2
    assert crashed > PAIRS // 2  # the first may have been near the end


@pytest.mark.parametrize("number", range(10))
def test_a_node_crashes_inside_an_append_to_the_store_on_disk(points: list[Point], number: int, tmp_path: Path) -> None:
    stores: list[DiskStore] = []

    def on_disk(name: str) -> DiskStore:
        stores.append(DiskStore(name, tmp_path))
        return stores[-1]

    try:
        assert crash([points[(2 * number + 1) * len(points) // 20 + number % 2]], PAUSES[number % len(PAUSES)], on_disk) == 1
    finally:
        for store in stores:
            store.close()
