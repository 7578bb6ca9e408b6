"""What a file is refused for: place, key, words and remedy of each finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from claynet.sim.scenario.problems import ScenarioError
from claynet.sim.scenario.reader import Overrides, ScenarioErrors, load
from tests.scenario.samples import FULL, write

NOT_VIRTUAL = [(18 + n, f"nodes[{n}].env") for n in range(4)]
"""Where the sample cannot run in the default mode."""


def findings(path: Path, overrides: Overrides | None = None) -> tuple[ScenarioError, ...]:
    with pytest.raises(ScenarioErrors) as caught:
        load(path, overrides)
    return caught.value.errors


# (what is replaced, by what) -> line, key, part of the text
CASES = [
    (
        ("repeat: 3, every: 10s", "repeat: 100, every: 1m"),
        24,
        "tasks[0].every",
        "the last of 100 would start after 1h39m1s, and the run ends",
    ),
    (("rule: price", "rule: prise"), 33, "expect[3].why.rule", "unknown rule 'prise'; did you mean 'price'?"),
    (("accepted_wrong, equals: 0", "accepted_wrong, equals: 6tok"), 31, "expect[1].equals", "expected a whole number"),
    (("count: 5", "cuont: 5"), 19, "nodes[1].cuont", "unknown key; did you mean 'count'?"),
    (("count: 5, ", ""), 19, "nodes[1]", "the key 'count' is missing"),
    (("count: 5", "count: 0"), 19, "nodes[1].count", "must be at least 1, not 0"),
    (("count: 5", "count: -3"), 19, "nodes[1].count", "must be at least 1, not -3"),
    (("count: 5", "count: five"), 19, "nodes[1].count", "expected a whole number"),
    (("count: 5", "count: true"), 19, "nodes[1].count", "expected a whole number"),
    (("count: 5", "count: [5]"), 19, "nodes[1].count", "expected a single value, not a list"),
    (("role: both", "role: bot"), 21, "nodes[3].role", "unknown role 'bot'; did you mean 'both'?"),
    (("mode: paced", "mode: pacd"), 4, "mode", "unknown mode 'pacd'; did you mean 'paced'?"),
    (
        ("env: process, clock_drift", "env: proces, clock_drift"),
        21,
        "nodes[3].env",
        "did you mean 'process'?",
    ),
    (("env: process, clock_drift", "env: docker_gqu, clock_drift"), 21, "nodes[3].env", "did you mean 'docker_gpu'?"),
    (("transport: simulated", "transport: p2q"), 8, "network.transport", "unknown transport 'p2q'; did you mean 'p2p'?"),
    (("group: liars", "group: honest"), 20, "nodes[2].group", "the group 'honest' stands here twice; first in line 19"),
    (("group: liars", "group: 'li ars'"), 20, "nodes[2].group", "expected a name"),
    (("app: tutorial", "app: tutorail"), 23, "tasks[0].app", "unknown app 'tutorail'; did you mean 'tutorial'?"),
    (("app/descriptor.json", "app/descriptr.json"), 15, "apps.tutorial.descriptor", "is not there"),
    (("build: app", "build: nowhere"), 15, "apps.tutorial.build", "is not a folder"),
    (("app/descriptor.json", "data/input.txt"), 15, "apps.tutorial.descriptor", "not a descriptor"),
    (("data/input.txt", "data/inptu.txt"), 23, "tasks[0].inputs[0]", "is not there"),
    (("data/input.txt", "data"), 23, "tasks[0].inputs[0]", "is not a file"),
    (("[data/input.txt]", "[data/input.txt, data/../data/input.txt]"), 23, "tasks[0].inputs[1]", "two inputs are called 'input.txt'"),
    (("by: requestors", "by: requestor"), 23, "tasks[0].by", "unknown group 'requestor'; did you mean 'requestors'?"),
    (("by: requestors", "by: honest"), 23, "tasks[0].by", "cannot create tasks: its role is provider"),
    (("subtasks: 4", "subtasks: 0"), 24, "tasks[0].subtasks", "must be at least 1"),
    (("max_price: 1tok", "max_price: 1token"), 24, "tasks[0].max_price", "unknown unit 'token'"),
    (("params: {difficulty: 12", "params: {difficulty: 9e999"), 23, "tasks[0].params", "a number that JSON cannot write"),
    (("latency: 15ms", "latency: 15sec"), 13, "network.links[0].latency", "unknown unit 'sec' in '15sec'; allowed are ns, us, ms, s, m, h"),
    (("bandwidth: 50Mbit", "bandwidth: 50"), 10, "network.bandwidth", "50 has no unit"),
    (("loss: 0.5%", "loss: 150%"), 11, "network.loss", "from 0 to 1"),
    (("lognormal: {median", "lognomal: {median"), 9, "network.latency.lognomal", "did you mean 'lognormal'?"),
    (("low: 1s, high: 2s", "low: 3s, high: 2s"), 16, "durations.compute.uniform.low", "low is above high"),
    (("verify: 50ms", "verfy: 50ms"), 16, "durations.verfy", "did you mean 'verify'?"),
    (('"honest[0]"], latency', '"honest[9]"], latency'), 13, "network.links[0].between[1]", "honest has 5: honest[0] to honest[4]"),
    (('crash: "honest[0]"', 'crash: "honest[5]"'), 27, "events[1].crash", "'honest[5]' is out of range"),
    (('crash: "honest[0]"', 'crash: "honst[0]"'), 27, "events[1].crash", "unknown group 'honst'; did you mean 'honest'?"),
    (('crash: "honest[0]"', 'crash: "honest[-1]"'), 27, "events[1].crash", "is not a selector"),
    (
        ("{at: 20s, partition", "{at: 20s, when: {task: pow, subtasks_finished: 1}, partition"),
        26,
        "events[0].when",
        "has both 'at' and 'when'",
    ),
    (("{at: 20s, partition", "{partition"), 26, "events[0]", "needs 'at' or 'when'"),
    (("at: 20s", "at: 11m"), 26, "events[0].at", "after the end of the run (at_most 10m)"),
    (
        ("partition: [[requestors], [honest", "partition: [[requestors], [requestors"),
        26,
        "events[0].partition",
        "requestors-0 is on two sides",
    ),
    (("restart_after", "restart_afer"), 27, "events[1].restart_afer", "did you mean 'restart_after'?"),
    (("{task: pow, subtasks_finished: 2}", "{task: paw, subtasks_finished: 2}"), 27, "events[1].when.task", "did you mean 'pow'?"),
    (("subtasks_finished: 2", "subtasks_finishd: 2"), 27, "events[1].when.subtasks_finishd", "did you mean 'subtasks_finished'?"),
    (("state: finished", "state: finishd"), 30, "expect[0].tasks.state", "did you mean 'finished'?"),
    (("state: finished", "stat: finished"), 30, "expect[0].tasks.stat", "did you mean 'state'?"),
    (("metric: results_accepted_wrong", "metric: result_accepted_wrong"), 31, "expect[1].metric", "did you mean 'results_accepted_wrong'?"),
    (("{metric: results_accepted_wrong", "{metrc: results_accepted_wrong"), 31, "expect[1].metrc", "did you mean 'metric'?"),
    (("equals: 0", "equal: 0"), 31, "expect[1].equal", "did you mean 'equals'?"),
    (("provider: liars", "provider: requestors"), 33, "expect[3].why.provider", "is no provider"),
    (("count: all", "count: 7"), 30, "expect[0].count", "more than the 6 tasks there are"),
    (("leftovers: none", "leftovers: some"), 34, "expect[4].leftovers", "allowed: none"),
    (("schema: 1", "schema: 2"), 1, "schema", "schema 2 is not supported; this version reads schema 1"),
    (("schema: 1\n", ""), 1, "", "the key 'schema' is missing"),
    (("seed: 7", "seed: -7"), 3, "seed", "must be at least 0"),
    (("at_most: 10m", "at_most: 0s"), 6, "at_most", "must be longer than 0"),
    (
        ("price: 0.1tok, behaviour: {wrong_result", "price: 0.1tok, behaviour: {wrong_results"),
        20,
        "nodes[2].behaviour.wrong_results",
        "did you mean",
    ),
    (("pool_time: 500ms", "price: 1tok"), 18, "nodes[0].price", "only a provider has this"),
    (("mode: paced", "mode: virtual"), 18, "nodes[0].env", "mode virtual cannot run the environment 'process'"),
    (("transport: simulated", "transport: p2p"), 7, "network", "transport p2p needs mode real, and the mode is paced"),
    (("transport: simulated", "transport: p2p"), 26, "events[0].partition", "transport p2p cannot do a partition"),
    (("transport: simulated", "transport: p2p"), 28, "events[2].link", "transport p2p cannot do a link"),
    (("name: first-light", "name: first-light\nisolate: processes"), 3, "isolate", "did you mean 'process'?"),
    (("mode: paced", "mode: paced\nisolate: process"), 4, "mode", "isolate process needs mode real, and the mode is paced"),
    (("mode: paced", "mode: real\nisolate: process"), 8, "network", "isolate process needs transport p2p"),
    (("mode: paced", "mode: real\nisolate: process"), 27, "events[0].partition", "isolate process cannot do a partition"),
    (("mode: paced", "mode: real\nisolate: process"), 20, "nodes[1]", "clock_offset needs nodes of one process"),
    (('crash: "honest[0]", restart_after: 5s', 'pause: "honst[0]", for: 5s'), 27, "events[1].pause", "did you mean 'honest'?"),
    (('crash: "honest[0]", restart_after: 5s', 'pause: "honest[0]", restart_after: 5s'), 27, "events[1].restart_after", "unknown key"),
    (("transport: simulated", "transport: p2p"), 9, "network.latency", "cannot be set with transport p2p"),
    (("name: first-light", "name: first-light\nname: again"), 3, "name", "stands here twice; first in line 2"),
    (("role: both", "role: *nobody"), 21, "", "the alias *nobody has no anchor before it"),
    (("role: both", "role: !!python/object:os.system both"), 21, "", "is not allowed"),
    (("role: both", "role: [both"), 21, "", "not YAML"),
    (("nodes:\n", "nodes:\n\t- x\n"), 18, "", "not YAML"),
]


@pytest.mark.parametrize(("change", "line", "key", "words"), CASES, ids=[f"{case[0][1][:30]}-{n}" for n, case in enumerate(CASES)])
def test_a_spoiled_file_is_refused_at_the_place(tmp_path: Path, change: tuple[str, str], line: int, key: str, words: str) -> None:
    assert change[0] in FULL
    path = write(tmp_path, FULL.replace(*change, 1))
    found = findings(path)
    assert [error for error in found if (error.line, error.key) == (line, key) and words in str(error)], "\n".join(map(str, found))


def test_the_form_of_a_finding(tmp_path: Path) -> None:
    path = write(tmp_path, FULL.replace("count: 5", "cuont: 5"))
    texts = [str(error) for error in findings(path)]
    assert f"{path}:19: nodes[1].cuont: unknown key; did you mean 'count'?" in texts


def test_all_findings_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = FULL.replace("state: finished", "state: no").replace("mode: paced", "mode: no").replace("count: 5", "count: 0")
    places = [(error.line, error.key) for error in findings(write(tmp_path, text))]
    assert places == [(4, "mode"), (19, "nodes[1].count"), (30, "expect[0].tasks.state")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"---\n", "the file is empty"),
        (b"\x00\x01\x02", "not a text file"),
        (b"schema: 1\nname: \xff\xfe\n", "not a text file in UTF-8"),
        (b"- a\n- b\n", "a scenario is a mapping of keys, not a list"),
        (b"just text", "a scenario is a mapping of keys, not a single value"),
        (b"schema: 1\n---\nschema: 1\n", "a second document begins here"),
        (b"[" * 40 + b"]" * 40, "nested more than 32 deep"),
        (b"a: " + b"{b: " * 5000, "nested more than 32 deep"),
        (b"? [a, b]\n: c\n", "a key must be text"),
        (b"a: &a [*a]\n", "stands for a thing that holds it"),
        (b'a: "\\ud800"\n', "a character that no file can hold"),
        (b'a: "\\0"\n', "a character that no file can hold"),
        (b"%YAML 9.9\n---\na: 1\n", "YAML"),
        (b"x" * (4 * 1024 * 1024 + 1), "at most 4194304 are read"),
    ],
)
def test_what_is_no_scenario_at_all(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in "\n".join(str(error) for error in findings(write(tmp_path, content)))


def test_an_alias_bomb_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    levels = ["x-a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    levels += [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "aliases expanded" in str(findings(write(tmp_path, "\n".join(levels)))[0])


def test_aliases_cannot_get_round_the_depth(tmp_path: Path) -> None:
    levels = ["x-a0: &a0 [1]"] + [f"x-a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]
    assert "nested more than 32 deep, aliases expanded" in str(findings(write(tmp_path, "\n".join(levels)))[0])


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path)
    (error,) = findings(tmp_path / "xx.yaml")
    assert (error.line, error.message, error.suggestion) == (0, "no such file", "did you mean 'x.yaml'?")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert findings(tmp_path)[0].message == "not a file"


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        (Overrides(mode="fast"), "--mode", "unknown mode 'fast'"),
        (Overrides(env="proces"), "--env", "did you mean 'process'?"),
        (Overrides(seed=-1), "--seed", "must be from 0"),
        (Overrides(mode="virtual", env="docker_gpu"), "--env", "mode virtual cannot run the environment 'docker_gpu'"),
        (Overrides(mode="virtual", env="docker_cpu"), "--env", "mode virtual cannot run the environment 'docker_cpu'"),
        (Overrides(mode="virtual", env="process"), "--env", "mode virtual cannot run the environment 'process'"),
    ],
)
def test_overrides_are_checked_too(tmp_path: Path, overrides: Overrides, key: str, words: str) -> None:
    (error,) = findings(write(tmp_path), overrides)
    assert error.key == key
    assert words in str(error)


def test_a_mode_given_on_the_command_line_is_checked_against_the_file(tmp_path: Path) -> None:
    assert {error.key for error in findings(write(tmp_path), Overrides(mode="virtual"))} == {f"nodes[{n}].env" for n in range(4)}


def test_a_clock_that_drifts_needs_virtual_time(tmp_path: Path) -> None:
    (error,) = [error for error in findings(write(tmp_path), Overrides(mode="real")) if "drift" in str(error)]
    assert error.key == "nodes[3]"


def test_real_links_are_for_so_many_nodes_only_and_for_real_time(tmp_path: Path) -> None:
    for transport, mode, words in (
        ("p2p", "paced", "transport p2p needs mode real, and the mode is paced"),
        ("p2p", "real", "transport p2p takes at most 64 nodes"),
    ):
        text = FULL.replace("count: 2", "count: 70") if mode == "real" else FULL
        found = findings(write(tmp_path, text), Overrides(mode=mode, transport=transport))
        assert any(words in str(error) for error in found), [str(error) for error in found]
    (wrong,) = findings(write(tmp_path), Overrides(transport="p2q"))
    assert (wrong.key, "did you mean 'p2p'?" in str(wrong)) == ("--transport", True)
