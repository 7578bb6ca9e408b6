"""The files a scenario names: found relative to it, read once, bounded, and remembered for the digest.

Knows the file system, read-only. Must not know what a file means.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from claynet.sim.scenario.fields import Item, text

MOST_FILE = 16 * 1024 * 1024
MOST_TOTAL = 64 * 1024 * 1024


class Files:
    """Reads files below and beside one scenario file."""

    def __init__(self, scenario: Path) -> None:
        self._base = scenario.parent
        self._read: dict[Path, bytes] = {}
        self._names: list[tuple[str, bytes]] = []
        self._total = 0

    def read(self, item: Item | None) -> tuple[Path, bytes] | None:
        """Return path and bytes of the file an item names; None, and a finding, when it cannot be read."""
        name = item.parsed(text) if item else None
        if item is None or name is None:
            return None
        try:
            path = self._base / name
            if not path.is_file():
                item.wrong(f"{name!r} is not there" if not path.exists() else f"{name!r} is not a file", f"looked for {path}")
                return None
            data = self._bytes(path)
        except (OSError, ValueError) as error:
            item.wrong(f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}")
            return None
        if data is None:
            item.wrong(f"{name!r} is too large", f"at most {MOST_FILE} bytes a file and {MOST_TOTAL} in all")
            return None
        self._names.append((name, data))
        return path, data

    def folder(self, item: Item | None) -> Path | None:
        """Return the folder an item names; None, and a finding, when there is none."""
        name = item.parsed(text) if item else None
        if item is None or name is None:
            return None
        try:
            path = self._base / name
            if path.is_dir():
                return path
            item.wrong(f"{name!r} is not a folder", f"looked for {path}")
        except (OSError, ValueError) as error:
            item.wrong(f"{name!r} cannot be used: {getattr(error, 'strerror', None) or error}")
        return None

    def _bytes(self, path: Path) -> bytes | None:
        if path not in self._read:
            with path.open("rb") as stream:
                data = stream.read(min(MOST_FILE, MOST_TOTAL - self._total) + 1)
            if len(data) > min(MOST_FILE, MOST_TOTAL - self._total):
                return None
            self._total += len(data)
            self._read[path] = data
        return self._read[path]

    def digest(self, scenario: bytes, effective: tuple[str, ...]) -> str:
        """Return the hex BLAKE2b-256 of the scenario's bytes, of what is in effect, and of every file read (by its spelling, in order)."""
        total = blake2b(digest_size=32, person=b"claynet-plan")
        parts = [scenario, *(part.encode() for part in effective)]
        for name, data in self._names:
            parts += [name.encode(), data]
        for part in parts:
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
        return total.hexdigest()
