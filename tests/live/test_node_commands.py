"""`claynet node` and `config` as an operator uses them: real nodes in processes of their own, from nothing to a finished task."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from claynet.net.machine import this_machine
from claynet.net.storage.data_dir import DataDir

CLAYNET = Path(sys.executable).with_name("claynet")
ON_HOST = ("--set", "run.on_host=true", "--set", "run.requestor=process", "--set", "run.provider=process", "--set", "listen.port=0")


class Shell:
    """One operator at one prompt; nodes left behind are killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data_dirs: set[Path] = set()

    def run(self, *arguments: str, code: int = 0, data_dir: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command; `data_dir` names the node."""
        named = ["--data-dir", str(self.folder / data_dir)] if data_dir else []
        if data_dir:
            self._data_dirs.add(self.folder / data_dir)
        done = subprocess.run(
            [CLAYNET, *arguments, *named], capture_output=True, text=True, check=False, cwd=self.folder, env=os.environ | variables
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def ask(self, *arguments: str, code: int = 0, data_dir: str = "", **variables: str) -> dict[str, Any]:
        """The same with --json; return the object."""
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", code=code, data_dir=data_dir, **variables).stdout)
        return found

    def refusal(self, *arguments: str, code: int = 1, data_dir: str = "", **variables: str) -> tuple[str, str]:
        """The same of a command that is refused; return (kind, message)."""
        error = self.ask(*arguments, code=code, data_dir=data_dir, **variables)["error"]
        return error["kind"], error["message"]

    def task_file(self, difficulty: int, subtasks: int = 2) -> Path:
        (self.folder / "input.txt").write_text("some input")
        golem = {
            "app_id": "claynet/tutorial",
            "max_price_per_hour": "1tok",
            "max_subtasks": subtasks,
            "task_timeout": "10m",
            "subtask_timeout": "1m",
            "resources": ["input.txt"],
            "output_directory": "out",
        }
        path = self.folder / "pow.json"
        path.write_text(json.dumps({"golem": golem, "app": {"difficulty": difficulty, "resources": ["input.txt"]}}))
        return path

    def end(self) -> None:
        for data_dir in self._data_dirs:
            pid = DataDir(data_dir).holder()
            if pid:
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="desk") as folder:  # tmp_path is too long for sockets
        made = Shell(Path(folder))
        yield made
        made.end()


def test_from_nothing_to_a_finished_task(shell: Shell) -> None:
    made = shell.ask("node", "init", "--yes", "--name", "bob", "--role", "provider", "--price", "0.5tok", *ON_HOST, data_dir="bob")
    bob = shell.ask("node", "start", "--detach", data_dir="bob")
    assert (bob["id"], bob["name"], bob["roles"]) == (made["id"], "bob", ["provider"])
    shell.run("node", "init", "--yes", "--name", "alice", *ON_HOST, "--set", f"peers={bob['listens']}", data_dir="alice")
    shell.run("node", "start", "--detach", data_dir="alice")
    shell.run("task", "create", str(shell.task_file(8)), "--watch", data_dir="alice")
    assert sorted(path.name for path in (shell.folder / "out").iterdir()) == ["part-0.zip", "part-1.zip"]
    there, here = (shell.ask("node", "status", data_dir=name) for name in ("bob", "alice"))
    assert there["money"]["earned"] == here["money"]["spent"] > 0
    assert there["money"]["balance"] + here["money"]["balance"] == 2_000_000_000_000
    assert {one["state"]: one["count"] for one in there["work"]} == {"paid": 2}
    for name in ("alice", "bob"):
        shell.run("node", "stop", data_dir=name)
        assert shell.refusal("node", "status", data_dir=name)[0] == "no_node"
    assert "ready" in shell.run("node", "logs", data_dir="bob").stdout, "of a node that does not run too"
    assert "state=paid" in shell.run("node", "logs", "--about", "slot", "--last", "0", data_dir="bob").stdout


def test_both_ends_are_killed_in_the_middle_and_the_task_finishes(shell: Shell) -> None:
    shell.run("node", "init", "--yes", "--role", "provider", *ON_HOST, data_dir="bob")
    bob = shell.ask("node", "start", "--detach", data_dir="bob")
    start_alice = ("node", "start", "--detach", *ON_HOST, "--set", f"peers={bob['listens']}")
    shell.run(*start_alice, data_dir="alice")
    command = [CLAYNET, "events", "--json", "--kind", "subtask", "--data-dir", str(shell.folder / "alice")]
    # Begun before the task is: on a busy machine all of it could be over before this command listens, and then nothing more comes.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as events:
        task = shell.ask("task", "create", str(shell.task_file(8, 3)), data_dir="alice")["id"]
        assert events.stdout is not None
        for line in events.stdout:
            if json.loads(line)["state"] in ("computing", "fetching", "verifying"):
                break
        for name in ("alice", "bob"):
            shell.run("node", "stop", "--kill", data_dir=name)
    again = shell.ask("node", "start", "--detach", "--set", f"listen.port={bob['port']}", data_dir="bob")
    assert again["id"] == bob["id"]
    shell.run(*start_alice, data_dir="alice")
    shell.run("task", "watch", task, data_dir="alice")
    there, here = (shell.ask("node", "status", data_dir=name) for name in ("bob", "alice"))
    assert there["money"]["balance"] + here["money"]["balance"] == 2_000_000_000_000
    assert len(list((shell.folder / "out").iterdir())) == 3
    shell.run("node", "stop", data_dir="bob")
    shell.run("node", "stop", data_dir="alice")


def test_signals_end_a_node_in_the_foreground(shell: Shell) -> None:
    command = [CLAYNET, "node", "start", "--json", *ON_HOST, "--data-dir", str(shell.folder / "n")]
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as node:
            assert node.stdout is not None
            ready = json.loads(node.stdout.readline())
            assert ready["pid"] == node.pid
            node.send_signal(number)
            rest, complaints = node.communicate(timeout=30)
        assert (node.returncode, rest) == (0, "")
        assert f"the node has stopped: {number.name}" in complaints


def test_a_data_dir_is_private_and_belongs_to_one_node(shell: Shell) -> None:
    first = shell.ask("node", "start", "--detach", *ON_HOST, data_dir="n")
    data_dir = shell.folder / "n"
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "identity.pem").stat().st_mode) == 0o600
    kind, message = shell.refusal("node", "start", *ON_HOST, data_dir="n")
    assert kind == "data_dir"
    assert f"in use by process {first['pid']}" in message
    assert f"claynet node stop --data-dir {data_dir}" in message
    shell.run("node", "stop", "--kill", data_dir="n")
    second = shell.ask("node", "start", "--detach", *ON_HOST, data_dir="n")
    assert second["id"] == first["id"], "it is the same node in its next life"


def test_what_cannot_start_says_why(shell: Shell) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        kind, message = shell.refusal("node", "start", *ON_HOST[:-1], f"listen.port={taken.getsockname()[1]}", data_dir="port")
    assert (kind, "listen.port=0" in message) == ("port", True)
    kind, message = shell.refusal("node", "start", *ON_HOST[:-1], "listen.host=192.0.2.1", data_dir="address")
    assert (kind, "listen.host" in message) == ("port", True)
    (shell.folder / "newer").mkdir()
    (shell.folder / "newer" / "version").write_text("99\n")
    kind, message = shell.refusal("node", "start", *ON_HOST, data_dir="newer")
    assert (kind, "has version 99, this claynet uses 1" in message) == ("data_dir", True)
    (shell.folder / "photos").mkdir()
    (shell.folder / "photos" / "cat.jpg").write_bytes(b"")
    assert "holds something else" in shell.refusal("node", "start", *ON_HOST, data_dir="photos")[1]
    kind, message = shell.refusal("node", "start", *ON_HOST, "--detach", "--set", "lend.prise=1tok", data_dir="n", code=2)
    assert (kind, "did you mean 'lend.price'?" in message) == ("settings", True)
    kind, message = shell.refusal("node", "start", "--set", "run.requestor=process", data_dir="n", code=2)
    assert (kind, "set run.on_host to true" in message) == ("settings", True)
    assert shell.refusal("node", "start", data_dir="n", code=2, CLAYNET_STOP_LIMIT="soon")[1].startswith(
        "the variable CLAYNET_STOP_LIMIT: "
    )
    assert shell.refusal("node", "init", "--role", "nobody", data_dir="n", code=2)[1].startswith(
        "the flag --role: roles: 'nobody' is none of"
    )
    assert "no node has run" in shell.run("node", "logs", data_dir="n", code=1).stderr
    assert not (shell.folder / "n").exists(), "nothing is made of wrong settings"


def test_init_refuses_to_lend_more_than_there_is_and_to_do_it_twice(shell: Shell) -> None:
    machine = this_machine(shell.folder)
    provider = ("node", "init", "--yes", "--role", "provider")
    kind, message = shell.refusal(*provider, "--cores", str(machine.cores + 1), "--memory", "99999GiB", data_dir="n", code=2)
    assert kind == "settings"
    assert f"the {machine.cores} of this machine" in message
    assert "--memory: lend.memory: 99999GiB is" in message
    assert not (shell.folder / "n").exists()
    said = shell.run(*provider, data_dir="n").stdout
    assert "work of others in docker_cpu" in said
    assert "no source yet" in said
    settings = {one["setting"]: one for one in shell.ask("config", "show", data_dir="n")["settings"]}
    assert float(settings["lend.cores"]["value"]) <= max(1, machine.cores // 2), "the owner keeps half"
    assert shell.refusal(*provider, data_dir="n")[0] == "data_dir"


def test_settings_lie_over_each_other_and_the_file_keeps_its_comments(shell: Shell) -> None:
    shell.run("node", "init", "--yes", data_dir="n")
    file = shell.folder / "n" / "config.yaml"
    before = file.read_text().splitlines()
    shell.run("config", "set", "lend.price", "0.25tok", data_dir="n")
    after = file.read_text().splitlines()
    assert [line for line in after if line not in before] == ["  price: 0.25tok"]
    assert [line for line in before if line not in after] == ["  # price: 0tok"]
    shell.run("config", "set", "lend.price", "2tok", data_dir="n")
    assert "  price: 2tok" in file.read_text().splitlines()

    def shown(**variables: str) -> tuple[str, str]:
        found = {one["setting"]: one for one in shell.ask("config", "show", data_dir="n", **variables)["settings"]}["lend.price"]
        return found["value"], found["from"]

    assert shown() == ("2tok", f"{file}:{1 + file.read_text().splitlines().index('  price: 2tok')}")
    assert shown(CLAYNET_LEND_PRICE="3tok") == ("3tok", "the variable CLAYNET_LEND_PRICE")
    kind, message = shell.refusal("config", "set", "lend.price", "cheap", data_dir="n", code=2)
    assert (kind, message.startswith("the argument VALUE: lend.price: ")) == ("settings", True)
    file.write_text(file.read_text().replace("  price: 2tok", "  prise: 2tok"))
    kind, message = shell.refusal("node", "start", data_dir="n", code=2)
    assert re.fullmatch(rf"{re.escape(str(file))}:\d+: lend\.prise: unknown key; did you mean 'lend\.price'\?", message)
    for key in ("lend.price", "stop.limit"):
        (told,) = shell.ask("config", "explain", key)["settings"]
        assert told["variable"] == "CLAYNET_" + key.upper().replace(".", "_")


def test_a_drained_node_takes_no_work_until_it_does_again(shell: Shell) -> None:
    bob = shell.ask("node", "start", "--detach", *ON_HOST, "--set", "roles=provider", data_dir="bob")
    shell.run("node", "start", "--detach", *ON_HOST, "--set", f"peers={bob['listens']}", data_dir="alice")
    drained = shell.ask("node", "drain", "--wait", "--reason", "new disk", data_dir="bob")
    assert (drained["busy"], drained["reason"]) == (0, "new disk")
    command = [CLAYNET, "events", "--json", "--kind", "decline", "--data-dir", str(shell.folder / "alice")]
    with ExitStack() as stack:
        events = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        stack.callback(events.kill)
        task = shell.ask("task", "create", str(shell.task_file(4)), data_dir="alice")["id"]
        assert events.stdout is not None
        declined = json.loads(events.stdout.readline())
    assert (declined["rule"], "new disk" in declined["detail"]) == ("drained", True)
    assert "new disk" in shell.run("task", "why", task, data_dir="alice").stdout
    assert shell.ask("node", "drain", "--off", data_dir="bob")["lending"] == "open"
    shell.run("task", "watch", task, data_dir="alice")


def test_nodes_find_each_other_by_one_that_both_know_and_remember_it(shell: Shell) -> None:
    bob = shell.ask("node", "start", "--detach", *ON_HOST, data_dir="bob")
    ids = {"bob": bob["id"]}
    for name in ("alice", "carol"):
        ids[name] = shell.ask("node", "start", "--detach", *ON_HOST, "--set", f"peers={bob['listens']}", data_dir=name)["id"]

    def linked(name: str, wanted: set[str]) -> None:
        command = [CLAYNET, "node", "logs", "--last", "0", "--follow", "--about", "linked", "--data-dir", str(shell.folder / name)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as logs:
            assert logs.stdout is not None
            for line in logs.stdout:
                wanted -= {one for one in wanted if one[:12] in line}
                if not wanted:
                    break
            logs.kill()

    linked("alice", {ids["bob"], ids["carol"]})
    linked("carol", {ids["bob"], ids["alice"]})
    shell.run("node", "stop", data_dir="alice")
    shell.run("node", "stop", data_dir="bob")
    (shell.folder / "alice" / "logs" / "node.log").unlink()
    shell.run("node", "start", "--detach", *ON_HOST, data_dir="alice")
    linked("alice", {ids["carol"]})


def test_two_nodes_that_do_not_listen_compute_through_a_relay_and_all_three_say_so(shell: Shell) -> None:
    relay = shell.ask("node", "start", "--detach", *ON_HOST, "--set", "relay.serve=true", data_dir="relay")
    hidden = (*ON_HOST, "--set", "listen.host=none", "--set", f"peers={relay['listens']}")
    bob = shell.ask("node", "start", "--detach", *hidden, "--set", "roles=provider", "--set", "lend.price=0.5tok", data_dir="bob")
    alice = shell.ask("node", "start", "--detach", *hidden, data_dir="alice")
    assert (alice["listens"], alice["port"]) == ("", 0)
    shell.run("task", "create", str(shell.task_file(8)), "--watch", data_dir="alice")
    assert sorted(path.name for path in (shell.folder / "out").iterdir()) == ["part-0.zip", "part-1.zip"]
    there, here, between = (shell.ask("node", "status", data_dir=name) for name in ("bob", "alice", "relay"))
    assert there["money"]["earned"] == here["money"]["spent"] > 0
    assert between["money"]["balance"] == 1_000_000_000_000
    assert here["relayed"] == [{"peer": bob["id"], "relay": relay["id"]}]
    assert there["relayed"] == [{"peer": alice["id"], "relay": relay["id"]}]
    assert between["relayed"] == []
    assert (between["relaying"]["serves"], between["relaying"]["pairs"]) == (True, 1)
    assert between["relaying"]["carried"] > 1000
    met = [one["reachable"] for one in (here, there) if one["reachable"].endswith("; others have met it at a relay")]
    assert met, (here, there)
    assert met[0].startswith("by no call: it does not listen")
    assert f"its link to {bob['id'][:8]} goes by the relay {relay['id'][:8]}" in shell.run("node", "status", data_dir="alice").stdout
    assert "relays for 1 pairs of nodes, " in shell.run("node", "status", data_dir="relay").stdout
    assert f"relay {relay['id'][:8]}" in " ".join(shell.run("peer", "list", data_dir="bob").stdout.split())
    (peer,) = (one for one in shell.ask("peer", "list", data_dir="bob")["peers"] if one["id"] == alice["id"])
    assert peer["relay"] == relay["id"]
    kind, message = shell.refusal("node", "start", *hidden, "--set", "relay.serve=true", data_dir="none", code=2)
    assert (kind, "a relay has to be called" in message) == ("settings", True)


def test_a_blocked_peer_is_gone_until_it_is_allowed(shell: Shell) -> None:
    bob = shell.ask("node", "start", "--detach", *ON_HOST, data_dir="bob")
    alice = shell.ask("node", "start", "--detach", *ON_HOST, "--set", "network=blue", data_dir="alice")
    kind, message = shell.refusal("peer", "connect", bob["listens"], data_dir="alice")
    assert (kind, "belongs to the network 'claynet', this node to 'blue'" in message) == ("refused", True)
    shell.run("node", "stop", data_dir="alice")
    shell.run("node", "start", "--detach", *ON_HOST, data_dir="alice")
    assert shell.ask("peer", "connect", bob["listens"], data_dir="alice")["peer"] == bob["id"]
    (blocked,) = shell.ask("peer", "block", alice["id"][:8], "--for", "1h", "--reason", "too loud", data_dir="bob")["blocked"]
    assert (blocked["subject"], blocked["until"] - blocked["since"]) == (alice["id"], 3600 * 10**9)
    assert "it is blocked here: too loud" in shell.refusal("peer", "connect", bob["listens"], data_dir="alice")[1]
    assert "too loud" in shell.run("peer", "list", data_dir="bob").stdout
    assert shell.ask("peer", "allow", alice["id"][:8], data_dir="bob")["blocked"] == []
    shell.run("peer", "connect", bob["listens"], data_dir="alice")
    assert shell.refusal("peer", "block", "nonsense!", data_dir="bob", code=2)[0] == "usage"


def test_a_descriptor_that_appears_in_the_folder_is_known_and_disabled(shell: Shell) -> None:
    shell.run("node", "start", "--detach", *ON_HOST, data_dir="n")
    apps = shell.folder / "n" / "apps"
    first = json.loads(next(apps.glob("*.json")).read_text())
    (apps / "mine.json").write_text(json.dumps(first | {"name": "me/mine", "version": "7"}))
    found = {one["name"]: one for one in shell.ask("app", "list", data_dir="n")["apps"]}
    assert found["me/mine"]["enabled"] is False
    assert found["claynet/tutorial"]["enabled"] is True


def test_an_engine_that_is_not_there_is_said_and_the_node_runs(shell: Shell) -> None:
    nowhere = f"unix://{shell.folder}/no-engine"
    shell.run("node", "start", "--detach", "--set", "listen.port=0", data_dir="n", DOCKER_HOST=nowhere)
    (found,) = shell.ask("env", "list", data_dir="n")["environments"]
    assert found["name"] == "docker_cpu"
    assert found["state"] in ("probing", "broken")


def test_a_systemd_unit_is_offered(shell: Shell) -> None:
    said = shell.run("node", "unit", data_dir="my node").stdout
    assert f'ExecStart={sys.executable} -m claynet.cli.main node start --data-dir "{shell.folder}/my node"' in said
    assert "KillMode=mixed" in said
    assert "TimeoutStopSec=40" in said
