"""Builds an app's image from its folder: Dockerfile, descriptor and requirements, with packages gathered before and without a network.

Knows what such a folder holds and the build arguments of its Dockerfile. Must not know scenarios or commands.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from claynet.actors import descriptors
from claynet.envs.build_context import copy_context, demand_no_links
from claynet.envs.docker_base import Say, build, ensure_base
from claynet.envs.docker_engine import Engine, EngineProblem
from claynet.envs.image_facts import SAMPLE_BYTES, SAMPLE_LABEL, read_sample
from claynet.envs.npm_lock import LOCK, MANIFEST, NpmError
from claynet.envs.npm_packages import MODULES, gather_packages
from claynet.envs.owner import alone, this_process
from claynet.envs.wheels import WheelError, gather_wheels

_VERSION = 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")'
_DESCRIPTOR = "descriptor.json"
_WHEELS = "wheels"
_REQUIREMENTS = "requirements.txt"
_SAMPLE = "sample.json"
_BUILDS = "build"
"""Builds of one user take turns: two of the same image would only do the same work twice, and each takes all processors."""
_PATIENCE = 300.0
"""Seconds that one step of a build may be silent."""
_NOT_COPIED = ("__pycache__", ".git", _WHEELS, MODULES)
_READ_HERE = (_DESCRIPTOR, _SAMPLE, _REQUIREMENTS, LOCK, MANIFEST, "Dockerfile", ".dockerignore")


class BuildError(Exception):
    """An image cannot be built; the text says why, and names the file or the remedy."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build came to."""

    image: str
    image_id: str
    size: int
    """Bytes."""
    base: str
    app_id: str
    descriptor: Path


def build_missing(image: str, folder: Path, descriptor: Path, say: Say) -> None:
    """Build an image unless it is here; of several processes of a user that want it one builds, and the others wait. Raises BuildError."""
    with closing(Engine(timeout=_PATIENCE)) as engine:
        try:
            if engine.has_image(image):
                return
            with alone(_BUILDS, lambda: say(f"{image} is not here; waiting for another claynet that builds")):
                if engine.has_image(image):
                    say(f"{image} was built meanwhile")
                    return
                say(f"{image} is not here; building it from {folder}")
                _build(folder, engine, say, descriptor)
        except EngineProblem as problem:
            raise BuildError(f"{image}: {problem.detail}") from problem
        except OSError as error:
            raise BuildError(f"{image}: {error}") from error


def build_app(folder: Path, engine: Engine, say: Say, descriptor: Path | None = None) -> Built:
    """Build the image that an app's descriptor names, after any other build of this user. Raises BuildError.

    Without a `descriptor` elsewhere it is the folder's own, which gets the app id written; one that was given is only read.
    """
    try:
        with alone(_BUILDS, lambda: say(f"{folder}: waiting for another claynet that builds")):
            return _build(folder, engine, say, descriptor)
    except OSError as error:
        raise BuildError(f"{folder}: {error}") from error


def _build(folder: Path, engine: Engine, say: Say, descriptor: Path | None) -> Built:
    demand_no_links(folder, _READ_HERE)
    path = descriptor or folder / _DESCRIPTOR
    found, fields = _described(path)
    image = _image(found, path)
    if not (folder / "Dockerfile").is_file():
        raise BuildError(f"{folder} has no Dockerfile")
    labels = {"claynet.app": found.name, "claynet.app_id": found.app_id, "claynet.version": found.version, **_sample(folder)}
    try:
        base = ensure_base(engine, say)
        with this_process().folder("build-") as scratch:
            context = scratch / "context"
            copy_context(folder, context, _NOT_COPIED)
            _gather(context, image, engine, base, say)
            say(f"{image}: building on {base}")
            arguments = {"BASE_IMAGE": base, "PIP_ARGS": "--no-index --find-links=/tmp/build"}
            build(engine, image, path=str(context), buildargs=arguments, labels=labels)
        with engine.api() as api:
            inspected = api.inspect_image(image)
    except EngineProblem as problem:
        raise BuildError(f"{image}: {problem.detail}") from problem
    except WheelError as error:
        raise BuildError(f"{image}: no wheels: {error}") from error
    except NpmError as error:
        raise BuildError(f"{image}: no npm packages: {error}") from error
    except OSError as error:
        raise BuildError(f"{image}: {error}") from error
    if descriptor is None:
        _write_app_id(path, fields, found.app_id)
    say(f"{image}: {inspected['Size'] // 1_000_000} MB")
    return Built(image, str(inspected["Id"]), int(inspected["Size"]), base, found.app_id, path)


