"""Links of an app's folder in the build of its image: they lead nowhere outside of what is built."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from claynet.envs.docker_build import BuildError, build_app
from claynet.envs.docker_engine import Engine, EngineProblem
from tests.envs.harness import ROOT

pytestmark = pytest.mark.docker

IMAGE = "claynet-tests/links"
LOOK = "RUN [\"python3\", \"-c\", \"import os; assert os.readlink('/app/data') == '../secret' and not os.path.exists('/app/data')\"]"


@pytest.fixture
def engine(docker_engine: str) -> Iterator[Engine]:
    with closing(Engine(timeout=300.0)) as made:
        yield made
        with suppress(EngineProblem), made.api() as api:
            api.remove_image(f"{IMAGE}:1.0.0", force=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    app = tmp_path / "app"
    app.mkdir()
    fields = json.loads((ROOT / "apps" / "tutorial" / "descriptor.json").read_text())
    fields["requestor_prereq"] |= {"image": IMAGE, "tag": "1.0.0"}
    fields.pop("app_id", None)
    (app / "descriptor.json").write_text(json.dumps(fields))
    shutil.copy(ROOT / "docs" / "examples" / "factors" / "sample.json", app)
    (app / "data").symlink_to("../secret")
    (app / "again").symlink_to(".")
    (app / ".#main.py").symlink_to("me@here.1:2")
    return app


def test_a_link_is_copied_and_not_what_it_points_at(engine: Engine, folder: Path) -> None:
    (folder / "Dockerfile").write_text(f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nCOPY . /app\n{LOOK}\n")
    assert build_app(folder, engine, lambda text: None).image == f"{IMAGE}:1.0.0"


def test_a_link_that_is_copied_by_its_name_finds_nothing(engine: Engine, folder: Path) -> None:
    (folder / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY data/key /key\n")
    with pytest.raises(BuildError, match="key"):
        build_app(folder, engine, lambda text: None)
