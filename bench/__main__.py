"""`python -m bench [NAME ...]`: print one JSON line per figure; exit 1 when a goal is missed, 2 for an unknown name.

A name selects the figures that begin with it: `messages`, `messages.1000.997.heap`, `memory`, `thousand`, `link`, `live`, `docker`.
Where no docker engine answers, the figures that need one are left out, and that is said.
"""

from __future__ import annotations

import sys
from functools import partial

from bench import containers, inputs, link, live, memory, messages, overhead, worlds
from bench.figures import Measure
from claynet.envs.docker_engine import Engine, EngineProblem

REGISTRY: list[tuple[tuple[str, ...], Measure]] = [
    *(((f"messages.{actors}.{times}",), partial(messages.measure, actors, times)) for actors, times in messages.GOALS),
    (("memory.actor",), memory.measure),
    (("thousand.", "node."), worlds.measure),
    (("link.small",), link.measure_small),
    (("link.large",), link.measure_large),
    (("link.input",), inputs.measure),
    (("live.",), live.measure),
    (("docker.subtask",), containers.measure_cold),
    (("docker.many",), containers.measure_many),
    (("docker.overhead",), overhead.measure),
]
"""What the names of its figures begin with, and what takes them."""
_NEED_ENGINE = "docker."


def main(wanted: list[str]) -> int:
    """Take and print the figures wanted (none: all)."""
    for name in wanted:
        if not any(_meets(name, prefix) for prefixes, _ in REGISTRY for prefix in prefixes):
            known = ", ".join(prefix.rstrip(".") for prefixes, _ in REGISTRY for prefix in prefixes)
            print(f"no figure begins with {name!r}; there are {known}", file=sys.stderr)
            return 2
    missed, left_out = [], []
    lacking = _engine_problem()
    for prefixes, measure in REGISTRY:
        if wanted and not any(_meets(name, prefix) for name in wanted for prefix in prefixes):
            continue
        if lacking and prefixes[0].startswith(_NEED_ENGINE):
            left_out += prefixes
            continue
        for figure in measure():
            if wanted and not any(figure.name.startswith(name) for name in wanted):
                continue
            print(figure.line(), flush=True)
            if not figure.passes:
                missed.append(figure.name)
    if left_out:
        print(f"left out, since {lacking}: {', '.join(left_out)}", file=sys.stderr)
    if missed:
        print(f"goals missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def _engine_problem() -> str:
    """Return why there is no docker engine, or nothing."""
    engine = Engine(timeout=10.0)
    try:
        engine.ping()
    except EngineProblem as problem:
        return problem.detail
    finally:
        engine.close()
    return ""


def _meets(name: str, prefix: str) -> bool:
    return name.startswith(prefix) or prefix.startswith(name)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
