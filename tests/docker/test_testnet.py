"""The shipped docker testnet, watched from outside its process: how many containers, how they are walled in, what is left, what replays."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest

from claynet.envs.docker_engine import Engine, EngineProblem
from claynet.envs.docker_owner import OWNER_LABEL, RUN_LABEL
from tests.docker.engine import PrivateEngine
from tests.docker.services import events, let_go
from tests.runs.command import SCENARIOS, claynet, trace

TESTNET = SCENARIOS / "docker-testnet.yaml"
SUBTASKS = 8
pytestmark = pytest.mark.docker


class Watcher:
    """Sees every container of claynet's that is made, as another client of the engine does: by events, labels and inspect."""

    def __init__(self, url: str | None) -> None:
        self.seen: dict[str, Mapping[str, Any]] = {}
        self.started: set[str] = set()
        self.missed: list[str] = []
        self._engine = Engine(url, timeout=60.0)
        self._events = events(self._engine, event=["create", "start"], label=OWNER_LABEL)
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._events.close()
        self._thread.join()
        let_go(self._events)
        self._engine.close()

    def _watch(self) -> None:
        for event in self._events:
            if event["Action"] == "start":
                self.started.add(event["id"])
                continue
            try:
                with self._engine.api() as api:
                    self.seen[event["id"]] = api.inspect_container(event["id"])
            except EngineProblem:
                self.missed.append(event["id"])

    def served(self) -> set[str]:
        """Return what the started containers were for: the last part of their runtimes' names, a subtask's id among them."""
        return {self.seen[each]["Config"]["Labels"]["claynet.runtime"].rpartition("/")[2] for each in self.started}


@pytest.fixture
def engine(docker_engine: str) -> Iterator[Engine]:
    with closing(Engine()) as made:
        yield made


def assert_walled_in(seen: Mapping[str, Any], containers: Mapping[str, Mapping[str, Any]]) -> None:
    host, config = seen["HostConfig"], seen["Config"]
    network = host["NetworkMode"]
    joined = containers[network.removeprefix("container:")]["HostConfig"]["NetworkMode"] if network.startswith("container:") else network
    assert joined == "none"
    uid, _, gid = config["User"].partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert not host["Devices"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert config["Labels"][OWNER_LABEL]
    assert config["Labels"][RUN_LABEL]


def owned(engine: Engine, owner: str) -> list[Mapping[str, Any]]:
    with engine.api() as api:
        return list(api.containers(all=True, filters={"label": f"{OWNER_LABEL}={owner}"}))


def test_seen_from_outside(tmp_path: Path, engine: Engine, docker_engine: str, tutorial_image: str) -> None:
    with Watcher(docker_engine or None) as watcher:
        code, report = claynet("run", TESTNET, "--out", tmp_path)
    assert code == 0, report
    assert report["subtasks"]["finished"] == SUBTASKS
    assert report["leftovers"] == {"containers": 0, "networks": 0, "processes": 0}
    assert not watcher.missed
    finished = {line["id"] for line in trace(tmp_path) if line["kind"] == "subtask" and line["state"] == "finished"}
    assert len(finished) == SUBTASKS
    assert finished <= watcher.served()
    for each in watcher.seen.values():
        assert_walled_in(each, watcher.seen)
    owners = {each["Config"]["Labels"][OWNER_LABEL] for each in watcher.seen.values()}
    assert len(owners) == 1
    assert not owned(engine, *owners)
    code, again = claynet("run", TESTNET, "--replay", tmp_path / "tape.msgpack", DOCKER_HOST="unix:///nowhere")
    assert (code, again["trace_hash"]) == (0, report["trace_hash"])


def test_its_tape_replays_with_the_engine_stopped(tmp_path: Path, second_engine: PrivateEngine) -> None:
    code, report = claynet("run", TESTNET, "--out", tmp_path, DOCKER_HOST=second_engine.url)
    assert code == 0, report
    second_engine.stop()
    tape = tmp_path / "tape.msgpack"
    hashes = set()
    for _ in range(10):
        code, again = claynet("run", TESTNET, "--replay", tape, DOCKER_HOST=second_engine.url)
        assert (code, again["replayed"]) == (0, True), again
        hashes.add(again["trace_hash"])
    assert hashes == {report["trace_hash"]}
