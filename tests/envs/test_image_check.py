"""What an image that is checked can do to the check itself: it may be anybody's."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from claynet.envs.image_facts import read_sample
from claynet.envs.image_service import ImageLauncher
from tests.envs.harness import MemoryBlobs

MIB = 1024**2


def test_large_results_are_not_read_into_memory(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    with closing(ImageLauncher("parts:1", tmp_path, blobs, start=1.0)) as launcher:
        files = launcher.files(tmp_path / "work")
        files.write({"small": b"1"}, ["many"])
        (tmp_path / "work" / "large").touch()
        os.truncate(tmp_path / "work" / "large", 64 * MIB + 1)
        with pytest.raises(ValueError, match="'large' has 67108865 bytes"):
            files.read("large")
        for number in range(5):
            (tmp_path / "work" / "many" / str(number)).touch()
            os.truncate(tmp_path / "work" / "many" / str(number), 60 * MIB)
        with pytest.raises(ValueError, match="'4' has 62914560 bytes"):
            files.names("many")
        assert files.read("small") == b"1"


def test_a_sample_of_endless_subtasks_is_none() -> None:
    assert read_sample(json.dumps({"max_subtasks": 1_000_000})).max_subtasks == 1_000_000
    with pytest.raises(ValueError, match="max_subtasks: at most 1000000"):
        read_sample(json.dumps({"max_subtasks": 1_000_001}))
