"""The requestor's side of results: reports, fetching, Verify and its four verdicts, acceptance, payment, failure.

Knows the subtask and payment machines and the app dialogue. Must not know offers or announcements (`task_flow.py`).
"""

from __future__ import annotations

from pathlib import PurePosixPath

from claynet.actors.app_dialogue import discarded, verdict, why
from claynet.actors.core import payment as payments
from claynet.actors.core import subtask as subtasks
from claynet.actors.core import task as tasks
from claynet.actors.core.frames import Frame
from claynet.actors.core.records import (
    Acceptance,
    CancelSeen,
    Decline,
    Failed,
    Offer,
    Payment,
    PaymentSeen,
    Received,
    Refused,
    Rejection,
    Report,
    Taken,
    VerdictSeen,
    is_sound,
)
from claynet.actors.environment_watch import FAULT
from claynet.actors.ports import NodeId, Outcome
from claynet.actors.requestor_base import RequestorBase
from claynet.actors.runtime import DEAD, NO_ROOM

_LONGEST_NAME = 255
"""Characters: as file systems have it, and what is said of a result nests its report."""
_LONGEST_REASON = 2000
_NOT_THE_RESULTS = frozenset({FAULT, "environment"})
"""Outcome codes of a verification which say that this node's environment failed: nothing of the result, nor of the app."""


