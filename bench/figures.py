"""What a figure is, and how one is taken: interleaved rounds in separate processes, medians.

Knows numbers and processes. Must not know what is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of output. A bigger ratio is always better; `ours` and `peer` are in `unit`. Only reported: no peer, ratio or goal."""

    name: str
    ours: float | None
    peer: float | None
    peer_name: str | None
    ratio: float | None
    goal: float | None
    unit: str

    @property
    def passes(self) -> bool:
        """Tell whether the goal is reached (a figure without one always passes)."""
        return self.goal is None or (self.ratio is not None and self.ratio >= self.goal)

    def line(self) -> str:
        """Give the JSON line."""
        return json.dumps(asdict(self))


Measure = Callable[[], Sequence[Figure]]
"""Takes some figures that come from the same rounds."""


def rate(name: str, ours: float, peer: float, peer_name: str, goal: float, unit: str) -> Figure:
    """A figure of which more is better: ratio = ours / peer."""
    return Figure(name, round(ours, 1), round(peer, 1), peer_name, round(ours / peer, 3), goal, unit)


def cost(name: str, ours: float, limit: float, limit_name: str, unit: str) -> Figure:
    """A figure of which less is better, held against a limit: ratio = limit / ours."""
    return Figure(name, round(ours, 3), limit, limit_name, round(limit / ours, 3), 1.0, unit)


def report(name: str, value: float, unit: str) -> Figure:
    """A figure that is only told."""
    return Figure(name, round(value, 3), None, None, None, None, unit)


def in_process(module: str, *args: str) -> float:
    """Run `python -m module args` and return the number it prints. Raises subprocess.CalledProcessError when it fails."""
    done = subprocess.run([sys.executable, "-m", module, *args], check=True, capture_output=True, text=True)
    return float(done.stdout)


def interleaved(contenders: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Measure each contender once a round, so that a slow spell of the machine hits all of them; return medians."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            taken[name].append(measure())
    return {name: median(values) for name, values in taken.items()}
