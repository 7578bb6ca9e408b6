"""Keeps the final results of finished tasks for whoever asked for them.

Knows `results` events and blobs. Must not know what results mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from claynet.actors.ports import Blobs


class Results:
    """A subscriber that remembers which files each finished task came to."""

    KINDS = frozenset({"results"})

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], tuple[list[Any], str]] = {}

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Take one event."""
        del kind, at
        files = fields["files"]
        assert isinstance(files, list)
        self._found[node, str(fields["name"]), str(fields["id"])] = files, str(fields["problem"])

    def write(self, folder: Path, blobs_of: Callable[[str], Blobs]) -> None:
        """Write files to `folder/NODE/TASK-ID/name`; what could not be stored is said in `folder/NODE/TASK-ID.problem`. Raises OSError."""
        for (node, name, task_id), (files, problem) in self._found.items():
            target = folder / node / f"{name}-{task_id[:8]}"
            problems = [problem] if problem else []
            for file, digest, _size in files:
                path = target / file
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    blobs_of(node).copy_to(digest, path)
                except OSError as error:  # an app chooses the name: one that cannot be here must not cost the others, and the report
                    problems.append(f"{file}: {error.strerror}")
            if problems:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.with_name(f"{target.name}.problem").write_text("".join(f"{one}\n" for one in problems), encoding="utf-8")
