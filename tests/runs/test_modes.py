"""One file, three modes and real links: the same final states, the same accepted subtasks, the same expectations met, the same evidence."""

from collections import Counter

import pytest

from tests.runs.command import SCENARIOS, claynet, trace

WAYS = {
    "virtual": ("--mode", "virtual", "--env", "inproc"),
    "paced": ("--mode", "paced"),
    "real": ("--mode", "real"),
    "p2p": ("--mode", "real", "--transport", "p2p"),
}
NEEDED = {"assignment", "report", "acceptance", "payment"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    found = {}
    for name, flags in WAYS.items():
        out = tmp_path_factory.mktemp(name)
        code, report = claynet("run", SCENARIOS / "first-light.yaml", "--out", out, *flags)
        assert code == 0, report
        found[name] = (report, trace(out))
    return found


def test_the_same_final_state_of_each_task(runs):
    def states(events):
        last = {event["id"]: (event["from"], event["name"], event["state"]) for event in events if event["kind"] == "task"}
        return sorted(last.values())

    first, *others = [states(events) for _, events in runs.values()]
    assert first == [("requestors-0", "pow", "finished"), ("requestors-1", "pow", "finished")]
    assert others == [first] * 3


def test_the_same_number_of_accepted_subtasks(runs):
    assert {report["subtasks"]["finished"] for report, _ in runs.values()} == {8}


def test_the_same_expectations_are_met(runs):
    met = [[(entry["name"], entry["ok"]) for entry in report["expectations"]] for report, _ in runs.values()]
    assert met[0] == met[1] == met[2] == met[3]
    assert met[0]
    assert all(ok for _, ok in met[0])


def test_the_same_kinds_of_evidence_for_each_accepted_subtask(runs):
    def kinds(events):
        finished = {event["id"] for event in events if event["kind"] == "subtask" and event["state"] == "finished"}
        tags = {name: set() for name in finished}
        for event in events:
            if event["kind"] == "evidence" and event["id"] in finished:
                tags[event["id"]].add(event["tag"])
        return Counter(frozenset(found) for found in tags.values())

    first, *others = [kinds(events) for _, events in runs.values()]
    assert first == Counter({frozenset(NEEDED): 8})
    assert others == [first] * 3


def test_only_virtual_time_has_a_trace_hash(runs):
    assert {name for name, (report, _) in runs.items() if report["trace_hash"]} == {"virtual", "paced"}
    assert {name: report["mode"] for name, (report, _) in runs.items()} == {name: name for name in WAYS} | {"p2p": "real"}


def test_nothing_is_left_behind(runs):
    for report, _ in runs.values():
        assert report["leftovers"] == {"containers": 0, "networks": 0, "processes": 0}
