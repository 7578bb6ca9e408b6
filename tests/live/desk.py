"""Live nodes on this desk, each with its control socket, and the command line that talks to them."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claynet.actors.config import NodeConfig, ProviderConfig, RequestorConfig
from claynet.actors.descriptors import parse, read_folder
from claynet.actors.environment import Environment
from claynet.actors.ports import MILLISECOND, SECOND
from claynet.cli.commands import run
from claynet.cli.control_client import NodeClient
from claynet.envs import registry
from claynet.envs.registry import EnvironmentSettings
from claynet.envs.resolve import AppTable
from claynet.net.control.control_api import ControlServer
from claynet.net.live import LiveNode
from claynet.proto import node_pb2 as api

ROOT = Path(__file__).parents[2]
DESCRIPTORS = read_folder(ROOT / "apps" / "tutorial")
APP = parse(dict(DESCRIPTORS)["descriptor.json"])
PATIENCE = 60.0
"""Seconds before a test gives up waiting; a passing test never waits that long."""


class Nobody:
    """A sink: tests ask the node itself."""

    def emit(self, kind: str, **fields: object) -> None:
        pass


@dataclass
class Node:
    """A live node with its server."""

    live: LiveNode
    server: ControlServer
    data_dir: Path
    stopped: list[str]
    again: Callable[[], Node]

    def heard(self, kind: str, **fields: object) -> Any:
        """Return a context: at its end wait for an event of that kind with these fields."""
        return _Heard(self, kind, fields)


class _Heard:
    def __init__(self, node: Node, kind: str, fields: dict[str, object]) -> None:
        self._node, self._kind, self._fields = node, kind, fields

    def __enter__(self) -> None:
        self._events = self._node.live.hub.listen([self._kind])

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._events:
            while error is None:
                event = self._events.next(PATIENCE)
                assert event is not None, f"no {self._kind} with {self._fields}"
                if all(event.fields[name] == value for name, value in self._fields.items()):
                    return


class Desk:
    """Makes nodes; ends them at the end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def node(
        self,
        name: str,
        env: str = "model",
        requestor: bool = True,
        provider: bool = False,
        wrap: Callable[[Environment], Environment] = lambda made: made,
        **provider_values: Any,
    ) -> Node:
        """Make a node; `wrap` may put something around its environment."""
        config = NodeConfig(
            name=name,
            requestor=RequestorConfig(env=env, pool_time=50 * MILLISECOND) if requestor else None,
            provider=ProviderConfig(env=env, **({"price": SECOND // 2} | provider_values)) if provider else None,
            descriptors=DESCRIPTORS,
        )

        def environments(folder: Path, blobs: Any) -> dict[str, Any]:
            settings = EnvironmentSettings(data_dir=folder / env, blobs=blobs, table=AppTable.installed())
            return {env: wrap(registry.find(env).make(settings))}

        def begin() -> Node:
            stopped: list[str] = []
            data_dir = self.folder / name
            ending = self._stack.enter_context(ExitStack())
            live = ending.enter_context(LiveNode(data_dir, config, environments, Nobody()))
            server = ControlServer(live, stopped.append)
            server.start(self.place(name))
            ending.callback(server.stop)

            def again() -> Node:
                ending.close()
                return begin()

            return Node(live, server, data_dir, stopped, again)

        return begin()

    def again(self, node: Node) -> Node:
        """Stop a node and start it anew."""
        return node.again()

    def status(self, node: Node) -> api.StatusReply:
        """Ask a node how it does."""
        with NodeClient(node.data_dir) as client:
            reply: api.StatusReply = client.call("Node.GetStatus", api.StatusRequest())
            return reply

    def place(self, name: str) -> Path:
        return self.folder / f"{name}.s"

    def task_file(self, name: str = "pow.yaml", **golem: Any) -> Path:
        """Write a task file with its resource beside it."""
        (self.folder / "input.txt").write_text("some input")
        parts = {
            "app_id": "claynet/tutorial",
            "max_price_per_hour": "1tok",
            "max_subtasks": 2,
            "task_timeout": "10m",
            "subtask_timeout": "1m",
            "resources": ["input.txt"],
            "output_directory": "out",
        } | golem
        lines = [f"  {key}: {json.dumps(value)}" for key, value in parts.items() if value is not None]
        path = self.folder / name
        path.write_text("golem:\n" + "\n".join(lines) + '\napp:\n  difficulty: 8\n  resources: ["input.txt"]\n')
        return path


@contextlib.contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(folder, stack)


_ONE_AT_A_TIME = threading.Lock()


@dataclass
class Said:
    """What a command wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def claynet(node: Node | Path, *arguments: str) -> Said:
    """Run a command line for a node's data dir, in this process."""
    data_dir = node.data_dir if isinstance(node, Node) else node
    out, err = io.StringIO(), io.StringIO()
    with _ONE_AT_A_TIME, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([*arguments, "--data-dir", str(data_dir)])
    return Said(code, out.getvalue(), err.getvalue())
