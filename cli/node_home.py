"""Where one node of a run of processes keeps what it has: its data dir, and beside it what only the run reads.

Knows names of files. Must not know what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NodeHome:
    """One node's folder."""

    root: Path

    @property
    def data(self) -> Path:
        """Its data dir."""
        return self.root / "data"

    @property
    def events(self) -> Path:
        """What happened on it, a line each: `[monotonic ns, kind, fields]`."""
        return self.root / "events.jsonl"

    @property
    def inputs(self) -> Path:
        """Input files of tasks that it is to make."""
        return self.root / "inputs"

    @property
    def complaints(self) -> Path:
        """What its process wrote to standard error."""
        return self.root / "stderr.txt"

    def usage(self, pid: int) -> Path:
        """What its services used in the life of that process."""
        return self.root / f"usage-{pid}.jsonl"

    def usages(self) -> Iterator[Path]:
        """Those of all lives."""
        yield from sorted(self.root.glob("usage-*.jsonl"))
