"""What an image says of itself, looked at before any of it runs; and which images have names like one that is not here.

Knows images' configuration and labels. Must not know containers or the Task API's calls. Labels were written by a stranger.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from claynet.envs.docker_engine import CONTAINER_GONE, IMAGE_MISSING, Engine, EngineProblem
from claynet.envs.resolve import DEFAULT_TAG, split_tag
from claynet.proto import layout
from claynet.taskapi.app import SampleTask

SAMPLE_LABEL = "claynet.sample"
"""A sample task as JSON, by which the image can be checked."""
SAMPLE_BYTES = 16 * 1024
"""The longest sample that goes into a label."""
_MOST_SUBTASKS = 1_000_000
"""The rules go through all of them: a label must not keep a check busy for ever."""
_NEAR = 3


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image."""

    id: str
    size: int
    """Bytes."""
    entrypoint: tuple[str, ...]
    user: str
    """Whom it would run as by itself; empty for root. Nodes choose another anyhow."""
    by_socket: bool
    """It says that it listens on a unix socket when it is asked to."""
    sample: SampleTask | None
    sample_problem: str = ""
    """Why the sample that it brings is of no use."""


def look(engine: Engine, name: str) -> ImageFacts:
    """Look at an image. Raises EngineProblem; for one that is not here with the nearest names that are."""
    try:
        with engine.api() as api:
            found = api.inspect_image(name)
    except EngineProblem as problem:
        if problem.code not in (IMAGE_MISSING, CONTAINER_GONE):
            raise
        raise EngineProblem(IMAGE_MISSING, f"the image {name} is not here; {_way_out(engine, name)}") from problem
    config: dict[str, Any] = found.get("Config") or {}
    labels = config.get("Labels") or {}
    sample, problem_text = _sample(labels.get(SAMPLE_LABEL))
    return ImageFacts(
        id=str(found["Id"]),
        size=int(found["Size"]),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        user=str(config.get("User") or ""),
        by_socket=labels.get(layout.SOCKET_LABEL) == "1",
        sample=sample,
        sample_problem=problem_text,
    )


def _way_out(engine: Engine, name: str) -> str:
    with engine.api() as api:
        tags = sorted(tag for image in api.images() for tag in image.get("RepoTags") or () if "<none>" not in tag)
    image, tag = split_tag(name)
    near = [each for each in tags if split_tag(each)[0] == image]
    near += [each for each in difflib.get_close_matches(f"{image}:{tag or DEFAULT_TAG}", tags, n=_NEAR) if each not in near]
    remedy = "pull it, or build it with claynet app build"
    return f"did you mean {' or '.join(near[:_NEAR])}? Else {remedy}" if near else remedy


def _sample(text: str | None) -> tuple[SampleTask | None, str]:
    if text is None:
        return None, ""
    if len(text) > SAMPLE_BYTES:
        return None, f"its label {SAMPLE_LABEL} is longer than {SAMPLE_BYTES} characters"
    try:
        return read_sample(text), ""
    except ValueError as error:
        return None, f"its label {SAMPLE_LABEL}: {error}"


def read_sample(text: str) -> SampleTask:
    """Read a sample task from JSON. Raises ValueError saying what is wrong."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("an object is wanted")
    sample = SampleTask.from_json(value)
    if sample.max_subtasks > _MOST_SUBTASKS:
        raise ValueError(f"max_subtasks: at most {_MOST_SUBTASKS}")
    return sample