class Verification(RequestorBase):
    """Results and their verdicts."""

    # ---------------------------------------------------------------- what providers say

    def _provider_says(self, peer: NodeId, frame: Frame) -> None:
        record = frame.record
        if isinstance(record, Offer):
            self._offered(record, frame)
        elif isinstance(record, Decline):
            self.ports.sink.emit("decline", task=record.task_id, provider=peer, rule=record.rule, detail=record.detail[:500], by="provider")
        elif isinstance(record, PaymentSeen):
            self._payment_seen(record, peer)
        else:
            subtask = self._subtasks.get(record.subtask_id)
            if record.subtask_id in self._forgotten:
                return
            if subtask is None or subtask.provider != peer:
                self.ports.sink.emit("misuse", peer=peer, rule="not_yours", detail=f"{frame.tag} of a subtask it was not given")
            else:
                self._about_subtask(subtask, frame)

    def _about_subtask(self, subtask: subtasks.SubtaskState, frame: Frame) -> None:
        record = frame.record
        key = subtasks.key(subtask.id)
        if isinstance(record, Taken):
            if subtask.status == "assigned":
                self._subtask_step(subtask, subtasks.taken(subtask))
        elif isinstance(record, Refused):
            self._refused(subtask, record)
        elif isinstance(record, Report):
            self._reported(subtask, record, frame)
        elif isinstance(record, Failed):
            self._say(subtask.provider, Received(subtask.id))
            if subtask.status in ("assigned", "computing"):
                self._fail(subtask, record.rule[:40] or "failed", f"the provider failed: {record.detail[:500]}")
        elif isinstance(record, VerdictSeen):
            self._keeper.done(key, subtask, "verdict")
        elif isinstance(record, CancelSeen):
            self._keeper.done(key, subtask, "send")

    def _refused(self, subtask: subtasks.SubtaskState, record: Refused) -> None:
        if subtask.status != "assigned":
            return
        self._subtask_step(subtask, subtasks.refused(subtask, record.rule[:40], record.detail[:500]))
        self._doubt(subtask)
        self._settle(subtask)
        self._ask_pending(self._tasks[subtask.task_id])

    def _reported(self, subtask: subtasks.SubtaskState, report: Report, frame: Frame) -> None:
        if subtask.status not in ("assigned", "computing"):
            self._say(subtask.provider, Received(subtask.id))  # a repetition, or too late: a cancel or verdict is on its way
            return
        if report.assignment != subtask.assignment:
            self.ports.sink.emit("misuse", peer=subtask.provider, rule="wrong_evidence", detail="a report of another assignment")
            return
        name = report.result.name
        if PurePosixPath(name).name != name or name in ("", ".", "..") or len(name) > _LONGEST_NAME:
            self._say(subtask.provider, Received(subtask.id))
            self._fail(subtask, "unsafe_path", f"the result's name {name[:100]!r} is not a plain file name")
            return
        if not is_sound(report.result):
            self._say(subtask.provider, Received(subtask.id))
            self._fail(subtask, "bad_digest", "the result has no proper digest or size")
            return
        limit = self._tasks[subtask.task_id].spec.subtask_timeout
        step = subtasks.reported(subtask, frame.body, report.result, self.ports.clock.utc(), limit)
        self._subtask_step(subtask, step)
        self._say(subtask.provider, Received(subtask.id))

    def _subtask_late(self, subtask: subtasks.SubtaskState) -> None:
        if subtask.status == "fetching":
            had_room = subtask.id not in self._no_room
            self._fail(subtask, "undelivered", "the result was reported and not delivered in time", blames=had_room)
        elif subtask.status in ("assigned", "computing"):
            body = self._cancel_body(subtask.id, "its time is over")
            after = self._subtask_step(subtask, subtasks.expired(subtask, body))
            self._settle(subtask)
            self._try_failed(after, after.reason, blames=True)

    # ---------------------------------------------------------------- Verify

    def _result_placed(self, subtask: subtasks.SubtaskState, outcome: Outcome) -> None:
        if subtask.status != "verifying" or self._held_up(subtask, outcome):
            return
        if outcome.ok:
            task = self._tasks[subtask.task_id]
            self._results[task.id] = self._results.get(task.id, 0) + 1
            self._ask_verify(subtask)
        else:
            blames = outcome.code != NO_ROOM
            self._fail(subtask, outcome.code or outcome.status, f"the result could not be placed: {why(outcome)}", blames=blames)

    def _ask_verify(self, subtask: subtasks.SubtaskState) -> None:
        task = self._tasks[subtask.task_id]
        self._seen[subtask.id] = self._results.get(task.id, 0)
        self._dialogue.verify(task.spec.app_id, subtasks.key(subtask.id), task.id, subtask.id)

    def _verified(self, subtask: subtasks.SubtaskState, outcome: Outcome) -> None:
        if subtask.status != "verifying" or self._held_up(subtask, outcome):
            return
        result, reason = verdict(outcome)
        if result == "SUCCESS":
            self._accept(subtask)
        elif result == "AWAITING_DATA":
            self._await(subtask)
        elif result == "FAILURE":
            self._fail(subtask, "verification", reason or "the app did not accept the result")
        else:
            self._fail(subtask, "inconclusive", reason or "the app could not tell", blames=False)
        self._ask_awaiting(subtask.task_id, but=subtask.id)

    def _held_up(self, subtask: subtasks.SubtaskState, outcome: Outcome) -> bool:
        """Tell whether this node's environment failed under the verification: the result is kept, and verified when it is back."""
        no_room = outcome.code == NO_ROOM and self._may_wait_for_room(subtask.id)
        if outcome.code not in _NOT_THE_RESULTS and not no_room:
            return False
        self._keeper.call_after(self._config.retry_most, f"verify/{subtask.id}", "again")
        return True

    def _accept(self, subtask: subtasks.SubtaskState) -> None:
        body = self._seal(Acceptance(subtask.id, self.ports.signer.node_id, subtask.amount, subtask.report))
        after = self._subtask_step(subtask, subtasks.accepted(subtask, body))
        self._evidence("acceptance", subtask.id, body)
        self._settle(subtask)
        self._owe(after)
        self._doubted.get(subtask.task_id, {}).pop(subtask.provider, None)
        task = self._tasks[subtask.task_id]
        self._task_step(task, tasks.succeeded(task))

    def _owe(self, subtask: subtasks.SubtaskState) -> None:
        """A payment nests the very acceptance that was sent: sealing the same values again gives the same bytes."""
        me = self.ports.signer.node_id
        acceptance = self._seal(Acceptance(subtask.id, me, subtask.amount, subtask.report))
        note = self._seal(Payment(subtask.id, me, subtask.provider, subtask.amount, acceptance))
        self._payment_step(payments.new(subtask.id, subtask.provider, subtask.amount, note))

    def _book(self, payment: payments.PaymentState) -> None:
        self.ports.ledger.pay(payment.id, payment.payee, payment.amount, payment.note)
        self._evidence("payment", payment.id, payment.note)
        self._payment_step(payments.booked(payment))

    def _payment_seen(self, record: PaymentSeen, peer: NodeId) -> None:
        payment = self._payments.get(record.payment_id)
        if payment is not None and payment.payee == peer and payment.status == "sent":
            self._payment_step(payments.acknowledged(payment))

    # ---------------------------------------------------------------- AWAITING_DATA

    def _await(self, subtask: subtasks.SubtaskState) -> None:
        if subtask.id in self._last_chance:
            self._fail(subtask, "awaiting_data", "the app still waits for data and no other result will come", blames=False)
            return
        self._subtask_step(subtask, subtasks.awaits(subtask))
        if self._tasks[subtask.task_id].pending is None:
            return  # whether anything is still to come is being asked
        self._pending_changed(self._tasks[subtask.task_id])

    def _ask_awaiting(self, task_id: str, but: str) -> None:
        """Another result arrived since they were asked: ask those again that wait for data."""
        results = self._results.get(task_id, 0)
        for name in list(self._open.get(task_id, ())):
            subtask = self._subtasks[name]
            if subtask.status == "awaiting_data" and name != but and self._seen.get(name, 0) < results:
                self._seen[name] = results
                self._subtask_step(subtask, subtasks.asked_again(subtask))

    def _pending_changed(self, task: tasks.TaskState) -> None:
        """With nothing pending and nothing open but what waits for data, those are asked once more, the last time."""
        open_now = [self._subtasks[name] for name in self._open.get(task.id, ())]
        if task.pending is not False or not open_now or any(one.status != "awaiting_data" for one in open_now):
            return
        for subtask in open_now:
            self._last_chance.add(subtask.id)
            self._subtask_step(subtask, subtasks.asked_again(subtask))

    # ---------------------------------------------------------------- failure

    def _fail(self, subtask: subtasks.SubtaskState, rule: str, reason: str, *, blames: bool = True, counts: bool = True) -> None:
        """A try came to nothing; with a report there, its provider is told in evidence."""
        rejection = b""
        reason = reason[:_LONGEST_REASON]
        if subtask.report:
            rejection = self._seal(Rejection(subtask.id, self.ports.signer.node_id, rule, reason, subtask.report))
        after = self._subtask_step(subtask, subtasks.failed(subtask, rule, reason, rejection))
        if rejection:
            self._evidence("rejection", subtask.id, rejection)
        self._settle(subtask)
        if counts:
            self._try_failed(after, reason, blames=blames)
        else:
            self._ask_pending(self._tasks[subtask.task_id])

    def _try_failed(self, subtask: subtasks.SubtaskState, reason: str, *, blames: bool) -> None:
        task = self._tasks[subtask.task_id]
        if task.is_final:
            return
        if blames:
            self._doubt(subtask)
        step = tasks.try_failed(task, subtask.provider, blames, self._requestor.give_up_after, reason)
        if step[0].is_final:
            self._end_task(task, step)
        else:
            self._task_step(task, step)

    def _discarded(self, subtask: subtasks.SubtaskState, outcome: Outcome) -> None:
        """DiscardSubtasks answered: dependents that went with it are handed out again too.

        When its service was lost instead, it is asked again, and the task is not finished before.
        """
        left = self._undiscarded.setdefault(subtask.task_id, set())
        if (outcome.code in DEAD or outcome.status in ("timed_out", "cancelled")) and not self._tasks[subtask.task_id].is_final:
            left.add(subtask.id)
            self._keeper.call_after(self._config.retry_first, f"discard/{subtask.id}", "again")
            return
        left.discard(subtask.id)
        self._keeper.done(subtasks.key(subtask.id), subtask, "app")
        for name in discarded(outcome):
            other = self._subtasks.get(name)
            if other is None or other.id == subtask.id or other.task_id != subtask.task_id or other.status in subtasks.FINAL:
                continue
            reason = "the app discarded it with another subtask"
            if other.status == "requested":
                self._fail(other, "discarded", reason, blames=False, counts=False)
            else:
                self._restart(other, reason)
        self._ask_pending(self._tasks[subtask.task_id])

    def _restart(self, subtask: subtasks.SubtaskState, reason: str, *, discard: bool = False) -> None:
        self._subtask_step(subtask, subtasks.restarted(subtask, reason, self._cancel_body(subtask.id, reason), discard))
        self._settle(subtask)
