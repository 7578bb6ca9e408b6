"""SimWorld: a plan's nodes in one process, and what happens to them.

Knows how a node's ports are made and how nodes crash and come back. Must not know what a run is for (`runner.py`), nor which engine
makes time pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from claynet.actors.config import NodeConfig, TaskSpec
from claynet.actors.environment import Environment
from claynet.actors.ledger import EmbeddedLedger
from claynet.actors.node import Node, build_node
from claynet.actors.ports import Blobs, Entropy, FileRef, NodeId, Signer
from claynet.actors.world import Ports
from claynet.envs.registry import EnvironmentSettings
from claynet.envs.workspace import FileLimits
from claynet.sim.engine import Engine
from claynet.sim.node_parts import app_table, descriptors_of, environment_of, module_path, sources_of
from claynet.sim.run_world import Elsewhere
from claynet.sim.scenario.plan import NodePlan, Plan, TaskInstance
from claynet.sim.side_logs import UsageLog
from claynet.sim.watch.hub import EventHub
from claynet.sim.wire.memory import MemoryBlobs, MemoryStore
from claynet.sim.wire.wiring import LinkFaults, Wiring

_LIMITS = FileLimits(file_bytes=256 * 1024**2, total_bytes=1024**3)
"""Of what is collected at once: every node's files are in this process's memory, where a sparse file is as large as it says."""


class _Place:
    """Where one node lives: what outlasts its lives."""

    def __init__(self, plan: NodePlan, signer: Signer, blobs: Blobs, environment: Environment) -> None:
        self.plan = plan
        self.signer = signer
        self.blobs = blobs
        self.environment = environment
        self.store = MemoryStore()
        self.lives = 0
        self.node: Node | None = None
        self.waiting: list[TaskInstance] = []
        """Tasks that came due while it was down or paused."""
        self.is_paused = False


class SimWorld:
    """All nodes of a plan: a `RunWorld`."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        wiring: Wiring,
        hub: EventHub,
        entropy: Entropy,
        data_dir: Path,
        usage: UsageLog | None = None,
    ) -> None:
        self.plan = plan
        self.engine = engine
        self._wiring = wiring
        self._hub = hub
        self._entropy = entropy
        self._data_dir = data_dir
        self._usage = usage or UsageLog(None)
        self._table = app_table(plan)
        self._descriptors = descriptors_of(plan)
        self._places = {node.name: self._place(node) for node in plan.nodes}

    @property
    def link_faults(self) -> LinkFaults | None:
        """What can be done to links: that depends on what joins the nodes."""
        return self._wiring.faults

    @property
    def nodes_up(self) -> int:
        """How many nodes are alive."""
        return sum(place.node is not None for place in self._places.values())

    @property
    def elsewhere(self) -> Elsewhere:
        """Nothing: all nodes are here."""
        return Elsewhere()

    def prepare(self) -> None:
        """Nothing takes its time."""

    def start(self) -> None:
        """Start every node, requestors last, so that providers hear the first announcement."""
        for place in sorted(self._places.values(), key=lambda place: place.plan.requestor is not None):
            self._begin(place)

    def stop(self) -> None:
        """Stop every node and kill its services."""
        for name, place in self._places.items():
            self.resume(name)  # it could not stop otherwise
            if place.node is not None:
                place.node.stop()
                place.node = None
            else:
                place.environment.close()

    def create_task(self, instance: TaskInstance) -> None:
        """Let a node make a task; one that is down or paused makes it when it is back."""
        place = self._places[instance.node]
        if place.node is None or place.is_paused:
            place.waiting.append(instance)
            return
        plan = instance.plan
        inputs = tuple(FileRef(file.name, place.blobs.put(file.data), len(file.data)) for file in plan.inputs)
        place.node.create_task(
            TaskSpec(
                name=plan.name,
                app_id=self.plan.apps[plan.app].app_id,
                params_json=plan.params_json,
                subtasks=plan.subtasks,
                max_price=plan.max_price,
                task_timeout=plan.task_timeout,
                subtask_timeout=plan.subtask_timeout,
                inputs=inputs,
            )
        )

    def crash(self, name: str) -> None:
        """A node stops without a word: actors, links, services. What its store committed stays."""
        place = self._places[name]
        if place.node is None:
            return
        self.engine.system.kill(f"{place.node.prefix}/")
        self.engine.lose_jobs(f"{place.node.prefix}/")
        self._wiring.cut(name)
        place.environment.close()
        place.node = None
        place.is_paused = False

    def pause(self, name: str) -> None:
        """Its actors handle nothing until it is resumed."""
        place = self._places[name]
        if place.node is not None:
            place.is_paused = True
            self.engine.system.hold(f"{place.node.prefix}/")

    def resume(self, name: str) -> None:
        """They take up what has come for them."""
        place = self._places[name]
        if place.node is not None and place.is_paused:
            place.is_paused = False
            self.engine.system.release(f"{place.node.prefix}/")
            self._make_up(place)

    def restart(self, name: str, is_paused: bool) -> None:
        """A node that is down comes back with what it had committed, paused or not."""
        place = self._places[name]
        if place.node is None:
            self._begin(place)
            if is_paused:
                self.pause(name)
            else:
                self._make_up(place)

    def _make_up(self, place: _Place) -> None:
        waiting, place.waiting = place.waiting, []
        for instance in waiting:
            self.create_task(instance)

    def node(self, name: str) -> Node | None:
        """Return a node's present life."""
        return self._places[name].node

    def blobs(self, name: str) -> Blobs:
        """Return a node's files."""
        return self._places[name].blobs

    def logs(self) -> Iterable[tuple[str, Path]]:
        """Return (node, folder) of what apps wrote."""
        return sorted((found.parent.name, found) for found in self._data_dir.glob("*/.logs"))

    def node_id(self, name: str) -> NodeId:
        """Return a node's id."""
        return self._places[name].signer.node_id

    def ports_for(self, name: str) -> Ports:
        """Make the ports of a node's next life."""
        place = self._places[name]
        plan = place.plan
        return Ports(
            system=self.engine.system,
            clock=self.engine.clock_of(plan.clock_offset, round(plan.clock_drift * 1_000_000)),
            entropy=self._entropy.stream(f"node/{name}/{place.lives}"),
            jobs=self.engine.jobs,
            network=self._wiring.handle(name, place.signer),
            signer=place.signer,
            blobs=place.blobs,
            store=place.store,
            ledger=EmbeddedLedger(place.store, plan.balance),
            environments={plan.env: place.environment},
            sink=self._hub.sink(name),
        )

    def _begin(self, place: _Place) -> None:
        place.lives += 1
        place.store = place.store.reopen()  # what is left of an older life can write no more
        plan = place.plan
        config = NodeConfig(
            name=plan.name,
            life=place.lives,
            requestor=plan.requestor,
            provider=plan.provider and replace(plan.provider, whitelist=sources_of(self.plan, plan, place.environment)),
            descriptors=self._descriptors,
            start_limit=plan.start_limit,
            retry_first=plan.retry_first,
            retry_most=plan.retry_most,
        )
        place.node = build_node(config, self.ports_for(plan.name))
        place.node.start()
        self._wiring.joined(plan.name)

    def _place(self, plan: NodePlan) -> _Place:
        blobs = MemoryBlobs()
        self.engine.know_blobs(plan.name, blobs)
        settings = EnvironmentSettings(
            data_dir=self._data_dir / plan.name,
            blobs=blobs,
            table=self._table,
            guard=self.engine.guard(plan.name),
            start_limit=plan.start_limit,
            module_path=module_path(self.plan),
            options=plan.options,
            on_usage=self._usage.of(plan.name),
            limits=_LIMITS,
        )
        environment = environment_of(plan, settings, self._entropy.stream(f"behaviour/{plan.name}"), self._hub.sink(plan.name))
        return _Place(plan, self._wiring.signer(plan.name), blobs, environment)
