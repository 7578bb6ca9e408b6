"""A desk for every test of live nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.desk import Desk
from tests.live.desk import desk as make_desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="desk") as folder, make_desk(Path(folder)) as made:  # tmp_path is too long for sockets
        yield made
