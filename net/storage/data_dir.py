"""A node's data dir: where things are, which version it has, and that one node at a time has it.

Knows folders, a version file and a lock. Must not know what is in any of the files. The layout: `version`, `lock`, `config.yaml`,
`identity.pem`, `node.sqlite`, `control.sock` (a link), `blobs/`, `work/` (one folder per environment), `apps/`, `logs/`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from claynet.net.storage.durable import sync_file, sync_folder

VERSION = 1
"""Of the layout. An older one is brought up by MIGRATIONS, a newer one is refused."""

Migration = Callable[[Path], None]
MIGRATIONS: Mapping[int, Migration] = {}
"""From a version to the next; each may be run again after a crash in its middle."""


_BEFORE_THE_VERSION = re.compile(r"config\.yaml|lock|logs|\.version|\.config\.yaml\.[0-9]+")
"""What may be in a data dir that has no version yet; the last two are left where its first start was killed or had no disk."""


class DataDirError(Exception):
    """A data dir cannot be used; the text names it, the cause and the remedy."""


class DataDir:
    """One data dir. Its paths may be asked for at any time; `with` makes it this process's own."""

    def __init__(self, path: Path, version: int = VERSION, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
        self.path = path.absolute()
        self._version = version
        self._migrations = migrations
        self._held: int | None = None

    def __repr__(self) -> str:
        return f"DataDir({str(self.path)!r})"

    config = property(lambda self: self.path / "config.yaml", doc="What the operator decided.")
    key = property(lambda self: self.path / "identity.pem", doc="The node's private key.")
    store = property(lambda self: self.path / "node.sqlite", doc="What the node remembers.")
    blobs = property(lambda self: self.path / "blobs", doc="Files of tasks by their digests.")
    work = property(lambda self: self.path / "work", doc="Work dirs, a folder for each environment.")
    apps = property(lambda self: self.path / "apps", doc="Descriptors of apps.")
    logs = property(lambda self: self.path / "logs", doc="What was logged.")
    control = property(lambda self: self.path / "control.sock", doc="A link to the socket of its control API.")
    _lock = property(lambda self: self.path / "lock")
    _version_file = property(lambda self: self.path / "version")

    def __enter__(self) -> Self:
        """Make it where it is not, hold it, and bring it up to this version. Raises DataDirError."""
        self.make()
        self._held = self._hold()
        try:
            self._upgrade()
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._let_go()

    def make(self) -> None:
        """Make the folder (mode 0700) where it is not, and see that it can be written to. Raises DataDirError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except FileExistsError:
            raise DataDirError(f"{self.path} is no folder; name another data dir") from None
        except OSError as error:
            raise DataDirError(f"the data dir {self.path} cannot be made ({error.strerror}); name another with --data-dir") from error
        found = self.version
        if found is None and not all(_BEFORE_THE_VERSION.fullmatch(path.name) for path in self._entries()):
            raise DataDirError(f"{self.path} holds something else and is no data dir; name an empty folder or a new one")
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise DataDirError(f"the data dir {self.path} is not writable by this user; change its owner, or name another with --data-dir")

    @property
    def version(self) -> int | None:
        """The version it has; None for a new one. Raises DataDirError for one that cannot be told."""
        try:
            text = self._version_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataDirError(f"{self._version_file} cannot be read ({error}); its owner must be this user") from error
        if not text.isdigit():
            raise DataDirError(f"{self._version_file} holds {text[:20]!r}, which is no version; restore it, or name another data dir")
        return int(text)

    def holder(self) -> int | None:
        """Return the process id of the node that has it; None when none has."""
        try:
            handle = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _pid(handle)
        finally:
            os.close(handle)
        return None

    def wait_until_free(self) -> None:
        """Return once no node has it; a signal interrupts the wait. Raises OSError."""
        handle = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def _entries(self) -> list[Path]:
        try:
            return list(self.path.iterdir())
        except OSError:
            return []

    def _hold(self) -> int:
        # flock, since the kernel lets go of it however the holder ends; a lock file's mere existence says nothing.
        try:
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirError(f"{self._lock} cannot be opened ({error.strerror}); its owner must be this user") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = _pid(handle)
            os.close(handle)
            who = f"process {pid}" if pid else "another node"
            raise DataDirError(
                f"the data dir {self.path} is in use by {who}; stop it (claynet node stop --data-dir {shlex.quote(str(self.path))}), "
                "or name another with --data-dir"
            ) from None
        try:
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(handle)
            raise DataDirError(f"{self._lock} cannot be written ({error.strerror})") from error
        return handle

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            os.close(held)

    def _upgrade(self) -> None:
        found = self.version
        if found is None:
            found = self._version
            self._write_version(found)
        if found > self._version or any(step not in self._migrations for step in range(found, self._version)):
            raise DataDirError(
                f"the data dir {self.path} has version {found}, this claynet uses {self._version}; "
                "use the claynet that made it, or name another with --data-dir"
            )
        for step in range(found, self._version):
            try:
                self._migrations[step](self.path)
            except OSError as error:
                raise DataDirError(f"the data dir {self.path} cannot be brought from version {step} to {step + 1}: {error}") from error
            self._write_version(step + 1)

    def _write_version(self, version: int) -> None:
        beside = self._version_file.with_name(".version")
        try:
            beside.write_text(f"{version}\n", encoding="ascii")
            sync_file(beside)  # else a power cut may leave the name without what it says
            beside.replace(self._version_file)
            sync_folder(self.path)
        except OSError as error:
            raise DataDirError(f"{self._version_file} cannot be written ({error.strerror})") from error


def _pid(handle: int) -> int | None:
    text = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
