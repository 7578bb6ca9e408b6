"""How a plan is to be run, apart from the plan: where output goes, what is replayed, who watches.

Knows values only. Must not know the command line nor the runner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from claynet.sim.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. Counts are of the whole run so far."""

    virtual_ns: int
    tasks_done: int
    tasks_total: int
    subtasks_done: int
    nodes: int
    """Nodes that are up."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything about one run that the plan does not say."""

    out: Path | None = None
    """Folder for report, trace, tape and logs; None: nothing is written, the trace is only hashed."""
    replay: Path | None = None
    """A tape to take all outside outcomes from."""
    calibration: Calibration | None = None
    """Durations of the kinds of jobs that the plan says nothing about, instead of the defaults; of a replay, those on its tape."""
    self_check: bool | None = None
    """In `virtual`: run the plan a second time and compare the trace hashes. None: when the first run was quick."""
    on_progress: Callable[[Progress], None] | None = None
    """Called from the running thread, between handlers, now and then; must return at once."""
    on_note: Callable[[str], None] | None = None
    """Told a line of what is prepared before the run, such as an image that is built."""
