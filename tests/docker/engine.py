"""An engine for the docker tests: the one that answers; else, as root on Debian or Ubuntu, a private one that ends with the tests.

`DOCKER=no` leaves them out. A private engine has folders and a socket of its own, no bridge and no firewall rules; a guard
beside it starts and stops it when told to, and ends it and removes its folders when the tests' end of a pipe closes, however
that happens.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from claynet.envs.docker_engine import Engine, EngineProblem

SWITCH = "DOCKER"
_GUARD = """
folder=$1
shift
exec 3<&0 </dev/null
engine=
end() {
    [ -n "$engine" ] || return 0
    kill -TERM $engine 2>/dev/null
    left=200
    while kill -0 $engine 2>/dev/null && [ $left -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
    kill -KILL $engine 2>/dev/null
    wait $engine
    engine=
}
while read -r order <&3; do
    case $order in
    start)
        "$@" >>"$folder/log" 2>&1 3<&- &
        engine=$!
        echo $engine
        ;;
    stop)
        end
        echo 0
        ;;
    kill)
        kill -KILL $engine
        wait $engine
        engine=
        echo 0
        ;;
    esac
done
end
while umount "$folder/data" 2>/dev/null; do :; done  # a killed engine leaves its mount below that of the next
rm -rf -- "$folder"
"""
"""It reads orders and answers with the engine's process id, 0 for none. `stop` is polite for 20 s; `kill` is not."""
_START_SECONDS = 60.0
_KNOCK_SECONDS = 0.1


class NoEngineError(Exception):
    """There is no engine and none can be started; the text is one line that says what to install."""


class PrivateEngine:
    """A dockerd of our own, which can be stopped and started again on the same folders and socket."""

    def __init__(self) -> None:
        """Start it and wait until it answers. Raises NoEngineError."""
        self.folder = Path(tempfile.mkdtemp(prefix="claynet-engine-"))
        # who is in the socket's group may come to the socket; the rest is root's
        self.folder.chmod(0o711)
        self.url = f"unix://{self.folder}/s"
        command = ["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec", "--pidfile", f"{self.folder}/pid"]
        command += ["-H", self.url, "--bridge=none", "--iptables=false", "--ip6tables=false", "--shutdown-timeout=5"]
        guard = ["/bin/sh", "-c", _GUARD, "sh", str(self.folder), *command]
        self._pid = 0
        self._is_orphaned = False
        # a session of its own: Ctrl-C at the tests must not end the engine before they have cleaned up
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it, as it is at first and after `stop`; it answers when this returns. Raises NoEngineError."""
        self._pid = pid = self._order("start")
        deadline = time.monotonic() + _START_SECONDS
        while not answers(self.url):
            if time.monotonic() > deadline or not lives(pid):
                lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
                raise NoEngineError(f"docker tests: dockerd does not start here: {lines[-1] if lines else 'it said nothing'}")
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(_KNOCK_SECONDS)
        self._is_orphaned = False

    def stop(self) -> None:
        """End it with every container in it; its images, stopped containers and socket's place are kept. It is gone when this returns."""
        self._order("stop")

    def kill(self) -> None:
        """Kill it: its containers run on, until it is started again and ends them. It is gone when this returns."""
        self._is_orphaned = True
        noted = self.folder / "exec/containerd/containerd.pid"
        containerd = int(noted.read_text())
        self._order("kill")
        while lives(containerd):  # it ends with its parent
            with suppress(subprocess.TimeoutExpired):
                self._guard.wait(_KNOCK_SECONDS)
        noted.unlink()  # dead, it is a zombie until somebody looks after it, which the next dockerd would take for a living one

    def freeze(self) -> None:
        """Let it hang: it answers nobody and closes nothing."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, and do what it was asked meanwhile."""
        os.kill(self._pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folders."""
        if self._is_orphaned:
            self.start()  # nobody else ends its containers
        for pipe in (self._guard.stdin, self._guard.stdout):
            assert pipe is not None
            pipe.close()
        self._guard.wait()

    def copy(self, image: str, source: str | None = None) -> None:
        """Bring an image here from another engine (by default the one that DOCKER_HOST names), by a pipe. Raises EngineProblem."""
        theirs, ours = Engine(source, timeout=300.0), Engine(self.url, timeout=300.0)
        try:
            with theirs.api() as giving, ours.api() as taking:
                for _ in taking.load_image(giving.get_image(image), quiet=True):
                    pass
        finally:
            theirs.close()
            ours.close()

    def _order(self, order: str) -> int:
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        self._guard.stdin.write(f"{order}\n")
        self._guard.stdin.flush()
        return int(self._guard.stdout.readline())


def lives(pid: int) -> bool:
    """Tell whether a process runs; the guard's dead child is a zombie until the guard looks after it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


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


def to_be_installed(root: bool, has_dockerd: bool, has_apt: bool) -> bool:
    """Decide, where no engine answers, whether docker.io is to be installed before one is started. Raises NoEngineError for neither."""
    if has_dockerd:
        if not root:
            raise NoEngineError(
                "docker tests: no engine answers and only root can start one: systemctl start docker, or make test DOCKER=no"
            )
        return False
    if not root or not has_apt:
        raise NoEngineError(
            "docker tests: no engine answers: install Docker Engine (Debian, Ubuntu: apt-get install docker.io), or make test DOCKER=no"
        )
    return True


def install() -> None:
    """Install docker.io where it is missing and that is ours to do. Raises NoEngineError."""
    if not to_be_installed(os.geteuid() == 0, shutil.which("dockerd") is not None, shutil.which("apt-get") is not None):
        return
    say("docker tests: no engine here; installing docker.io with apt-get ...")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", "--no-install-recommends", "docker.io"]):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEngineError(f"docker tests: {' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}; or make test DOCKER=no")


def say(text: str) -> None:
    """Tell whoever runs the tests, past pytest's capturing."""
    sys.__stderr__.write(f"\n{text}\n")  # type: ignore[union-attr]
    sys.__stderr__.flush()  # type: ignore[union-attr]


@contextmanager
def engine_for_tests() -> Iterator[str]:
    """Give an engine's url, and name it by DOCKER_HOST meanwhile: the one that answers, else a private one. Raises NoEngineError."""
    if answers(None):
        yield os.environ.get("DOCKER_HOST", "")
        return
    install()
    say("docker tests: starting a private engine ...")
    private = PrivateEngine()
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = private.url
    try:
        yield private.url
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
        private.close()


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[str]:
    """The engine's url; DOCKER_HOST names it while the tests run."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(engine_for_tests())
        except NoEngineError as error:
            pytest.fail(str(error), pytrace=False)
        yield url
