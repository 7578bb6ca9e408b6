"""Tasks, subtasks and the work done for others, as messages of the control API.

Knows the states of the machines and the records beside them. Must not know who asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from claynet.actors.core.frames import FrameError, open_as
from claynet.actors.core.slot import SlotState
from claynet.actors.core.subtask import SubtaskState
from claynet.actors.core.task import TaskState
from claynet.actors.ports import FileRef
from claynet.actors.units import MOST
from claynet.net.control.host import Host
from claynet.net.view.node_view import NodeView
from claynet.net.view.values import TaskRecord
from claynet.proto import node_pb2 as api

MOST_PARAMS = 64 * 1024
"""Characters of parameters that are shown."""


def counts(states: Iterable[str]) -> list[api.Count]:
    """Return how often each state occurs, in the order of their first."""
    return [api.Count(state=state, count=count) for state, count in Counter(states).items()]


def files(refs: Iterable[FileRef]) -> list[api.File]:
    """Tell files."""
    return [api.File(name=file.name, digest=file.digest, size=file.size) for file in refs]


def task_message(host: Host, task: TaskState) -> api.Task:
    """Tell a task."""
    view, spec = host.view, task.spec
    record = view.record(task.id) or TaskRecord(id=task.id, created=task.deadline - spec.task_timeout)
    subtasks = view.subtasks(task.id)
    payments = [view.payment(subtask.id) for subtask in subtasks]
    app = next((app.descriptor.name for app in host.apps.apps if app.descriptor.app_id == spec.app_id), "")
    return api.Task(
        id=task.id,
        name=spec.name,
        app_id=spec.app_id,
        app=app,
        state=task.status,
        reason=task.reason,
        created=record.created,
        ended=record.ended,
        deadline=min(task.deadline, MOST),  # a data dir from before time limits were bounded may have a later one
        max_subtasks=spec.subtasks,
        task_timeout=spec.task_timeout,
        subtask_timeout=spec.subtask_timeout,
        max_price=spec.max_price,
        params_json=spec.params_json[:MOST_PARAMS],
        output_directory=record.output_directory,
        subtasks=counts(subtask.status for subtask in subtasks),
        spent=sum(payment.amount for payment in payments if payment is not None),
        offers=len(view.offers(task.id)),
        results=files(record.results),
        delivery=record.delivery,
        delivered_to=record.delivered_to,
        delivery_problem=record.delivery_problem,
        is_over=is_over(task, record),
    )


def is_over(task: TaskState, record: TaskRecord | None) -> bool:
    """Tell whether nothing more comes of a task: its results are where they belong too."""
    if task.status != "finished":
        return task.is_final
    if record is None or not record.delivery:
        return False
    return record.delivery != "stored" or not record.output_directory


def subtask_message(view: NodeView, subtask: SubtaskState, whole: bool = False) -> api.Subtask:
    """Tell a subtask that this node asked for; its parameters and files only when the whole is wanted."""
    task, payment = view.task(subtask.task_id), view.payment(subtask.id)
    return api.Subtask(
        id=subtask.id,
        task=subtask.task_id,
        task_name=task.spec.name if task else "",
        side="requestor",
        peer=subtask.provider,
        state=subtask.status,
        rule=subtask.rule,
        reason=subtask.reason,
        price=subtask.price,
        amount=subtask.amount,
        payment=payment.status if payment else "",
        since=view.since(subtask.id),
        params_json=subtask.params_json[:MOST_PARAMS] if whole else "",
        inputs=files(subtask.inputs) if whole else [],
        result=files([subtask.result])[0] if whole and subtask.result else None,
    )


def slot_message(view: NodeView, slot: SlotState, whole: bool = False) -> api.Subtask:
    """Tell work that this node does for another."""
    return api.Subtask(
        id=slot.id,
        task=slot.task_id,
        side="provider",
        peer=slot.requestor,
        state=slot.status,
        rule=slot.rule,
        reason=slot.reason,
        price=_price(slot),
        amount=slot.amount,
        payment={"accepted": "due", "unpaid": "due", "paid": "received"}.get(slot.status, ""),
        since=view.since(slot.id),
        params_json=slot.params_json[:MOST_PARAMS] if whole else "",
        inputs=files(slot.inputs) if whole else [],
        result=files([slot.result])[0] if whole and slot.result else None,
    )


def _price(slot: SlotState) -> int:
    try:
        return int(getattr(open_as(slot.assignment, "assignment"), "price", 0))
    except FrameError:
        return 0