def _gather(context: Path, image: str, engine: Engine, base: str, say: Say) -> None:
    """Put the packages that the folder asks for beside its Dockerfile. Raises WheelError, NpmError, EngineProblem, OSError."""
    requirements, by_npm = context / _REQUIREMENTS, (context / LOCK).is_file()
    (context / _WHEELS).mkdir()
    if requirements.is_file() or not by_npm:
        say(f"{image}: gathering wheels")
        gather_wheels(context / _WHEELS, requirements if requirements.is_file() else None, _python_of(engine, base))
    if by_npm:
        say(f"{image}: gathering npm packages")
        gather_packages(context)


def _sample(folder: Path) -> dict[str, str]:
    """Return the label of the folder's sample task, by which the image can be checked, if there is one. Raises BuildError."""
    path = folder / _SAMPLE
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        read_sample(text)
    except (OSError, ValueError) as error:
        raise BuildError(f"{path} is not a sample task: {error}") from None
    short = json.dumps(json.loads(text), separators=(",", ":"))
    if len(short) > SAMPLE_BYTES:
        raise BuildError(f"{path}: a sample task of {len(short)} bytes; at most {SAMPLE_BYTES} go into an image's label")
    return {SAMPLE_LABEL: short}


def _python_of(engine: Engine, base: str) -> str:
    """Ask an image's Python for its version. Raises EngineProblem."""
    with engine.api() as api:
        options = {"network_mode": "none", "read_only": True, "cap_drop": ["ALL"], "log_config": {"type": "json-file", "config": {}}}
        container = api.create_container(
            base, ["python3", "-c", _VERSION], user="65534:65534", host_config=api.create_host_config(**options), use_config_proxy=False
        )
        try:
            api.start(container)
            code = api.wait(container)["StatusCode"]
            said = api.logs(container).decode(errors="replace").strip()
        finally:
            api.remove_container(container, force=True)
    if code or not said.replace(".", "").isdigit():
        raise EngineProblem("build_failed", f"the base image {base} has no python3 that runs")
    return str(said)


def _described(path: Path) -> tuple[descriptors.Descriptor, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return descriptors.parse(text), json.loads(text)
    except (OSError, ValueError) as error:
        raise BuildError(f"{path} is not a descriptor: {error}") from None


def _image(found: descriptors.Descriptor, path: Path) -> str:
    prerequisites = json.loads(found.requestor_prereq_json)
    image, tag = prerequisites.get("image"), prerequisites.get("tag", "latest")
    if not isinstance(image, str) or not image or not isinstance(tag, str):
        raise BuildError(f"{path}: requestor_prereq names no image and tag")
    return f"{image}:{tag}"


def _write_app_id(path: Path, fields: dict[str, Any], app_id: str) -> None:
    """Say the app id in the descriptor; the rest of its text stays as its author wrote it."""
    if fields.get("app_id") == app_id:
        return
    text = path.read_text(encoding="utf-8")
    if "app_id" in fields:
        text = re.sub(r'("app_id"\s*:\s*)("[^"]*"|null)', rf'\1"{app_id}"', text, count=1)
    else:
        text = f'{text.rstrip().removesuffix("}").rstrip()},\n  "app_id": "{app_id}"\n}}\n'
    path.write_text(text, encoding="utf-8")
