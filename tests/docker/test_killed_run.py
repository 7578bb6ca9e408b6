"""A run that is killed in the middle: the next run of any kind removes what it left, and a third one beside it is not touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claynet.envs.docker_engine import Engine
from claynet.envs.docker_owner import OWNER_LABEL
from tests.runs.command import ROOT, SCENARIOS, claynet

pytestmark = pytest.mark.docker


def begin(file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "claynet.cli.main", "run", str(file), "--json"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def owner_of_next(events: Iterator[Any], known: tuple[str, ...] = ()) -> str:
    """Wait until a container of an owner that is not known yet starts; return the owner."""
    owners = (str(event["Actor"]["Attributes"][OWNER_LABEL]) for event in events)
    return next(owner for owner in owners if owner not in known)


def long_one(tmp_path: Path, name: str) -> Path:
    text = (SCENARIOS / "engine-dies.yaml").read_text().replace("../apps", str(ROOT / "apps")).replace("data/input.txt", "input.txt")
    file = tmp_path / f"{name}.yaml"
    file.write_text(text.replace("subtasks: 6", "subtasks: 24"))
    (tmp_path / "input.txt").write_bytes((SCENARIOS / "data" / "input.txt").read_bytes())
    return file


def test_the_next_run_sweeps_it_and_spares_the_one_beside_it(tutorial_image: str, tmp_path: Path) -> None:
    with closing(Engine(timeout=60.0)) as engine:
        with engine.api() as api:
            events = api.events(decode=True, filters={"type": "container", "event": ["start"], "label": OWNER_LABEL})
        killed = begin(long_one(tmp_path, "killed"))
        first = owner_of_next(events)
        beside = begin(long_one(tmp_path, "beside"))
        try:
            second = owner_of_next(events, (first,))
            events.close()
            assert killed.poll() is None
            os.kill(killed.pid, signal.SIGKILL)
            killed.communicate()

            def left(owner: str) -> int:
                with engine.api() as api:
                    return len(api.containers(all=True, filters={"label": f"{OWNER_LABEL}={owner}"}))

            assert left(first), "what it ran is there still"
            code, report = claynet("run", SCENARIOS / "two-requestors.yaml")
            assert code == 0, report
            assert left(first) == 0
            answer, _ = beside.communicate(timeout=300)
            assert beside.returncode == 0, answer
            assert left(second) == 0
        finally:
            for run in (killed, beside):
                run.kill()
                run.wait()
