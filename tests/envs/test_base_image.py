"""The base image is pulled by the very name that BASE_IMAGE gives."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from claynet.envs.docker_base import PUBLIC, VARIABLE, ensure_base
from claynet.envs.docker_engine import Engine
from tests.envs.fake_engine import fake_engine

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("name", "image", "tag"),
    [
        ("", *PUBLIC.split(":")),
        ("debian", "debian", "latest"),
        ("debian:12", "debian", "12"),
        ("localhost:5000/base", "localhost:5000/base", "latest"),
        ("localhost:5000/base:2", "localhost:5000/base", "2"),
        (f"debian@{DIGEST}", "debian", DIGEST),
        (f"localhost:5000/base@{DIGEST}", "localhost:5000/base", DIGEST),
    ],
)
def test_what_is_pulled(monkeypatch: pytest.MonkeyPatch, name: str, image: str, tag: str) -> None:
    monkeypatch.setenv(VARIABLE, name)
    with tempfile.TemporaryDirectory(prefix="b-") as folder, fake_engine(Path(folder)) as (fake, url), closing(Engine(url)) as engine:
        fake.empty = True
        assert ensure_base(engine, lambda text: None) == (name or PUBLIC)
    assert [(asked["fromImage"], asked["tag"]) for asked in fake.pulled] == [(image, tag)]
