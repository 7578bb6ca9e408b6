"""Which environments and apps there are, and how they are named."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from claynet.actors.environment import Runnable
from claynet.envs import registry
from claynet.envs.resolve import AppTable, split_tag
from claynet.envs.workspace import FileLimits
from tests.envs.harness import APPS, MemoryBlobs, code, ok

BUILT_IN = {"model": (True, False), "inproc": (True, True), "process": (False, True)}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_environments_are_made_by_name(name: str, tmp_path: Path) -> None:
    kind = registry.find(name)
    assert ("virtual" in kind.modes, kind.runs_on_host) == BUILT_IN[name]
    assert {"paced", "real"} <= kind.modes
    environment = kind.make(registry.EnvironmentSettings(tmp_path, MemoryBlobs(), AppTable(APPS)))
    assert environment.name == name
    ok(environment.probe().run())
    environment.close()


@pytest.mark.parametrize("name", ["inproc", "process", "docker_cpu", "docker_gpu"])
def test_each_collects_no_more_than_it_is_told(name: str, tmp_path: Path) -> None:
    settings = registry.EnvironmentSettings(tmp_path, MemoryBlobs(), AppTable(APPS), limits=FileLimits(file_bytes=10))
    with closing(registry.find(name).make(settings)) as environment:
        backend = environment.backend(Runnable(env=name, image="parts:1"), "provider", "r", "work")
        ok(backend.place([], ["."]).run())
        (tmp_path / "work" / "large").write_bytes(bytes(11))
        assert code(backend.collect(".", ["large"]).run()) == "too_large"


def test_an_unknown_environment_is_told_with_those_that_there_are() -> None:
    assert set(BUILT_IN) <= set(registry.names())
    with pytest.raises(registry.UnknownEnvironmentError, match=r"procces.*inproc, model, process"):
        registry.find("procces")


THIRD_PARTY = """
from claynet.envs import registry
from claynet.envs.resolve import AppTable
kind = registry.find("other")
assert (kind.name, sorted(kind.modes)) == ("other", ["real"])
assert registry.find("model").name == "model"  # a built-in name cannot be taken over
assert {"other", "wrong", "model"} <= set(registry.names())
try:
    registry.find("wrong")
except TypeError as error:
    assert "wrong" in str(error)
else:
    raise AssertionError("taken")
assert "other/app" in AppTable.installed({"mine": "m:APP"}).images
assert "mine" in AppTable.installed({"mine": "m:APP"}).images
"""


def test_third_party_environments_and_apps_come_by_entry_point(tmp_path: Path) -> None:
    (tmp_path / "other_env.py").write_text(
        "from claynet.envs.registry import EnvironmentKind\n"
        "KIND = EnvironmentKind('other', lambda settings: None, frozenset({'real'}), runs_on_host=False)\nWRONG = 1\n"
    )
    info = tmp_path / "other_env-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-env\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[claynet.environments]\nother = other_env:KIND\nmodel = other_env:KIND\nwrong = other_env:WRONG\n"
        "[claynet.apps]\nother/app = other_env:APP\n"
    )
    subprocess.run([sys.executable, "-c", THIRD_PARTY], check=True, env={"PYTHONPATH": str(tmp_path)}, timeout=30)


@pytest.mark.parametrize(("image", "target"), [("a", "module"), ("a", ":APP"), ("a", "module:"), ("", "m:A"), ("a:1", "m:A")])
def test_a_table_takes_images_without_tags_and_objects_of_modules(image: str, target: str) -> None:
    with pytest.raises(ValueError, match="app"):
        AppTable({image: target})


def test_any_tag_of_an_image_is_the_same_app() -> None:
    table = AppTable({"localhost:5000/a/b": "m:A"})
    for more, tag in (({"tag": "9"}, "9"), ({"tag": ""}, "latest"), ({"x": 1}, "latest")):
        found = table.resolve("inproc", "docker_cpu", json.dumps({"image": "localhost:5000/a/b"} | more))
        assert found == Runnable("inproc", f"localhost:5000/a/b:{tag}")
        assert table.target(found) == "m:A"


def test_a_registrys_port_is_no_tag() -> None:
    assert split_tag("localhost:5000/a") == ("localhost:5000/a", "")
    assert split_tag("localhost:5000/a:1") == ("localhost:5000/a", "1")
