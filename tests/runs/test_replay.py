"""A tape replays a paced run without any outside work: the same trace; a tape of anything else is refused."""

import json

import pytest

from tests.runs.command import SCENARIOS, children, claynet, trace

FIRST_LIGHT = SCENARIOS / "first-light.yaml"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    before = set(children())
    out = tmp_path_factory.mktemp("recorded")
    code, report = claynet("run", FIRST_LIGHT, "--out", out)
    assert code == 0, report
    return out, report, set(children()) - before


def test_each_service_is_once_in_the_log_of_what_they_used(recorded):
    out = recorded[0]
    lines = [json.loads(line) for line in (out / "logs" / "usage.jsonl").read_text().splitlines()]
    ran = {line["id"] for line in trace(out) if line["kind"] == "runtime" and line["state"] == "running"}
    assert ran <= {line["runtime"] for line in lines}
    assert len({line["runtime"] for line in lines}) == len(lines)
    assert all(line["wall"] > 0 and line["cpu"] > 0 and line["max_rss"] > 0 for line in lines)
    for side in ("placed", "collected"):
        assert all(line[side] > 0 for line in lines if "/slot/" in line["runtime"] and line["runtime"] in ran)


def test_a_replay_gives_the_same_trace_hash(recorded, tmp_path):
    out, report, _ = recorded
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        # No app is found on this path, and none is needed.
        code, again = claynet("run", FIRST_LIGHT, "--replay", out / "tape.msgpack", "--out", tmp_path / str(number))
        assert (code, again["replayed"], again["trace_hash"]) == (0, True, report["trace_hash"])
        assert (tmp_path / str(number) / "trace.jsonl").read_bytes() == (out / "trace.jsonl").read_bytes()


def test_a_tape_of_another_seed_is_refused(recorded):
    code, answer = claynet("run", FIRST_LIGHT, "--replay", recorded[0] / "tape.msgpack", "--seed", "8")
    assert code == 2
    assert "another run" in answer["error"]["message"]


def test_a_tape_of_another_file_is_refused(recorded):
    code, answer = claynet("run", SCENARIOS / "two-requestors.yaml", "--mode", "paced", "--replay", recorded[0] / "tape.msgpack")
    assert code == 2
    assert "another run" in answer["error"]["message"]


def test_a_broken_tape_is_refused(tmp_path):
    tape = tmp_path / "tape"
    tape.write_bytes(b"not a tape")
    code, answer = claynet("run", FIRST_LIGHT, "--replay", tape)
    assert code == 2
    assert str(tape) in answer["error"]["message"]


def test_the_command_that_replays_is_left_beside_the_tape(recorded):
    text = (recorded[0] / "replay.sh").read_text()
    assert f"--replay {recorded[0] / 'tape.msgpack'}" in text


def test_the_final_results_are_kept_and_are_those_of_the_replay(recorded, tmp_path):
    def files(out):
        return {path.relative_to(out): path.read_bytes() for path in (out / "results").rglob("*") if path.is_file()}

    found = files(recorded[0])
    assert len(found) == 8
    assert {path.parts[1] for path in found} == {"requestors-0", "requestors-1"}
    assert claynet("run", FIRST_LIGHT, "--replay", recorded[0] / "tape.msgpack", "--out", tmp_path)[0] == 0
    assert files(tmp_path) == found


def test_no_process_is_left(recorded):
    assert recorded[1]["leftovers"]["processes"] == 0
    assert not recorded[2]


def test_the_command_runs_it_again_and_replays_no_earlier_runs_tape(tmp_path):
    out = tmp_path / "out"
    file = SCENARIOS / "zero-price.yaml"
    out.mkdir()
    (out / "tape.msgpack").write_bytes(b"of an earlier run")
    code, report = claynet("run", file, "--mode", "virtual", "--env", "model", "--out", out)
    assert code == 0, report
    assert not (out / "tape.msgpack").exists()
    command = (out / "replay.sh").read_text().splitlines()[1].split()
    assert command[:3] == ["claynet", "run", str(file)]
    assert "--replay" not in command
    code, again = claynet(*command[1:])
    assert (code, again["trace_hash"]) == (0, report["trace_hash"])
