"""Weak points 36 to 39: how the code is kept."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykka
import pytest

from claynet.actors.ports import Address
from claynet.sim.virtual.fence import FenceError
from claynet.sim.virtual.system import VirtualSystem

ROOT = Path(__file__).parents[2]
FOLDERS = ("actors", "apps", "cli", "envs", "net", "proto", "sim", "taskapi")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if "_pb2" not in path.name]
MOST_LINES = 500


class Doer(pykka.Actor):
    def __init__(self, deed: Callable[[], object], caught: list[BaseException]) -> None:
        super().__init__()
        self._deed, self._caught = deed, caught

    def on_receive(self, message: Any) -> None:
        try:
            self._deed()
        except FenceError as error:
            self._caught.append(error)


@pytest.mark.parametrize(
    "deed",
    [
        lambda: time.sleep(0.01),
        lambda: socket.socket(),
        lambda: subprocess.Popen(["true"]),
        lambda: Path("x").write_text("x", encoding="utf-8"),
    ],
    ids=["sleep", "socket", "process", "file"],
)
def test_36_a_handler_that_blocks_is_told_at_the_call_site(deed: Callable[[], object], tmp_path: Path) -> None:
    caught: list[BaseException] = []
    system = VirtualSystem()
    system.spawn(Doer, deed, caught, address=Address("doer"))
    system.tell(Address("doer"), "go")
    system.run(1, None)
    assert len(caught) == 1
    assert "port" in str(caught[0])


def test_37_there_is_one_class_of_each_shell() -> None:
    shells = ("AppManager", "TaskManager", "TaskComputer", "TaskSession", "Runtime", "Switchboard")
    found = [
        node.name for path in SOURCES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)
    ]
    assert {name: found.count(name) for name in shells} == dict.fromkeys(shells, 1)


def test_38_no_file_grows_beyond_what_one_can_hold_in_mind() -> None:
    long = {
        str(path.relative_to(ROOT)): lines for path in SOURCES if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long


def test_38_one_way_of_concurrency() -> None:
    for path in SOURCES:
        if path.name == "relay_program.py":
            continue  # a program of its own that runs in a sidecar container, never in a node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"asyncio", "twisted", "pydispatch"} & {name.partition(".")[0] for name in names}, path


def test_39_no_markers_of_unfinished_work() -> None:
    marker = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK")) + r")\b")
    found = [f"{path.relative_to(ROOT)}" for path in SOURCES if marker.search(path.read_text(encoding="utf-8"))]
    assert not found
