"""build_node: the only wiring of a node, for CLI, simulator and tests alike.

Knows every shell and in which order they start. Must not know which ports it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from claynet.actors.app_manager import AppManager
from claynet.actors.config import NodeConfig, TaskSpec
from claynet.actors.core.consent import ConsentState
from claynet.actors.core.machine import AnyEffect
from claynet.actors.core.pair import ScoreState
from claynet.actors.core.payment import PaymentState
from claynet.actors.core.slot import SlotState
from claynet.actors.core.subtask import SubtaskState
from claynet.actors.core.task import TaskState
from claynet.actors.ledger import Hold, Note
from claynet.actors.messages import (
    AbortTask,
    AllowSource,
    CreateTask,
    DeleteTask,
    Drain,
    ForbidSource,
    Remeasure,
    RestartSubtask,
    Resume,
    SetApps,
)
from claynet.actors.ports import ActorFailed, Address
from claynet.actors.shell import Shell, handles
from claynet.actors.switchboard import Switchboard
from claynet.actors.tally import TalliedSink
from claynet.actors.task_computer import TaskComputer
from claynet.actors.task_manager import TaskManager
from claynet.actors.world import Ports

STATE_TYPES: Any = TaskState | SubtaskState | SlotState | PaymentState | ScoreState | ConsentState | Note | Hold
"""What a node's Store holds."""
EFFECT_TYPES: Any = AnyEffect


class Root(Shell):
    """The parent of a node's shells: says aloud when one of them failed, which is always a bug of ours."""

    @handles(ActorFailed)
    def on_child_failed(self, message: ActorFailed) -> None:
        """Say it."""
        self.ports.sink.emit("actor_failed", address=message.address, error=message.error, trace=message.trace)


class Node:
    """One life of one node."""

    def __init__(self, config: NodeConfig, ports: Ports) -> None:
        self.config = config
        self.ports = replace(ports, sink=TalliedSink(ports.sink, ports.clock))
        self.prefix = f"{config.name}#{config.life}"
        self._entropy = ports.entropy.stream(f"node/{config.life}")
        self._started: list[Address] = []
        self.root = self._address("root")
        self.switchboard = self._address("switchboard")
        self.app_manager = self._address("apps") if config.requestor else None
        self.task_manager = self._address("manager") if config.requestor else None
        self.task_computer = self._address("computer") if config.provider else None

    def start(self) -> None:
        """Start every shell, in dependency order; stops what it started when one cannot."""
        config = self.config
        try:
            self._spawn(Root, self.root, Address(""))
            self._spawn(Switchboard, self.switchboard, self.root, self.task_manager, self.task_computer)
            if config.requestor is not None:
                assert self.app_manager is not None
                assert self.task_manager is not None
                apps = (config.requestor.env, config.descriptors, config.disabled_apps, config.start_limit)
                self._spawn(AppManager, self.app_manager, self.root, *apps)
                self._spawn(TaskManager, self.task_manager, self.root, config, self.switchboard, self.app_manager)
            if config.provider is not None:
                assert self.task_computer is not None
                self._spawn(TaskComputer, self.task_computer, self.root, config, self.switchboard)
        except BaseException:
            self.stop()
            raise
        self.ports.sink.emit("node", state="started", id=self.ports.signer.node_id)

    def stop(self) -> None:
        """Stop the shells in reverse, then links and services."""
        for address in reversed(self._started):
            self.ports.system.stop(address)
        self._started.clear()
        self.ports.network.shutdown()
        for environment in self.ports.environments.values():
            environment.close()
        self.ports.sink.emit("node", state="stopped", id=self.ports.signer.node_id)

    def create_task(self, spec: TaskSpec) -> str:
        """Begin a task; return its id. Raises ValueError when this node is no requestor or the task cannot be."""
        if self.task_manager is None:
            raise ValueError(f"{self.config.name} is no requestor")
        if spec.subtasks < 1 or spec.task_timeout <= 0 or spec.subtask_timeout <= 0 or spec.max_price < 0:
            raise ValueError(f"{spec.name}: subtasks and time limits are at least 1, prices at least 0")
        task_id = self._entropy.new_id()
        self.ports.system.tell(self.task_manager, CreateTask(task_id, spec))
        return task_id

    def abort_task(self, task_id: str) -> None:
        """Give a task up."""
        if self.task_manager is not None:
            self.ports.system.tell(self.task_manager, AbortTask(task_id))

    def restart_subtask(self, subtask_id: str) -> None:
        """Compute a subtask's part again."""
        if self.task_manager is not None:
            self.ports.system.tell(self.task_manager, RestartSubtask(subtask_id))

    def allow_source(self, source: str) -> None:
        """Let images of this source run here: tasks that were declined for it are considered at once."""
        if self.task_computer is not None:
            self.ports.system.tell(self.task_computer, AllowSource(source))

    def forbid_source(self, source: str) -> None:
        """Take no more work of this source's images; what runs goes on."""
        if self.task_computer is not None:
            self.ports.system.tell(self.task_computer, ForbidSource(source))

    def drain(self, reason: str) -> None:
        """Take no more work from others; what runs goes on. The event `lending` says when nothing is left."""
        if self.task_computer is not None:
            self.ports.system.tell(self.task_computer, Drain(reason))

    def resume(self) -> None:
        """Take work from others again."""
        if self.task_computer is not None:
            self.ports.system.tell(self.task_computer, Resume())

    def remeasure(self) -> None:
        """Measure environment and apps again, in the background."""
        if self.task_computer is not None:
            self.ports.system.tell(self.task_computer, Remeasure())

    def set_apps(self, files: tuple[tuple[str, str], ...], disabled: frozenset[str]) -> None:
        """Use these descriptors, as (file name, JSON text), from now on; apps in `disabled` begin no service."""
        for shell in (self.app_manager, self.task_manager, self.task_computer):
            if shell is not None:
                self.ports.system.tell(shell, SetApps(files, disabled))

    def delete_task(self, task_id: str) -> None:
        """Forget a task that is over; the event `deleted` says whether that was possible."""
        if self.task_manager is not None:
            self.ports.system.tell(self.task_manager, DeleteTask(task_id))

    def _address(self, name: str) -> Address:
        return Address(f"{self.prefix}/{name}")

    def _spawn(self, shell: Callable[..., Shell], address: Address, parent: Address, *args: object) -> None:
        assert isinstance(shell, type)
        self.ports.system.spawn(shell, address, parent, self.ports, *args, address=address)
        self._started.append(address)


def build_node(config: NodeConfig, ports: Ports) -> Node:
    """Wire one life of a node; `start()` it."""
    return Node(config, ports)
