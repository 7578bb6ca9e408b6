"""The files of a work dir as a check of an app places and reads them: by names relative to the work dir.

Knows the file system. Must not know what any file means. Work dirs that others than this process write to bring an implementation of
their own: there a name must not be followed where an app may have planted a link.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from claynet.taskapi.folders import safe_join


class WorkFiles(Protocol):
    """One work dir. Everything raises OSError, or ValueError for a name that would lead out of it."""

    def write(self, files: Mapping[str, bytes], folders: Sequence[str] = ()) -> None:
        """Make the work dir, folders and files, with the folders that they need; a file that is there is replaced."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None when there is no such regular file."""

    def names(self, folder: str) -> list[str]:
        """Return the names of all files below a folder, relative to it, sorted; a missing folder has none."""

    def remove(self) -> None:
        """Remove the work dir and all that is in it, as far as that is possible."""


class PlainFiles:
    """A work dir of this process's own, or of a child of it."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir

    def write(self, files: Mapping[str, bytes], folders: Sequence[str] = ()) -> None:
        """Make folders and files."""
        self._work_dir.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            safe_join(self._work_dir, folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = safe_join(self._work_dir, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None."""
        path = safe_join(self._work_dir, name)
        return path.read_bytes() if path.is_file() else None

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files."""
        root = safe_join(self._work_dir, folder)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self._work_dir, ignore_errors=True)
