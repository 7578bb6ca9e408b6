"""Whole worlds: scenarios/thousand.yaml as a user runs it, and what a simulated node weighs.

Knows the command line and the report. Must not know the simulator's parts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.figures import ROUNDS, Figure, cost, report

THOUSAND = Path(__file__).parents[1] / "scenarios" / "thousand.yaml"
SECONDS = 60.0
GIB = 1.0


def thousand() -> dict[str, float]:
    """Run the thousand nodes in this process, reading the file and everything else included."""
    from claynet.sim.options import RunOptions
    from claynet.sim.runner import run_scenario
    from claynet.sim.scenario.reader import load

    started = time.perf_counter()
    done = run_scenario(load(THOUSAND), RunOptions(self_check=False))
    took = time.perf_counter() - started
    if not done.ok:
        raise SystemExit(json.dumps(done.fields["expectations"]))
    return {"seconds": took, "gibibytes": _peak() / 1024**2, "deliveries": done.fields["deliveries"] / took}


def node() -> dict[str, float]:
    """Measure what one idle simulated node adds to this process: its actors, ports, environment and stores."""
    from dataclasses import replace

    from claynet.sim.options import RunOptions
    from claynet.sim.runner import run_scenario
    from claynet.sim.scenario.reader import load

    plan = load(THOUSAND)
    many = replace(plan, tasks=(), expectations=(), until=1_000_000_000)
    few = replace(many, nodes=plan.nodes[:60])
    run_scenario(few, RunOptions(self_check=False))
    before = _peak()
    run_scenario(many, RunOptions(self_check=False))
    grown = _peak() - before
    return {"kibibytes": grown / (len(many.nodes) - len(few.nodes))}


def _peak() -> int:
    """Return the most memory that this program has had, in KiB. The kernel's `ru_maxrss` is no less than that of whoever started us."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


SIDES = {"thousand": thousand, "node": node}


def rounds(side: str) -> dict[str, float]:
    """Run one side in processes of its own and return the median of each number."""
    taken = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-m", "bench.worlds", side], check=True, capture_output=True, text=True)
        taken.append(json.loads(done.stdout))
    return {name: median(one[name] for one in taken) for name in taken[0]}


def measure() -> Sequence[Figure]:
    """Take the figures of whole worlds."""
    run, idle = rounds("thousand"), rounds("node")
    return [
        cost("thousand.seconds", run["seconds"], SECONDS, "ceiling of 60 s", "s"),
        cost("thousand.memory", run["gibibytes"], GIB, "ceiling of 1 GiB", "GiB"),
        report("thousand.deliveries", run["deliveries"], "deliveries/s"),
        report("node.memory", idle["kibibytes"], "KiB per simulated node"),
    ]


if __name__ == "__main__":
    print(json.dumps(SIDES[sys.argv[1]]()))
