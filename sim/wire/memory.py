"""Store, Blobs and Signer without disk or cryptography: what a simulated node remembers, and who it is.

Knows the ports' promises. Must not know nodes' lives: whoever keeps these objects decides what survives a crash.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from claynet.actors.blob_names import digest_of
from claynet.actors.ports import CorruptBlobError, Digest, NodeId

_SIGNATURE_SIZE: Final = 32


class ClosedStoreError(RuntimeError):
    """A life that has ended wrote to the store."""


class MemoryStore:
    """Implements `ports.Store` by reference. What `append` returned from is kept, nothing else; `reopen` gives it to the next life."""

    def __init__(self) -> None:
        self._instances: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._closed = False

    def append(
        self,
        key: str,
        state: Any | None,
        effects: Sequence[tuple[str, Any]] = (),
        done: Iterable[str] = (),
    ) -> None:
        """Commit at once (see the port); with no state the instance is forgotten, its effects too. Raises ClosedStoreError."""
        if self._closed:
            raise ClosedStoreError(f"{key}: append to a closed store")
        if state is None:
            self._instances.pop(key, None)
            return
        before = self._instances.get(key)
        if not effects and not done:
            self._instances[key] = (state, {} if before is None else before[1])
            return
        outbox = {} if before is None else dict(before[1])
        for slot in done:
            outbox.pop(slot, None)
        outbox.update(effects)
        self._instances[key] = (state, outbox)  # the one place of writing: an exception above leaves everything as it was

    def load(self) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        """Every instance: (key, state, undone effects), in the order of first append."""
        return [(key, state, tuple(outbox.items())) for key, (state, outbox) in self._instances.items()]

    def close(self) -> None:
        """Refuse further appends. Idempotent."""
        self._closed = True

    def reopen(self) -> MemoryStore:
        """Close this one and give its content to a new one: what the next life of the node finds."""
        self.close()
        following = MemoryStore()
        following._instances = self._instances
        return following


class MemoryBlobs:
    """Implements `ports.Blobs` in memory. `put_file` and `copy_to` touch real files: inside jobs, where the fence is lifted."""

    def __init__(self) -> None:
        self._whole: dict[Digest, bytes] = {}
        self._partial: dict[Digest, bytearray] = {}

    def put(self, data: bytes) -> Digest:
        """Store bytes. Idempotent."""
        digest = digest_of(data)
        self._whole.setdefault(digest, bytes(data))
        self._partial.pop(digest, None)
        return digest

    def put_file(self, path: Path) -> tuple[Digest, int]:
        """Store a file's content; return digest and size in bytes. Raises ValueError for a link or special file, OSError."""
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path}: not a regular file")
        data = path.read_bytes()
        return self.put(data), len(data)

    def has(self, digest: Digest) -> bool:
        """Tell whether the whole blob is here."""
        return digest in self._whole

    def size(self, digest: Digest) -> int:
        """Size in bytes. Raises KeyError when not here."""
        return len(self._whole[digest])

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        """Read up to `length` bytes from `offset`. Raises KeyError when not here, ValueError for a negative number."""
        if offset < 0 or length < 0:
            raise ValueError(f"offset {offset}, length {length}: neither may be negative")
        return self._whole[digest][offset : offset + length]

    def partial(self, digest: Digest) -> int:
        """How many leading bytes of an unfinished blob are here (0 when none)."""
        return len(self._partial.get(digest, b""))

    def extend(self, digest: Digest, offset: int, data: bytes | memoryview, total: int) -> bool:
        """Append `data` at `offset`, which must equal `partial(digest)`; True once whole (also when it already was).

        Raises ValueError for another offset or more than `total` bytes, CorruptBlobError when all bytes are here and have another
        digest (the partial is then gone).
        """
        if digest in self._whole:
            return True
        here = self.partial(digest)
        if offset != here or offset + len(data) > total:
            raise ValueError(f"blob {digest[:12]}: {len(data)} bytes at {offset} of {total}, but {here} are here")
        pieces = self._partial.setdefault(digest, bytearray())
        pieces += data
        if len(pieces) < total:
            return False
        del self._partial[digest]
        if digest_of(pieces) != digest:
            raise CorruptBlobError(f"blob {digest[:12]}: what arrived has digest {digest_of(pieces)[:12]}")
        self._whole[digest] = bytes(pieces)
        return True

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Write the blob to `path`, atomically (a file or link there is replaced). Raises KeyError when not here, OSError."""
        data = self._whole[digest]
        beside = path.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp")  # short, however long the name
        try:
            with beside.open("xb") as file:
                file.write(data)
            beside.replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            raise

    def delete(self, digest: Digest) -> None:
        """Forget a blob or partial; unknown ones are ignored."""
        self._whole.pop(digest, None)
        self._partial.pop(digest, None)


class KeyedSigner:
    """Implements `ports.Signer` by keyed hashes: whoever has the world's key can check (and forge) anything. For simulation only."""

    def __init__(self, world_key: bytes, name: str) -> None:
        """`world_key` is 16 to 64 bytes, the same for every node of a world. Raises ValueError for another length."""
        if not 16 <= len(world_key) <= 64:
            raise ValueError(f"a world key has 16 to 64 bytes, not {len(world_key)}")
        self._world_key = world_key
        self._node_id = NodeId(blake2b(name.encode(), key=world_key, digest_size=32).hexdigest())

    @property
    def node_id(self) -> NodeId:
        """This node's id: a hash of its name."""
        return self._node_id

    def sign(self, data: bytes) -> bytes:
        """Return 32 bytes."""
        return self._signature(self._node_id, data)

    def verify(self, signer: NodeId, data: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is `signer`'s over `data`. Garbage of any kind is False."""
        try:
            if len(signer) != 64 or signer != signer.lower() or len(bytes.fromhex(signer)) != 32:
                return False
            return hmac.compare_digest(self._signature(signer, data), bytes(signature))
        except (AttributeError, TypeError, ValueError):
            return False

    def _signature(self, signer: NodeId, data: bytes) -> bytes:
        # The signer's id and the data cannot run into each other: an id has 64 characters.
        return blake2b(signer.encode() + data, key=self._world_key, digest_size=_SIGNATURE_SIZE).digest()
