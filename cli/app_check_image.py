"""`claynet app check IMAGE`: the rules, held against an image in the containers in which nodes would run it.

Knows what is found out about an image and when there is nothing to check. Must not know the rules, nor how a container is made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from claynet.cli.output import UNMET, Output, note
from claynet.envs.docker_engine import ENGINE, REMEDY, Engine, EngineProblem
from claynet.envs.image_facts import ImageFacts, look
from claynet.envs.image_service import ImageLauncher
from claynet.sim.wire.memory import MemoryBlobs
from claynet.taskapi.app import SampleTask
from claynet.taskapi.testkit import Limits, RuleResult, check_app, rule_names

ENTRYPOINT = "The image has an ENTRYPOINT"
WALLED = "It serves behind walls: not as root, read-only root, no network, in time"
_SIDES = 2
"""So many rules, the first ones, see each side serve."""


def image_rule_names() -> tuple[str, ...]:
    """Return the names of all rules for images, in the order in which they are tried."""
    names = rule_names()
    return (ENTRYPOINT, *names[:_SIDES], WALLED, *names[_SIDES:])


def find_image(name: str, output: Output, otherwise: str = "") -> ImageFacts | int:
    """Look at an image, or say why that cannot be and return the exit code. `otherwise` says what the name might have been instead."""
    engine = Engine()
    try:
        return look(engine, name)
    except EngineProblem as problem:
        remedy = f"; {REMEDY}" if problem.code == ENGINE else ""
        kind = "engine" if problem.code == ENGINE else "app"
        return output.error(kind, f"{otherwise}{problem.detail}{remedy}", code=UNMET)
    finally:
        engine.close()


def check_image(facts: ImageFacts, sample: SampleTask | None, limits: Limits | None = None) -> Iterator[RuleResult]:
    """Try every rule in turn and tell how each went; no container is left, however this ends."""
    limits = limits or Limits()
    shown = " ".join(facts.entrypoint)
    yield RuleResult(ENTRYPOINT, bool(facts.entrypoint), shown or "a node gives it `requestor PORT` as its arguments: it must be the app")
    with (
        tempfile.TemporaryDirectory(prefix="claynet-image-", ignore_cleanup_errors=True) as name,
        closing(ImageLauncher(facts.id, Path(name).resolve(), MemoryBlobs(), start=limits.start)) as launcher,
    ):
        serves = True
        for tried, result in enumerate(check_app(launcher, sample, limits, launcher.files, Path(name).resolve()), 1):
            yield result
            serves = serves and result.ok
            if tried == _SIDES:
                detail = f"as {launcher.user}, within {launcher.slowest_start:.1f} s" if serves else "see what is said of its sides"
                yield RuleResult(WALLED, serves, detail)


def tell_facts(facts: ImageFacts, subject: str, sample: SampleTask | None) -> dict[str, Any]:
    """Say what is known of the image before anything of it runs; return it for JSON."""
    reached = "its unix socket (label claynet.socket=1)" if facts.by_socket else "a relay to its TCP port (no label claynet.socket=1)"
    note(f"{subject}: {facts.size // 1_000_000} MB, user {facts.user or 'root'}, reached by {reached}")
    if facts.sample_problem:
        note(f"{subject}: {facts.sample_problem}")
    if sample is None:
        note(f"{subject}: no sample task is known, so one without parameters and files is tried; --sample FILE gives another")
    return {
        "id": facts.id,
        "size": facts.size,
        "entrypoint": list(facts.entrypoint),
        "user": facts.user,
        "socket": facts.by_socket,
        "sample": sample is not None,
    }
