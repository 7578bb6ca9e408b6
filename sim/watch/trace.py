"""Writes trace.jsonl and its hash: one delivery or event a line, keys sorted, no spaces, UTF-8.

Knows lines and bytes. Must not know what the kinds mean. Nothing is written to disk except in `flush`, which is called between
handlers: inside one, the fence of virtual time forbids it.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec

_ENOUGH = 256 * 1024


class _Line(msgspec.Struct, gc=False, rename={"source": "from"}):
    """The keys that every line has: the order of the fields, with `from` for `source`, is the order in the file."""

    at: int
    digest: str
    source: str
    kind: str
    n: int
    tag: str
    to: str


class TraceWriter:
    """One run's trace. The hash is the hex BLAKE2b-256 of the bytes written so far."""

    def __init__(self, out: Path | None) -> None:
        """Write to a new file at `out`; None: nothing is written, the bytes are only hashed. Raises OSError."""
        self._file: BinaryIO | None = out.open("wb") if out else None
        self._hash = blake2b(digest_size=32)
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder(order="sorted")
        self.lines = 0
        """Lines so far; the next line's `n`."""

    def record(self, at: int, kind: str, source: str, to: str, tag: str = "", digest: str = "", **more: object) -> None:
        """Add a line; `at` in virtual ns, `more` what the kind needs (JSON values). Only buffers, and hashes what is long enough."""
        n = self.lines
        self.lines = n + 1
        buffer = self._buffer
        if more:
            line = {"at": at, "digest": digest, "from": source, "kind": kind, "n": n, "tag": tag, "to": to}
            buffer += self._encoder.encode({**more, **line})
        else:
            buffer += self._encoder.encode(_Line(at, digest, source, kind, n, tag, to))
        buffer += b"\n"
        if self._file is None and len(buffer) > _ENOUGH:
            self.flush()

    @property
    def is_full(self) -> bool:
        """Tell whether enough is buffered to be worth a `flush`."""
        return len(self._buffer) > _ENOUGH

    def flush(self) -> None:
        """Hash what is buffered and write it. Raises OSError."""
        self._hash.update(self._buffer)
        if self._file is not None:
            self._file.write(self._buffer)
        self._buffer.clear()

    def hash(self) -> str:
        """Return the hash of all lines so far, in hex."""
        total = self._hash.copy()
        total.update(self._buffer)
        return total.hexdigest()

    def close(self) -> str:
        """Flush, close the file, and return the hash. Raises OSError."""
        try:
            self.flush()
        finally:  # on a full disk too
            if self._file is not None:
                self._file.close()
                self._file = None
        return self.hash()
