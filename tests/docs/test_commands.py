"""Every `claynet` command on a page is run, with the exit code that the page says; what is shown of its output is what it writes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, name_of

CLAYNET = Path(sys.executable).with_name("claynet")
EXIT = re.compile(r"\s+# exit code (\d+)$")
EXPORT = re.compile(r"export (\w+)=\$PWD/(\S+)")

Done = subprocess.CompletedProcess[str]


class Session:
    """One reader at one prompt: a folder that looks like the clone, variables, and what was run before."""

    def __init__(self, folder: Path, seen: dict[tuple[str, str], Done]) -> None:
        self._folder = folder
        self._seen = seen
        self._variables: dict[str, str] = {}
        for name in ("apps", "docs", "scenarios"):
            (folder / name).symlink_to(ROOT / name)

    def export(self, name: str, value: str) -> None:
        self._variables[name] = str(self._folder / value)

    def run(self, command: str) -> Done:
        key = (command, repr(sorted(name for name in self._variables)))
        if key in self._seen and not re.search(r"--out|--replay", command):
            return self._seen[key]
        arguments = shlex.split(command)[1:]
        done = subprocess.run(
            [CLAYNET, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            env=os.environ | self._variables | {"COLUMNS": "160", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._seen[key] = done
        return done


EARNED = re.compile(r"\S+ +[0-9.]+tok")
"""Who earned what differs from run to run in `paced`: a benchmark measures the machine."""


def shape(text: str) -> set[str]:
    """The lines of an output without what differs from run to run: numbers, hashes, widths, earnings."""
    lines = set()
    for line in text.splitlines():
        if EARNED.fullmatch(line.strip()):
            continue
        bare = re.sub(r"\b[0-9a-f]{16,}\b", "#", line)
        bare = re.sub(r"\d+(\.\d+)?", "#", bare)
        lines.add(" ".join(re.sub(r"─+", "─", bare).split()))
    return lines


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, str], Done]:
    return {}


WITH_COMMANDS = [page for page in PAGES if any(block.language == "console" for block in blocks(page))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_commands_do_what_the_page_says(page: Path, tmp_path: Path, seen: dict[tuple[str, str], Done]) -> None:
    session = Session(tmp_path, seen)
    for block in blocks(page):
        if block.language != "console":
            continue
        done: Done | None = None
        for line in block.text.splitlines():
            if not line.startswith("$ "):
                assert done is not None, f"output before any command: {line}"
                assert shape(line) <= shape(done.stdout + done.stderr) | {""}, f"not written: {line}\n{done.stdout}{done.stderr}"
                continue
            command = line[2:]
            exported = EXPORT.fullmatch(command)
            if exported:
                session.export(exported[1], exported[2])
                continue
            assert command.startswith("claynet "), f"only claynet is run here: {command}"
            wanted = EXIT.search(command)
            done = session.run(EXIT.sub("", command))
            assert done.returncode == (int(wanted[1]) if wanted else 0), f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_command_is_shown_that_is_not_run(page: Path) -> None:
    for block in blocks(page):
        if block.language != "console":
            for line in block.text.splitlines():
                assert not re.match(r"\s*(\$ )?(\S*/)?claynet (run|check|app|node|task)\b", line), f"put it into a console block: {line}"
