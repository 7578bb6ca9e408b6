"""The shipped docker testnet holds, leaves nothing, and its tape replays where there is no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.command import SCENARIOS, claynet

pytestmark = pytest.mark.docker


def test_the_docker_testnet_holds_and_replays_without_an_engine(tmp_path: Path, tutorial_image: str) -> None:
    code, report = claynet("run", SCENARIOS / "docker-testnet.yaml", "--out", tmp_path)
    assert code == 0, report
    assert report["subtasks"]["finished"] == 8
    assert report["leftovers"] == {"containers": 0, "networks": 0, "processes": 0}
    tape = tmp_path / "tape.msgpack"
    code, again = claynet("run", SCENARIOS / "docker-testnet.yaml", "--replay", tape, DOCKER_HOST="unix:///nowhere")
    assert (code, again["trace_hash"]) == (0, report["trace_hash"])


def test_a_missing_engine_is_found_before_anything_starts(docker_engine: str) -> None:
    code, answer = claynet("run", SCENARIOS / "docker-testnet.yaml", DOCKER_HOST="unix:///nowhere")
    assert (code, answer["error"]["kind"]) == (2, "preflight")
    assert "DOCKER_HOST" in answer["error"]["message"]
