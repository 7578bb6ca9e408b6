"""One child process and all it starts: its output, its end, and what it used.

Knows processes, process groups and pipes. Must not know the Task API. A thread of ours watches the child from start to end, so nothing
else here ever waits for it, and a process id is never signalled after it may mean another process.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from claynet.actors.ports import Outcome
from claynet.envs.bounded_log import LOG_BYTES, BoundedLog
from claynet.envs.removal import remove_path
from claynet.envs.usage import Usage

_PIECE = 65536

_GUARD = """
scratch=$1
shift
exec 3<&0 </dev/null
(
    trap '' TERM
    read -r _ <&3
    rm -rf -- "$scratch"
    kill -KILL 0
) >/dev/null 2>&1 &
exec "$@" 3<&-
"""
"""Becomes the child, and leaves a guard in its process group that waits until the node's end of the pipe closes.

The guard is a process and not a thread of the child: a child that is stuck in foreign code, or has just ended and left descendants behind,
would not heed a thread of its own.
"""


class Child:
    """A child process that leads its own session; its standard output and error go to a bounded log file.

    When it ends, or the node does, however that happens, whatever is left of its process group is killed and its scratch folder removed.
    """

    def __init__(self, arguments: Sequence[str], variables: Mapping[str, str], folder: Path, scratch: Path, log: Path) -> None:
        """Start it in `folder`. Raises OSError when it cannot be; `scratch` is removed then too."""
        self._scratch = scratch
        self._log = BoundedLog(log)
        self._lock = threading.Lock()
        self._reaped = False
        self._signalled = False
        self.condemned: Outcome | None = None
        """Why it was ended, when it was ended for a reason of its own doing."""
        self._code = 0
        self._usage: Usage | None = None
        self._ended = threading.Event()
        self._started = time.monotonic_ns()
        try:
            self._spawn(arguments, variables, folder)
        except OSError:
            remove_path(scratch)
            raise
        threading.Thread(target=self._watch, name=f"child-{self._process.pid}", daemon=True).start()

    def _spawn(self, arguments: Sequence[str], variables: Mapping[str, str], folder: Path) -> None:
        watched, self._alive = os.pipe()
        output, said = os.pipe()
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", str(self._scratch), *arguments],
                stdin=watched,
                stdout=said,
                stderr=said,
                cwd=folder,
                env=dict(variables),
                start_new_session=True,
            )
        except OSError:
            os.close(self._alive)
            os.close(output)
            raise
        finally:
            os.close(watched)
            os.close(said)
        os.set_blocking(output, False)
        self._output = output
        self._handle = os.pidfd_open(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id, which is the process group's too."""
        return self._process.pid

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; tell whether the child has ended and everything of it is cleaned up."""
        return self._ended.wait(seconds)

    def terminate(self) -> None:
        """Ask the process group to end (SIGTERM); nothing when it has ended."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process group; nothing when it has ended."""
        self._signal(signal.SIGKILL)

    def condemn(self, why: Outcome) -> None:
        """Kill the process group for a reason that is its end from now on; nothing when it has ended."""
        if not self._ended.is_set():
            self.condemned = why
            self.kill()

    def end(self) -> str:
        """Say how the ended child came to its end; how we ended it ourselves is not told apart."""
        if self._signalled:
            return "killed"
        if self._code < 0:
            return f"killed by {_signal_name(-self._code)}"
        return f"exited with code {self._code}"

    def tail(self) -> str:
        """Return the last of what it wrote, at most 2 KiB."""
        return self._log.tail

    def usage(self) -> Usage | None:
        """What it used; None while it runs."""
        return self._usage

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if not self._reaped:
                self._signalled = True
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def _watch(self) -> None:
        poller = select.poll()
        poller.register(self._handle, select.POLLIN)
        poller.register(self._output, select.POLLIN)
        with self._log as log:
            while self._handle not in {handle for handle, _ in poller.poll()}:
                if not self._pump(log):
                    poller.unregister(self._output)  # it closed its output and runs on
            self._reap()
            for _ in range(LOG_BYTES // _PIECE):  # bounded: a descendant that left the group may write for ever
                if not self._pump(log):
                    break
        for handle in (self._output, self._handle, self._alive):
            os.close(handle)
        remove_path(self._scratch)
        self._ended.set()

    def _pump(self, log: BoundedLog) -> bool:
        try:
            piece = os.read(self._output, _PIECE)
        except BlockingIOError:
            return False
        log.write(piece)
        return bool(piece)

    def _reap(self) -> None:
        with self._lock:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # the dead leader, not yet waited for, still keeps the group's id ours
            _, status, used = os.wait4(self._process.pid, 0)
            self._reaped = True
        self._code = self._process.returncode = os.waitstatus_to_exitcode(status)
        cpu = int((used.ru_utime + used.ru_stime) * 1_000_000_000)
        self._usage = Usage(time.monotonic_ns() - self._started, cpu, used.ru_maxrss * 1024)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
