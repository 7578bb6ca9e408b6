"""ProcessWorld: a plan's nodes, each a live node in a process of its own on this machine, for `--isolate process`.

Knows the control API, by which nodes are told what to do, and what a run asks of its world. Must not know nodes' insides: what happens on
them it learns from their event files, which a SIGKILL cannot take away, and after such a one from the node's own answers (`told_again`).
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

from claynet.actors.ports import Blobs
from claynet.cli.control_client import NodeClient, NodeTrouble
from claynet.cli.node_home import NodeHome
from claynet.cli.node_process import READY, STOP, NodeProcess, NodeProcessError, variables_of
from claynet.cli.scenario_node import Counts, Order
from claynet.cli.told_again import ToldAgain
from claynet.envs.hygiene import sweep
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.proto import node_pb2 as api
from claynet.sim.engine import Engine
from claynet.sim.real_parts import Stage
from claynet.sim.run_world import Elsewhere
from claynet.sim.scenario.plan import Plan, TaskInstance
from claynet.sim.watch.leftovers import adopt_orphans, children

_LOOK = 0.05
"""Seconds between two looks at the event files."""
_LINK = 10.0
"""Seconds that a link between two nodes may take to be made."""
_ORPHANS = 5.0
"""Seconds that what killed nodes ran may take to notice and end."""
_AT_ONCE = 8


class ProcessWorld:
    """All nodes of a plan: a `RunWorld`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._network = f"run-{secrets.token_hex(8)}"
        variables = variables_of(stage.folder)
        homes = {node.name: NodeHome(stage.folder / "nodes" / node.name) for node in stage.plan.nodes}
        self._nodes = {name: NodeProcess(name, home, variables) for name, home in homes.items()}
        self._waiting: dict[str, list[TaskInstance]] = {name: [] for name in homes}
        """Tasks that came due while their node was down or paused."""
        self._counts: dict[tuple[str, int], Counts] = {}
        """By node and life."""
        self._told = {name: ToldAgain() for name in homes}
        self._before: frozenset[int] = frozenset()
        self._reading = threading.Lock()
        self._doing = threading.RLock()
        """Held by whoever does something to a node: the end of the run waits for it."""
        self._is_over = False
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._keep_reading, name="events-of-nodes", daemon=True)

    # ---------------------------------------------------------------- RunWorld

    @property
    def plan(self) -> Plan:
        """Whom it is made of."""
        return self._stage.plan

    @property
    def engine(self) -> Engine:
        """What makes time pass."""
        return self._stage.engine

    @property
    def nodes_up(self) -> int:
        """How many nodes are alive."""
        return sum(node.is_up for node in self._nodes.values())

    @property
    def elsewhere(self) -> Elsewhere:
        """What the nodes counted; what a killed one counted last, a quarter of a second before, is not known."""
        counts = self._counts.values()
        return Elsewhere(
            messages=sum(one.messages for one in counts),
            deliveries=sum(one.deliveries for one in counts),
            containers=sum(one.containers for one in counts),
        )

    @property
    def link_faults(self) -> None:
        """Nothing can be done to the host's links."""
        return None

    def prepare(self) -> None:
        """Start every node and link each to each. Raises NodeProcessError."""
        self._stage.say(f"starting {len(self._nodes)} nodes, each a process of its own")
        adopt_orphans(True)
        self._before = children()
        for name in self._nodes:
            self._launch(name)
        until = time.monotonic() + READY
        for node in self._nodes.values():
            node.wait_until_ready(until)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            ready = list(self._nodes.values())
            done = pool.map(lambda nth: self._link(ready[nth], ready[:nth]), range(len(ready)))
            troubles = [text for texts in done for text in texts]
        for node in ready:
            self._check(node)
        if troubles:
            raise NodeProcessError(troubles[0])
        self._reader.start()

    def start(self) -> None:
        """They run already."""

    def stop(self) -> None:
        """Stop every node, and wait for what killed ones ran."""
        with self._doing:
            self._is_over = True  # the director may still be at work
        for node in self._nodes.values():
            node.tell_to_stop()
        until = time.monotonic() + STOP
        for node in self._nodes.values():
            if not node.wait_until_stopped(until):
                self._stage.failed(NodeProcessError(f"node {node.name} did not stop within {STOP:g} s{node.stacks()}"))
                node.kill()
        self._over.set()
        if self._reader.ident is not None:
            self._reader.join()
        self._read()
        if any(node.lives for node in self._nodes.values()):
            self._wait_for_orphans()
            adopt_orphans(False)
        sweep(self.plan.environments())  # what killed nodes made outside of their processes
        self._keep_usage()

    def create_task(self, instance: TaskInstance) -> None:
        """Have a node make a task, by its control API; one that is down or paused makes it when it is back."""
        with self._deed(instance.node) as node:
            if node is not None:
                self._create(node, instance)

    def _create(self, node: NodeProcess, instance: TaskInstance) -> None:
        if not node.is_up or node.is_paused:
            self._waiting[instance.node].append(instance)
            return
        with NodeClient(node.home.data) as client:
            reply = client.call("Tasks.Create", self._request(node, instance))
        if reply.problems:
            told = "; ".join(f"{problem.key}: {problem.message}" for problem in reply.problems)
            fields = {"id": f"refused-{instance.node}-{instance.plan.name}-{instance.nth}", "name": instance.plan.name, "app": ""}
            self._stage.hub.publish("task", instance.node, {**fields, "before": None, "state": "failed_to_create", "reason": told})

    def crash(self, name: str) -> None:
        """SIGKILL."""
        with self._deed(name) as node:
            if node is not None:
                node.kill()
                self._read()

    def restart(self, name: str, is_paused: bool) -> None:
        """A process again, over the same data dir; paused as soon as it is linked, for what it was told is asked of it."""
        with self._deed(name) as node:
            if node is None or node.is_up:
                return
            self._launch(name)
            node.wait_until_ready(time.monotonic() + READY)
            self._link(node, self._others(node))
            self._read()
            with NodeClient(node.home.data) as client:
                for kind, fields in self._told[name].missing(client, node.node_id):
                    self._stage.hub.publish(kind, name, fields)
            if is_paused:
                node.pause()
            else:
                self._make_up(node)

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        with self._deed(name) as node:
            if node is not None and node.is_up:
                node.pause()

    def resume(self, name: str) -> None:
        """SIGCONT."""
        with self._deed(name) as node:
            if node is not None and node.is_paused:
                node.resume()
                self._link(node, self._others(node))  # its peers may have given it up
                self._make_up(node)

    def blobs(self, name: str) -> Blobs:
        """Return the files of a node that has stopped."""
        return DiskBlobs(self._nodes[name].home.data / "blobs")

    def logs(self) -> Iterable[tuple[str, Path]]:
        """Return (node, folder) of what nodes and their apps wrote."""
        found = []
        for name, node in self._nodes.items():
            data = node.home.data
            found += [(name, folder) for folder in (data / "logs", *sorted(data.glob("work/*/.logs"))) if folder.is_dir()]
        return found

    # ---------------------------------------------------------------- nodes

    def _launch(self, name: str) -> None:
        plan, node = self.plan, self._nodes[name]
        file, digest = str(plan.file.resolve()), plan.digest()
        node.launch(Order(file, plan.seed, plan.env_override, digest, name, str(node.home.root), node.port, self._network))

    def _others(self, node: NodeProcess) -> list[NodeProcess]:
        return [other for other in self._nodes.values() if other is not node and other.is_up and not other.is_paused]

    def _link(self, node: NodeProcess, others: Iterable[NodeProcess]) -> list[str]:
        """Have it link to others; return what went wrong, a line each."""
        troubles = []
        with NodeClient(node.home.data) as client:
            for other in others:
                try:
                    client.call("Peers.Connect", api.ConnectRequest(address=f"127.0.0.1:{other.port}"), _LINK)
                except NodeTrouble as trouble:
                    troubles.append(f"node {node.name} cannot be linked to {other.name}: {trouble}")
        return troubles

    @contextmanager
    def _deed(self, name: str) -> Iterator[NodeProcess | None]:
        """Do something to a node, unless the run is over: then there is none. What goes wrong is told to the run, which ends."""
        with self._doing:
            node = self._nodes[name]
            try:
                yield None if self._is_over else node
            except (NodeTrouble, NodeProcessError) as trouble:
                try:
                    self._check(node)
                except NodeProcessError as error:
                    self._stage.failed(error)
                else:
                    self._stage.failed(NodeProcessError(f"node {name}: {trouble}"))

    def _check(self, node: NodeProcess) -> None:
        """Raise NodeProcessError when a node is not there that should be."""
        if node.ended_by_itself:
            code = node.exit_code()
            node.is_wanted = False
            raise NodeProcessError(f"node {node.name} ended by itself with code {code}{node.complaint()}")

    def _make_up(self, node: NodeProcess) -> None:
        waiting, self._waiting[node.name] = self._waiting[node.name], []
        for instance in waiting:
            self._create(node, instance)

    def _request(self, node: NodeProcess, instance: TaskInstance) -> api.TaskRequest:
        plan = instance.plan
        resources = []
        for file in plan.inputs:
            path = node.home.inputs / f"{plan.name}-{instance.nth}" / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
            resources.append(api.Resource(name=file.name, path=str(path)))
        return api.TaskRequest(
            app=self.plan.apps[plan.app].app_id,
            name=plan.name,
            params_json=plan.params_json,
            resources=resources,
            max_price=plan.max_price,
            max_subtasks=plan.subtasks,
            task_timeout=plan.task_timeout,
            subtask_timeout=plan.subtask_timeout,
        )

    # ---------------------------------------------------------------- what happens on them

    def _keep_reading(self) -> None:
        while not self._over.wait(_LOOK):
            try:
                self._read()
                for node in self._nodes.values():
                    self._check(node)
            except Exception as error:  # nobody else would hear of it, and the run would wait for ever
                self._stage.failed(error)
                return

    def _read(self) -> None:
        """Publish what the nodes wrote, in the order in which it happened."""
        with self._reading:
            found = [(at, name, kind, fields) for name, node in self._nodes.items() for at, kind, fields in node.new_events()]
            began = time.monotonic_ns() - self.engine.now()
            for at, name, kind, fields in sorted(found, key=lambda one: one[0]):
                if kind:
                    self._told[name].hear(kind, fields)
                    self._stage.hub.publish(kind, name, fields, max(0, at - began))
                else:
                    self._counts[name, self._nodes[name].lives] = msgspec.convert(fields, Counts)

    def _wait_for_orphans(self) -> None:
        until = time.monotonic() + _ORPHANS
        while children() - self._before and time.monotonic() < until:
            time.sleep(_LOOK)

    def _keep_usage(self) -> None:
        if self._stage.usage is not None:
            self._stage.usage.parent.mkdir(parents=True, exist_ok=True)
            with self._stage.usage.open("wb") as whole:
                for node in self._nodes.values():
                    for path in node.home.usages():
                        with path.open("rb") as part:
                            shutil.copyfileobj(part, whole)
