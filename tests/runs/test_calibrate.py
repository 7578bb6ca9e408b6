"""Durations fitted to what jobs really took: what is fitted, that runs use it and replays keep it, and which logs are refused."""

import json

import pytest

from claynet.actors.ports import MILLISECOND
from claynet.sim.calibration import Calibration, CalibrationError, fit, read_calibration
from claynet.sim.durations import Distribution
from claynet.sim.scenario.reader import load
from claynet.sim.virtual.entropy import SeededEntropy
from tests.runs.command import SCENARIOS, claynet, trace

MODEL = ("run", SCENARIOS / "two-requestors.yaml", "--mode", "virtual", "--env", "model")


def write(path, took):
    lines = [json.dumps({"job": f"{kind}/{n}", "kind": kind, "ns": ns}) for kind, all_ns in took.items() for n, ns in enumerate(all_ns)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_lognormal_is_found_again():
    stream = SeededEntropy(1, "samples")
    origin = Distribution.lognormal(80 * MILLISECOND, 0.5)
    found = fit([origin.sample(stream) for _ in range(2000)])
    assert found.samples == 2000
    assert found.distribution.shape == "lognormal"
    assert found.distribution.first == pytest.approx(origin.first, rel=0.05)
    assert found.distribution.second == pytest.approx(origin.second, rel=0.05)


def test_few_samples_and_equal_ones_give_a_constant():
    assert fit([3_000_000, 5_000_000]).distribution == Distribution.constant(4_000_000)
    assert fit([7_000_000] * 9).distribution == Distribution.constant(7_000_000)
    assert fit([0]).distribution == Distribution.constant(1_000)


def test_what_was_fitted_survives_json(tmp_path):
    made = read_calibration(write(tmp_path / "log", {"compute": [10**9, 2 * 10**9, 3 * 10**9, 10**8, 61 * 10**9], "verify": [1_234_567]}))
    assert Calibration.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_runs_use_what_was_fitted_and_say_it(tmp_path):
    log = write(tmp_path / "log", {"compute": [7_000_000_000], "verify": [3_000_000]})
    (tmp_path / "out").mkdir()
    code, report = claynet(*MODEL, "--calibrate", log, "--out", tmp_path / "out")
    assert code == 0, report
    assert report["calibration"] == {"compute": {"constant": "7s", "samples": 1}, "verify": {"constant": "3ms", "samples": 1}}
    took = {line["duration"] for line in trace(tmp_path / "out") if line["kind"] == "job" and line["tag"] == "compute"}
    assert took == {7_000_000_000}
    code, plain = claynet(*MODEL)
    assert plain["calibration"] is None
    assert plain["trace_hash"] != report["trace_hash"]
    assert f"--calibrate {log}" in (tmp_path / "out" / "replay.sh").read_text()


def test_a_replay_has_the_durations_of_its_tape(tmp_path):
    log = write(tmp_path / "log", {"start": [90_000_000], "compute": [400_000_000, 500_000_000]})
    paced = ("run", SCENARIOS / "two-requestors.yaml", "--mode", "paced", "--env", "model")
    code, report = claynet(*paced, "--calibrate", log, "--out", tmp_path / "out")
    assert code == 0, report
    log.unlink()
    code, again = claynet(*paced, "--replay", tmp_path / "out" / "tape.msgpack")
    assert (code, again["trace_hash"], again["calibration"]) == (0, report["trace_hash"], report["calibration"])
    code, answer = claynet(*paced, "--replay", tmp_path / "out" / "tape.msgpack", "--calibrate", tmp_path)
    assert (code, answer["error"]["kind"]) == (2, "usage")
    code, found = claynet("calibrate", tmp_path / "out")
    assert code == 0
    assert set(found["durations"]) >= {"start", "compute", "verify"}


def test_a_scenario_can_take_what_is_printed_and_its_own_durations_win(tmp_path):
    log = write(tmp_path / "log", {"compute": [10**9 + 5 * 10**7 * n for n in range(9)], "verify": [2_000_000]})
    text = (SCENARIOS / "two-requestors.yaml").read_text().replace("../", f"{SCENARIOS.parent}/").replace("data/", f"{SCENARIOS}/data/")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("durations:"))
    file = tmp_path / "own.yaml"
    file.write_text(f"{text}\n{read_calibration(log).to_yaml()}\n")
    assert dict(load(file).durations) == read_calibration(log).durations()
    run = ("run", file, "--mode", "virtual", "--env", "model")
    code, own = claynet(*run)
    assert code == 0, own
    other = write(tmp_path / "other", {"compute": [10], "verify": [10]})
    assert claynet(*run, "--calibrate", other)[1]["trace_hash"] == own["trace_hash"]


