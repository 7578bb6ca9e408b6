"""The engine goes while something is under way: that ends within seconds by the engine's reason, and all goes on when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from claynet.actors.ports import SECOND
from claynet.envs.docker_cpu import DockerCpuEnvironment, DockerSettings
from claynet.envs.docker_engine import HANG_LIMIT
from claynet.envs.docker_owner import containers_of
from claynet.envs.engine_watch import GAP
from claynet.envs.owner import this_process
from claynet.envs.usage import Usage
from tests.docker.engine import PrivateEngine
from tests.docker.services import Running, computing, events_of, service
from tests.envs.harness import Driver, MemoryBlobs, code, ok

pytestmark = pytest.mark.docker
WAYS = ["stopped", "killed", "hangs"]
SOON = 2 * (GAP + HANG_LIMIT)
"""Seconds; twice what is needed at most, since the machine may be busy. A request's own time-out is longer."""


class Usages:
    def __init__(self) -> None:
        self.told: list[tuple[str, Usage]] = []

    def __call__(self, runtime_id: str, usage: Usage) -> None:
        self.told.append((runtime_id, usage))


@pytest.fixture
def usages() -> Usages:
    return Usages()


@pytest.fixture
def environment(tmp_path: Path, shared_second_engine: PrivateEngine, usages: Usages) -> Iterator[DockerCpuEnvironment]:
    settings = DockerSettings(url=shared_second_engine.url)
    made = DockerCpuEnvironment(tmp_path / "data", MemoryBlobs(), settings=settings, on_usage=usages)
    ok(made.probe().run())
    yield made
    made.close()
    assert not containers_of(made.engine, this_process().id)
    made.engine.close()


@contextmanager
def without(engine: PrivateEngine, how: str) -> Iterator[None]:
    """The engine is gone within the block, and back after it."""
    {"stopped": engine.stop, "killed": engine.kill, "hangs": engine.freeze}[how]()
    try:
        yield
    finally:
        (engine.thaw if how == "hangs" else engine.start)()


def assert_works_again(environment: DockerCpuEnvironment) -> None:
    """It heals by a probe alone, and removes what was given up."""
    ok(environment.probe(60 * SECOND).run())
    assert not containers_of(environment.engine, this_process().id)
    again = environment.backend(Driver(environment).runnable, "provider", "node/again", "provider/again")
    ok(again.start().run())
    ok(again.call("RunBenchmark", b"").run())
    ok(again.stop().run())


@pytest.mark.parametrize("how", WAYS)
def test_a_call(environment: DockerCpuEnvironment, shared_second_engine: PrivateEngine, usages: Usages, tmp_path: Path, how: str) -> None:
    provider, running = computing(environment, tmp_path / "data/provider/s0")
    with without(shared_second_engine, how):
        outcome = running.outcome(SOON)
        assert code(outcome) == "engine"
        assert "given up" in outcome.detail
        stop = Running(provider.stop())
        ok(stop.outcome(SOON))
    assert [runtime for runtime, _ in usages.told] == ["node/s0"]
    assert_works_again(environment)


@pytest.mark.parametrize("how", WAYS)
def test_a_start(environment: DockerCpuEnvironment, shared_second_engine: PrivateEngine, how: str) -> None:
    with events_of(environment.engine, event="start") as starts:
        start = Running(service(environment, "mute").start())
        next(starts)
    with without(shared_second_engine, how):
        assert code(start.outcome(SOON)) == "engine"
    assert_works_again(environment)


@pytest.mark.parametrize("how", WAYS)
def test_a_stop(environment: DockerCpuEnvironment, shared_second_engine: PrivateEngine, tmp_path: Path, how: str) -> None:
    """Of a service that computes on after Shutdown, so that it takes a while."""
    provider, running = computing(environment, tmp_path / "data/provider/s0")
    stop = Running(provider.stop())
    while provider.call("Nothing", b"").run().code != "stopped":
        continue
    with without(shared_second_engine, how):
        assert code(stop.outcome(SOON + 10)) == "engine"  # after the seconds that Shutdown and SIGTERM are given
        assert code(running.outcome(SOON)) == "stopped"
    assert_works_again(environment)


@pytest.mark.parametrize("how", WAYS)
def test_finding_out_what_an_image_is(environment: DockerCpuEnvironment, shared_second_engine: PrivateEngine, how: str) -> None:
    with without(shared_second_engine, how):
        assert code(Running(environment.identify(Driver(environment).runnable)).outcome(SOON)) == "engine"
    ok(environment.identify(Driver(environment).runnable).run())


def test_starts_that_wait_for_their_turn(environment: DockerCpuEnvironment, shared_second_engine: PrivateEngine) -> None:
    """A hung engine holds nobody's turn, and what it makes when it goes on is removed."""
    runnable = Driver(environment).runnable
    with without(shared_second_engine, "hangs"), ThreadPoolExecutor(12) as pool:
        starts = [environment.backend(runnable, "provider", f"node/{n}", f"provider/{n}").start() for n in range(12)]
        outcomes = [future.result(SOON) for future in [pool.submit(start.run) for start in starts]]
        assert {code(outcome) for outcome in outcomes} == {"engine"}
    assert_works_again(environment)


def test_a_probe_of_an_engine_that_hangs_ends_at_once_when_it_is_killed(
    environment: DockerCpuEnvironment, shared_second_engine: PrivateEngine
) -> None:
    with without(shared_second_engine, "hangs"):
        assert code(Running(environment.probe()).outcome(SOON)) == "engine"
        patient = environment.probe(3600 * SECOND)
        probe = Running(patient)
        patient.kill()
        assert code(probe.outcome(HANG_LIMIT / 2)) == "killed"
