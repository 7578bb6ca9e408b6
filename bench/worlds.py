"""Whole worlds: scenarios/thousand.yaml as a user runs it, and what a simulated node weighs.

Knows the command line and the report. Must not know the simulator's parts.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, cost, in_process, interleaved, report

THOUSAND = Path(__file__).parents[1] / "scenarios" / "thousand.yaml"
SECONDS = 60.0
GIB = 1.0


def seconds() -> float:
    """Run the thousand nodes in this process; return wall seconds, everything included."""
    from claynet.sim.options import RunOptions
    from claynet.sim.runner import run_scenario
    from claynet.sim.scenario.reader import load

    started = time.perf_counter()
    plan = load(THOUSAND)
    done = run_scenario(plan, RunOptions(self_check=False))
    if not done.ok:
        raise SystemExit(json.dumps(done.fields["expectations"]))
    took = time.perf_counter() - started
    sys.stderr.write(json.dumps({"deliveries": done.fields["deliveries"], "seconds": took}) + "\n")
    return took


def deliveries_per_second() -> float:
    """Return deliveries that reached an actor per second of the whole run."""
    from claynet.sim.options import RunOptions
    from claynet.sim.runner import run_scenario
    from claynet.sim.scenario.reader import load

    started = time.perf_counter()
    done = run_scenario(load(THOUSAND), RunOptions(self_check=False))
    return float(done.fields["deliveries"]) / (time.perf_counter() - started)


def gibibytes() -> float:
    """Return the peak memory of a whole run, GiB."""
    seconds()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def node_kibibytes() -> float:
    """Return what one idle simulated provider adds to this process, KiB: its actors, ports, environment and stores."""
    from dataclasses import replace

    from claynet.sim.options import RunOptions
    from claynet.sim.runner import run_scenario
    from claynet.sim.scenario.reader import load

    plan = load(THOUSAND)
    few = replace(plan, tasks=(), expectations=(), until=1_000_000_000, nodes=plan.nodes[:60])
    many = replace(few, nodes=tuple(plan.nodes) * 1)
    run_scenario(few, RunOptions(self_check=False))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run_scenario(many, RunOptions(self_check=False))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (len(many.nodes) - len(few.nodes))


SIDES = {
    "seconds": seconds,
    "gibibytes": gibibytes,
    "deliveries": deliveries_per_second,
    "node": node_kibibytes,
}


def measure() -> Sequence[Figure]:
    """Take the figures of whole worlds."""
    took = interleaved({side: lambda side=side: in_process("bench.worlds", side) for side in ("seconds", "gibibytes", "node")}, rounds=3)  # type: ignore[misc]
    rate = in_process("bench.worlds", "deliveries")
    return [
        cost("thousand.seconds", took["seconds"], SECONDS, "ceiling of 60 s", "s"),
        cost("thousand.memory", took["gibibytes"], GIB, "ceiling of 1 GiB", "GiB"),
        report("thousand.deliveries", rate, "deliveries/s"),
        report("node.memory", took["node"], "KiB per simulated node"),
    ]


if __name__ == "__main__":
    print(SIDES[sys.argv[1]]())
