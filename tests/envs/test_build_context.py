"""What of an app's folder gets into the build of its image: nothing from elsewhere."""

from __future__ import annotations

import os
import tarfile
from contextlib import closing
from pathlib import Path

import docker
import pytest

from claynet.envs.build_context import ContextError, copy_context, demand_no_links
from claynet.envs.docker_build import BuildError, build_app
from claynet.envs.docker_engine import Engine


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    made = tmp_path / "app"
    (made / "src").mkdir(parents=True)
    (made / "src" / "main.py").write_text("pass\n")
    return made


def test_links_stay_links(app: Path, tmp_path: Path) -> None:
    links = {"data": "../secret", "key": str(tmp_path / "secret" / "key"), "again": ".", "src/more": "..", ".#main": "me@here.1:2"}
    for name, target in links.items():
        (app / name).symlink_to(target)
    copy_context(app, tmp_path / "context", ())
    copied = {str(path.relative_to(tmp_path / "context")): path for path in (tmp_path / "context").rglob("*")}
    assert sorted(copied) == sorted([*links, "src", "src/main.py"])
    assert {name: str(copied[name].readlink()) for name in links} == links
    with docker.utils.build.tar(str(tmp_path / "context")) as sent, tarfile.open(fileobj=sent) as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert sorted(members) == sorted(copied)
        assert {name: members[name].linkname for name in links if members[name].issym()} == links


def test_what_is_left_out(app: Path, tmp_path: Path) -> None:
    (app / "src" / ".git").mkdir()
    copy_context(app, tmp_path / "context", [".git"])
    assert sorted(path.name for path in (tmp_path / "context").rglob("*")) == ["main.py", "src"]


def test_what_cannot_be_copied_is_named(app: Path, tmp_path: Path) -> None:
    os.mkfifo(app / "src" / "pipe")
    with pytest.raises(ContextError) as caught:
        copy_context(app, tmp_path / "one", ())
    assert str(caught.value) == f"`{app}/src/pipe` is a named pipe"
    os.mkfifo(app / "pipe")
    with pytest.raises(ContextError, match=r"pipe` is a named pipe \(and 1 more\)$"):
        copy_context(app, tmp_path / "two", ())


def test_what_is_read_here_is_no_link(app: Path) -> None:
    demand_no_links(app, ["requirements.txt", "src"])
    (app / "requirements.txt").symlink_to("nowhere")
    with pytest.raises(ContextError, match=r"requirements\.txt is a link"):
        demand_no_links(app, ["sample.json", "requirements.txt"])


@pytest.mark.parametrize(
    "name", ["descriptor.json", "sample.json", "requirements.txt", "package-lock.json", "package.json", ".dockerignore"]
)
def test_a_build_reads_no_file_from_elsewhere(app: Path, name: str) -> None:
    (app / name).symlink_to("../secret/key")
    with closing(Engine(f"unix://{app}/none")) as engine, pytest.raises(BuildError, match=f"{name} is a link"):
        build_app(app, engine, lambda text: None)
