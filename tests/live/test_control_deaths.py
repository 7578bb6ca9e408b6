"""A node that is killed or hangs while a command talks to it, and what the next life finds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claynet.actors.ports import FileRef
from claynet.cli.control_client import NodeClient, NodeTrouble
from claynet.net.view.values import TaskRecord
from claynet.proto import node_pb2 as api
from tests.live.desk import ROOT, Desk, claynet

CLAYNET = Path(sys.executable).with_name("claynet")


@contextlib.contextmanager
def child(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.live.node_process", str(folder), name]
    node = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert node.stdin is not None
    assert node.stdout is not None
    try:
        assert node.stdout.readline() == "ready\n"
        yield node
    finally:
        node.kill()
        node.wait()
        node.stdin.close()
        node.stdout.close()


def test_a_node_that_is_killed_in_the_middle_of_a_watch(desk: Desk) -> None:
    with child(desk.folder, "victim") as node:
        data_dir = desk.folder / "victim"
        task = claynet(data_dir, "task", "create", str(desk.task_file()), "--json").json
        command = [CLAYNET, "task", "watch", task["id"], "--json", "--data-dir", data_dir]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            assert json.loads(watch.stdout.readline())["task"]["id"] == task["id"]
            node.kill()
            rest, _ = watch.communicate(timeout=60)
        assert watch.returncode == 1
        assert json.loads(rest.splitlines()[-1])["error"]["kind"] in ("no_node", "no_answer")
        said = claynet(data_dir, "task", "list")
        assert said.code == 1
        assert f"start it again: claynet node start --data-dir {data_dir}" in said.err
    with child(desk.folder, "victim"):
        (found,) = claynet(data_dir, "task", "list", "--json").json["tasks"]
        assert (found["id"], found["output_directory"], found["created"]) == (task["id"], str(desk.folder / "out"), task["created"])


def test_a_node_that_hangs(desk: Desk) -> None:
    with child(desk.folder, "victim") as node, NodeClient(desk.folder / "victim") as client:
        client.call("Node.GetStatus", api.StatusRequest())
        node.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, node.pid, os.WSTOPPED)  # the signal alone says only that it will stop
        with pytest.raises(NodeTrouble, match="did not answer in time"):
            client.call("Node.GetStatus", api.StatusRequest(), 0.3)
        node.send_signal(signal.SIGCONT)
        client.call("Node.GetStatus", api.StatusRequest())


def test_results_that_a_crash_kept_from_their_folder_are_delivered_by_the_next_life(desk: Desk) -> None:
    node = desk.node("requestor")
    with node.heard("task", state="waiting"):
        task = claynet(node, "task", "create", str(desk.task_file()), "--json").json
    out = desk.folder / "out"
    digest = node.live.blobs.put(b"result")
    record = node.live.view.record(task["id"])
    assert record is not None
    ended = TaskRecord(
        id=record.id, created=record.created, output_directory=str(out), results=(FileRef("a/b.txt", digest, 6),), delivery="stored"
    )
    node.live.store.append(f"record/{record.id}", ended)
    node = node.again()
    with node.live.hub.listen(["delivered"]) as events:
        delivered = node.live.view.record(task["id"])
        while delivered is not None and delivered.delivery == "stored":
            assert events.next(60.0) is not None
            delivered = node.live.view.record(task["id"])
    assert delivered is not None
    assert (delivered.delivery, delivered.delivered_to) == ("delivered", str(out))
    assert (out / "a" / "b.txt").read_bytes() == b"result"
