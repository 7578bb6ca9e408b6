"""Where a check of an app takes place: it starts the app's services and plays the node for them, folders included.

Knows launchers, calls and the folders' names. Must not know the rules that are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from claynet.proto import layout
from claynet.taskapi.app import SampleTask
from claynet.taskapi.calls import ProviderAppClient, RequestorAppClient
from claynet.taskapi.errors import TaskApiError
from claynet.taskapi.handlers import Params, Subtask, Verdict, Verification
from claynet.taskapi.launchers import Launcher, Service
from claynet.taskapi.work_files import WorkFiles

_NODE = "0" * 64
_MOST_TRIES = 3
"""Tries of a task's parts, on average, after which the task is given up as endless."""


class RuleBroken(Exception):  # noqa: N818 - what it says is that a rule is broken
    """The app does not do what a rule says; the text says what it does."""


def expect(condition: bool, text: str) -> None:
    """Raise RuleBroken when a condition does not hold."""
    if not condition:
        raise RuleBroken(text)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an app is given, in seconds."""

    start: float = layout.START_TIMEOUT_SECONDS
    call: float = 60.0
    end: float = 10.0


@dataclass(frozen=True, slots=True)
class Handed:
    """A subtask that was handed out."""

    task_id: str
    subtask_id: str
    subtask: Subtask


class Stage:
    """Plays the node: one requestor service for the whole check, a provider service for each request."""

    def __init__(self, launcher: Launcher, sample: SampleTask, folder: Path, limits: Limits, files_of: Callable[[Path], WorkFiles]) -> None:
        self._launcher = launcher
        self._folder = folder
        self._files_of = files_of
        self._work_dir = folder / layout.REQUESTOR
        self._requestor: Service | None = None
        self._count = 0
        self.files = files_of(self._work_dir)
        self.sample = sample
        self.limits = limits

    def new_id(self, what: str) -> str:
        """Return an id that was not used before."""
        self._count += 1
        return f"{what}-{self._count}"

    def requestor(self) -> RequestorAppClient:
        """Return a client of the requestor service, which is started when there is none or the last one has ended."""
        if self._requestor is not None and self._requestor.wait_ended(0):
            self.close()
        if self._requestor is None:
            self.files.write({})
            self._requestor = self._start(layout.REQUESTOR, self._work_dir)
        return RequestorAppClient(self._requestor.client)

    def requestor_ends(self) -> bool:
        """Return whether the requestor service has ended by itself, waiting as long as it is given."""
        return self._requestor is None or self._requestor.wait_ended(self.limits.end)

    def close(self) -> None:
        """Stop the requestor service."""
        if self._requestor is not None:
            self._requestor.stop()
            self._requestor = None

    @contextmanager
    def provider(self) -> Iterator[tuple[ProviderAppClient, Service, WorkFiles]]:
        """Start a provider service in a work dir of its own; stop it and remove the work dir at the end."""
        work_dir = self._folder / self.new_id(layout.PROVIDER)
        files = self._files_of(work_dir)
        files.write({}, [str(layout.provider_subtask_inputs())])
        service = self._start(layout.PROVIDER, work_dir)
        try:
            yield ProviderAppClient(service.client), service, files
        finally:
            service.stop()
            files.remove()

    def place_inputs(self, task_id: str) -> None:
        """Make a new task's folders and place the sample's input files in them."""
        inputs = layout.requestor_task_inputs(task_id)
        folders = [str(layout.requestor_task(task_id) / name) for name in layout.TASK_FOLDERS]
        self.files.write({str(inputs / name): content for name, content in self.sample.inputs.items()}, folders)

    def new_task(self, params: Params | str | None = None) -> str:
        """Place the sample's input files and create a task, with the sample's parameters unless others are given; return its id."""
        task_id = self.new_id("task")
        client = self.requestor()
        self.place_inputs(task_id)
        chosen = self.sample.params if params is None else params
        client.create_task(task_id, self.sample.max_subtasks, chosen, self.limits.call)
        return task_id

    def hand_out(self, task_id: str) -> Handed:
        """Ask for a subtask; raises RuleBroken when the app refuses, or names files that are not there."""
        subtask_id = self.new_id("subtask")
        subtask = self.requestor().next_subtask(task_id, subtask_id, _NODE, self.limits.call)
        if subtask is None:
            raise RuleBroken("NextSubtask gives no subtask, though HasPendingSubtasks says there is one")
        for name in subtask.resources:
            found = self._resource(task_id, name)
            expect(found is not None, f"NextSubtask names {name}, which is not in {layout.SUBTASK_INPUTS}")
        return Handed(task_id, subtask_id, subtask)

    def place(self, handed: Handed, files: WorkFiles) -> None:
        """Put a subtask's files into a provider's work dir."""
        folder = layout.provider_subtask_inputs()
        resources = {str(folder / name): self._resource(handed.task_id, name) or b"" for name in handed.subtask.resources}
        files.write(resources, [str(folder), str(layout.provider_subtask(handed.subtask_id))])

    def compute(self, handed: Handed) -> str:
        """Have a subtask computed and deliver its result, whose name is returned.

        Raises RuleBroken when there is no result, or the service does not end afterwards.
        """
        with self.provider() as (client, service, files):
            self.place(handed, files)
            output = client.compute(handed.task_id, handed.subtask_id, handed.subtask.params, self.limits.call)
            content = files.read(output)
            if content is None:
                raise RuleBroken(f"Compute names {output}, which is not a file in the work dir")
            expect(service.wait_ended(self.limits.end), f"the provider side still runs {self.limits.end:g} s after Compute")
            name = PurePosixPath(output).name
            self.deliver(handed, name, content)
        return name

    def deliver(self, handed: Handed, name: str, content: bytes) -> None:
        """Put a result file where Verify looks for it."""
        self.files.write({str(layout.requestor_subtask_outputs(handed.task_id, handed.subtask_id) / name): content})

    def verify(self, handed: Handed) -> Verification:
        """Have a delivered result judged."""
        return self.requestor().verify(handed.task_id, handed.subtask_id, self.limits.call)

    def pending(self, task_id: str) -> bool:
        """Return whether the app has a subtask to hand out."""
        return self.requestor().has_pending_subtasks(task_id, self.limits.call)

    def finish(self, task_id: str) -> tuple[str, ...]:
        """Hand out, compute and verify until nothing is pending; return the accepted subtasks' ids. Raises RuleBroken otherwise."""
        accepted: list[str] = []
        awaiting: list[Handed] = []
        for _ in range(self.sample.max_subtasks * _MOST_TRIES):
            if not self.pending(task_id):
                break
            handed = self.hand_out(task_id)
            self.compute(handed)
            awaiting = self._judge([*awaiting, handed], accepted)
        expect(not self.pending(task_id), "HasPendingSubtasks stays true, however many right results are delivered")
        awaiting = self._judge(awaiting, accepted)
        expect(not awaiting, "Verify answers AWAITING_DATA, though every result has been delivered")
        return tuple(accepted)

    def outputs(self, task_id: str) -> list[str]:
        """Return the names of a task's final results."""
        return self.files.names(str(layout.requestor_task_outputs(task_id)))

    def _resource(self, task_id: str, name: str) -> bytes | None:
        return self.files.read(str(layout.requestor_subtask_inputs(task_id) / name))

    def _judge(self, delivered: Sequence[Handed], accepted: list[str]) -> list[Handed]:
        awaiting = []
        for handed in delivered:
            verification = self.verify(handed)
            if verification.verdict is Verdict.AWAITING_DATA:
                awaiting.append(handed)
                continue
            text = f"Verify answers {verification.verdict.name} to a right result: {verification.reason}"
            expect(verification.verdict is Verdict.SUCCESS, text)
            accepted.append(handed.subtask_id)
        return awaiting

    def _start(self, side: str, work_dir: Path) -> Service:
        service = self._launcher.start(side, work_dir)
        try:
            service.client.wait_until_serving(self.limits.start)
        except TaskApiError as error:
            service.stop()
            log = service.log().strip()
            raise RuleBroken(f"the {side} side does not serve: {error.text}" + (f"; it says: {log}" if log else "")) from error
        return service
