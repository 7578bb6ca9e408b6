"""RunWorld: what a run asks of the world that its nodes live in, whether they share this process or have one each.

Knows plans and names of nodes. Must not know any world.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from claynet.actors.ports import Blobs
from claynet.sim.engine import Engine
from claynet.sim.scenario.plan import Plan, TaskInstance
from claynet.sim.wire.wiring import LinkFaults


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What nodes did and left in other processes than that of the run."""

    messages: int = 0
    """That crossed the network."""
    deliveries: int = 0
    """That reached an actor."""
    containers: int = 0
    """That are still there."""


class RunWorld(Protocol):
    """The nodes of one run. Faults that a world is not capable of are refused when the scenario is read."""

    @property
    def plan(self) -> Plan:
        """Whom it is made of."""

    @property
    def engine(self) -> Engine:
        """What makes time pass."""

    @property
    def nodes_up(self) -> int:
        """How many nodes are alive."""

    @property
    def elsewhere(self) -> Elsewhere:
        """What is not seen in this process; final once stopped."""

    def prepare(self) -> None:
        """Do what takes its time before the run's time begins. Called once, outside of any actor."""

    def start(self) -> None:
        """Start every node."""

    def stop(self) -> None:
        """Stop every node and what it runs; paused ones too."""

    def create_task(self, instance: TaskInstance) -> None:
        """Let a node make a task; one that is down or paused makes it when it is back."""

    def crash(self, name: str) -> None:
        """A node stops without a word. What its store committed stays."""

    def restart(self, name: str, is_paused: bool) -> None:
        """A node that is down comes back with what it had committed; `is_paused`: and stands still at once, until it is resumed."""

    def pause(self, name: str) -> None:
        """A node does and hears nothing; what runs of apps goes on. Ignored for one that is down."""

    def resume(self, name: str) -> None:
        """A paused node takes up what has come for it. Ignored for one that was not paused, or has crashed meanwhile."""

    @property
    def link_faults(self) -> LinkFaults | None:
        """What can be done to links; None: nothing, they are the host's."""

    def blobs(self, name: str) -> Blobs:
        """Return a node's files."""

    def logs(self) -> Iterable[tuple[str, Path]]:
        """Return (node, folder) of what nodes and their apps wrote."""
