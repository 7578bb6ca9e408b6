"""An in-memory file tree for the `model` environment: names, and contents by digest or by bytes not yet stored.

Knows folders and entries. Must not know tasks, nor keep the bytes of what lies in Blobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from claynet.actors.ports import Digest
from claynet.envs.paths import MISSING_FILE, UNSAFE_PATH, FileProblem

Entry = bytes | tuple[Digest, int]
"""A file: bytes that an app wrote, or digest and size of a blob that was placed or collected."""


class Folder(dict[str, "Folder | Entry"]):
    """One folder: names to sub-folders and files. Paths are tuples of names, already checked."""

    __slots__ = ()

    def find(self, path: Sequence[str]) -> Folder | Entry | None:
        """Return what is at a path, None when there is nothing. Raises FileProblem for a path that goes through a file."""
        at: Folder | Entry | None = self
        for name in path:
            if at is None:
                return None
            if not isinstance(at, Folder):
                raise FileProblem(UNSAFE_PATH, f"{'/'.join(path)!r} goes through a file")
            at = at.get(name)
        return at

    def file(self, path: Sequence[str]) -> Entry:
        """Return the file at a path. Raises FileProblem `missing_file`, or `unsafe_path` for a folder."""
        found = self.find(path)
        if found is None:
            raise FileProblem(MISSING_FILE, f"{'/'.join(path)!r} is missing")
        if isinstance(found, Folder):
            raise FileProblem(UNSAFE_PATH, f"{'/'.join(path)!r} is not a regular file")
        return found

    def make(self, path: Sequence[str]) -> Folder:
        """Return the folder at a path, made with its parents where missing. Raises FileProblem when a file is in the way."""
        at = self
        for name in path:
            below = at.get(name)
            if below is None:
                below = at[name] = Folder()
            if not isinstance(below, Folder):
                raise FileProblem(UNSAFE_PATH, f"{'/'.join(path)!r} goes through a file")
            at = below
        return at

    def write(self, path: Sequence[str], entry: Entry) -> None:
        """Put a file at a path, replacing a file. Raises FileProblem when a folder is in its place."""
        parent = self.make(path[:-1])
        if isinstance(parent.get(path[-1]), Folder):
            raise FileProblem(UNSAFE_PATH, f"{'/'.join(path)!r} is a folder")
        parent[path[-1]] = entry

    def remove(self, path: Sequence[str]) -> None:
        """Delete a file or folder; a missing one is ignored. The empty path empties this folder."""
        if not path:
            self.clear()
            return
        parent = self.find(path[:-1])
        if isinstance(parent, Folder):
            parent.pop(path[-1], None)

    def names(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Walk the paths of all files below, in no order."""
        for name, found in self.items():
            if isinstance(found, Folder):
                yield from found.names((*prefix, name))
            else:
                yield (*prefix, name)
