"""Tasks by command: from an estimate to delivered results, and every way in which one is refused before anything is made."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claynet.actors.config import TaskSpec
from claynet.actors.ports import SECOND
from claynet.actors.units import MOST
from claynet.cli.control_client import NodeClient
from claynet.cli.task_file import read_task_file
from claynet.net.blob_sweep import GRACE, BlobSweep
from tests.live.desk import APP, PATIENCE, Desk, Node, claynet


@pytest.fixture
def pair(desk: Desk) -> tuple[Node, Node]:
    requestor, provider = desk.node("requestor"), desk.node("provider", requestor=False, provider=True)
    assert claynet(provider, "peer", "connect", f"127.0.0.1:{requestor.live.port}").code == 0
    return requestor, provider


def test_a_task_from_estimate_to_results(desk: Desk, pair: tuple[Node, Node]) -> None:
    requestor, provider = pair
    file = desk.task_file()
    estimate = claynet(requestor, "task", "estimate", str(file), "--json").json
    assert estimate["subtask_cost"] == -(-SECOND // 60)
    assert estimate["cost"] == 2 * estimate["subtask_cost"]
    assert [(one["provider"], one["could"]) for one in estimate["candidates"]] == [(provider.live.node_id, "unknown")]
    assert claynet(requestor, "task", "list", "--json").json == {"tasks": []}
    watched = claynet(requestor, "task", "create", str(file), "--watch", "--json")
    assert watched.code == 0, watched
    last = watched.lines[-1]["task"]
    assert (last["state"], last["delivery"], last["is_over"]) == ("finished", "delivered", True)
    assert {one["peer"] for line in watched.lines for one in line["subtasks"]} == {provider.live.node_id}
    results = claynet(requestor, "task", "results", "pow", "--json").json
    assert results["folder"] == str(desk.folder / "out")
    delivered = {path.name for path in (desk.folder / "out").iterdir()}
    assert delivered == {file["name"] for file in results["task"]["results"]} != set()
    estimate = claynet(requestor, "task", "estimate", str(file), "--json").json
    assert [one["could"] for one in estimate["candidates"]] == ["yes"]


def test_results_are_copied_and_never_over_other_files(desk: Desk, pair: tuple[Node, Node]) -> None:
    requestor, _ = pair
    task = claynet(requestor, "task", "create", str(desk.task_file(output_directory=None)), "--watch", "--json").lines[-1]["task"]
    assert task["delivery"] == "stored"
    to = desk.folder / "copied"
    assert claynet(requestor, "task", "results", task["id"][:8], "--to", str(to), "--json").json["folder"] == str(to)
    path = next(to.iterdir())
    path.write_text("mine now")
    beside = claynet(requestor, "task", "results", task["id"], "--to", str(to), "--json").json["folder"]
    assert beside == str(to / task["id"][:8])
    assert path.read_text() == "mine now"


def test_results_that_cannot_be_delivered_are_told(desk: Desk, pair: tuple[Node, Node]) -> None:
    requestor, _ = pair
    task = claynet(requestor, "task", "create", str(desk.task_file(output_directory=None)), "--watch", "--json").lines[-1]["task"]
    nowhere = desk.folder / ("x" * 300)
    refused = claynet(requestor, "task", "results", task["id"], "--to", str(nowhere))
    assert refused.code == 1
    assert f"{nowhere} cannot be written: File name too long" in refused.err
    record = requestor.live.view.record(task["id"])
    assert record is not None
    with requestor.heard("delivered", id=task["id"], folder=""):
        requestor.live.results.begin(msgspec.structs.replace(record, output_directory=str(nowhere)))
    watched = claynet(requestor, "task", "watch", task["id"], "--json")
    assert watched.code == 1
    assert watched.lines[-1]["task"]["delivery_problem"] == f"{nowhere} cannot be written: File name too long"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_folder_or_resource_that_cannot_be_looked_at(desk: Desk, name: str) -> None:
    requestor = desk.node("requestor")
    file = read_task_file(desk.task_file())
    file.request.output_directory = str(desk.folder / name)
    with NodeClient(requestor.data_dir) as client:
        (told,) = client.call("Tasks.Create", file.request).problems
        assert told.key == "golem.output_directory"
        file.request.output_directory = ""
        file.request.resources[0].path = str(desk.folder / name)
        (told,) = client.call("Tasks.Create", file.request).problems
    assert told.key == "golem.resources[0]"


def test_why_names_rule_side_value_limit_and_fix(desk: Desk, pair: tuple[Node, Node]) -> None:
    requestor, provider = pair
    with requestor.heard("decline", provider=provider.live.node_id, rule="price"):
        task = claynet(requestor, "task", "create", str(desk.task_file(max_price_per_hour="0.1tok")), "--json").json
    answer = claynet(requestor, "task", "why", task["id"], "--json").json
    (reason,) = answer["reasons"]
    assert (reason["rule"], reason["side"], reason["peer"]) == ("price", "provider", provider.live.node_id)
    assert (reason["value"], reason["limit"]) == ("0.5tok/h", "0.1tok/h")
    assert "max_price_per_hour" in reason["fix"]
    people = claynet(requestor, "task", "why", task["id"])
    assert "price" in people.out
    assert people.code == 0
    estimate = claynet(requestor, "task", "estimate", str(desk.task_file(max_price_per_hour="0.1tok")), "--json").json
    assert [(one["could"], one["reason"]["rule"]) for one in estimate["candidates"]] == [("no", "price")]


def test_why_without_peers(desk: Desk) -> None:
    requestor = desk.node("requestor")
    with requestor.heard("task", state="waiting"):
        claynet(requestor, "task", "create", str(desk.task_file()), "--json")
    answer = claynet(requestor, "task", "why", "pow", "--json").json
    assert [reason["rule"] for reason in answer["reasons"]] == ["no_peers"]


def test_abort_restart_delete(desk: Desk) -> None:
    requestor = desk.node("requestor")
    with requestor.heard("task", state="waiting"):
        task = claynet(requestor, "task", "create", str(desk.task_file()), "--json").json
    refused = claynet(requestor, "task", "delete", task["id"], "--json")
    assert refused.code == 1
    assert "abort it first" in refused.json["error"]["message"]
    again = claynet(requestor, "task", "restart", task["id"], "--json").json
    assert again["id"] != task["id"]
    assert again["output_directory"] == task["output_directory"] == str(desk.folder / "out")
    assert claynet(requestor, "task", "show", task["id"], "--json").json["state"] == "aborted"
    assert claynet(requestor, "task", "abort", again["id"], "--json").json["state"] == "aborted"
    over = claynet(requestor, "task", "watch", again["id"], "--json")
    assert over.code == 1
    assert over.lines[-1]["task"]["state"] == "aborted"
    assert claynet(requestor, "task", "abort", again["id"]).code == 1
    ambiguous = claynet(requestor, "task", "show", "pow")
    assert ambiguous.code == 1
    assert task["id"][:8] in ambiguous.err


def test_a_restart_is_checked_before_anything_is_given_up(desk: Desk) -> None:
    requestor = desk.node("requestor")
    with requestor.heard("task", state="waiting"):
        task = claynet(requestor, "task", "create", str(desk.task_file()), "--json").json

    def refusal() -> str:
        said = claynet(requestor, "task", "restart", task["id"])
        assert said.code == 1, said
        (left,) = claynet(requestor, "task", "list", "--json").json["tasks"]
        assert (left["id"], left["state"]) == (task["id"], "waiting")
        return said.err

    claynet(requestor, "app", "disable", "claynet/tutorial")
    assert "not enabled here (claynet app enable claynet/tutorial)" in refusal()
    claynet(requestor, "app", "enable", "claynet/tutorial")
    assert requestor.live.node.ports.ledger.reserve("another", requestor.live.balance)
    assert "not enough tokens" in refusal()
    requestor.live.node.ports.ledger.release("another")
    for descriptor in (requestor.data_dir / "apps").iterdir():
        descriptor.unlink()
    claynet(requestor, "app", "list")
    assert "no app" in refusal()


def test_what_a_task_holds_is_free_for_its_restart(desk: Desk) -> None:
    requestor = desk.node("requestor", env="process")
    provider = desk.node("provider", env="process", requestor=False, provider=True, price=1000 * SECOND)
    assert claynet(provider, "peer", "connect", f"127.0.0.1:{requestor.live.port}").code == 0
    file = desk.task_file(max_subtasks=1, max_price_per_hour="1000tok", subtask_timeout="1h", task_timeout="2h")
    file.write_text(file.read_text().replace("difficulty: 8", "difficulty: 32"))  # hours
    with requestor.heard("subtask", state="computing"):
        task = claynet(requestor, "task", "create", str(file), "--json").json
    assert requestor.live.view.money().reserved == requestor.live.balance
    assert "not enough tokens" in claynet(requestor, "task", "create", str(file)).err
    again = claynet(requestor, "task", "restart", task["id"], "--json")
    assert again.code == 0, again
    assert claynet(requestor, "task", "show", task["id"], "--json").json["state"] == "aborted"


def test_files_of_a_deleted_task_are_removed_and_those_of_others_stay(desk: Desk, pair: tuple[Node, Node]) -> None:
    first, second = (
        claynet(pair[0], "task", "create", str(desk.task_file(output_directory=None)), "--watch", "--json").lines[-1]["task"]
        for _ in range(2)
    )
    with pair[1].live.hub.listen(["slot"]) as events:
        while any(slot.status != "paid" for slot in pair[1].live.view.slots()):
            assert events.next(PATIENCE) is not None
    until = {"sweep": 0.0}
    sweeps = [BlobSweep(node.live.blobs, node.live.view, lambda: until["sweep"]) for node in pair]

    def left() -> list[set[str]]:
        """Of the requestor and of the provider."""
        for sweep in sweeps:
            sweep.look()
        until["sweep"] += GRACE
        for sweep in sweeps:
            sweep.look()
        return [set(node.live.blobs.marks()) for node in pair]

    def needed(task: dict[str, Any]) -> set[str]:
        state, record = pair[0].live.view.task(task["id"]), pair[0].live.view.record(task["id"])
        assert state is not None
        assert record is not None
        return {file.digest for file in (*state.spec.inputs, *record.results)}

    of_first, of_second = needed(first), needed(second)
    assert of_first & of_second, "they share their input"
    assert left() == [of_first | of_second, set()]
    _delete(pair[0], first)
    assert left() == [of_second, set()]
    to = desk.folder / "copied"
    assert claynet(pair[0], "task", "results", second["id"], "--to", str(to), "--json").code == 0
    assert len(list(to.iterdir())) == len(second["results"]) > 0
    _delete(pair[0], second)
    assert left() == [set(), set()]


def _delete(node: Node, task: dict[str, Any]) -> None:
    """As soon as nobody owes anybody an answer."""
    with node.live.hub.listen() as events:
        while claynet(node, "task", "delete", task["id"]).code != 0:
            assert events.next(PATIENCE) is not None


BROKEN = [
    ({"app_id": "claynet/tutorail"}, "golem.app_id", "did you mean 'claynet/tutorial'?"),
    ({"resources": ["inptu.txt"]}, "golem.resources[0]", "did you mean 'input.txt'?"),
    ({"output_directory": "input.txt/below"}, "golem.output_directory", "is no folder"),
    ({"max_subtasks": 0}, "golem.max_subtasks", "a whole number from 1"),
    ({"task_timeout": "5 parsecs"}, "golem.task_timeout", "unknown unit"),
    ({"subtask_timeout": "1h"}, "golem.subtask_timeout", "more time than the whole task"),
    ({"max_subtask": 3}, "golem.max_subtask", "did you mean 'max_subtasks'?"),
    ({"max_price_per_hour": 5}, "golem.max_price_per_hour", "write 5tok"),
    ({"task_timeout": 9_000_000_000}, "golem.task_timeout", "at most ten years (87600h)"),
    ({"concent_enabled": True}, "golem.concent_enabled", "no Concent"),
]


@pytest.mark.parametrize(("change", "key", "words"), BROKEN, ids=[key for _, key, _ in BROKEN])
def test_problems_are_told_with_line_and_key_before_anything_is_made(desk: Desk, change: dict[str, object], key: str, words: str) -> None:
    requestor = desk.node("requestor")
    file = desk.task_file(**change)
    said = claynet(requestor, "task", "create", str(file), "--json")
    assert said.code == 2
    (found,) = said.json["error"]["errors"]
    assert found["key"] == key
    assert words in found["message"] + found["suggestion"]
    line = file.read_text().splitlines()[found["line"] - 1]
    assert next(iter(change)) in line
    assert claynet(requestor, "task", "create", str(file)).err.startswith(f"{file}:{found['line']}: {key}: ")
    assert claynet(requestor, "task", "list", "--json").json == {"tasks": []}
    assert not (desk.folder / "out").exists()


def test_an_unknown_parameter_of_the_app(desk: Desk) -> None:
    requestor = desk.node("requestor")
    file = desk.task_file()
    file.write_text(file.read_text().replace("difficulty", "dificulty"))
    (found,) = claynet(requestor, "task", "create", str(file), "--json").json["error"]["errors"]
    assert (found["key"], found["suggestion"]) == ("app.dificulty", "did you mean 'difficulty'?")


def test_not_enough_tokens(desk: Desk) -> None:
    requestor = desk.node("requestor")
    said = claynet(requestor, "task", "create", str(desk.task_file(max_subtasks=1_000_000, max_price_per_hour="100tok")), "--json")
    assert said.code == 1
    assert said.json["error"]["kind"] == "funds"
    assert "1000tok are free" in said.json["error"]["message"]
    assert claynet(requestor, "task", "list", "--json").json == {"tasks": []}


def test_both_time_limits_have_a_longest(desk: Desk) -> None:
    requestor = desk.node("requestor")
    file = desk.task_file(task_timeout="87649h", subtask_timeout="87649h", max_price_per_hour="0tok")
    found = claynet(requestor, "task", "estimate", str(file), "--json").json["error"]["errors"]
    assert [one["key"] for one in found] == ["golem.task_timeout", "golem.subtask_timeout"]
    file = desk.task_file(task_timeout="87600h", subtask_timeout="87600h", max_price_per_hour="0tok")
    assert claynet(requestor, "task", "create", str(file), "--json").json["task_timeout"] == 87600 * 3600 * SECOND
    assert claynet(requestor, "task", "list").code == 0


def test_a_cost_that_no_message_could_hold(desk: Desk) -> None:
    requestor = desk.node("requestor")
    file = desk.task_file(max_price_per_hour="9000000000tok", subtask_timeout="9h", task_timeout="10h")
    for command in ("estimate", "create"):
        said = claynet(requestor, "task", command, str(file), "--json")
        assert said.code == 2, said
        (found,) = said.json["error"]["errors"]
        assert found["key"] == "golem.max_price_per_hour"
        assert "no task may cost more than 9223372036.854775807tok" in found["message"]
        assert found["suggestion"] == "ask for fewer subtasks, less time or a lower price"
    assert claynet(requestor, "task", "list", "--json").json == {"tasks": []}


def test_a_task_of_before_that_would_last_too_long_can_be_looked_at(desk: Desk) -> None:
    requestor = desk.node("requestor")
    with requestor.heard("task", state="waiting"):
        requestor.live.node.create_task(TaskSpec("old", APP.app_id, "{}", 1, SECOND, 9_000_000_000 * SECOND, 60 * SECOND))
    (task,) = claynet(requestor, "task", "list", "--json").json["tasks"]
    assert task["deadline"] == MOST
    for command in ("show", "why"):
        assert claynet(requestor, "task", command, "old").code == 0
    refused = claynet(requestor, "task", "restart", "old")
    assert refused.code == 1
    assert "longer than ten years" in refused.err
    assert claynet(requestor, "task", "show", "old", "--json").json["state"] == "waiting"


def test_a_file_as_the_original_had_it(desk: Desk) -> None:
    requestor = desk.node("requestor")
    desk.task_file()
    golem = {
        "app_id": APP.app_id,
        "name": "first",
        "resources": [str(desk.folder / "input.txt")],
        "output_directory": str(desk.folder / "out"),
        "max_price_per_hour": "500000000000000000",
        "max_subtasks": 1,
        "task_timeout": 600,
        "subtask_timeout": "00:01:30",
        "concent_enabled": False,
    }
    file = desk.folder / "task.json"
    file.write_text(json.dumps({"golem": golem, "app": {"difficulty": 1, "resources": ["input.txt"]}}, indent="\t"))
    task = claynet(requestor, "task", "create", str(file), "--json").json
    assert (task["name"], task["max_price"], task["task_timeout"], task["subtask_timeout"]) == (
        "first",
        SECOND // 2,
        600 * SECOND,
        90 * SECOND,
    )


def test_a_file_that_is_none(desk: Desk) -> None:
    file = desk.folder / "x.yaml"
    assert claynet(Path("/nowhere"), "task", "create", str(file)).err == f"{file}: file: cannot be read: No such file or directory\n"
    file.write_text("golem: {a: 1\n")
    said = claynet(Path("/nowhere"), "task", "create", str(file), "--json")
    assert said.code == 2
    assert "neither JSON nor YAML" in said.json["error"]["message"]


def test_every_listing_reads_well_for_people(desk: Desk, pair: tuple[Node, Node]) -> None:
    requestor, provider = pair
    watched = claynet(requestor, "task", "create", str(desk.task_file()), "--watch")
    assert watched.code == 0, watched
    assert f"at {provider.live.node_id[:8]} is finished" in watched.out
    subtask = claynet(requestor, "subtask", "list", "--json").json["subtasks"][0]["id"]
    for command, words in (
        ("task list", "2/2"),
        ("task show pow", "files in"),
        ("task why pow", "nothing more comes of it"),
        (f"task estimate {desk.task_file()}", "999.98"),
        ("task results pow", str(desk.folder / "out")),
        ("subtask list", "acknowledged"),
        (f"subtask show {subtask}", provider.live.node_id),
        ("peer list", "0.5tok/h"),
        (f"peer show {provider.live.node_id[:8]}", provider.live.node_id),
        ("app list", "claynet/tutorial"),
        ("env list", "ready"),
        ("env show model", "requestor"),
        ("env whitelist list", "no source is allowed"),
        ("env whitelist seen", "nobody asked"),
    ):
        said = claynet(requestor, *command.split())
        assert (said.code, said.err) == (0, ""), (command, said)
        assert words in said.out, (command, said.out)


def test_a_watch_on_a_terminal(desk: Desk, pair: tuple[Node, Node]) -> None:
    requestor, provider = pair
    file = desk.task_file()
    master, slave = pty.openpty()
    command = [Path(sys.executable).with_name("claynet"), "task", "create", str(file), "--watch", "--data-dir", requestor.data_dir]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "xterm", "COLUMNS": "160"}) as shown:
        os.close(slave)
        told = b""
        with contextlib.suppress(OSError):  # so a terminal says that nobody writes to it any more
            while piece := os.read(master, 65536):
                told += piece
    os.close(master)
    assert shown.returncode == 0, told
    assert provider.live.node_id[:8].encode() in told
    assert b"finished" in told
