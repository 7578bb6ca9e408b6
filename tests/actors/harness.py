"""A small virtual world of real nodes, watched from outside: power cuts, partitions, bent apps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig, TaskSpec
from claynet.actors.core.subtask import SubtaskState
from claynet.actors.core.task import TaskState
from claynet.actors.descriptors import parse
from claynet.actors.ledger import EmbeddedLedger
from claynet.actors.node import Node, build_node
from claynet.actors.ports import (
    MILLISECOND,
    SECOND,
    Address,
    Blobs,
    NodeId,
    Outcome,
)
from claynet.actors.world import Ports
from claynet.envs.model import ModelEnvironment
from claynet.envs.model_app import ModelConfig
from claynet.envs.resolve import AppTable
from claynet.sim.durations import Distribution, Durations
from claynet.sim.virtual.clock import VirtualClock
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.jobs_direct import DirectJobs
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.wire.memory import KeyedSigner, MemoryBlobs
from claynet.sim.wire.network import SimNetwork
from claynet.sim.wire.scheduler import VirtualScheduler
from tests.actors.bent import Bend, BentEnvironment, Call, straight
from tests.actors.watched import PowerCut, WatchedNetwork, WatchedStore

TOKEN = 10**9
OPENING = 100 * TOKEN
PRICE = TOKEN // 2
KEY = b"one key for all these test worlds"
TABLE = AppTable({"test/app": "tests.nowhere:APP", "test/other": "tests.nowhere:OTHER"})


def descriptor(name: str = "test/app", image: str | None = None, most: float = 10_000.0, **more: object) -> tuple[str, str]:
    fields = {"name": name, "requestor_env": "docker_cpu", "requestor_prereq": {"image": image or name, "tag": "1"}}
    return f"{name.replace('/', '-')}.json", json.dumps({**fields, "max_benchmark_score": most, **more})


APP, OTHER = descriptor(), descriptor("test/other")
APP_ID, OTHER_ID = parse(APP[1]).app_id, parse(OTHER[1]).app_id


def spec(**changes: Any) -> TaskSpec:
    base = TaskSpec(
        name="t",
        app_id=APP_ID,
        params_json="{}",
        subtasks=2,
        max_price=TOKEN,
        task_timeout=600 * SECOND,
        subtask_timeout=30 * SECOND,
    )
    return replace(base, **changes)


@dataclass
class Quality:
    latency: Distribution = field(default_factory=lambda: Distribution.constant(20 * MILLISECOND))
    bandwidth: int | None = None
    loss: float = 0.0


@dataclass(frozen=True)
class Event:
    at: int
    node: str
    kind: str
    fields: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


@dataclass
class Place:
    """What outlasts the lives of a node."""

    name: str
    config: NodeConfig
    signer: KeyedSigner
    store: WatchedStore
    blobs: Blobs
    environment: BentEnvironment
    opening: int
    lives: int = 0
    node: Node | None = None
    ledger: EmbeddedLedger | None = None
    is_paused: bool = False


@dataclass
class _Sink:
    world: World
    name: str

    def emit(self, kind: str, **fields: object) -> None:
        event = Event(self.world.system.now, self.name, kind, dict(fields))
        self.world.events.append(event)
        for listener in self.world.listeners:
            listener(event)


class World:
    """Requestors `r0`.. and providers `p0`.. on one simulated network."""

    def __init__(self, seed: int = 0, **durations: int) -> None:
        self.system = VirtualSystem()
        self.entropy = SeededEntropy(seed, "world")
        self.quality = Quality()
        self.network = SimNetwork(VirtualScheduler(self.system), self.system, lambda _a, _b: self.quality, self.entropy.stream("net"))
        model = Durations({kind: Distribution.constant(value) for kind, value in durations.items()})
        self.jobs = DirectJobs(self.system, model, self.entropy.stream("jobs"))
        self.clock = VirtualClock(self.system)
        self.places: dict[str, Place] = {}
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.sent: list[tuple[str, Any]] = []
        self.watchers: list[Callable[[str, Any], None]] = []
        self.log: list[tuple[Call, Outcome]] = []
        self.partitions: list[tuple[tuple[str, ...], ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for name, place in self.places.items():
            self.resume(name)
            if place.node is not None:
                place.node.stop()
        self.jobs.close()

    # ------------------------------------------------------------ nodes

    def add(
        self,
        name: str,
        config: NodeConfig,
        *,
        bend: Bend = straight,
        score: float = 1000.0,
        opening: int = OPENING,
        blobs: Blobs | None = None,
    ) -> Place:
        blobs = MemoryBlobs() if blobs is None else blobs
        environment = BentEnvironment(ModelEnvironment(blobs, TABLE, ModelConfig(score=score)), name, bend, self.log)
        place = Place(name, config, KeyedSigner(KEY, name), WatchedStore(name), blobs, environment, opening)
        self.places[name] = place
        return place

    def requestor(self, name: str = "r0", *, start: bool = True, files: Any = (APP, OTHER), config: Any = None, **more: Any) -> Place:
        changes = {key: more.pop(key) for key in ("disabled_apps", "retry_most") if key in more}
        requestor = RequestorConfig(env="model", **(config or {}))
        place = self.add(name, NodeConfig(name=name, requestor=requestor, descriptors=files, **changes), **more)
        if start:
            self.start(name)
        return place

    def provider(self, name: str = "p0", *, start: bool = True, price: int = PRICE, config: Any = None, **more: Any) -> Place:
        provider = ProviderConfig(env="model", price=price, **(config or {}))
        place = self.add(name, NodeConfig(name=name, provider=provider, descriptors=more.pop("files", ())), **more)
        if start:
            self.start(name)
        return place

    def start(self, name: str) -> None:
        place = self.places[name]
        assert place.node is None
        place.lives += 1
        try:
            place.ledger = EmbeddedLedger(place.store, place.opening)
            place.node = build_node(replace(place.config, life=place.lives), self._ports(place, place.ledger))
            place.node.start()
        except PowerCut:
            self._lost(place)

    def _ports(self, place: Place, ledger: EmbeddedLedger) -> Ports:
        return Ports(
            system=self.system,
            clock=self.clock,
            entropy=self.entropy.stream(f"node/{place.name}/{place.lives}"),
            jobs=self.jobs,
            network=WatchedNetwork(self.network.handle(place.name, place.signer.node_id), self._saw),  # type: ignore[arg-type]
            signer=place.signer,
            blobs=place.blobs,
            store=place.store,
            ledger=ledger,
            environments={"model": place.environment},
            sink=_Sink(self, place.name),
        )

    def pause(self, name: str) -> None:
        place = self.places[name]
        if place.node is not None:
            place.is_paused = True
            self.system.hold(f"{place.node.prefix}/")

    def resume(self, name: str) -> None:
        place = self.places[name]
        if place.node is not None and place.is_paused:
            place.is_paused = False
            self.system.release(f"{place.node.prefix}/")

    def crash(self, name: str) -> None:
        if self.places[name].node is not None:
            self._lost(self.places[name])

    def _lost(self, place: Place) -> None:
        if place.node is not None:
            self.system.kill(f"{place.node.prefix}/")
            self.jobs.lose(f"{place.node.prefix}/")
        place.is_paused = False
        self.network.cut(place.name)
        place.environment.close()
        place.store.reopen()
        place.node = place.ledger = None

    def restart(self, name: str) -> None:
        self.crash(name)
        self.start(name)

    def up(self, name: str) -> bool:
        return self.places[name].node is not None

    def id(self, name: str) -> NodeId:
        return self.places[name].signer.node_id

    def shell(self, name: str, which: str) -> Any:
        """The living shell object of a node: `manager`, `computer`, `switchboard` (looked into only by invariants)."""
        node = self.places[name].node
        return None if node is None else self.system._actors.get(Address(f"{node.prefix}/{which}"))

    # ------------------------------------------------------------ time

    def run(self, seconds: float = 60.0, stop: Callable[[], bool] | None = None) -> None:
        """Let virtual time pass; a node whose power is cut meanwhile crashes and the rest goes on."""
        until = self.system.now + round(seconds * SECOND)
        while True:
            try:
                self.system.run(until, stop)
            except PowerCut as cut:
                self.crash(cut.name)
            else:
                return

    def run_until(self, stop: Callable[[], bool], seconds: float = 3600.0) -> None:
        self.run(seconds, stop)
        assert stop(), f"not within {seconds} virtual seconds\n{self.story()}"

    def steps(self, count: int) -> None:
        for _ in range(count):
            try:
                if not self.system.step():
                    return
            except PowerCut as cut:
                self.crash(cut.name)

    def partition(self, *sides: tuple[str, ...]) -> None:
        self.network.partition(sides, True)
        self.partitions.append(sides)

    def heal(self) -> None:
        while self.partitions:
            self.network.partition(self.partitions.pop(), False)

    def weather(self, latency: int = 20 * MILLISECOND, loss: float = 0.0, sigma: float = 0.0) -> None:
        self.quality = Quality(Distribution.lognormal(latency, sigma) if sigma else Distribution.constant(latency), None, loss)
        self.network.refresh()

    # ------------------------------------------------------------ tasks, and what is known of them

    def create(self, name: str = "r0", **changes: Any) -> str:
        node = self.places[name].node
        assert node is not None
        return node.create_task(spec(**changes))

    def abort(self, task_id: str, name: str = "r0") -> None:
        node = self.places[name].node
        assert node is not None
        node.abort_task(task_id)

    def task(self, task_id: str, name: str = "r0") -> TaskState:
        found = self.places[name].store.state("task", task_id)
        assert found is not None
        return found

    def subtasks(self, task_id: str, name: str = "r0") -> list[SubtaskState]:
        return [one for one in self.places[name].store.states("subtask").values() if one.task_id == task_id]

    def slots(self, name: str = "p0") -> list[Any]:
        return list(self.places[name].store.states("slot").values())

    def balance(self, name: str) -> int:
        ledger = self.places[name].ledger
        assert ledger is not None
        return ledger.balance()

    def is_over(self, task_id: str, name: str = "r0") -> bool:
        found = self.places[name].store.state("task", task_id)
        return found is not None and found.is_final

    def finish(self, task_id: str, name: str = "r0", seconds: float = 3600.0) -> TaskState:
        """Run until the task is over, and a little longer for its payments."""
        self.run_until(lambda: self.is_over(task_id, name), seconds)
        self.run(5)
        return self.task(task_id, name)

    def seen(self, kind: str, **fields: object) -> list[Event]:
        return [
            event for event in self.events if event.kind == kind and all(event.fields.get(key) == value for key, value in fields.items())
        ]

    def calls(self, method: str) -> list[tuple[Call, Outcome]]:
        return [(call, outcome) for call, outcome in self.log if call.method == method]

    def frames(self, name: str, tag: str) -> list[Any]:
        return [frame for sender, frame in self.sent if sender == name and frame.tag == tag]

    def clean(self) -> None:
        """No bug of ours, and no honest node took another for a cheat."""
        for kind in ("actor_failed", "misuse", "ignored"):
            assert not self.seen(kind), f"{self.seen(kind)[0].fields}\n{self.story()}"
        assert self.system.failures == 0

    def story(self, last: int = 60) -> str:
        """The last events, for failure messages."""
        short = {self.id(name): name for name in self.places}
        lines = []
        for event in self.events[-last:]:
            fields = {
                key: short.get(value, value[:8] if key in ("id", "task") else value) if isinstance(value, str) else value
                for key, value in event.fields.items()
                if key not in ("frame", "digest", "app", "trace")
            }
            lines.append(f"{event.at / SECOND:9.3f} {event.node} {event.kind} {fields}")
        return "\n".join(lines)

    def _saw(self, name: str, frame: Any) -> None:
        self.sent.append((name, frame))
        for watcher in self.watchers:
            watcher(name, frame)
