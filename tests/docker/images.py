"""Images for the docker tests: the suite's small apps, each as an image of its own name, and one that listens on TCP only."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from claynet.envs.docker_base import build, ensure_base
from claynet.envs.docker_build import build_app
from claynet.envs.docker_engine import Engine, EngineProblem
from claynet.envs.wheels import gather_wheels
from tests.envs.harness import APPS, ROOT

ALL_APPS = "claynet-tests/all-apps:1"
EXTRA = {"escapes": "tests.docker.apps.escapes:APP"}
TUTORIAL = "claynet/tutorial:1.0.0"


@pytest.fixture(scope="session")
def docker_images(docker_engine: str) -> Iterator[str]:
    """`parts:1`, `hangs:1` and so on; `parts-tcp:1` says nothing of sockets. The engine's url."""
    engine = Engine(timeout=300.0)
    made = [ALL_APPS]
    try:
        base = ensure_base(engine, lambda text: None)
        with tempfile.TemporaryDirectory() as name:
            _build_all(engine, base, Path(name))
        for app, target in {**APPS, **EXTRA}.items():
            made.append(_entry(engine, f"{app}:1", target, "1"))
        made.append(_entry(engine, "parts-tcp:1", APPS["parts"], "0"))
        yield docker_engine
    finally:
        for image in reversed(made):
            with suppress(EngineProblem), engine.api() as api:
                api.remove_image(image, force=True)
        engine.close()


@pytest.fixture(scope="session")
def tutorial_image(docker_engine: str) -> str:
    """The bundled app's image."""
    engine = Engine(timeout=300.0)
    try:
        folder = ROOT / "apps" / "tutorial"
        return build_app(folder, engine, lambda text: None, folder / "descriptor.json").image
    finally:
        engine.close()


_SETUID = """import os, shutil, sys
python = os.path.realpath(sys.executable)
beside = os.path.join(os.path.dirname(python), "rootly")
shutil.copy(python, beside)
os.chmod(beside, 0o4755)"""
"""Makes a program in an image that whoever starts it runs as root, unless that is forbidden."""


def _build_all(engine: Engine, base: str, context: Path) -> None:
    (context / "wheels").mkdir()
    gather_wheels(context / "wheels", None, "3.11")
    with tarfile.open(context / "apps.tar", "w") as tar:
        for folder in ("tests/envs/apps", "tests/docker/apps"):
            for path in sorted((ROOT / folder).glob("*.py")):
                tar.add(path, f"opt/{path.relative_to(ROOT)}")
    lines = [
        f"FROM {base}",
        "COPY wheels /tmp/build",
        "RUN python3 -m pip install -q --no-cache-dir --root-user-action=ignore --no-index --find-links=/tmp/build claynet",
        "ADD apps.tar /",
        "ENV PYTHONPATH=/opt PYTHONDONTWRITEBYTECODE=1",
        "WORKDIR /golem/work",
        f"RUN {json.dumps(['python3', '-c', _SETUID])}",
    ]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    build(engine, ALL_APPS, path=str(context))


def _entry(engine: Engine, image: str, target: str, by_socket: str) -> str:
    lines = [f"FROM {ALL_APPS}", f"LABEL claynet.socket={by_socket}", f'ENTRYPOINT ["python3", "-m", "claynet.taskapi", "{target}"]']
    build(engine, image, fileobj=io.BytesIO("\n".join(lines).encode()))
    return image
