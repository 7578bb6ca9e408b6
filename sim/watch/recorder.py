"""The recorder: turns deliveries, job outcomes and node events into lines of the trace, and counts them.

Knows the shape of frames just enough to name their tag. Must not know what anything means. In `real` several threads record: one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from claynet.actors.ports import Outcome
from claynet.sim.watch.trace import TraceWriter

_NOT_TRACED = frozenset({"trace"})
"""Fields for logs only: a traceback has paths of this machine."""


class Recorder:
    """Hears the network, the jobs and the nodes of one run."""

    def __init__(self, trace: TraceWriter) -> None:
        self._trace = trace
        self._lock = threading.RLock()
        self.messages = 0
        """Arrivals that crossed the network."""

    def arrived(self, at: int, kind: str, source: str, to: str, data: bytes) -> None:
        """Hear of an arrival: `link` bytes or an `announcement`."""
        with self._lock:
            self.messages += 1
            self._trace.record(at, kind, source, to, tag_of(data), blake2b(data, digest_size=32).hexdigest())

    def happened(self, at: int, kind: str, source: str, to: str, detail: str = "") -> None:
        """Hear of what the network or the director did: a link made or lost, a partition, a crash."""
        with self._lock:
            self._trace.record(at, kind, source, to, detail)

    def job_submitted(self, job_id: str, kind: str, at: int, duration: int) -> None:
        """Hear of a job that starts now."""
        with self._lock:
            self._trace.record(at, "job", node_of(job_id), "", kind, job=job_id, duration=duration)

    def job_done(self, job_id: str, kind: str, outcome: Outcome, at: int) -> None:
        """Hear of an outcome that is about to be told."""
        raw = blake2b(msgspec.msgpack.encode(outcome), digest_size=32).hexdigest()
        with self._lock:
            self._trace.record(at, "outcome", node_of(job_id), "", kind, raw, job=job_id, status=outcome.status, code=outcome.code)

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Hear of a node's event."""
        more = {name: value for name, value in fields.items() if name not in ("tag", "digest") and name not in _NOT_TRACED}
        with self._lock:
            self._trace.record(at, kind, node, "", str(fields.get("tag", "")), str(fields.get("digest", "")), **more)

    def flush(self) -> None:
        """Write what is buffered when it is worth it."""
        if self._trace.is_full:
            with self._lock:
                self._trace.flush()


def node_of(job_id: str) -> str:
    """Return the name of the node whose job has this id: ids begin with the node's life, `NAME#LIFE/`."""
    return job_id.partition("#")[0]


def tag_of(data: bytes) -> str:
    """Return the tag of a frame's first record; empty when these bytes are no whole frame."""
    if len(data) > 6 and data[4] == 0x93 and data[5] & 0xE0 == 0xA0:
        end = 6 + (data[5] & 0x1F)
        return data[6:end].decode("ascii", "replace")
    return ""
