"""A data dir that was begun and not finished can be begun again, and a folder of something else is left alone."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from claynet.net.storage.data_dir import VERSION, DataDir, DataDirError


@pytest.mark.parametrize("left", [".version", ".config.yaml.4711", "lock", "config.yaml"])
def test_what_a_first_start_left_that_was_killed_is_no_hindrance(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_bytes(b"")
    with DataDir(tmp_path) as made:
        assert made.version == VERSION
    assert not (tmp_path / ".version").exists()


@pytest.mark.parametrize("other", ["thesis.tex", ".versions", "version.txt", ".config.yaml.old"])
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, other: str) -> None:
    (tmp_path / other).write_bytes(b"")
    with pytest.raises(DataDirError, match="holds something else"), DataDir(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [other]


def test_where_nothing_can_be_written_it_says_so_and_once_there_is_room_it_begins(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with pytest.raises(DataDirError, match="cannot be written"), DataDir(tmp_path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    with DataDir(tmp_path) as made:
        assert made.version == VERSION


def test_one_that_is_in_use_says_how_to_stop_just_that_node(tmp_path: Path) -> None:
    path = tmp_path / "a node"
    with DataDir(path), pytest.raises(DataDirError) as refused, DataDir(path):
        pass
    assert f"claynet node stop --data-dir '{path}'" in str(refused.value)
