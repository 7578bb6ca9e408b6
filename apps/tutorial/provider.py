"""The tutorial's provider side: solves one part's puzzle.

Knows a subtask's parameters and files. Must not know tasks, parts or other subtasks.
"""

from __future__ import annotations

from pathlib import Path

from claynet.apps.tutorial.proof import Puzzle, benchmark, solve
from claynet.apps.tutorial.values import Result, SubtaskParams, digest_of, subtask_archive
from claynet.taskapi import Params, ProviderAppHandler, ProviderFolder, ShutdownSignal


class TutorialProvider(ProviderAppHandler):
    """Computes a subtask: the result follows from the input archive, the part and the difficulty alone."""

    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str:
        """Solve the puzzle; raises ValueError for wrong parameters, FileNotFoundError without the archive."""
        wanted = SubtaskParams.read(params)
        digest = digest_of(task.resource(wanted.resource))
        nonce = solve(Puzzle.of(digest, wanted.part, wanted.difficulty), stop)
        name = subtask_archive(subtask_id)
        Result(wanted.part, nonce).write(task.path / name)
        return name

    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:  # noqa: ARG002 - it needs no files
        """Return the hash rate."""
        return benchmark(stop)
