"""Apps that break a rule: found before the run where they can be, else a failed subtask with its reason."""

import json

import pytest

from tests.runs.command import ROOT, SCENARIOS, claynet, trace

FILE = """
schema: 1
name: bad
seed: 1
mode: {mode}
until: tasks_done
at_most: 5m
apps:
  bad: {{descriptor: descriptor.json, module: "tests.runs.bad_apps:{name}"}}
nodes:
  - {{group: requestors, count: 1, role: requestor, env: {env}, start_limit: 3s}}
  - {{group: providers, count: 3, role: provider, env: {env}, price: 0.5tok}}
tasks:
  - {{name: job, by: requestors, app: bad, subtasks: 1, max_price: 1tok, task_timeout: 2m, subtask_timeout: 20s}}
expect:
  - {{tasks: {{name: job, state: failed}}, count: all}}
"""
DESCRIPTOR = {
    "name": "tests/bad",
    "requestor_env": "docker_cpu",
    "requestor_prereq": {"image": "tests/bad", "tag": "1"},
    "max_benchmark_score": 10.0,
}


def scenario(folder, name, mode, env):
    (folder / "descriptor.json").write_text(json.dumps(DESCRIPTOR))
    file = folder / "bad.yaml"
    file.write_text(FILE.format(name=name, mode=mode, env=env))
    return file


@pytest.mark.parametrize("name", ["DOTS", "ABSOLUTE", "LINK"])
def test_a_result_path_outside_the_work_dir_is_a_failed_subtask_with_that_reason(name, tmp_path):
    file = scenario(tmp_path, name, "virtual", "inproc")
    code, report = claynet("run", file, "--out", tmp_path / "out", PYTHONPATH=str(ROOT))
    assert (code, report["subtasks"]["failed"]) == (0, 3), report
    reasons = [event["reason"] for event in trace(tmp_path / "out") if event["kind"] == "subtask" and event["state"] == "failed"]
    assert len(reasons) == 3
    for reason in reasons:
        assert "unsafe" in reason.lower() or "outside" in reason or "link" in reason, reason


def test_a_result_that_is_too_large_for_this_process_is_a_failed_subtask_with_that_reason(tmp_path):
    file = scenario(tmp_path, "HOLES", "virtual", "inproc")
    code, report = claynet("run", file, "--out", tmp_path / "out", "--self-check", "off", PYTHONPATH=str(ROOT))
    assert (code, report["subtasks"]["failed"]) == (0, 3), report
    reasons = [event["reason"] for event in trace(tmp_path / "out") if event["kind"] == "subtask" and event["state"] == "failed"]
    assert len(reasons) == 3
    assert all("1073741824 bytes" in reason for reason in reasons), reasons


def test_an_app_that_escapes_the_fence_is_found_by_the_self_check(tmp_path):
    file = scenario(tmp_path, "LEAKS", "virtual", "inproc")
    file.write_text(file.read_text().replace("state: failed", "state: finished"))
    code, report = claynet("run", file, PYTHONPATH=str(ROOT))
    assert code == 1, report
    assert [entry["name"] for entry in report["expectations"] if not entry["ok"]] == ["self-check"]
    code, report = claynet("run", file, "--self-check", "off", PYTHONPATH=str(ROOT))
    assert code == 0, report


@pytest.mark.parametrize(("name", "words"), [("LEAVES", "code 3"), ("HANGS", "in time")])
def test_an_app_that_does_not_serve_is_found_before_the_run(name, words, tmp_path):
    file = scenario(tmp_path, name, "paced", "process")
    code, answer = claynet("run", file, "--out", tmp_path / "out", PYTHONPATH=str(ROOT))
    assert code == 2, answer
    assert answer["error"]["kind"] == "preflight"
    assert answer["error"]["message"].startswith(f"{file}:9: apps: bad: tests/bad ")
    (finding,) = answer["error"]["errors"]
    assert (finding["file"], finding["line"]) == (str(file), 9)
    assert words in answer["error"]["message"], answer
    assert not (tmp_path / "out" / "trace.jsonl").exists()


def test_a_full_disk_is_not_the_app_s_fault(tmp_path):
    file = scenario(tmp_path, "LEAVES", "paced", "process")
    file.write_text(file.read_text().replace("start_limit: 3s}", "options: {reserve: 1000000GiB}}"))
    (tmp_path / "small").mkdir()
    code, answer = claynet("run", file, TMPDIR=str(tmp_path / "small"))
    assert (code, answer["error"]["kind"]) == (2, "preflight"), answer
    (finding,) = answer["error"]["errors"]
    assert f"disk of {tmp_path / 'small'}" in finding["message"]
    assert finding["suggestion"] == "make room there, or have TMPDIR name a folder on another disk"


def test_an_app_that_is_not_installed_is_found_before_the_run(tmp_path):
    file = scenario(tmp_path, "NOBODY", "virtual", "inproc")
    code, answer = claynet("run", file, PYTHONPATH=str(ROOT))
    assert code == 2, answer
    assert "NOBODY" in answer["error"]["message"]


def test_an_environment_that_does_not_work_is_found_with_its_line(tmp_path):
    file = SCENARIOS / "first-light.yaml"
    code, answer = claynet("run", file, "--mode", "real", "--env", "docker_cpu", DOCKER_HOST=f"unix://{tmp_path}/nowhere")
    assert code == 2, answer
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "group:" in text)
    assert answer["error"]["message"].startswith(f"{file}:{line}: nodes: ")