GOOD = '{"job": "a", "kind": "compute", "ns": 5}\n'


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (GOOD + "nonsense\n", "line 2: is not JSON"),
        (GOOD + GOOD[:-1], "line 2: is cut short"),
        (GOOD + "[1]\n", "line 2: is not an object"),
        (GOOD + GOOD + '{"kind": "computing", "ns": 5}\n', "line 3: kind is 'computing'"),
        ('{"kind": "compute", "ns": -5}\n', "line 1: ns is -5"),
        ('{"kind": "compute", "ns": true}\n', "line 1: ns is True"),
        ('{"kind": "compute", "ns": "5"}\n', "line 1: ns is '5'"),
        ("", "is empty"),
    ],
)
def test_a_bad_log_is_refused_with_file_line_and_cause(tmp_path, text, cause):
    log = tmp_path / "log"
    log.write_text(text)
    with pytest.raises(CalibrationError) as caught:
        read_calibration(log)
    assert str(log) in str(caught.value)
    assert cause in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "log").write_bytes(b"\xff\xfe\n")
    with pytest.raises(CalibrationError, match="line 1: is not JSON"):
        read_calibration(tmp_path / "log")


@pytest.mark.parametrize("place", ["absent", "."])
def test_a_missing_log_ends_with_2(tmp_path, place):
    for command in ((*MODEL, "--calibrate", tmp_path / place), ("calibrate", tmp_path / place)):
        code, answer = claynet(*command)
        assert (code, answer["error"]["kind"]) == (2, "calibration")
        assert str(tmp_path / place) in answer["error"]["message"]


def measured(tmp_path, what):
    text = (SCENARIOS / "two-requestors.yaml").read_text().replace("../", f"{SCENARIOS.parent}/").replace("data/", f"{SCENARIOS}/data/")
    file = tmp_path / "measured.yaml"
    file.write_text("\n".join(line for line in text.splitlines() if not line.startswith("durations:")) + f"\ndurations: {what}\n")
    return file


@pytest.mark.parametrize(("what", "kinds"), [("measured", 18), ("{compute: measured, verify: 5ms}", 1)])
def test_measured_durations_are_said_to_be_not_reproducible_and_replay_from_the_tape(tmp_path, what, kinds):
    run = (measured(tmp_path, what), "--mode", "paced", "--env", "process")
    code, plan = claynet("check", *run)
    assert (code, plan["reproducible"]) == (0, False)
    assert any(note.startswith("not reproducible") for note in plan["notes"])
    code, report = claynet("run", *run, "--out", tmp_path / "out")
    assert (code, report["reproducible"], len(report["measured"])) == (0, False, kinds), report
    for _ in range(2):
        code, again = claynet("run", *run, "--replay", tmp_path / "out" / "tape.msgpack")
        assert (code, again["reproducible"], again["trace_hash"]) == (0, True, report["trace_hash"])


def test_virtual_refuses_measured_durations(tmp_path):
    file = measured(tmp_path, "{compute: measured}")
    code, answer = claynet("check", file, "--mode", "virtual", "--env", "model")
    assert code == 2
    assert answer["error"]["errors"][0]["key"] == "durations.compute"
    assert "the mode is virtual" in answer["error"]["message"]
