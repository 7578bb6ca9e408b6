"""Shipped scenarios with containers beside other things, or without an engine; docker-testnet.yaml itself is watched in test_testnet.py."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import pytest

from claynet.envs.docker_engine import Engine, EngineProblem
from tests.runs.command import SCENARIOS, claynet

TCP_ONLY = "claynet/tutorial-tcp:1.0.0"
pytestmark = pytest.mark.docker


def test_processes_and_containers_mix(tmp_path: Path, tutorial_image: str) -> None:
    """The TCP-only image is built on demand; providers of both kinds earn, and results of both apps come by way of containers."""
    _forget(TCP_ONLY)
    code, report = claynet("run", SCENARIOS / "mixed.yaml", "--out", tmp_path)
    assert code == 0, report
    assert report["subtasks"]["finished"] == 12
    assert {node.rpartition("-")[0] for node, earned in report["earnings"].items() if earned} == {"on-host", "in-docker"}
    assert list((tmp_path / "logs").rglob("in-docker-*-slot-*.relay.log"))
    assert report["leftovers"] == {"containers": 0, "networks": 0, "processes": 0}


def test_a_missing_engine_is_found_before_anything_starts(docker_engine: str) -> None:
    code, answer = claynet("run", SCENARIOS / "docker-testnet.yaml", DOCKER_HOST="unix:///nowhere")
    assert (code, answer["error"]["kind"]) == (2, "preflight")
    assert "DOCKER_HOST" in answer["error"]["message"]


def _forget(image: str) -> None:
    with closing(Engine()) as engine, suppress(EngineProblem), engine.api() as api:
        api.remove_image(image, force=True)
