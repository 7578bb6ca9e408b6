"""One file, every world: the same final states, the same accepted subtasks, the same expectations met, the same kinds of evidence."""

import os
from collections import Counter

import pytest

from tests.runs.command import ROOT, SCENARIOS
from tests.runs.ways import NEEDED, WAYS, final_states, kinds_of_evidence, run_all

FINISHED = {
    "first-light": ([("requestors-0", "pow", "finished"), ("requestors-1", "pow", "finished")], 8),
    "two-requestors": ([("requestors-0", "pow", "finished"), ("requestors-1", "pow", "finished")], 6),
    "zero-price": ([("requestors-0", "gift", "finished")], 4),
    "nobody-fits": ([("requestors-0", "cheap", "timed_out")], 0),
    "stalled": ([("requestors-0", "pow", "finished")], 9),
}
"""Every shipped scenario whose faults all worlds are capable of: final states and accepted subtasks."""
SHORTER = {"nobody-fits": (("task_timeout: 1m", "task_timeout: 6s"), ("subtask_timeout: 20s", "subtask_timeout: 5s"))}
"""What takes its time in real ones."""
IDLE = frozenset({"nobody-fits", "stalled"})
"""They wait for most of their time."""


def file_of(name, folder):
    path = SCENARIOS / f"{name}.yaml"
    if name not in SHORTER or os.environ.get("CLAYNET_TESTS") == "deep":
        return path
    text = path.read_text().replace("../apps", f"{ROOT}/apps").replace("[data/", f"[{SCENARIOS}/data/")
    for before, after in SHORTER[name]:
        assert before in text
        text = text.replace(before, after)
    shorter = folder / path.name
    shorter.write_text(text)
    return shorter


@pytest.fixture(scope="module", params=FINISHED)
def runs(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, run_all(file_of(request.param, folder), folder, at_once=5 if request.param in IDLE else 2)


def test_the_same_final_state_of_each_task(runs):
    name, found = runs
    assert {way: final_states(events) for way, (_, events) in found.items()} == dict.fromkeys(WAYS, FINISHED[name][0])


def test_the_same_number_of_accepted_subtasks(runs):
    name, found = runs
    assert {way: report["subtasks"]["finished"] for way, (report, _) in found.items()} == dict.fromkeys(WAYS, FINISHED[name][1])


def test_the_same_expectations_are_met(runs):
    _, found = runs
    met = [[(entry["name"], entry["ok"]) for entry in report["expectations"]] for report, _ in found.values()]
    assert met[0]
    assert all(ok for _, ok in met[0])
    assert met == [met[0]] * len(WAYS)


def test_the_same_kinds_of_evidence_for_each_accepted_subtask(runs):
    name, found = runs
    wanted = Counter({frozenset(NEEDED): FINISHED[name][1]}) if FINISHED[name][1] else Counter()
    assert {way: kinds_of_evidence(events) for way, (_, events) in found.items()} == dict.fromkeys(WAYS, wanted)


def test_only_virtual_time_has_a_trace_hash(runs):
    _, found = runs
    assert {way for way, (report, _) in found.items() if report["trace_hash"]} == {"virtual", "paced"}
    assert {report["mode"] for report, _ in found.values()} == {"virtual", "paced", "real"}


def test_nothing_is_left_behind(runs):
    _, found = runs
    for report, _ in found.values():
        assert report["leftovers"] == {"containers": 0, "networks": 0, "processes": 0}
        assert report["messages"] > 0
