"""The requestor's side of a task's life: creation, announcements, offers, choosing, assignment, its end.

Knows the task machine, pools and the app dialogue. Must not know how results are judged (`verification.py`).
"""

from __future__ import annotations

from claynet.actors.app_dialogue import BadAnswer, created, given, pending, why
from claynet.actors.core import pool as pools
from claynet.actors.core import subtask as subtasks
from claynet.actors.core import task as tasks
from claynet.actors.core.frames import Frame, FrameError, framed, open_as
from claynet.actors.core.machine import Step
from claynet.actors.core.records import MOST_ASSIGNMENT, Assignment, Header, HeaderGone, Offer, amount_due
from claynet.actors.market import Pool
from claynet.actors.messages import Announce, Grant, Revoke
from claynet.actors.ports import FileRef, NodeId, Outcome
from claynet.actors.requestor_base import Doubt, RequestorBase
from claynet.actors.runtime import DEAD, NO_ROOM

INLINE_PARAMS = 64 * 1024
"""Larger subtask parameters travel by digest."""
_LONGEST_DETAIL = 500
MOST_OFFER = 64 * 1024
"""Bytes of a sealed offer beyond the header in it."""


class TaskFlow(RequestorBase):
    """Tasks and their offers."""

    # ---------------------------------------------------------------- creation and end

    def _task_call(self, task: tasks.TaskState, what: str) -> None:
        app, key = task.spec.app_id, tasks.key(task.id)
        if what == "create":
            self._dialogue.place_task(app, key, task.id, task.spec.inputs)
        elif what == "pending":
            self._ask_pending(task)
        elif what == "abort_task":
            self._dialogue.abort_task(app, key, task.id)
        elif what == "outputs":
            self._dialogue.outputs(app, key, task.id)

    def _task_answer(self, task: tasks.TaskState, what: str, outcome: Outcome) -> None:
        app, key = task.spec.app_id, tasks.key(task.id)
        if what == "place_task" and task.status == "creating":
            if outcome.ok:
                self._dialogue.create(app, key, task.id, task.spec.subtasks, task.spec.params_json)
            else:
                self._create_failed(task, why(outcome))
        elif what == "create" and task.status == "creating":
            self._created(task, outcome)
        elif what == "create" and outcome.ok:
            self._dialogue.abort_task(app, key, task.id)  # AbortTask had passed it in the queue: the app keeps a task that is over
        elif what == "pending":
            self._pending_answered(task, outcome)
        elif what == "outputs":
            self._results_stored(task, outcome)
        elif what in ("abort_task", "tidy"):
            self._keeper.done(key, task, "app")

    def _results_stored(self, task: tasks.TaskState, outcome: Outcome) -> None:
        """The final results are blobs now; when the service was lost instead they are asked for again, from its next one."""
        lost = outcome.code in DEAD and outcome.code != NO_ROOM
        no_room = outcome.code == NO_ROOM and self._may_wait_for_room(task.id)
        if lost or no_room or outcome.code == "environment" or outcome.status in ("timed_out", "cancelled"):
            self._uncollected.add(task.id)
            self._keeper.call_after(self._config.retry_most, f"outputs/{task.id}", "again")
            return
        files = [[file.name, file.digest, file.size] for file in outcome.files]
        problem = "" if outcome.ok else why(outcome)
        self.ports.sink.emit("results", id=task.id, name=task.spec.name, files=files, problem=problem)
        self._dialogue.tidy(task.spec.app_id, tasks.key(task.id), task.id)

    def _collect_again(self, task: tasks.TaskState) -> None:
        self._uncollected.discard(task.id)
        self._dialogue.outputs(task.spec.app_id, tasks.key(task.id), task.id)

    def _created(self, task: tasks.TaskState, outcome: Outcome) -> None:
        try:
            if not outcome.ok:
                raise BadAnswer(why(outcome))
            answer = created(outcome)
        except BadAnswer as error:
            self._create_failed(task, str(error))
            return
        task = self._task_step(task, tasks.created(task, *answer))
        self._announce(task.id, first=True)

    def _create_failed(self, task: tasks.TaskState, reason: str) -> None:
        self._end_task(task, tasks.create_failed(task, reason))

    def _end_task(self, before: tasks.TaskState, step: Step[tasks.TaskState]) -> None:
        task = self._task_step(before, step)
        self._cancel_open(task)
        if self._announced.pop(task.id, None) is not None:
            self.tell(self._switchboard, Announce(self._seal(HeaderGone(task.id, self.ports.signer.node_id))))
        for entry in self._pools.pop(task.id, Pool()).decline_all():
            self._decline(task.id, entry.offer.provider, entry.offer.offer_id, "task_over", f"the task is {task.status}")

    def _cancel_open(self, task: tasks.TaskState) -> None:
        reason = f"the task is {task.status.replace('_', ' ')}"
        for subtask_id in list(self._open.get(task.id, ())):
            subtask = self._subtasks[subtask_id]
            self._subtask_step(subtask, subtasks.cancelled(subtask, reason, self._cancel_body(subtask.id, reason)))
            self._settle(subtask)

    def _settle(self, subtask: subtasks.SubtaskState) -> None:
        """Nothing more is owed or given for this subtask; `subtask` is what it was before that."""
        if subtask.inputs and subtask.is_open:  # else they were taken back already, and another subtask may have been given the same
            self.tell(self._switchboard, Revoke(subtask.provider, tuple(file.digest for file in subtask.inputs)))
        if self._subtasks[subtask.id].status != "finished":
            self.ports.ledger.release(subtask.id)

    # ---------------------------------------------------------------- announcements

    def _announce(self, task_id: str, *, first: bool = False) -> None:
        task = self._tasks[task_id]
        if task.status not in ("waiting", "computing"):
            return
        known = self._announced.get(task_id)
        if first or known is None:
            body, gap = self._header(task), self._requestor.announce_first
        else:
            body, gap = known[0], min(known[1] * 2, self._requestor.announce_most)
        self._announced[task_id] = (body, gap)
        if task_id not in self._idle:
            self.tell(self._switchboard, Announce(body))
        self._keeper.call_after(gap, f"announce/{task_id}", "again")

    def _announce_to(self, task: tasks.TaskState, peer: NodeId) -> None:
        known = self._announced.get(task.id)
        if known is not None and task.id not in self._idle:
            self.ports.network.announce(framed(known[0]), peer)

    def _header(self, task: tasks.TaskState) -> bytes:
        return self._seal(
            Header(
                task_id=task.id,
                requestor=self.ports.signer.node_id,
                env_id=task.env_id,
                prerequisites_json=task.prerequisites_json,
                min_memory_mib=task.min_memory_mib,
                max_price=task.spec.max_price,
                subtask_timeout=task.spec.subtask_timeout,
                deadline=task.deadline,
            )
        )

    # ---------------------------------------------------------------- offers

    def _offered(self, offer: Offer, frame: Frame) -> None:
        task = self._tasks.get(offer.task_id)
        if task is None or task.status not in ("waiting", "computing"):
            rule = "unknown_task" if task is None else "task_over"
            self._decline(offer.task_id, offer.provider, offer.offer_id, rule, "this task takes no offers")
            return
        problem = self._offer_problem(task, offer, len(frame.body))
        if problem is not None:
            self._decline(task.id, offer.provider, offer.offer_id, *problem)
            return
        if task.pending is False:
            self._decline(task.id, offer.provider, offer.offer_id, "no_work", "nothing of the task is pending now")
            return
        doubt = self._doubted.get(task.id, {}).get(offer.provider, Doubt())
        if self.ports.clock.monotonic() < doubt.until:
            detail = f"it refused or failed what it was given {doubt.times} times in a row"
            self._decline(task.id, offer.provider, offer.offer_id, "unreliable", detail)
            return
        pool = self._pools.setdefault(task.id, Pool())
        if not pool.holds(offer.provider) and self._open_of(offer.provider) >= pools.MOST_OF_ONE:
            detail = f"{pools.MOST_OF_ONE} offers of this provider are open here, which is all that one may have"
            self._decline(task.id, offer.provider, offer.offer_id, "too_many", detail)
            return
        for older in pool.add(offer, frame.body, self.ports.clock.utc()):
            self._decline(task.id, older.offer.provider, older.offer.offer_id, "replaced", "a newer offer came")
        self.ports.sink.emit("offer", task=task.id, name=task.spec.name, provider=offer.provider, price=offer.price, score=offer.score)
        if not pool.gathering:
            pool.gathering = True
            self._keeper.call_after(self._requestor.pool_time, f"pool/{task.id}", "gathered")

    def _open_of(self, provider: NodeId) -> int:
        return sum(pool.holds(provider) for pool in self._pools.values())

    def _offer_problem(self, task: tasks.TaskState, offer: Offer, size: int) -> tuple[str, str] | None:
        try:
            header = open_as(offer.header, "header")
        except FrameError as error:
            return "wrong_evidence", error.detail
        if offer.header != self._announced[task.id][0]:
            return "wrong_evidence", f"it answers another header than this task's ({getattr(header, 'task_id', '')})"
        if size > len(offer.header) + MOST_OFFER:
            return "too_long", f"an offer has at most {MOST_OFFER} bytes more than the header that it answers, not {size}"
        most = self._max_scores.get(task.spec.app_id, float("inf"))
        return pools.refusal(offer, task.spec.max_price, most)

    def _gathered(self, task_id: str) -> None:
        pool = self._pools.get(task_id)
        if pool is not None:
            pool.gathering = False
            self._choose(self._tasks[task_id])

    def _choose(self, task: tasks.TaskState) -> None:
        """Ask the app for a subtask for the best offer; the next one follows when the app said whether more is pending."""
        pool = self._pools.get(task.id)
        if pool is None or pool.gathering or task.is_final:
            return
        for entry in pool.expire(self.ports.clock.utc()):
            self._decline(task.id, entry.offer.provider, entry.offer.offer_id, "expired", "the offer's time was over")
        if task.pending is None or any(self._subtasks[name].status == "requested" for name in self._open.get(task.id, ())):
            return
        if not task.pending:
            for entry in pool.decline_all():
                self._decline(task.id, entry.offer.provider, entry.offer.offer_id, "no_work", "nothing of the task is pending now")
            return
        last = task.failed_providers.union(self._doubted.get(task.id, ()))
        while (chosen := pool.choose(task.spec.max_price, last)) is not None and not self._ask_next(task, chosen):
            continue

    def _ask_next(self, task: tasks.TaskState, chosen: pools.PooledState) -> bool:
        """Begin a subtask for this offer; False when there are too few tokens for it."""
        offer = chosen.offer
        amount = amount_due(offer.price, task.spec.subtask_timeout)
        subtask_id = self._entropy.new_id()
        if not self.ports.ledger.reserve(subtask_id, amount):
            self._decline(task.id, offer.provider, offer.offer_id, "funds", "the requestor has too few tokens free")
            return False
        step = subtasks.new(subtask_id, task.id, offer.provider, chosen.body, offer.price, amount)
        self._subtask_step(None, step)
        return True

    # ---------------------------------------------------------------- pending and assignment

    def _ask_pending(self, task: tasks.TaskState) -> None:
        if task.is_final:
            return
        if task.id in self._asking:
            self._asking[task.id] = True
            return
        self._asking[task.id] = False
        self._dialogue.pending(task.spec.app_id, tasks.key(task.id), task.id)

    def _pending_answered(self, task: tasks.TaskState, outcome: Outcome) -> None:
        again = self._asking.pop(task.id, False)
        if task.is_final:
            return
        if again:
            self._ask_pending(task)
            return
        try:
            if not outcome.ok:
                raise BadAnswer(why(outcome))
            answer = pending(outcome)
        except BadAnswer:
            self._keeper.call_after(self._config.retry_most, f"pending/{task.id}", "again")
            return
        was_idle = task.id in self._idle
        (self._idle.discard if answer else self._idle.add)(task.id)
        open_subtasks = len(self._open.get(task.id, ())) + len(self._undiscarded.get(task.id, ()))
        step = tasks.pending_known(task, answer, open_subtasks)
        if step[0].is_final:
            self._end_task(task, step)
            return
        task = self._task_step(task, step)
        self._pending_changed(task)
        if was_idle == answer:
            self._tell_idle(task, not answer)
        self._choose(self._tasks[task.id])

    def _tell_idle(self, task: tasks.TaskState, idle: bool) -> None:
        """Nothing is pending any more, or something is again: say so once, instead of answering everybody's offers."""
        known = self._announced.get(task.id)
        if known is not None:
            body = self._seal(HeaderGone(task.id, self.ports.signer.node_id)) if idle else known[0]
            self.tell(self._switchboard, Announce(body))

    def _subtask_call(self, subtask: subtasks.SubtaskState, what: str) -> None:
        task = self._tasks[subtask.task_id]
        app, key = task.spec.app_id, subtasks.key(subtask.id)
        if what == "next":
            self._dialogue.next(app, key, task.id, subtask.id, subtask.provider)
        elif what == "inputs":
            if subtask.resources:
                self._dialogue.inputs(app, key, task.id, subtask.resources)
            else:
                self._inputs_stored(subtask, Outcome("ok"))
        elif what == "verify":
            assert subtask.result is not None
            self._dialogue.place_result(app, key, task.id, subtask.id, subtask.result)
        elif what == "verify_again":
            self._ask_verify(subtask)
        elif what == "cleanup":
            self._dialogue.cleanup(app, key, task.id, subtask.id)
        elif what == "discard":
            self._dialogue.discard(app, key, task.id, subtask.id)

    def _next_answered(self, subtask: subtasks.SubtaskState, outcome: Outcome) -> None:
        task = self._tasks[subtask.task_id]
        offer = self._offer_of(subtask)
        if subtask.status != "requested":
            self._decline(task.id, subtask.provider, offer.offer_id, "task_over", "the task ended meanwhile")
            return
        try:
            if not outcome.ok:
                raise BadAnswer(why(outcome))
            answer = given(outcome)
        except BadAnswer as error:
            self._decline(task.id, subtask.provider, offer.offer_id, "app_error", "the app could not give a subtask")
            self._fail(subtask, "app_error", f"NextSubtask failed: {error}", blames=False)
            return
        if answer is None:
            self._subtask_step(subtask, subtasks.withheld(subtask, "the app gives this node no subtask now"))
            self._settle(subtask)
            self._decline(task.id, subtask.provider, offer.offer_id, "app_refused", "the app gives this node no subtask now")
            self._ask_pending(task)
            return
        self._subtask_step(subtask, subtasks.given(subtask, *answer))

    def _inputs_stored(self, subtask: subtasks.SubtaskState, outcome: Outcome) -> None:
        if subtask.status != "requested":
            return
        if not outcome.ok:
            self._not_given(subtask, "app_error", outcome.code or outcome.status, f"the inputs could not be stored: {why(outcome)}")
            return
        try:
            params, params_digest, inputs = self._with_params(subtask, outcome.files)
        except OSError as error:
            self._not_given(subtask, "app_error", NO_ROOM, f"its parameters could not be stored: {error.strerror}")
            return
        task = self._tasks[subtask.task_id]
        body = self._seal(
            Assignment(
                subtask_id=subtask.id,
                task_id=task.id,
                requestor=self.ports.signer.node_id,
                provider=subtask.provider,
                params_json=params,
                params_digest=params_digest,
                inputs=inputs,
                price=subtask.price,
                amount=subtask.amount,
                timeout=task.spec.subtask_timeout,
                offer=subtask.offer,
            )
        )
        if len(body) > MOST_ASSIGNMENT:
            reason = f"its assignment has {len(body)} bytes; at most {MOST_ASSIGNMENT} can be sent: too many inputs ({len(inputs)})"
            self._not_given(subtask, "too_long", "too_long", reason)
            return
        if inputs:
            self.tell(self._switchboard, Grant(subtask.provider, tuple(file.digest for file in inputs)))
        step = subtasks.assigned(subtask, body, inputs, self.ports.clock.utc(), task.spec.subtask_timeout)
        self._subtask_step(subtask, step)
        self._evidence("assignment", subtask.id, body)
        self._task_step(task, tasks.assigned(task))

    def _with_params(self, subtask: subtasks.SubtaskState, files: tuple[FileRef, ...]) -> tuple[str, str, tuple[FileRef, ...]]:
        """Return what an assignment says of parameters, and its inputs. Raises OSError."""
        if len(subtask.params_json) <= INLINE_PARAMS:
            return subtask.params_json, "", files
        raw = subtask.params_json.encode()
        digest = self.ports.blobs.put(raw)
        return "", digest, (*files, FileRef("", digest, len(raw)))

    def _not_given(self, subtask: subtasks.SubtaskState, declined: str, rule: str, reason: str) -> None:
        """It cannot be handed out, which is not its provider's fault."""
        self._decline(subtask.task_id, subtask.provider, self._offer_of(subtask).offer_id, declined, reason[:_LONGEST_DETAIL])
        self._fail(subtask, rule, reason, blames=False)

    def _offer_of(self, subtask: subtasks.SubtaskState) -> Offer:
        offer = open_as(subtask.offer, "offer")
        assert isinstance(offer, Offer)
        return offer
