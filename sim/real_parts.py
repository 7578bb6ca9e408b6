"""What runs in real time are made of: an engine of wall time, and a world of processes. Both are net's and come from above.

Knows promises only. Must not know who keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from claynet.sim.engine import Engine
from claynet.sim.run_world import RunWorld
from claynet.sim.scenario.plan import Plan
from claynet.sim.watch.hub import EventHub
from claynet.sim.watch.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Stage:
    """What a world of processes is set up with."""

    plan: Plan
    engine: Engine
    hub: EventHub
    folder: Path
    """Where nodes keep what they have; it ends with the run."""
    usage: Path | None
    """Where to keep what services use; None: nowhere."""
    failed: Callable[[BaseException], None]
    """Told when the run cannot go on."""
    say: Callable[[str], None]
    """Told a line of what takes its time."""


@dataclass(frozen=True, slots=True)
class RealParts:
    """How they are made."""

    engine: Callable[[Plan, Recorder], Engine]
    world: Callable[[Stage], RunWorld]
    """Of nodes that are processes of their own."""
