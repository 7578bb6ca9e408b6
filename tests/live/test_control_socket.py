"""The socket: who may use it, what is said when nobody answers, and a node that ends in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from claynet.actors import events
from claynet.net.control.control_socket import ControlSocketError, make_place
from tests.live.desk import Desk, Node, claynet


def popen(node: Node, *arguments: str) -> subprocess.Popen[str]:
    command = [CLAYNET, *arguments, "--data-dir", node.data_dir]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


CLAYNET = Path(sys.executable).with_name("claynet")


def test_only_its_user_may_speak_on_it(desk: Desk) -> None:
    node = desk.node("requestor")
    link = node.data_dir / "control.sock"
    assert link.is_symlink()
    assert link.resolve().stat().st_mode & 0o777 == 0o600
    node.server.stop()
    assert not link.exists()
    assert not link.is_symlink()


def test_the_place_is_a_folder_of_its_own_user(tmp_path: Path) -> None:
    short = Path(f"/tmp/claynet-test-{os.getpid()}")
    short.mkdir(mode=0o700)
    try:
        place = make_place("ab" * 32, {"XDG_RUNTIME_DIR": str(short)})
        assert place == short / "claynet" / "abababababababab" / "control.sock"
        assert place.parent.stat().st_mode & 0o777 == 0o700
        place.parent.rmdir()
        place.parent.symlink_to(tmp_path)
        with pytest.raises(ControlSocketError, match="not a folder of this user"):
            make_place("ab" * 32, {"XDG_RUNTIME_DIR": str(short)})
        place.parent.unlink()
        place.parent.parent.rmdir()
    finally:
        with contextlib.suppress(OSError):
            short.rmdir()


COMMANDS = ["task list", "peer list", "events", "app list", "env list", "subtask list", "task watch x"]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_node_every_command_names_the_way_out(tmp_path: Path, command: str) -> None:
    arguments = command.split()
    said = claynet(tmp_path, *arguments)
    assert said.code == 1
    assert said.err == f"no node runs with the data dir {tmp_path}; start one: claynet node start --data-dir {tmp_path}\n"
    assert claynet(tmp_path, *arguments, "--json").json["error"]["kind"] == "no_node"


def test_a_socket_that_a_dead_node_left(desk: Desk, tmp_path: Path) -> None:
    node = desk.node("requestor")
    (tmp_path / "control.sock").symlink_to((node.data_dir / "control.sock").resolve())
    node.server.stop()
    assert "no node runs" in claynet(tmp_path, "task", "list").err


def test_a_stream_ends_with_a_reason_when_the_node_ends(desk: Desk) -> None:
    node = desk.node("requestor")
    with node.heard("task", state="waiting"):
        claynet(node, "task", "create", str(desk.task_file()))
    watch = popen(node, "task", "watch", "pow", "--json")
    assert watch.stdout is not None
    first = json.loads(watch.stdout.readline())
    assert first["task"]["state"] == "waiting"
    node.server.stop()
    out, _ = watch.communicate(timeout=60)
    assert watch.returncode == 1
    assert json.loads(out.splitlines()[-1])["error"]["message"]


def test_events_are_followed_and_filtered(desk: Desk) -> None:
    node = desk.node("requestor")
    follow = subprocess.Popen(
        [CLAYNET, "events", "--kind", "task", "--json", "--data-dir", node.data_dir],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    alarm = threading.Timer(60, follow.kill)
    alarm.start()
    assert follow.stdout is not None
    read = []

    def reading() -> None:
        read.append(json.loads(follow.stdout.readline()))  # type: ignore[union-attr]

    reader = threading.Thread(target=reading)
    reader.start()
    made = 0
    while reader.is_alive():  # until one is made after the other process began to listen
        claynet(node, "task", "create", str(desk.task_file()))
        made += 1
        reader.join(0.2)
    node.server.stop()
    rest, _ = follow.communicate(timeout=60)
    alarm.cancel()
    kinds = {line.get("kind", "") for line in [*read, *map(json.loads, rest.splitlines())]}
    assert kinds == {"task"}
    assert follow.returncode == 0
    wrong = claynet(node, "events", "--kind", "taks")
    assert wrong.code == 2
    assert "did you mean 'task'?" in wrong.err
    assert "task" in events.KINDS


def test_stop_and_drain_reach_the_node(desk: Desk) -> None:
    from claynet.cli.control_client import NodeClient
    from claynet.proto import node_pb2 as api

    node = desk.node("provider", requestor=False, provider=True)
    with NodeClient(node.data_dir) as client:
        assert client.call("Node.Stop", api.StopRequest(reason="enough")).pid == os.getpid()
        assert node.stopped == ["enough"]
        with node.heard("lending", state="drained"):
            assert client.call("Node.Drain", api.DrainRequest(on=True)).busy == 0
        with node.heard("lending", state="open"):
            client.call("Node.Drain", api.DrainRequest(on=False))
        node.data_dir.joinpath("logs").mkdir()
        (node.data_dir / "logs" / "node.log.1").write_text("a\nb\n")
        (node.data_dir / "logs" / "node.log").write_text("c\n")
        assert [line.text for line in client.stream("Node.ReadLogs", api.LogsRequest(last=2))] == ["b", "c"]
        followed = client.stream("Node.ReadLogs", api.LogsRequest(last=1, follow=True))
        assert next(followed).text == "c"
        with (node.data_dir / "logs" / "node.log").open("a") as log:
            log.write("d\n")
        assert next(followed).text == "d"
        followed.close()  # type: ignore[attr-defined]
