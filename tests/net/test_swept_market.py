"""A market whose blobs are swept all the time, by what each node remembers: what is needed stays, and in the end nothing is left."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from claynet.actors.ports import SECOND, Digest, FileRef
from claynet.net.blob_sweep import BlobSweep
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.net.view.node_view import NodeView
from claynet.net.view.result_keeper import ResultKeeper
from tests.actors.harness import Event, World
from tests.actors.test_crash_points import spread
from tests.actors.watch import Watch
from tests.actors.watched import WatchedStore

DEEP = os.environ.get("CLAYNET_TESTS") == "deep"
EXCUSES = ("the node stopped before it was assigned",)
"""Why a subtask may fail when a node crashed. That a file is not there is none."""


class Unfenced:
    """Real files, in a world of virtual time."""

    def __init__(self, world: World, blobs: DiskBlobs) -> None:
        self.disk = blobs
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, getattr(self.disk, name))

    def _call(self, method: Callable[..., Any], *args: Any) -> Any:
        with self._world.system.fence.lifted():
            return method(*args)


class SeenMemory(WatchedStore):
    """A store whose commits a view sees, as those of a live node."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.view = NodeView()

    def append(self, key: str, state: Any | None, *rest: Any, **more: Any) -> None:
        super().append(key, state, *rest, **more)
        self.view.committed(key, state)

    def reopen(self) -> None:
        super().reopen()
        self.view = NodeView()
        self.view.load(self.load())


class Swept:
    """A requestor and two providers with blobs on disk, swept twice a second with a grace of two, where all takes longer: what is needed
    and not seen to be needed is gone soon, and the task comes to nothing."""

    def __init__(self, folder: Path) -> None:
        self.world = world = World(start=4 * SECOND)
        world.weather(latency=SECOND)
        self.watch = Watch(world)
        self.sweeps: dict[str, tuple[int, BlobSweep]] = {}
        self.removed = 0
        self.disks: dict[str, DiskBlobs] = {}
        for name in ("p0", "p1", "r0"):
            self.disks[name] = DiskBlobs(folder / name)
            blobs: Any = Unfenced(world, self.disks[name])
            add = world.requestor if name == "r0" else world.provider
            add(name, start=False, blobs=blobs).store = SeenMemory(name)
        world.listeners.append(self._on_event)
        self.shared = FileRef("in", self.disks["r0"].put(b"input of all"), 12)
        self._tick()

    def view(self, name: str) -> NodeView:
        store: Any = self.world.places[name].store
        found: NodeView = store.view
        return found

    def keeper(self) -> ResultKeeper:
        return ResultKeeper(self.world.places["r0"].store, self.view("r0"), self.disks["r0"])

    def _on_event(self, event: Event) -> None:
        if event.node == "r0":
            self.keeper().on_event(event)  # type: ignore[arg-type]

    def _tick(self) -> None:
        world = self.world
        with world.system.fence.lifted():
            for name, place in world.places.items():
                if place.node is not None:
                    lives, sweep = self.sweeps.get(name, (0, None))
                    if lives != place.lives or sweep is None:
                        sweep = BlobSweep(self.disks[name], self.view(name), lambda: world.system.now / SECOND, 2.0)
                        self.sweeps[name] = place.lives, sweep
                    self.removed += sweep.look()[0]
        world.system.schedule(world.system.now + SECOND // 2, self._tick)

    def blobs(self, name: str) -> set[Digest]:
        return set(self.disks[name].marks())

    def create(self, **changes: Any) -> str:
        params = '{"subtasks_bytes": 1500000, "result_bytes": 1200000}'
        return self.world.create(subtasks=3, params_json=params, inputs=(self.shared,), **changes)


def live_through(folder: Path, who: str = "", number: int = 0, before: bool = False) -> None:
    """Two tasks that share an input, and perhaps a crash."""
    swept = Swept(folder)
    with swept.world as world:
        for name in ("p0", "p1", "r0"):
            world.start(name)
        if who:
            world.places[who].store.cut_in, world.places[who].store.cut_before = number, before
        tasks = [swept.create(), swept.create()]
        world.run(60, lambda: bool(who) and not world.up(who))
        if who:
            assert not world.up(who)
            world.run(20)
            world.start(who)
        world.run(60)
        swept.watch.settle()
        known = [name for name in tasks if world.places["r0"].store.state("task", name) is not None]
        assert known == tasks or who == "r0"  # it crashed before anybody was told that it exists
        results: set[Digest] = set()
        for name in known:
            if world.task(name).status == "finished":
                record = swept.view("r0").record(name)
                assert record is not None
                swept.keeper().copy(record, folder / "out" / name)
                assert [path.stat().st_size for path in (folder / "out" / name).iterdir()] == [1_200_000] * 3, world.story()
                results |= {file.digest for file in record.results}
            else:
                assert (who, world.task(name).status) == ("r0", "failed_to_create"), world.story()
        assert swept.removed >= 2 * len(results)  # each part's input and result, at its provider at least
        failed = [one for one in world.places["r0"].store.states("subtask").values() if one.status == "failed"]
        assert not [one.reason for one in failed if one.reason not in EXCUSES], world.story()
        shared = swept.shared.digest
        assert swept.blobs("p0") == swept.blobs("p1") == set()
        assert swept.blobs("r0") == results | ({shared} if known else set())
        for place, name in enumerate(known):
            node = world.places["r0"].node
            assert node is not None
            node.delete_task(name)
            world.run(5)
            assert world.places["r0"].store.state("task", name) is None
            assert (shared in swept.blobs("r0")) == (place < len(known) - 1)
        assert swept.blobs("r0") == set()


def test_a_market_whose_blobs_are_swept_all_the_time_finishes_its_tasks_and_leaves_none(tmp_path: Path) -> None:
    live_through(tmp_path)


EVERY = [(who, number, before) for who, most in (("r0", 100), ("p0", 18)) for number in range(1, most + 1) for before in (True, False)]


@pytest.mark.parametrize(("who", "number", "before"), list(spread(EVERY, len(EVERY) if DEEP else 10)))
def test_a_crash_in_between_loses_no_file(tmp_path: Path, who: str, number: int, before: bool) -> None:
    live_through(tmp_path, who, number, before)
