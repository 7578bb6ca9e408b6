"""The tutorial's descriptor, image recipe and entry point fit the app."""

import json
from importlib.metadata import entry_points
from pathlib import Path

from claynet.apps.tutorial.app import APP
from claynet.apps.tutorial.requestor import IMAGE, TAG

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
