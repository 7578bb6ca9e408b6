"""The Task API's folders on a real disk, and paths from elsewhere joined to them safely.

Knows the layout and the file system. Must not know messages, or what any file means.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from claynet.proto import layout


class UnsafePath(ValueError):  # noqa: N818 - the path is at fault, and its name says so
    """A path that must stay inside a folder does not, or cannot name a file at all."""


def safe_join(root: Path, relative: str) -> Path:
    """Return `root/relative`; the file need not exist.

    Raises UnsafePath when `relative` is empty or absolute, has `..` or a zero byte in it, or leads out of `root` through a symlink.
    """
    if "\0" in relative:
        raise UnsafePath(f"{relative!r} has a zero byte in it")
    path = PurePosixPath(relative)
    if path.is_absolute():
        raise UnsafePath(f"{relative!r} is absolute; a path inside {root.name!r} is wanted")
    if not path.parts or ".." in path.parts:
        raise UnsafePath(f"{relative!r} does not stay inside {root.name!r}")
    joined = root / path
    try:
        inside = joined.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # a circle of symlinks
        raise UnsafePath(f"{relative!r} leads nowhere: {error}") from error
    if not inside:
        raise UnsafePath(f"{relative!r} leads out of {root.name!r} through a symlink")
    return joined


def relative_to(root: Path, path: Path | str) -> str:
    """Return a path given by an app, relative to `root`; raises UnsafePath when it is outside of it."""
    path = Path(path)
    if path.is_absolute():
        try:
            path = path.relative_to(root)
        except ValueError as error:
            raise UnsafePath(f"{str(path)!r} is not inside {root.name!r}") from error
    return safe_join(root, str(path)).relative_to(root).as_posix()


def _segment(name: str) -> str:
    try:
        return layout.segment(name)
    except ValueError as error:
        raise UnsafePath(str(error)) from error


@dataclass(frozen=True, slots=True)
class TaskFolder:
    """One task's folder under the requestor's work dir. Raises UnsafePath for ids that cannot name a folder."""

    work_dir: Path
    task_id: str

    def __post_init__(self) -> None:
        _segment(self.task_id)

    @property
    def path(self) -> Path:
        """The folder itself; an app may keep files of its own here, next to the agreed folders."""
        return self.work_dir / layout.requestor_task(self.task_id)

    @property
    def inputs(self) -> Path:
        """The task's input files, put there by the node before the task is created."""
        return self.work_dir / layout.requestor_task_inputs(self.task_id)

    @property
    def subtask_inputs(self) -> Path:
        """The files that subtasks' resources name, put there by the app."""
        return self.work_dir / layout.requestor_subtask_inputs(self.task_id)

    @property
    def outputs(self) -> Path:
        """The final results, and nothing else when the task is finished."""
        return self.work_dir / layout.requestor_task_outputs(self.task_id)

    def subtask_outputs(self, subtask_id: str) -> Path:
        """Where the node puts the result file of a subtask before it is verified."""
        return self.work_dir / layout.requestor_subtask_outputs(self.task_id) / _segment(subtask_id)

    def input(self, name: str) -> Path:
        """Return the path of an input file; raises UnsafePath when the name leads elsewhere."""
        return safe_join(self.inputs, name)

    def make(self) -> None:
        """Make the agreed folders that are missing."""
        for name in layout.TASK_FOLDERS:
            (self.path / name).mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class ProviderFolder:
    """The provider's work dir: one task's own folder."""

    path: Path

    @property
    def subtask_inputs(self) -> Path:
        """The files that the subtask's resources name, put there by the node."""
        return self.path / layout.provider_subtask_inputs()

    def scratch(self, subtask_id: str) -> Path:
        """Return a subtask's own folder; raises UnsafePath for an id that cannot name one."""
        return self.path / _segment(subtask_id)

    def resource(self, name: str) -> Path:
        """Return the path of a resource; raises UnsafePath when the name leads elsewhere."""
        return safe_join(self.subtask_inputs, name)

    def make(self, subtask_id: str) -> None:
        """Make the agreed folders that are missing."""
        self.subtask_inputs.mkdir(parents=True, exist_ok=True)
        self.scratch(subtask_id).mkdir(parents=True, exist_ok=True)
