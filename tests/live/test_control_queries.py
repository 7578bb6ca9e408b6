"""Apps, environments, peers, subtasks and status by command."""

from __future__ import annotations

import json
from pathlib import Path

from claynet.actors.environment import Environment
from claynet.actors.ports import SECOND, Outcome
from tests.actors.bent import BentEnvironment
from tests.live.desk import APP, DESCRIPTORS, PATIENCE, Desk, Node, claynet


def test_apps_are_added_enabled_disabled_and_removed(desk: Desk) -> None:
    node = desk.node("requestor")
    (bundled,) = claynet(node, "app", "list", "--json").json["apps"]
    assert (bundled["id"], bundled["enabled"]) == (APP.app_id, True)
    other = json.loads(dict(DESCRIPTORS)["descriptor.json"]) | {"name": "other/app", "author": "Somebody", "license": "MIT"}
    file = desk.folder / "other.json"
    file.write_text(json.dumps(other))
    added = claynet(node, "app", "add", str(file), "--json").json
    assert (added["name"], added["enabled"], added["file"]) == ("other/app", False, "other.json")
    assert claynet(node, "app", "add", str(file)).code == 1
    refused = claynet(node, "task", "create", str(desk.task_file(app_id="other/app")), "--json").json["error"]["errors"]
    assert [(one["key"], one["suggestion"]) for one in refused] == [("golem.app_id", "claynet app enable other/app")]
    shown = claynet(node, "app", "enable", "other/app").out
    for told in ("Somebody", "MIT", "claynet/tutorial:1.0.0"):
        assert told in shown
    assert claynet(node, "app", "show", added["id"][:8], "--json").json["enabled"] is True
    assert claynet(node, "app", "disable", "other/app", "--json").json["enabled"] is False
    assert claynet(node, "app", "remove", "other/app").code == 0
    missing = claynet(node, "app", "show", "other/app")
    assert missing.code == 1
    assert "no app 'other/app' is here" in missing.err
    (node.data_dir / "apps" / "broken.json").write_text("{")
    assert claynet(node, "app", "list", "--json").json["problems"][0].startswith("broken.json: not JSON")
    file.write_text("[]")
    assert "is no descriptor: not a JSON object" in claynet(node, "app", "add", str(file)).err


STRANGE = {
    "more-than-any-float.json": (('"max_benchmark_score": 10000.0', f'"max_benchmark_score": {"9" * 401}'), "max_benchmark_score must be"),
    "more-digits-than-read.json": (('"max_benchmark_score": 10000.0', f'"max_benchmark_score": {"9" * 5000}'), "not JSON"),
    "half-a-name.json": (('"name": "claynet/tutorial"', '"name": "\\ud800"'), "half of a surrogate pair"),
    "half-a-tag.json": (('"tag": "', '"tag": "\\ud800'), "half of a surrogate pair"),
}


def test_descriptors_that_cannot_be_kept_harm_nothing(desk: Desk) -> None:
    node = desk.node("requestor")
    file = desk.folder / "strange.json"
    folder = node.data_dir / "apps"
    for name, ((old, new), words) in STRANGE.items():
        text = dict(DESCRIPTORS)["descriptor.json"]
        assert old in text
        file.write_text(text.replace(old, new))
        before = set(folder.iterdir())
        refused = claynet(node, "app", "add", str(file))
        assert refused.code == 1
        assert words in refused.err
        assert "bug of claynet" not in refused.err
        assert set(folder.iterdir()) == before
        (folder / name).write_text(file.read_text())  # by hand
    for _ in range(2):
        said = claynet(node, "app", "list", "--json").json
        assert [app["name"] for app in said["apps"]] == ["claynet/tutorial"]
        assert [problem.partition(":")[0] for problem in said["problems"]] == sorted(STRANGE)
        node = desk.again(node)


def test_a_running_task_keeps_its_app(desk: Desk) -> None:
    node = desk.node("requestor")
    claynet(node, "task", "create", str(desk.task_file()))
    assert "is needed by the task pow" in claynet(node, "app", "remove", "claynet/tutorial").err


def test_an_environment_is_disabled_and_stays_so(desk: Desk) -> None:
    node = desk.node("provider", requestor=False, provider=True)
    (found,) = claynet(node, "env", "list", "--json").json["environments"]
    assert (found["name"], found["sides"], found["runs_on_host"]) == ("model", ["provider"], False)
    with node.heard("lending", state="drained"):
        assert claynet(node, "env", "disable", "model", "--json").json["state"] == "disabled"
    status = desk.status(node)
    assert status.lending == "drained"
    assert "disabled the environment model" in status.lending_reason
    node = desk.again(node)
    with node.heard("lending", state="open"):
        assert claynet(node, "env", "show", "model", "--json").json["state"] == "disabled"
        assert claynet(node, "env", "enable", "model", "--json").json["state"] == "ready"
    wrong = claynet(node, "env", "enable", "docker_cpu")
    assert wrong.code == 1
    assert "this node lends model" in wrong.err


def test_benchmarks_are_measured_again(desk: Desk) -> None:
    node = desk.node("provider", requestor=False, provider=True)
    said = claynet(node, "env", "benchmark", "model", "--json")
    assert said.code == 0
    assert said.json["scores"][-1]["image"] == ""
    assert said.json["scores"][-1]["score"] > 0


