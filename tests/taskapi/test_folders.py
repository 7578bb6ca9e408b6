"""Paths from elsewhere stay where they belong."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.taskapi.folders import ProviderFolder, TaskFolder, UnsafePath, relative_to, safe_join


@pytest.mark.parametrize("relative", ["", ".", "..", "../x", "a/../../x", "a/../b", "/etc/passwd", "//x", "a\0b"])
def test_paths_that_lead_elsewhere(tmp_path: Path, relative: str) -> None:
    with pytest.raises(UnsafePath):
        safe_join(tmp_path, relative)


@pytest.mark.parametrize("relative", ["a", "a/b", "./a", "a//b", "..a", "a..", "...", "~", "$HOME", "a b\n\u00fc"])
def test_paths_that_stay(tmp_path: Path, relative: str) -> None:
    assert safe_join(tmp_path, relative) == tmp_path / relative


def test_symlinks(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path)
    (root / "file").symlink_to("/etc/hostname")
    (root / "round").symlink_to("round")
    (root / "in").symlink_to("sub")
    for relative in ("out", "out/x", "file", "round", "round/x"):
        with pytest.raises(UnsafePath):
            safe_join(root, relative)
    assert safe_join(root, "in/x") == root / "in" / "x"


def test_a_root_behind_a_symlink_is_a_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert safe_join(tmp_path / "link", "x") == tmp_path / "link" / "x"


@given(st.text(alphabet="./\\\0a~", max_size=12))
def test_whatever_is_joined_stays_inside(relative: str) -> None:
    root = Path("/nonexistent/root")
    try:
        joined = safe_join(root, relative)
    except UnsafePath:
        return
    assert os.path.normpath(joined).startswith("/nonexistent/root/")


def test_a_path_given_by_an_app(tmp_path: Path) -> None:
    assert relative_to(tmp_path, tmp_path / "s" / "r") == "s/r"
    assert relative_to(tmp_path, "s/r") == "s/r"
    for path in ("/etc/hostname", "../x", tmp_path):
        with pytest.raises(UnsafePath):
            relative_to(tmp_path, path)


def test_task_folder(tmp_path: Path) -> None:
    task = TaskFolder(tmp_path, "t")
    task.make()
    task.make()
    assert [task.inputs.is_dir(), task.subtask_inputs.is_dir(), task.outputs.is_dir()] == [True] * 3
    assert task.subtask_outputs("s") == tmp_path / "t" / "subtask_outputs" / "s"
    assert task.input("a/b") == tmp_path / "t" / "task_inputs" / "a" / "b"
    with pytest.raises(UnsafePath):
        task.input("../x")
    with pytest.raises(UnsafePath):
        task.subtask_outputs("..")
    with pytest.raises(UnsafePath):
        TaskFolder(tmp_path, "a/b")


def test_provider_folder(tmp_path: Path) -> None:
    folder = ProviderFolder(tmp_path)
    folder.make("s")
    assert (tmp_path / "subtask_inputs").is_dir()
    assert folder.scratch("s").is_dir()
    assert folder.resource("r") == tmp_path / "subtask_inputs" / "r"
    with pytest.raises(UnsafePath):
        folder.resource("/r")
    with pytest.raises(UnsafePath):
        folder.scratch("..")
