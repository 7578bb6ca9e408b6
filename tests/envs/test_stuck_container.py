"""A container that its engine cannot remove keeps nothing else from its work, and is removed once that can be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from claynet.actors.ports import Outcome
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_engine import ENGINE, REFUSED, Engine, EngineProblem
from claynet.envs.docker_owner import HOME_LABEL, OWNER_LABEL, Containers, remove
from tests.envs.fake_engine import BUSY, UNDER_WAY, FakeEngine, fake_engine
from tests.envs.harness import Driver, MemoryBlobs, code, ok

HOME = Path("/nowhere/claynet-0/0123456789abcdef")
LABELS = {OWNER_LABEL: HOME.name, HOME_LABEL: str(HOME)}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="c-") as name:  # of a short name: a socket is in it
        yield Path(name)


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[FakeEngine, str]]:
    with fake_engine(folder) as engine:
        yield engine


@pytest.mark.parametrize(("status", "words"), [(500, BUSY), (409, UNDER_WAY)])
def test_an_engine_that_answers_and_cannot_remove_it_is_not_gone(served: tuple[FakeEngine, str], status: int, words: str) -> None:
    fake, url = served
    fake.containers["c1"] = {}
    fake.stuck["c1"] = (status, words)
    with closing(Engine(url, timeout=1.0)) as engine, pytest.raises(EngineProblem) as caught:
        remove(engine, "c1", 0.5)
    assert caught.value.code == REFUSED
    with closing(Engine(url)) as engine:
        fake.stuck.clear()
        remove(engine, "c1")
        remove(engine, "c1")
    assert not fake.containers


def test_whoever_removes_it_at_this_moment_is_waited_for(served: tuple[FakeEngine, str]) -> None:
    fake, url = served
    fake.containers["c1"] = {}
    fake.stuck["c1"] = (409, UNDER_WAY)
    fake.over.set()
    with closing(Engine(url)) as engine:
        remove(engine, "c1")
    assert any(one.endswith("c1/wait") for one in fake.asked)


def test_an_engine_that_is_gone_is_told(folder: Path) -> None:
    with closing(Engine(f"unix://{folder}/none")) as engine, pytest.raises(EngineProblem) as caught:
        remove(engine, "c1")
    assert caught.value.code == ENGINE


def start(environment: DockerCpuEnvironment, subtask: str) -> Outcome:
    return Driver(environment).provider(subtask).start().run()


def test_services_are_started_beside_it(served: tuple[FakeEngine, str], tmp_path: Path) -> None:
    fake, url = served
    environment = DockerCpuEnvironment(tmp_path, MemoryBlobs(), settings=DockerSettings(url=url))
    fake.stuck["c1"] = (500, BUSY)
    assert code(start(environment, "s0")) == REFUSED, "nothing can be attached to in this engine"
    assert list(fake.containers) == ["c1"]
    ok(environment.probe().run())
    assert code(start(environment, "s1")) == REFUSED
    assert fake.made == 2, "the second was made all the same"
    assert list(fake.containers) == ["c1"]
    fake.stuck.clear()
    ok(environment.probe().run())
    assert not fake.containers
    environment.close()


def test_a_sweep_removes_the_others_of_that_owner(served: tuple[FakeEngine, str]) -> None:
    fake, url = served
    fake.containers |= {"c1": dict(LABELS), "c2": dict(LABELS), "c3": {**LABELS, HOME_LABEL: "/another"}}
    fake.stuck["c1"] = (500, BUSY)
    containers = Containers(url)
    assert not containers.clean(HOME, [url], 2.0)
    assert list(fake.containers) == ["c1", "c3"]
    fake.stuck.clear()
    assert containers.clean(HOME, [url], 2.0)
    assert list(fake.containers) == ["c3"]
    assert containers.removed == 2