def _bent(desk: Desk, broken: Outcome | None = None) -> tuple[Node, BentEnvironment]:
    made: list[BentEnvironment] = []

    def wrap(inner: Environment) -> Environment:
        made.append(BentEnvironment(inner, "provider", lambda _: None, []))
        made[0].broken = broken
        return made[0]

    return desk.node("provider", requestor=False, provider=True, wrap=wrap), made[0]


def test_what_is_broken_is_not_measured(desk: Desk) -> None:
    node, _ = _bent(desk, Outcome("error", detail="no engine answers"))
    with node.live.hub.listen(["environment"]) as events:
        while claynet(node, "env", "show", "model", "--json").json["state"] != "broken":
            assert events.next(PATIENCE) is not None
    said = claynet(node, "env", "benchmark", "model")
    assert said.code == 1
    assert "nothing can be measured: the environment model does not work here: no engine answers" in said.err


def test_a_measurement_ends_when_its_environment_breaks(desk: Desk) -> None:
    node, environment = _bent(desk)
    assert claynet(node, "env", "benchmark", "model").code == 0  # so that none is under way
    environment.measured = Outcome("error", code="engine", detail="the engine is gone")
    said = claynet(node, "env", "benchmark", "model")
    assert said.code == 1
    assert "nothing can be measured: the engine is gone" in said.err


def test_the_whitelist(desk: Desk) -> None:
    node = desk.node("provider", requestor=False, provider=True, whitelist=("golem",))
    assert claynet(node, "env", "whitelist", "add", "acme", "--json").json["sources"] == [
        {"name": "golem", "by": "configuration"},
        {"name": "acme", "by": "command"},
    ]
    assert [one["name"] for one in claynet(node, "env", "whitelist", "remove", "golem", "--json").json["sources"]] == ["acme"]
    wrong = claynet(node, "env", "whitelist", "remove", "acne")
    assert wrong.code == 1
    assert "did you mean 'acme'?" in wrong.err
    assert claynet(node, "env", "whitelist", "seen", "--json").json["seen"] == []
    assert claynet(node, "env", "whitelist", "add", " ").code == 2


def test_peers_and_subtasks_of_both_sides(desk: Desk) -> None:
    requestor, provider = desk.node("requestor"), desk.node("provider", requestor=False, provider=True)
    assert claynet(provider, "peer", "list", "--json").json["peers"] == []
    linked = claynet(provider, "peer", "connect", f"127.0.0.1:{requestor.live.port}", "--json").json
    assert linked == {"peer": requestor.live.node_id}
    with provider.heard("payment", state="received"):
        claynet(requestor, "task", "create", str(desk.task_file(max_subtasks=1)), "--watch")
    (subtask,) = claynet(requestor, "subtask", "list", "--task", "pow", "--json").json["subtasks"]
    (work,) = claynet(provider, "subtask", "list", "--work", "--json").json["subtasks"]
    assert work["id"] == subtask["id"]
    assert (subtask["state"], subtask["peer"], work["state"], work["peer"]) == (
        "finished", provider.live.node_id, "paid", requestor.live.node_id,
    )  # fmt: skip
    assert subtask["price"] == work["price"] == SECOND // 2
    whole = claynet(requestor, "subtask", "show", subtask["id"][:10], "--json").json
    assert whole["params"]
    assert whole["result"]["size"] > 0
    peer = claynet(requestor, "peer", "show", provider.live.node_id[:12], "--json").json
    assert (peer["linked"], peer["finished"], peer["spent"], peer["offers"]) == (True, 1, subtask["amount"], 1)
    status = desk.status(provider)
    assert status.money.earned == subtask["amount"]
    assert [(count.state, count.count) for count in status.work] == [("paid", 1)]
    over = claynet(requestor, "subtask", "restart", subtask["id"])
    assert over.code == 1
    assert "claynet task restart" in over.err
    elsewhere = claynet(requestor, "subtask", "logs", subtask["id"])
    assert elsewhere.code == 1
    assert provider.live.node_id in elsewhere.err


def test_a_link_that_cannot_be(desk: Desk) -> None:
    node = desk.node("requestor")
    wrong = claynet(node, "peer", "connect", "nowhere")
    assert wrong.code == 2
    assert "write HOST:PORT" in wrong.err
    nobody = claynet(node, "peer", "connect", "127.0.0.1:1")
    assert nobody.code == 1
    assert "refused" in nobody.err


def test_the_log_of_a_subtask_is_where_it_ran(desk: Desk) -> None:
    requestor = desk.node("requestor", env="process")
    provider = desk.node("provider", env="process", requestor=False, provider=True)
    claynet(provider, "peer", "connect", f"127.0.0.1:{requestor.live.port}")
    claynet(requestor, "task", "create", str(desk.task_file(max_subtasks=1)), "--watch")
    (work,) = claynet(provider, "subtask", "list", "--work", "--json").json["subtasks"]
    (log,) = Path(provider.data_dir / "work").glob(f"*/.logs/*{work['id']}*.log")
    log.write_text("what it said\n")
    assert claynet(provider, "subtask", "logs", work["id"], "--json").json["lines"] == ["what it said"]
