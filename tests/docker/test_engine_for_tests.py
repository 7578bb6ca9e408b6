"""Where no engine answers: who installs one, who starts one, and who is told what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.engine import NoEngineError, to_be_installed
from tests.envs.harness import ROOT

TELLS = """
from tests.docker.engine import NoEngineError, PrivateEngine, install
try:
    {does}()
except NoEngineError as error:
    print(error)
"""
APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >>"{folder}/asked"
[ "$1" != "{fails}" ] || {{ echo "no such package" >&2; exit 100; }}
"""


def test_root_starts_what_is_there_and_installs_what_is_not() -> None:
    assert not to_be_installed(root=True, has_dockerd=True, has_apt=True)
    assert not to_be_installed(root=True, has_dockerd=True, has_apt=False)
    assert to_be_installed(root=True, has_dockerd=False, has_apt=True)


@pytest.mark.parametrize(
    ("root", "has_dockerd", "has_apt", "remedy"),
    [
        (False, True, True, "systemctl start docker"),
        (False, True, False, "systemctl start docker"),
        (False, False, True, "apt-get install docker.io"),
        (False, False, False, "install Docker Engine"),
        (True, False, False, "install Docker Engine"),
    ],
)
def test_others_are_told_in_one_line(root: bool, has_dockerd: bool, has_apt: bool, remedy: str) -> None:
    with pytest.raises(NoEngineError, match=remedy) as told:
        to_be_installed(root, has_dockerd, has_apt)
    assert "DOCKER=no" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")
@pytest.mark.parametrize("fails", ["", "update", "install"])
def test_apt_get_is_asked_for_docker_io(tmp_path: Path, fails: str) -> None:
    """With an apt-get of the test's own that only writes down what it is asked."""
    apt = tmp_path / "apt-get"
    apt.write_text(APT.format(folder=tmp_path, fails=fails or "nothing"))
    apt.chmod(0o755)
    variables = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TELLS.format(does="install")], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    asked = (tmp_path / "asked").read_text().splitlines()
    update, install = "noninteractive update -q", "noninteractive install -y -q --no-install-recommends docker.io"
    assert asked == ([update] if fails == "update" else [update, install])
    assert "installing docker.io" in done.stderr
    assert done.stdout == (f"docker tests: apt-get {fails} failed: no such package; or make test DOCKER=no\n" if fails else "")


def test_an_engine_that_dies_at_its_start_is_told_by_its_last_line(tmp_path: Path) -> None:
    """With a dockerd of the test's own that cannot do it; nothing of the attempt is left."""
    dockerd = tmp_path / "dockerd"
    dockerd.write_text('#!/bin/sh\necho "starting" >&2\necho "no control groups here" >&2\nexit 1\n')
    dockerd.chmod(0o755)
    variables = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", TELLS.format(does="PrivateEngine")], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout == "docker tests: dockerd does not start here: no control groups here\n"
    assert [path.name for path in tmp_path.iterdir()] == ["dockerd"]
