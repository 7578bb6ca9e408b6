"""A node's process as the run sees it: started, stopped, killed, paused, and what its event file says.

Knows processes, signals and files. Must not know what a node does, nor the control API.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from claynet.cli.node_home import NodeHome
from claynet.cli.scenario_node import Order, Ready

READY = 120.0
"""Seconds that a node may take to be ready: many may start at once on few processors."""
STOP = 20.0
"""Seconds that a node may take to stop when told so."""
DUMP = signal.SIGUSR1
_DUMPED = 0.5
_LONGEST = 6000
"""Characters of what a process complained of that are shown."""


class NodeProcessError(Exception):
    """A node's process is not as it should be; the text names the node and says what it wrote last."""


class NodeProcess:
    """One node over all its lives. Its methods are called by one thread at a time, but `new_events` by another."""

    def __init__(self, name: str, home: NodeHome, variables: Mapping[str, str]) -> None:
        self.name = name
        self.home = home
        self.node_id = ""
        self.port = 0
        self.lives = 0
        self.is_paused = False
        self.is_wanted = False
        """It is to be up: when it is not, it ended by itself."""
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        home.root.mkdir(parents=True)

    @property
    def is_up(self) -> bool:
        """Whether it is ready and was not ended."""
        return self.is_wanted

    @property
    def ended_by_itself(self) -> bool:
        """Whether it should be up and is not."""
        return self.is_wanted and self._process is not None and self._process.poll() is not None

    def launch(self, order: Order) -> None:
        """Begin a life; `wait_until_ready` tells how that went."""
        self.lives += 1
        with self.home.complaints.open("ab") as complaints:
            # A process group of its own: Ctrl-C at the terminal is for the run, which stops its nodes; and if the run is killed while a
            # node is paused, the kernel wakes the node.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "claynet.cli.scenario_node", msgspec.json.encode(order).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                process_group=0,
                env=dict(self._variables),
            )

    def wait_until_ready(self, until: float) -> None:
        """Wait until `until` (monotonic seconds) for its word. Raises NodeProcessError."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        line = _first_line(process.stdout, until)
        if line is None:
            raise NodeProcessError(f"node {self.name} was not ready within {READY:g} s{self.stacks()}")
        if not line:
            code = process.wait()  # it closed its output, so it ends
            raise NodeProcessError(f"node {self.name} ended with code {code} before it was ready{self.complaint()}")
        said = msgspec.json.decode(line, type=Ready)
        self.node_id, self.port = said.node_id, said.port
        self.is_wanted = True

    def pause(self) -> None:
        """Stop it in the middle of whatever it does."""
        self._signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self.is_paused = False

    def kill(self) -> None:
        """End it at once. Idempotent."""
        self.is_wanted = self.is_paused = False
        self._signal(signal.SIGKILL)
        self._let_go()

    def tell_to_stop(self) -> None:
        """Have it stop, paused or not; `wait_until_stopped` waits."""
        self.is_wanted = False
        self.resume()
        self._signal(signal.SIGTERM)

    def wait_until_stopped(self, until: float) -> bool:
        """Wait until `until` (monotonic seconds); False when it had not stopped by then."""
        process = self._process
        if process is None:
            return True
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        self._let_go()
        return True

    def new_events(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Return what was written since the last call: (monotonic ns, kind, fields)."""
        try:
            with self.home.events.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data.rfind(b"\n") + 1
        self._read += whole
        for line in data[:whole].splitlines():
            yield msgspec.json.decode(line, type=tuple[int, str, dict[str, Any]])

    def stacks(self) -> str:
        """Have a process that hangs write what each of its threads is at; return that, to be added to a sentence."""
        self._signal(DUMP)
        with suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(_DUMPED)
        return self.complaint()

    def complaint(self) -> str:
        """Return what its process wrote to standard error last, to be added to a sentence."""
        try:
            text = self.home.complaints.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            text = ""
        return f"; it wrote:\n{text[-_LONGEST:]}" if text else ""

    def exit_code(self) -> int | None:
        """Return how its process ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


def variables_of(folder: Path) -> dict[str, str]:
    """Return the environment of a run's nodes: sockets are in the run's folder, so that those of killed nodes end with it."""
    place = folder / "s"
    place.mkdir(mode=0o700)
    # the name of a node's socket in there has 43 characters more
    return {**os.environ, "XDG_RUNTIME_DIR": str(place)} if len(str(place)) < 60 else dict(os.environ)


def _first_line(stream: IO[bytes], until: float) -> bytes | None:
    """Return the first line; empty at the end of the stream, None when nothing came in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(max(0.0, until - time.monotonic())) else None
