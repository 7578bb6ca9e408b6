"""The tutorial's descriptor, image recipe and entry point fit the app."""

import json
from importlib.metadata import entry_points
from pathlib import Path

from claynet.apps.tutorial.app import APP
from claynet.apps.tutorial.requestor import IMAGE, TAG
from claynet.apps.tutorial_tcp.app import APP as TCP_APP
from claynet.apps.tutorial_tcp.app import IMAGE as TCP_IMAGE

FOLDER = Path(__file__).resolve().parents[2] / "apps" / "tutorial"


def test_descriptor() -> None:
    descriptor = json.loads((FOLDER / "descriptor.json").read_text())
    assert descriptor["name"] == APP.name == IMAGE
    assert descriptor["requestor_env"] == "docker_cpu"
    assert descriptor["requestor_prereq"] == {"image": IMAGE, "tag": TAG}
    assert descriptor["max_benchmark_score"] == 10000.0


def test_recipe() -> None:
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    assert "ARG BASE_IMAGE=python:3.11-slim" in lines
    assert "LABEL claynet.socket=1" in lines
    assert 'ENTRYPOINT ["python3", "-m", "claynet.taskapi", "claynet.apps.tutorial.app:APP"]' in lines
    user = next(line for line in lines if line.startswith("USER "))
    assert user.split()[1].split(":")[0] not in ("0", "root")


def test_entry_point() -> None:
    (point,) = entry_points(group="claynet.apps", name="claynet/tutorial")
    assert point.load() is APP


def test_the_tcp_only_image_is_the_same_app_under_another_name() -> None:
    folder = FOLDER.with_name("tutorial_tcp")
    descriptor = json.loads((folder / "descriptor.json").read_text())
    (point,) = entry_points(group="claynet.apps", name=TCP_IMAGE)
    assert point.load() is TCP_APP
    assert descriptor["name"] == TCP_APP.name == TCP_IMAGE
    assert descriptor["requestor_prereq"] == {"image": TCP_IMAGE, "tag": TAG}
    recipe = (folder / "Dockerfile").read_text()
    assert "LABEL" not in recipe
    assert 'ENTRYPOINT ["python3", "-m", "claynet.taskapi", "claynet.apps.tutorial_tcp.app:APP"]' in recipe.splitlines()
