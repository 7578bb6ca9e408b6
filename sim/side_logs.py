"""The side logs of a run: what jobs really took and what services really used. They calibrate models and never enter a trace.

Knows files and their lines. Must not know when anything is measured.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from claynet.envs.usage import OnUsage, Usage, no_usage


class _Lines:
    """A file of JSON lines that several threads add to. Each line is written at once: a run that is killed keeps what it had."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        path.write_bytes(b"")

    def add(self, record: dict[str, object]) -> None:
        with self._lock, self._path.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")


class DurationsLog:
    """What jobs really took."""

    def __init__(self, path: Path) -> None:
        self._lines = _Lines(path)

    def __call__(self, job_id: str, kind: str, took: int) -> None:
        """Add a line; `took` in real ns."""
        self._lines.add({"job": job_id, "kind": kind, "ns": took})


class UsageLog:
    """What each service used, by the node it ran for."""

    def __init__(self, path: Path | None) -> None:
        """None: nothing is kept."""
        self._lines = None if path is None else _Lines(path)

    def of(self, node: str) -> OnUsage:
        """Return what hears of a node's services."""
        lines = self._lines
        if lines is None:
            return no_usage

        def add(runtime_id: str, usage: Usage) -> None:
            lines.add({"node": node, "runtime": runtime_id, **msgspec.to_builtins(usage)})

        return add
