"""An app that does what its parameters say, for tests of the library."""

from __future__ import annotations

import sys
import threading
from asyncio import CancelledError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from claynet.taskapi import (
    App,
    NewTask,
    Params,
    ProviderAppHandler,
    ProviderFolder,
    RequestorAppHandler,
    ShutdownSignal,
    Subtask,
    TaskFolder,
    Verdict,
    Verification,
)
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.listening import Listening, socket_target
from claynet.taskapi.server import AppServer


class Panic(BaseException):
    """As foreign code raises it, and without a text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class ScriptedRequestor(RequestorAppHandler):
    """Verify waits for its signal for subtasks named `slow...`, and says so by `verifying`."""

    def __init__(self) -> None:
        self.verifying = threading.Semaphore(0)
        self.aborted: list[str] = []

    def create_task(self, task: TaskFolder, max_subtasks: int, params: Params) -> NewTask:
        if "raise" in params:
            raise ValueError(params["raise"])
        if "in_folder" in params:
            raise FileNotFoundError(f"nothing at {task.inputs / 'file'}")
        if "cancel" in params:
            raise CancelledError(params["cancel"])
        if "panic" in params:
            raise Panic
        if "exit" in params:
            sys.exit(params["exit"])
        return NewTask("docker_cpu", {"image": "some/app", "tag": str(max_subtasks)}, 12.5)

    def has_pending_subtasks(self, task: TaskFolder) -> bool:
        return task.task_id != "done"

    def next_subtask(self, task: TaskFolder, subtask_id: str, opaque_node_id: str) -> Subtask | None:
        if opaque_node_id == "refused":
            return None
        if opaque_node_id != "forgetful":
            (task.subtask_inputs / f"{subtask_id}.in").write_text(subtask_id)
        resource = "../task_inputs/secret" if opaque_node_id == "escaping" else f"{subtask_id}.in"
        return Subtask({"node": opaque_node_id}, [resource])

    def verify(self, task: TaskFolder, subtask_id: str, stop: ShutdownSignal) -> Verification:
        if subtask_id.startswith("slow"):
            self.verifying.release()
            stop.wait()
            stop.check()
        return Verification(Verdict[subtask_id] if subtask_id in Verdict.__members__ else Verdict.SUCCESS, "because")

    def discard_subtasks(self, task: TaskFolder, subtask_ids: Sequence[str]) -> Sequence[str]:
        return [*subtask_ids, "dependent"]

    def abort_task(self, task: TaskFolder) -> None:
        self.aborted.append(task.task_id)

    def abort_subtask(self, task: TaskFolder, subtask_id: str) -> None:
        self.aborted.append(subtask_id)

    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        return 7.5


class ScriptedProvider(ProviderAppHandler):
    """Compute waits for its signal when told `heed`, on and on when told `stubborn` for so many seconds."""

    def __init__(self) -> None:
        self.computing = threading.Event()
        self.released = threading.Event()

    def compute(self, task: ProviderFolder, subtask_id: str, params: Params, stop: ShutdownSignal) -> str | Path:
        if "raise" in params:
            raise RuntimeError(params["raise"])
        if params.get("heed"):
            self.computing.set()
            stop.wait()
            stop.check()
        if params.get("stubborn"):
            self.computing.set()
            self.released.wait(params["stubborn"])
        if "answer" in params:
            return str(params["answer"])
        result = task.scratch(subtask_id) / "result"
        result.write_text("done")
        return result

    def run_benchmark(self, work_dir: Path, stop: ShutdownSignal) -> float:
        return 8.5


class Served:
    """A scripted app's side that is being served, and a client of it."""

    def __init__(self, side: str, folder: Path, grace: float = 2.0) -> None:
        self.requestor = ScriptedRequestor()
        self.provider = ScriptedProvider()
        self.work_dir = folder / "work"
        self.work_dir.mkdir(exist_ok=True)
        self.socket = folder / "s"
        app = App("scripted", lambda: self.requestor, lambda: self.provider)
        self.server = AppServer(app, side, self.work_dir, Listening(socket=str(self.socket)), grace)
        self.server.start()
        self.client = TaskApiClient(socket_target(str(self.socket)))

    def close(self) -> None:
        self.provider.released.set()
        self.server.ask_to_end()
        assert self.server.wait(10)
        self.client.close()


@contextmanager
def serving(side: str, folder: Path, grace: float = 2.0) -> Iterator[Served]:
    served = Served(side, folder, grace)
    try:
        served.client.wait_until_serving()
        yield served
    finally:
        served.close()


APP = App("scripted", ScriptedRequestor, ScriptedProvider)
NOT_AN_APP = 5
