"""A reader who follows a page: every command is run, with the exit code that the page says, and shown output is what it writes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from claynet.net.storage.data_dir import DataDir
from tests.docs.pages import ROOT, blocks

CLAYNET = Path(sys.executable).with_name("claynet")
EXIT = re.compile(r"\s+# exit code (\d+)$")
WRITTEN = re.compile(r"echo (\w+) > (desk/[\w.]+)")
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

    def end(self) -> None:
        """Kill the nodes that a page left behind, which it does when something on it is wrong."""
        for lock in self._folder.glob("desk/*/lock"):
            pid = DataDir(lock.parent).holder()
            if pid:
                os.kill(pid, signal.SIGKILL)

    def export(self, name: str, value: str) -> None:
        self._variables[name] = str(self._folder / value)

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)

    def run(self, command: str) -> Done:
        key = (command, repr(sorted(name for name in self._variables)))
        if key in self._seen and not re.search(r"--out|--replay|desk/", command):
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


def follow(page: Path, session: Session) -> None:
    """Do what a page says."""
    try:
        _follow(page, session)
    finally:
        session.end()


def _follow(page: Path, session: Session) -> None:
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
            written = WRITTEN.fullmatch(command)
            if written:
                session.write(written[2], f"{written[1]}\n")
                continue
            assert command.startswith("claynet "), f"only claynet is run here: {command}"
            wanted = EXIT.search(command)
            done = session.run(EXIT.sub("", command))
            assert done.returncode == (int(wanted[1]) if wanted else 0), f"{command}\n{done.stdout}{done.stderr}"
