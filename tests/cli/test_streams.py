"""Standard streams that are full or closed, and Ctrl-C before there is a command: seen from outside, as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenario.samples import write

CLAYNET = f"{sys.executable} -m claynet.cli.main"

INTERRUPTED_IMPORT = """
import os, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "claynet.cli.commands":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
from claynet.cli.main import main
main()
"""


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=folder, env=environment)


@pytest.mark.parametrize("arguments", ["check {file}", "check {file} --json", "check nope.yaml --json", "--help"])
def test_a_full_standard_output_is_one_line_and_one(arguments: str, tmp_path: Path) -> None:
    done = shell(f"{CLAYNET} {arguments.format(file=write(tmp_path))} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, "standard output cannot be written: No space left on device\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("check {file} >&-", 0),
        ("check {file} --json <&- >&- 2>&-", 0),
        ("check nope.yaml 2>&-", 2),
        ("check nope.yaml 2> /dev/full", 2),
        ("check nope.yaml <&- >&- 2>&-", 2),
        ("check {file} > /dev/full 2>&1", 1),
    ],
)
def test_nobody_listens(command: str, code: int, tmp_path: Path) -> None:
    done = shell(f"{CLAYNET} {command.format(file=write(tmp_path))}", tmp_path)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_an_interrupt_before_there_is_a_command(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    if arguments:
        assert (json.loads(done.stdout)["error"]["kind"], done.stderr) == ("interrupted", "")
    else:
        assert (done.stdout, done.stderr) == ("", "interrupted\n")


def test_who_writes_to_a_full_standard_error_goes_on(tmp_path: Path) -> None:
    code = "import sys; from claynet.cli.output import prepare_streams as p; p(); sys.stderr.write('x'); sys.stderr.flush(); print('on')"
    done = shell(f'{sys.executable} -c "{code}" 2> /dev/full', tmp_path)
    assert (done.returncode, done.stdout) == (0, "on\n")
