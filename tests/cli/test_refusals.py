"""What is refused before a node is asked, and how a node's own failures are told: kind, exit code, and a way out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from claynet.cli.commands import run

LONG = "x" * 300
SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "first-light.yaml")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object, code: int) -> tuple[str, str]:
    assert run([*map(str, arguments), "--json"]) == code
    error = json.loads(capsys.readouterr().out)["error"]
    return error["kind"], error["message"]


def test_a_state_that_no_task_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, message = refusal(capsys, "task", "list", "--state", "finishd", "--data-dir", tmp_path, code=2)
    assert (kind, "did you mean 'finished'?" in message) == ("usage", True)
    for state in ("waiting", "failed_to_create", "finished"):
        assert refusal(capsys, "task", "list", "--state", state, "--data-dir", tmp_path, code=1)[0] == "no_node"


@pytest.mark.parametrize("time", ["0", "0s", "-1h", "2000000h", "soon"])
def test_a_block_of_no_time(time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, message = refusal(capsys, "peer", "block", "192.0.2.1", "--for", time, "--data-dir", tmp_path, code=2)
    assert (kind, message.startswith(f"--for {time}: ")) == ("usage", True)
    assert refusal(capsys, "peer", "block", "192.0.2.1", "--for", "2h", "--data-dir", tmp_path, code=1)[0] == "no_node"


PLACES = [
    (["node", "init", "--yes"], "data_dir", 1),
    (["node", "logs"], "data_dir", 1),
    (["node", "start"], "settings", 2),
    (["node", "unit"], "settings", 2),
    (["node", "status"], "no_node", 1),
    (["config", "set", "name", "x"], "settings", 2),
]


@pytest.mark.parametrize(("command", "kind", "code"), PLACES, ids=[" ".join(one[0]) for one in PLACES])
def test_a_data_dir_that_cannot_be(command: list[str], kind: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, message = refusal(capsys, *command, "--data-dir", tmp_path / LONG, code=code)
    assert (found, LONG in message) == (kind, True)


FILES = [["run"], ["check"], ["calibrate"], ["task", "create"], ["app", "add"], ["app", "build"], ["run", SCENARIO, "--replay"]]


@pytest.mark.parametrize("command", FILES, ids=" ".join)
def test_a_file_that_cannot_be(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, str(tmp_path / LONG), "--json"]) in (1, 2)
    assert json.loads(capsys.readouterr().out)["error"]["kind"] != "internal"


@pytest.mark.parametrize("host", ["foo bar", "no such host"])
def test_a_host_that_is_not_known_is_told_of(host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_host = [part for text in ("run.on_host=true", "run.requestor=process", "listen.port=0") for part in ("--set", text)]
    kind, message = refusal(capsys, "node", "start", *on_host, "--set", f"listen.host={host}", "--data-dir", tmp_path / "n", code=1)
    assert (kind, f"listen.host {host} " in message, "--set listen.host=" in message) == ("port", True, True)


def test_logs_and_the_unit_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "node.log").write_text("one\ntwo \x1b[2J\n")
    assert run(["node", "logs", "--json", "--data-dir", str(tmp_path)]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"line": "one"}, {"line": "two \x1b[2J"}]
    assert run(["node", "unit", "--json", "--data-dir", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)["unit"]
    assert run(["node", "unit", "--data-dir", str(tmp_path)]) == 0
    assert (capsys.readouterr().out, "[Service]" in text) == (text, True)


class Ends(grpc.GenericRpcHandler):
    """Ends every call alike."""

    def __init__(self, end: Callable[[grpc.ServicerContext], Any]) -> None:
        self._end = end

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._end(context))


@contextmanager
def node_that(end: Callable[[grpc.ServicerContext], Any]) -> Iterator[Path]:
    """Give the data dir of a node that ends every call alike."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="node")))  # tmp_path is too long for sockets
        server = grpc.server(stack.enter_context(ThreadPoolExecutor(2)), handlers=(Ends(end),))
        server.add_insecure_port(f"unix:{folder}/socket")
        server.start()
        stack.callback(lambda: server.stop(None).wait())
        (folder / "control.sock").symlink_to(folder / "socket")
        yield folder


def aborts(code: grpc.StatusCode, text: str) -> Callable[[grpc.ServicerContext], Any]:
    return lambda context: context.abort(code, text)


def fails(context: grpc.ServicerContext) -> Any:
    raise LookupError("no such thing")


def is_long(context: grpc.ServicerContext) -> Any:
    return b"\0" * (64 * 2**20 + 1)


ENDS = [
    (aborts(grpc.StatusCode.INTERNAL, "a bug of claynet"), "internal", 3, "a bug of claynet"),
    (aborts(grpc.StatusCode.UNKNOWN, "who knows"), "internal", 3, "who knows"),
    (fails, "internal", 3, "no such thing"),
    (aborts(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!"), "crowded", 1, "too many commands"),
    (is_long, "refused", 1, "too large"),
    (aborts(grpc.StatusCode.FAILED_PRECONDITION, "not now"), "refused", 1, "not now"),
    (aborts(grpc.StatusCode.INVALID_ARGUMENT, "not so"), "usage", 2, "not so"),
]


@pytest.mark.parametrize(("end", "kind", "code", "words"), ENDS)
def test_how_a_node_s_failures_are_told(
    end: Callable[[grpc.ServicerContext], Any], kind: str, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with node_that(end) as data_dir:
        found, message = refusal(capsys, "task", "list", "--data-dir", data_dir, code=code)
    assert (found, words in message) == (kind, True)


PATHS = [
    ["run", SCENARIO, "--out", ""],
    ["run", SCENARIO, "--replay", ""],
    ["run", SCENARIO, "--calibrate", ""],
    ["run", ""],
    ["calibrate", ""],
    ["app", "build", ""],
    ["app", "check", "x", "--sample", ""],
    ["app", "add", ""],
    ["task", "create", ""],
    ["task", "example", "x", "--to", ""],
    ["task", "results", "1234", "--to", ""],
    ["node", "status", "--data-dir", ""],
]


@pytest.mark.parametrize("command", PATHS, ids=[" ".join(one) for one in PATHS])
def test_no_path_is_the_present_folder(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    kind, message = refusal(capsys, *command, code=2)
    assert (kind, message.endswith("'' names no file or folder")) == ("usage", True)


NO_FILES = [
    (["run", SCENARIO, "--replay", "{}"], "{} is a folder; name the tape.msgpack"),
    (["run", SCENARIO, "--replay", "/dev/null"], "/dev/null is no regular file; name the tape.msgpack"),
    (["run", SCENARIO, "--replay", "{}/none"], "no such file: {}/none; name the tape.msgpack"),
    (["calibrate", "/dev/null"], "/dev/null: neither a folder nor a regular file"),
    (["calibrate", "{}/none"], "{}/none: no such file or folder"),
]


@pytest.mark.parametrize(("command", "words"), NO_FILES)
def test_what_is_there_and_no_file_is_told_as_what_it_is(
    command: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, message = refusal(capsys, *(part.format(tmp_path) for part in command), code=2)
    assert words.format(tmp_path) in message
