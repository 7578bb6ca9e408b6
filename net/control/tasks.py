"""The control API's service `Tasks`: what this node asks others to compute.

Knows requests, the view and the node's orders. Must not know how a task is judged to be possible (`task_check`) nor why it waits
(`task_why`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from claynet.actors.config import TaskSpec
from claynet.actors.core.task import FINAL, TaskState
from claynet.actors.nearest import nearest
from claynet.actors.ports import FileRef
from claynet.net.control.apps import app_message
from claynet.net.control.calls import Call, NotFound, Refused, fill
from claynet.net.control.host import Host
from claynet.net.control.messages import subtask_message, task_message
from claynet.net.control.task_check import check
from claynet.net.view.event_hub import Listeners, Subscription
from claynet.net.view.node_view import NodeView
from claynet.net.view.result_keeper import ResultError
from claynet.net.view.task_why import candidates, why
from claynet.net.view.values import TaskRecord
from claynet.proto import node_pb2 as api

ANSWER = 5.0
"""Seconds that an actor may take to do what it was told."""
TASK_KINDS = ("task", "subtask", "offer", "decline", "payment", "results", "delivered")


class TasksService:
    """Tasks that this node requests."""

    def __init__(self, host: Host, listeners: Listeners) -> None:
        self._host = host
        self._listeners = listeners

    def on_estimate(self, request: api.TaskRequest, _call: Call) -> api.EstimateReply:
        """Say what a task may cost at most and who could take it."""
        host, checked = self._host, check(self._host, request)
        app_id = checked.app.descriptor.app_id if checked.app else ""
        return api.EstimateReply(
            problems=checked.problems,
            subtask_cost=checked.subtask_cost,
            cost=checked.cost,
            money=fill(api.Money, host.view.money(), balance=host.balance),
            candidates=candidates(host, app_id, request.max_price),
            app=app_message(host, checked.app) if checked.app else None,
        )

    def on_create(self, request: api.TaskRequest, _call: Call) -> api.CreateReply:
        """Make a task, unless there is a problem."""
        checked = check(self._host, request)
        if checked.problems or checked.app is None:
            return api.CreateReply(problems=checked.problems)
        try:
            if request.output_directory:
                Path(request.output_directory).mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            told = f"{request.output_directory} cannot be made: {getattr(error, 'strerror', None) or error}"
            return api.CreateReply(problems=[api.Problem(key="golem.output_directory", message=told)])
        with self._host.sweep.held():
            inputs, problems = self._take_in(request)
            if problems:
                return api.CreateReply(problems=problems)
            spec = TaskSpec(
                name=request.name,
                app_id=checked.app.descriptor.app_id,
                params_json=request.params_json or "{}",
                subtasks=request.max_subtasks,
                max_price=request.max_price,
                task_timeout=request.task_timeout,
                subtask_timeout=request.subtask_timeout,
                inputs=tuple(inputs),
            )
            return api.CreateReply(task=self._begin(spec, request.output_directory))

    def on_list(self, request: api.TasksRequest, _call: Call) -> api.TasksReply:
        """All tasks, or those in some states."""
        tasks = [task for task in self._host.view.tasks() if not request.states or task.status in request.states]
        return api.TasksReply(tasks=[task_message(self._host, task) for task in tasks])

    def on_show(self, request: api.TaskId, _call: Call) -> api.Task:
        """One task."""
        return task_message(self._host, self._find(request.id))

    def on_watch(self, request: api.TaskId, call: Call) -> Iterator[api.TaskChange]:
        """The task as it goes on, until it is over."""
        view = self._host.view
        task_id = self._find(request.id).id
        with self._listeners.listen(TASK_KINDS) as events:
            call.at_end(events.close)
            message = self._message(task_id)
            yield api.TaskChange(task=message, subtasks=[subtask_message(view, one) for one in view.subtasks(task_id)])
            while not message.is_over:
                changed = _changes(events, view, task_id)
                if changed is None:
                    if call.active:
                        raise Refused("the node stops; the task goes on when it is started again")
                    return
                message = self._message(task_id)
                found = [view.subtask(name) for name in changed]
                yield api.TaskChange(task=message, subtasks=[subtask_message(view, one) for one in found if one is not None])

    def on_why(self, request: api.TaskId, _call: Call) -> api.WhyReply:
        """Why it does not go on."""
        task = self._find(request.id)
        summary, reasons = why(self._host, task)
        return api.WhyReply(task=task_message(self._host, task), summary=summary, reasons=reasons)

    def on_abort(self, request: api.TaskId, _call: Call) -> api.Task:
        """Give a task up."""
        task = self._find(request.id)
        if task.is_final:
            raise Refused(f"the task {task.spec.name} is over already: it is {task.status.replace('_', ' ')}")
        return self._aborted(task)

    def on_restart(self, request: api.TaskId, _call: Call) -> api.Task:
        """The same again, under a new id."""
        task = self._find(request.id)
        missing = [file.name for file in task.spec.inputs if not self._host.blobs.has(file.digest)]
        if missing:
            raise Refused(f"the input {missing[0]} is no longer among the node's files; create the task from its file again")
        record = self._host.view.record(task.id)
        folder = record.output_directory if record else ""
        self._check_again(task, folder)
        if not task.is_final:
            self._aborted(task)
        return self._begin(task.spec, folder)

    def on_delete(self, request: api.TaskId, _call: Call) -> api.DeleteReply:
        """Forget a task that is over."""
        task = self._find(request.id)
        with self._listeners.listen(["deleted"]) as events:
            self._host.node.delete_task(task.id)
            while (event := events.next(ANSWER)) is not None:
                if event.fields["id"] == task.id:
                    if event.fields["problem"]:
                        raise Refused(f"the task {task.spec.name} cannot be deleted: {event.fields['problem']}")
                    self._host.results.forget(task.id)
                    return api.DeleteReply(id=task.id)
        raise Refused("the node did not answer; look at its log")

    def on_results(self, request: api.ResultsRequest, _call: Call) -> api.ResultsReply:
        """Where the results are; copy them when a folder is named."""
        task = self._find(request.id)
        record = self._host.view.record(task.id)
        if task.status != "finished":
            raise Refused(f"the task {task.spec.name} has no results: it is {task.status.replace('_', ' ')}")
        if record is None or not record.delivery or (record.delivery == "failed" and not record.results):
            problem = record.delivery_problem if record else ""
            raise Refused(f"the results of {task.spec.name} are not here{f': {problem}' if problem else ' yet; try again in a moment'}")
        folder = record.delivered_to
        if request.to:
            try:
                folder = str(self._host.results.copy(record, Path(request.to)))
            except ResultError as error:
                raise Refused(str(error)) from None
        return api.ResultsReply(task=task_message(self._host, task), folder=folder)

    def _take_in(self, request: api.TaskRequest) -> tuple[list[FileRef], list[api.Problem]]:
        inputs, problems = [], []
        for number, resource in enumerate(request.resources):
            try:
                digest, size = self._host.blobs.put_file(Path(resource.path).resolve())
                inputs.append(FileRef(resource.name, digest, size))
            except (OSError, ValueError) as error:
                problems.append(api.Problem(key=f"golem.resources[{number}]", message=f"{resource.path} cannot be taken in: {error}"))
        return inputs, problems

    def _begin(self, spec: TaskSpec, output_directory: str) -> api.Task:
        with self._listeners.listen(["task"]) as events:
            try:
                task_id = self._host.node.create_task(spec)
            except ValueError as error:
                raise Refused(str(error)) from None
            record = TaskRecord(id=task_id, created=self._host.node.ports.clock.utc(), output_directory=output_directory)
            self._host.results.begin(record)
            while self._host.view.task(task_id) is None:
                if events.next(ANSWER) is None:
                    raise Refused("the node did not answer; look at its log")
            return self._message(task_id)

    def _check_again(self, task: TaskState, output_directory: str) -> None:
        """Raise Refused when the same could not be made anew: the app, the tokens and the folder may have changed meanwhile."""
        spec = task.spec
        request = api.TaskRequest(
            app=spec.app_id,
            name=spec.name,
            params_json=spec.params_json,
            max_subtasks=spec.subtasks,
            max_price=spec.max_price,
            task_timeout=spec.task_timeout,
            subtask_timeout=spec.subtask_timeout,
            output_directory=output_directory,
        )
        freed = sum(subtask.amount for subtask in self._host.view.subtasks(task.id) if subtask.is_open)
        problems = check(self._host, request, freed).problems
        if problems:
            told = "; ".join(f"{one.message} ({one.suggestion})" if one.suggestion else one.message for one in problems)
            raise Refused(f"the task {spec.name} cannot begin again: {told}")

    def _aborted(self, task: TaskState) -> api.Task:
        with self._listeners.listen(["task"]) as events:
            self._host.node.abort_task(task.id)
            while self._message(task.id).state not in FINAL:  # it may end by itself meanwhile
                if events.next(ANSWER) is None:
                    raise Refused("the node did not answer; look at its log")
            return self._message(task.id)

    def _message(self, task_id: str) -> api.Task:
        task = self._host.view.task(task_id)
        if task is None:
            raise NotFound("the task was deleted")
        return task_message(self._host, task)

    def _find(self, name: str) -> TaskState:
        return find_task(self._host, name)


def find_task(host: Host, name: str) -> TaskState:
    """Return the task of that id, beginning of an id, or name. Raises NotFound or Refused."""
    tasks = host.view.tasks()
    found = [task for task in tasks if task.id == name] or [task for task in tasks if task.spec.name == name]
    found = found or [task for task in tasks if len(name) >= 4 and task.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(task.id[:8] for task in found[:8])
        raise Refused(f"{name!r} may be one of {len(found)} tasks; give the beginning of an id: {some}")
    raise NotFound(f"this node has no task {name!r}; {nearest(name, {task.spec.name for task in tasks})}")


def _changes(events: Subscription, view: NodeView, task_id: str) -> set[str] | None:
    """Wait for events of a task and return which subtasks they name; None when no more come. What came meanwhile is taken together."""
    changed: set[str] = set()
    seen = False
    while True:
        event = events.next(0.0 if seen else None)
        if event is None:
            return changed if seen else None
        fields = event.fields
        if event.kind in ("subtask", "payment"):
            subtask = view.subtask(fields["id"])
            if subtask is not None and subtask.task_id == task_id:
                changed.add(subtask.id)
                seen = True
        elif task_id in (fields.get("id"), fields.get("task")):
            seen = True
