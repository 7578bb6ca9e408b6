"""Fixtures of this folder: blobs, a data dir, and every environment that a suite runs over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from claynet.actors.environment import Environment
from claynet.envs.registry import EnvironmentSettings, find
from claynet.envs.resolve import AppTable
from tests.envs.harness import APPS, Driver, MemoryBlobs, make_docker_cpu, make_inproc, make_model, make_process

OTHER = os.environ.get("CLAYNET_TEST_ENVIRONMENT", "")
"""An installed environment of somebody else's, which is to pass too."""


def make_other(data_dir: Path, blobs: MemoryBlobs) -> Environment:
    return find(OTHER).make(EnvironmentSettings(data_dir, blobs, AppTable(APPS)))


ALL: dict[str, Callable[[Path, MemoryBlobs], Environment]] = {"model": make_model, "inproc": make_inproc, "process": make_process}
if OTHER:
    ALL[OTHER] = make_other
ON_DISK = ("inproc", "process", *filter(None, [OTHER]))


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _made(name: str, data_dir: Path, blobs: MemoryBlobs) -> Iterator[Environment]:
    environment = ALL[name](data_dir, blobs)
    yield environment
    environment.close()


@pytest.fixture(params=[*ALL, pytest.param("docker_cpu", marks=pytest.mark.docker)])
def environment(request: pytest.FixtureRequest, data_dir: Path, blobs: MemoryBlobs) -> Iterator[Environment]:
    """Every environment that runs, or plays, apps."""
    if request.param != "docker_cpu":
        yield from _made(request.param, data_dir, blobs)
        return
    request.getfixturevalue("docker_images")
    environment = make_docker_cpu(data_dir, blobs)
    yield environment
    environment.close()


@pytest.fixture(params=ALL)
def table_environment(request: pytest.FixtureRequest, data_dir: Path, blobs: MemoryBlobs) -> Iterator[Environment]:
    """Every environment that runs what is installed here, by the table."""
    yield from _made(request.param, data_dir, blobs)


@pytest.fixture(params=ON_DISK)
def disk_environment(request: pytest.FixtureRequest, data_dir: Path, blobs: MemoryBlobs) -> Iterator[Environment]:
    """Every environment whose apps write real files."""
    yield from _made(request.param, data_dir, blobs)


@pytest.fixture
def driver(environment: Environment) -> Driver:
    return Driver(environment)
