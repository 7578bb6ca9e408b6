"""`claynet node start`: a node in this process, or left behind in one of its own.

Knows signals, processes and what is said of a node that is ready. Must not know how a node is made.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from claynet.actors.ports import SECOND
from claynet.cli.asking import say
from claynet.cli.bundled_apps import bundled
from claynet.cli.data_dir_option import data_dir_flag
from claynet.cli.node_settings import settings_of, wrong_settings
from claynet.cli.output import DONE, UNMET, Output, note, write_json
from claynet.net.configured import blueprint, name_of
from claynet.net.control.control_socket import ControlSocketError
from claynet.net.link.identity import KeyFileError
from claynet.net.served import ServedNode
from claynet.net.settings.node_settings import NodeSettings, SettingsError
from claynet.net.storage.data_dir import DataDir, DataDirError
from claynet.net.storage.schema import StoreError

_READY = 60.0
"""Seconds that a node in a process of its own may take to be ready."""
_TROUBLE = {DataDirError: "data_dir", StoreError: "data_dir", KeyFileError: "data_dir", ControlSocketError: "socket"}


def start(data_dir: Path, pairs: Sequence[str], detach: bool, output: Output) -> int:
    """Run a node until it is to stop, or leave one running."""
    place = DataDir(data_dir)
    try:
        settings = settings_of(place, pairs).settings
    except SettingsError as error:
        return wrong_settings(error, output)
    if detach:
        return _leave_behind(place, pairs, output)
    served = ServedNode(place, settings, blueprint(settings, bundled()))
    with _signals(served):
        try:
            served.__enter__()
        except tuple(_TROUBLE) as error:
            return output.error(_TROUBLE[type(error)], str(error), code=UNMET)
        except OSError as error:
            return output.error(*_os_trouble(error, settings, place), code=UNMET)
        try:
            _tell(served, settings, output)
            why = served.wait()
        finally:
            _end_within(settings.stop_limit)
            served.__exit__(None, None, None)
    note(f"the node has stopped: {why}")
    return DONE


def _tell(served: ServedNode, settings: NodeSettings, output: Output) -> None:
    live = served.live
    if output.as_json:
        write_json(
            {
                "id": live.node_id,
                "name": name_of(settings),
                "pid": os.getpid(),
                "listens": live.listens,
                "port": live.port,
                "roles": list(settings.roles),
                "data_dir": str(live.data_dir.path),
            }
        )
        sys.stdout.flush()
    else:
        _say_ready(name_of(settings), live.node_id, ", ".join(settings.roles), live.listens)
        note(f"stop it with Ctrl-C, or: claynet node stop{data_dir_flag(live.data_dir.path)}")


def _say_ready(name: str, node_id: str, roles: str, listens: str) -> None:
    where = f"listens on {listens}" if listens else "does not listen"
    say(f"ready: node {name} ({node_id[:12]}), {roles}, {where}")
    sys.stdout.flush()


def _os_trouble(error: OSError, settings: NodeSettings, place: DataDir) -> tuple[str, str]:
    where = f"{settings.listen_host}:{settings.listen_port}"
    unknown = error if isinstance(error, socket.gaierror) else error.__context__  # socket.create_server tells it in words of its own
    if isinstance(unknown, socket.gaierror):
        way_out = "set listen.host to an address of this machine, or to none to not listen: claynet node start --set listen.host=127.0.0.1"
        return "port", f"listen.host {settings.listen_host} is no address or name that is known here ({unknown.strerror}); {way_out}"
    if error.errno == errno.EADDRINUSE:
        return "port", f"the port {where} is in use; choose another, or 0 for a free one: claynet node start --set listen.port=0"
    if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES) and error.filename is None:
        return "port", f"{where} cannot be listened on ({error.strerror}); set listen.host and listen.port to what this user may have"
    return "data_dir", f"the data dir {place.path} cannot be used: {error}; see that the disk has room and this user owns it"


@contextmanager
def _signals(served: ServedNode) -> Iterator[None]:
    """The first signal ends the node gracefully, the second at once; nothing of it where this is not the program's main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []

    def heard(number: int, _frame: object) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        # not from here: the main thread may hold the lock that this needs
        threading.Thread(target=served.stop, args=(signal.Signals(number).name,), daemon=True).start()

    before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_within(limit: int) -> None:
    """End this process though something does not let it; what is left of it is swept by the next."""

    def give_up() -> None:
        note(f"it did not end within stop.limit ({limit // SECOND} s); ended anyway")
        os._exit(UNMET)

    if threading.current_thread() is threading.main_thread():
        timer = threading.Timer(limit / SECOND, give_up)
        timer.daemon = True
        timer.start()


def _leave_behind(place: DataDir, pairs: Sequence[str], output: Output) -> int:
    command = [sys.executable, "-m", "claynet.cli.main", "node", "start", "--json", "--data-dir", str(place.path)]
    for pair in pairs:
        command += ["--set", pair]
    try:
        place.make()
        place.logs.mkdir(mode=0o700, exist_ok=True)
        complaints = (place.logs / "node.err").open("wb")
    except DataDirError as error:
        return output.error("data_dir", str(error), code=UNMET)
    except OSError as error:
        return output.error("data_dir", f"{place.logs} cannot be written ({error.strerror})", code=UNMET)
    with complaints:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, start_new_session=True, cwd="/"
        )
    assert child.stdout is not None
    with child.stdout:
        said = _first_line(child.stdout)
    if said is None:
        child.kill()
        child.wait()
        return output.error("no_answer", f"the node was not ready within {_READY:g} s; see {complaints.name}", code=UNMET)
    if "error" in said or not said:
        code = child.wait()
        why = said.get("error", {"kind": "internal", "message": f"the node ended before it was ready; see {complaints.name}"})
        return output.error(why["kind"], why["message"], why.get("errors", ()), code=code or UNMET)
    child.returncode = 0  # it is left to itself: nobody waits for it
    output.result(said)
    if not output.as_json:
        _say_ready(said["name"], said["id"], ", ".join(said["roles"]), said["listens"])
        flag = data_dir_flag(place.path)
        note(f"stop it with: claynet node stop{flag}; follow it with: claynet node logs --follow{flag}")
    return DONE


def _first_line(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the object of the first line; empty when none comes, None when none has come in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(_READY):
            return None
    try:
        found = json.loads(stream.readline())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
