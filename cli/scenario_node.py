"""One node of a scenario as a process of its own, as `--isolate process` starts it: `python -m claynet.cli.scenario_node ORDER`.

Knows how a plan's node becomes a live one. Must not know the run that it is part of: that speaks to it by the control API and by signals,
reads its event file, and holds its standard input open as long as it wants the node to live.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from claynet.actors.config import NodeConfig
from claynet.actors.environment import Environment
from claynet.actors.ports import Blobs
from claynet.cli.node_home import NodeHome
from claynet.envs.registry import EnvironmentSettings, outsides
from claynet.net.configured import Blueprint
from claynet.net.served import ServedNode
from claynet.net.settings.node_settings import NodeSettings
from claynet.net.storage.data_dir import DataDir
from claynet.sim.node_parts import app_table, descriptors_of, environment_of, module_path, sources_of
from claynet.sim.scenario.plan import NodePlan, Plan
from claynet.sim.scenario.reader import Overrides, load
from claynet.sim.side_logs import UsageLog
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.wire.memory import MemoryBlobs

_COUNT_EVERY = 0.25
"""Seconds between two lines of counts: so much of them is lost with a node that is killed."""


class Order(msgspec.Struct, frozen=True):
    """Which node of which run."""

    file: str
    seed: int
    env: str
    """What the command line says all nodes use; empty: what the file says."""
    digest: str
    """Of the plan: a file that changed since the run began is not followed."""
    node: str
    home: str
    port: int
    """To listen at; 0: one is chosen."""
    network: str
    """Name of the run's network: nodes of others are not talked to."""


class Ready(msgspec.Struct, frozen=True):
    """What it says when it is ready, a line on standard output."""

    node_id: str
    port: int


class Counts(msgspec.Struct, frozen=True):
    """What this life did so far; `containers` only at its end."""

    messages: int
    deliveries: int
    containers: int = 0


class _EventFile:
    """An EventSink: each event is in the file when `emit` returns, so that a kill cannot take it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def emit(self, kind: str, **fields: object) -> None:
        """Write an event, with the machine's monotonic time: all processes of a run have the same."""
        self._write((time.monotonic_ns(), kind, fields))

    def count(self, counts: Counts) -> None:
        """Write what was counted, as an event of no kind."""
        self._write((time.monotonic_ns(), "", msgspec.to_builtins(counts)))

    def _write(self, line: tuple[int, str, object]) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")  # one call: threads do not mix their lines


def main(text: str) -> int:
    """Run the node until it is to stop; return the exit code."""
    faulthandler.register(signal.SIGUSR1)  # whoever waits for it in vain can ask what it is at
    order = msgspec.json.decode(text, type=Order)
    plan = load(order.file, Overrides(seed=order.seed, env=order.env or None, isolate="process"))
    if plan.digest() != order.digest:
        sys.stderr.write(f"{order.file} changed while the run went on\n")
        return 2
    node = next(node for node in plan.nodes if node.name == order.node)
    sys.path[:0] = [folder for folder in module_path(plan) if folder not in sys.path]
    home = NodeHome(Path(order.home))
    events = _EventFile(home.events)
    served = ServedNode(DataDir(home.data), _settings(node, order), _blueprint(plan, node, home, events))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=served.stop, args=("SIGTERM",), daemon=True).start())
    with served:
        live = served.live
        sys.stdout.buffer.write(msgspec.json.encode(Ready(live.node_id, live.port)) + b"\n")
        sys.stdout.flush()
        over = threading.Event()
        threading.Thread(target=_until_let_go, args=(served,), daemon=True).start()
        counter = threading.Thread(target=_keep_counting, args=(served, events, over), daemon=True)
        counter.start()
        served.wait()
        over.set()
        counter.join()
    left = sum(outside.left() for outside in outsides([node.env]))
    events.count(Counts(live.network.sent, live.deliveries, left))
    return 0


def _settings(node: NodePlan, order: Order) -> NodeSettings:
    roles = tuple(role for role, config in (("requestor", node.requestor), ("provider", node.provider)) if config)
    return NodeSettings(
        name=node.name,
        roles=roles,
        discover=False,  # whom it knows is up to the run
        listen_port=order.port,
        network=order.network,
        run_requestor=node.env,
        run_provider=node.env,
        run_on_host=True,
        lend_slots=node.provider.slots if node.provider else 1,
        lend_price=node.price,
    )


def _blueprint(plan: Plan, node: NodePlan, home: NodeHome, events: _EventFile) -> Blueprint:
    probed = _settings_of_environment(plan, node, home.root / "probe", MemoryBlobs())
    entropy = SeededEntropy(plan.seed, "world").stream(f"behaviour/{node.name}")
    first = environment_of(node, probed, entropy, events)
    try:
        sources = sources_of(plan, node, first)
    finally:
        first.close()

    def environments(folder: Path, blobs: Blobs) -> Mapping[str, Environment]:
        return {node.env: environment_of(node, _settings_of_environment(plan, node, folder / node.env, blobs, home), entropy, events)}

    config = NodeConfig(
        name=node.name,
        requestor=node.requestor,
        provider=node.provider and replace(node.provider, whitelist=sources),
        descriptors=descriptors_of(plan),
        start_limit=node.start_limit,
        retry_first=node.retry_first,
        retry_most=node.retry_most,
    )
    return Blueprint(config, environments, node.balance, events)


def _settings_of_environment(plan: Plan, node: NodePlan, folder: Path, blobs: Blobs, home: NodeHome | None = None) -> EnvironmentSettings:
    usage = UsageLog(None if home is None else home.usage(os.getpid()))
    return EnvironmentSettings(
        data_dir=folder,
        blobs=blobs,
        table=app_table(plan),
        start_limit=node.start_limit,
        module_path=module_path(plan),
        options=node.options,
        on_usage=usage.of(node.name),
    )


def _until_let_go(served: ServedNode) -> None:
    sys.stdin.buffer.read()
    served.stop("the run is over")


def _keep_counting(served: ServedNode, events: _EventFile, over: threading.Event) -> None:
    last = None
    while not over.wait(_COUNT_EVERY):
        counts = Counts(served.live.network.sent, served.live.deliveries)
        if counts != last:
            events.count(counts)
            last = counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
