"""The tutorial's parameters, results and file names, read strictly: a requestor, a node or a stranger wrote them.

Knows JSON values and file names. Must not know how work is done or kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from claynet.apps.tutorial.archive import read_only_file, write_archive
from claynet.apps.tutorial.proof import MAX_DIFFICULTY
from claynet.taskapi import Params, TaskFolder

_RESULT = "result.json"
_RESULT_LIMIT = 1024
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class TaskParams:
    """What a requestor asks for."""

    difficulty: int
    """Leading zero bits."""
    resources: tuple[str, ...]
    """Names of files in `task_inputs`."""

    @classmethod
    def read(cls, params: Params) -> TaskParams:
        """Read a task's parameters; raises ValueError naming the one that is wrong. Others than ours are ignored."""
        resources = params.get("resources", [])
        if not (isinstance(resources, (list, tuple)) and all(isinstance(name, str) for name in resources)):
            raise ValueError(f"resources must be a list of file names, not {resources!r}")
        return cls(_number(params, "difficulty", MAX_DIFFICULTY), tuple(resources))

    def check_files(self, task: TaskFolder) -> None:
        """Raise ValueError when a resource is not among the task's input files (UnsafePath when its name leads elsewhere)."""
        for name in self.resources:
            if not task.input(name).is_file():
                raise ValueError(f"resource {name!r} is not among the task's input files")


@dataclass(frozen=True, slots=True)
class SubtaskParams:
    """What a provider is told."""

    part: int
    difficulty: int
    resource: str
    """Name of the archive in `subtask_inputs`."""

    @classmethod
    def read(cls, params: Params) -> SubtaskParams:
        """Read a subtask's parameters; raises ValueError naming the one that is wrong."""
        resource = params.get("resource")
        if not isinstance(resource, str):
            raise ValueError(f"resource must be a file name, not {resource!r}")
        return cls(_number(params, "part", 2**31), _number(params, "difficulty", MAX_DIFFICULTY), resource)

    def write(self) -> Params:
        """Return the parameters as the JSON object that travels."""
        return {"part": self.part, "difficulty": self.difficulty, "resource": self.resource}


@dataclass(frozen=True, slots=True)
class Result:
    """What a provider found."""

    part: int
    nonce: int

    def write(self, path: Path) -> None:
        """Write the result archive."""
        text = json.dumps({"nonce": self.nonce, "part": self.part}, sort_keys=True)
        write_archive(path, {_RESULT: text.encode()})

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read a result archive; raises ValueError saying what is wrong with it."""
        try:
            value = json.loads(read_only_file(path, _RESULT, _RESULT_LIMIT).decode())
        except RecursionError as error:
            raise ValueError("the result is nested too deeply") from error
        if not isinstance(value, dict):
            raise ValueError("the result is not a JSON object")
        return cls(_number(value, "part", 2**31), _number(value, "nonce", 2**64 - 1))


def subtask_archive(subtask_id: str) -> str:
    """Return the name of a subtask's input archive, and that of its result."""
    return f"{subtask_id}.zip"


def final_result(part: int) -> str:
    """Return the name of a part's result among the task's outputs."""
    return f"part-{part}.zip"


def digest_of(path: Path) -> bytes:
    """Return the digest of a file's content: 32 bytes."""
    digest = blake2b(digest_size=32)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.digest()


def _number(params: Params, name: str, most: int) -> int:
    value = params.get(name)
    if type(value) is not int or not 0 <= value <= most:  # a bool is an int too, but not a number
        raise ValueError(f"{name} must be a whole number from 0 to {most}, not {str(value)[:40]!r}")
    return value
