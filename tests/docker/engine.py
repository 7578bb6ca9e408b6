"""An engine for the docker tests: the one that answers; else, as root on Debian or Ubuntu, a private one that ends with the tests.

`DOCKER=no` leaves them out. The private engine has folders and a socket of its own, no bridge and no firewall rules; a
guard beside it ends it and removes its folders when the tests' end of a pipe closes, however that happens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from claynet.envs.docker_engine import Engine, EngineProblem

SWITCH = "DOCKER"
_GUARD = """
folder=$1
shift
exec 3<&0 </dev/null
"$@" >"$folder/log" 2>&1 3<&- &
engine=$!
read -r _ <&3
kill -TERM $engine 2>/dev/null
wait $engine
rm -rf -- "$folder"
"""
_START_SECONDS = 60.0


class NoEngineError(Exception):
    """There is no engine and none can be started; the text is one line that says what to install."""


class PrivateEngine:
    """A dockerd of our own."""

    def __init__(self) -> None:
        """Start it and wait until it answers. Raises NoEngineError."""
        self.folder = Path(tempfile.mkdtemp(prefix="claynet-engine-"))
        self.url = f"unix://{self.folder}/s"
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        folder = self.folder
        command = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        command += ["-H", self.url, "--bridge=none", "--iptables=false", "--ip6tables=false"]
        guard = ["/bin/sh", "-c", _GUARD, "sh", str(folder), *command]
        # a session of its own: Ctrl-C at the tests must not end the engine before they have cleaned up
        process = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        while not answers(self.url):
            if process.poll() is not None or time.monotonic() > deadline:
                lines = (folder / "log").read_text(errors="replace").strip().splitlines()
                if process.stdin is not None:
                    process.stdin.close()
                raise NoEngineError(f"docker tests: dockerd does not start here: {lines[-1] if lines else 'it said nothing'}")
        return process

    def stop(self) -> None:
        """End it and remove its folders."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def answers(url: str | None) -> bool:
    """Tell whether an engine answers."""
    engine = Engine(url, timeout=10.0)
    try:
        engine.ping()
    except EngineProblem:
        return False
    finally:
        engine.close()
    return True


def install() -> None:
    """Install docker.io where that is ours to do. Raises NoEngineError."""
    if shutil.which("dockerd"):
        if os.geteuid() != 0:
            raise NoEngineError(
                "docker tests: no engine answers and only root can start one: systemctl start docker, or make test DOCKER=no"
            )
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoEngineError(
            "docker tests: no engine answers: install Docker Engine (Debian, Ubuntu: apt-get install docker.io), or DOCKER=no"
        )
    _say("docker tests: no engine here; installing docker.io with apt-get ...")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "--no-install-recommends", "docker.io"]):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEngineError(f"docker tests: {' '.join(command[:2])} failed: {done.stderr.strip().splitlines()[-1:]}; or DOCKER=no")


def _say(text: str) -> None:
    sys.__stderr__.write(f"\n{text}\n")  # type: ignore[union-attr]
    sys.__stderr__.flush()  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[str]:
    """The engine's url; DOCKER_HOST names it while the tests run."""
    if answers(None):
        yield os.environ.get("DOCKER_HOST", "")
        return
    try:
        install()
        _say("docker tests: starting a private engine ...")
        private = PrivateEngine()
    except NoEngineError as error:
        pytest.fail(str(error), pytrace=False)
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = private.url
    try:
        yield private.url
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        private.stop()
