"""What must hold in every small world at every moment, recomputed from events, stores, frames and the app's own calls."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import Any

from google.protobuf.message import DecodeError

from claynet.actors.core.frames import Frame, is_signed, open_body
from claynet.actors.core.records import amount_due
from claynet.actors.core.slot import FINAL as SLOT_FINAL
from claynet.proto import golem_task_api_pb2 as api
from tests.actors.bent import Call
from tests.actors.harness import Event, World

_NESTED = {"payment": "acceptance", "acceptance": "report", "report": "assignment", "assignment": "offer", "offer": "header"}


class AppView:
    """An app's parts as its calls tell them: who owns which part, and which are done."""

    def __init__(self) -> None:
        self.parts: dict[str, int] = {}
        self.owner: dict[str, dict[str, None]] = defaultdict(dict)
        """Per task: subtasks that hold a part."""
        self.done: dict[str, set[str]] = defaultdict(set)
        self.pending: dict[str, bool] = {}
        self.verdicts: dict[str, int] = defaultdict(int)

    def take(self, call: Call, reply: bytes) -> None:
        if call.method == "CreateTask":
            created = api.CreateTaskRequest.FromString(call.request)
            self.parts[created.task_id] = created.max_subtasks_count
        elif call.method == "NextSubtask":
            if api.NextSubtaskReply.FromString(reply).HasField("subtask"):
                asked = api.NextSubtaskRequest.FromString(call.request)
                self.owner[asked.task_id][asked.subtask_id] = None
        elif call.method == "Verify":
            verified = api.VerifyRequest.FromString(call.request)
            self.verdicts[verified.task_id] += 1
            result = api.VerifyReply.FromString(reply).result
            if result == api.VerifyReply.SUCCESS:
                self.done[verified.task_id].add(verified.subtask_id)
            elif result == api.VerifyReply.FAILURE:
                self._drop(verified.task_id, verified.subtask_id)
        elif call.method == "DiscardSubtasks":
            task_id = api.DiscardSubtasksRequest.FromString(call.request).task_id
            for subtask_id in api.DiscardSubtasksReply.FromString(reply).discarded_subtask_ids:
                self._drop(task_id, subtask_id)
        elif call.method == "AbortSubtask":
            aborted = api.AbortSubtaskRequest.FromString(call.request)
            self._drop(aborted.task_id, aborted.subtask_id)
        elif call.method == "HasPendingSubtasks":
            task_id = api.HasPendingSubtasksRequest.FromString(call.request).task_id
            self.pending[task_id] = api.HasPendingSubtasksReply.FromString(reply).has_pending_subtasks

    def _drop(self, task_id: str, subtask_id: str) -> None:
        self.owner[task_id].pop(subtask_id, None)
        self.done[task_id].discard(subtask_id)


class Watch:
    """Attach it to a world before its nodes start; `check` at any time, `check_settled` when all is over."""

    def __init__(self, world: World, *, honest_app: bool = True) -> None:
        self.world = world
        self.honest_app = honest_app
        self.problems: list[str] = []
        self.accepted: dict[str, int] = defaultdict(int)
        self.acceptances: dict[str, set[str]] = defaultdict(set)
        self.paid: dict[str, set[str]] = defaultdict(set)
        self.received: dict[str, int] = defaultdict(int)
        self.runtimes: dict[str, str] = {}
        self._apps: dict[str, AppView] = {}
        self._logged = 0
        world.listeners.append(self._event)
        world.watchers.append(self._frame)

    # ------------------------------------------------------------ while it happens

    def _event(self, event: Event) -> None:
        fields = event.fields
        if event.kind == "subtask":
            if fields["state"] == "finished":
                self.accepted[fields["id"]] += 1
                if self.accepted[fields["id"]] > 1:
                    self._wrong(f"subtask {fields['id']} was accepted twice")
        elif event.kind == "task" and fields["state"] == "finished":
            self._finished(event)
        elif event.kind == "evidence":
            self._evidence(event)
        elif event.kind == "payment" and fields["state"] == "received":
            self.received[fields["id"]] += 1
            if self.received[fields["id"]] > 1:
                self._wrong(f"payment {fields['id']} was received twice")
        elif event.kind in ("actor_failed", "misuse", "ignored"):
            self._wrong(f"{event.node}: {event.kind} {fields}")
        elif event.kind == "runtime":
            self.runtimes[fields["id"]] = fields["state"]

    def _evidence(self, event: Event) -> None:
        tag, name, digest = event["tag"], event["id"], event["digest"]
        kept = {"acceptance": self.acceptances, "payment": self.paid}.get(tag)
        if kept is not None:
            kept[name].add(digest)
            if len(kept[name]) > 1:
                self._wrong(f"two different {tag}s of {name}")
        if tag == "offer":
            computer = self.world.shell(event.node, "computer")
            provider = computer._provider
            free = provider.slots - len(computer._busy)
            if len(computer._open_offers) > free * provider.offers_per_slot:
                self._wrong(f"{event.node} has {len(computer._open_offers)} open offers and {free} free slots")

    def _finished(self, event: Event) -> None:
        """A task is finished only when the app said that nothing is pending, after a verdict, and no subtask is open."""
        task_id = event["id"]
        app = self._app(event.node)
        states = [one for one in self.world.places[event.node].store.states("subtask").values() if one.task_id == task_id]
        if any(one.is_open for one in states):
            self._wrong(f"task {task_id} is finished with open subtasks")
        if app.pending.get(task_id) is not False or not app.verdicts[task_id]:
            self._wrong(f"task {task_id} is finished, but the app had not said that nothing is pending after a verdict")
        if self.honest_app and len(app.done[task_id]) != app.parts[task_id]:
            self._wrong(f"task {task_id} is finished with {len(app.done[task_id])} of {app.parts[task_id]} parts done")

    def _app(self, node: str) -> AppView:
        for call, outcome in self.world.log[self._logged :]:
            if call.side == "requestor" and outcome.ok:
                with contextlib.suppress(DecodeError):  # a bent app answered garbage
                    self._apps.setdefault(call.node, AppView()).take(call, outcome.reply)
        self._logged = len(self.world.log)
        return self._apps.setdefault(node, AppView())

    def _frame(self, name: str, frame: Frame) -> None:
        """Nothing is visible outside before it is in the node's store."""
        store, record = self.world.places[name].store, frame.record
        tag = frame.tag
        if tag in ("assignment", "report", "acceptance", "rejection", "payment", "cancel", "failed"):
            if frame.body not in store.bodies:
                self._wrong(f"{name} sent a {tag} that it had not stored")
            if tag == "payment" and store.state("note", f"out/{record.payment_id}") is None:
                self._wrong(f"{name} sent a payment that its ledger has not booked")
            if tag == "acceptance":
                found = store.state("subtask", record.subtask_id)
                if found.status not in ("finished", "restarted"):
                    self._wrong(f"{name} sent an acceptance of a subtask that is {found.status}")
        elif tag == "taken" and store.state("slot", record.subtask_id) is None:
            self._wrong(f"{name} took an assignment that it had not stored")
        elif tag == "received":
            found = store.state("subtask", record.subtask_id)
            if found.status in ("requested", "assigned", "computing"):
                self._wrong(f"{name} acknowledged a report that it had not stored")
        elif tag == "payment_seen":
            notes = [key for key in store.states("note") if key.startswith("in/") and key.endswith(record.payment_id)]
            if len(notes) != 1:
                self._wrong(f"{name} acknowledged a payment that its ledger has not booked")

    def _wrong(self, text: str) -> None:
        self.problems.append(text)

    # ------------------------------------------------------------ at any moment

    def check(self) -> None:
        self._app("r0")
        self._check_slots()
        self._check_money()
        assert not self.problems, "\n".join([*self.problems, self.world.story()])
        assert self.world.system.failures == 0, self.world.story()

    def _check_slots(self) -> None:
        for place in self.world.places.values():
            if place.config.provider is not None:
                busy = [slot for slot in place.store.states("slot").values() if slot.is_busy]
                if len(busy) > place.config.provider.slots:
                    self._wrong(f"{place.name} computes {len(busy)} subtasks in {place.config.provider.slots} slots")

    def _check_money(self) -> None:
        """Every ledger is its opening and its signed notes; what is paid and not received is in flight, nothing is made or lost."""
        total, openings, in_flight = 0, 0, 0
        for place in self.world.places.values():
            openings += place.opening
            balance = place.opening
            for key, note in place.store.states("note").items():
                entry = note.entry
                balance += entry.amount if entry.direction == "in" else -entry.amount
                if entry.direction == "out":
                    self._check_chain(entry)
                    payee = next(one for one in self.world.places.values() if one.signer.node_id == entry.other)
                    there = payee.store.state("note", f"in/{place.signer.node_id}/{entry.payment_id}")
                    if there is None:
                        in_flight += entry.amount
                    elif there.entry.note != entry.note:
                        self._wrong(f"{payee.name} holds another note of {key} than its payer")
            if place.ledger is not None and place.ledger.balance() != balance:
                self._wrong(f"the ledger of {place.name} says {place.ledger.balance()}, its notes say {balance}")
            total += balance
        if total + in_flight != openings:
            self._wrong(f"{openings} tokens became {total} and {in_flight} in flight")

    def _check_chain(self, entry: Any) -> None:
        """A paid note nests the acceptance, the report, the assignment, the offer and the header; all signed, one price."""
        body, chain = entry.note, {}
        for tag in (*_NESTED, "header"):
            frame = open_body(body)
            assert frame is not None
            if frame.tag != tag or not is_signed(frame, self.world.places["r0"].signer.verify):
                self._wrong(f"the note {entry.payment_id} nests a bad {tag}")
                return
            chain[tag] = frame.record
            body = getattr(frame.record, _NESTED.get(tag, ""), b"")
        assignment, payment = chain["assignment"], chain["payment"]
        names = {payment.payment_id, chain["acceptance"].subtask_id, chain["report"].subtask_id, assignment.subtask_id, entry.payment_id}
        amounts = {payment.amount, chain["acceptance"].amount, assignment.amount, entry.amount}
        due = amount_due(chain["offer"].price, chain["header"].subtask_timeout)
        if len(names) != 1 or amounts != {due}:
            self._wrong(f"the note {entry.payment_id} is not what its evidence comes to: {names} {amounts} {due}")
        payers = {payment.payer, chain["acceptance"].requestor, assignment.requestor, chain["header"].requestor}
        payees = {payment.payee, chain["report"].provider, assignment.provider, chain["offer"].provider, entry.other}
        if len(payers) != 1 or len(payees) != 1:
            self._wrong(f"the note {entry.payment_id} names several parties")
        if self.honest_app and self.accepted[entry.payment_id] == 0 and not self._was_cut(payment.payer, entry.payment_id):
            self._wrong(f"{entry.payment_id} was paid without SUCCESS")

    def _was_cut(self, payer: str, name: str) -> bool:
        """The acceptance may have been committed in the very moment of a power cut, so that no event told it."""
        place = next(one for one in self.world.places.values() if one.signer.node_id == payer)
        return place.store.state("subtask", name).status in ("finished", "restarted")

    # ------------------------------------------------------------ when all is over

    def settle(self, seconds: float = 7200.0) -> None:
        """Fair weather, everybody up, and time: then nothing may be left undone."""
        world = self.world
        world.heal()
        world.weather()
        for name, place in world.places.items():
            place.store.cut_in = None
            world.resume(name)
            if not world.up(name):
                world.start(name)
        world.run(seconds, self._is_quiet)
        world.run(200)
        self.check()
        self.check_settled()

    def _is_quiet(self) -> bool:
        for place in self.world.places.values():
            for _, state, outbox in place.store.load():
                if outbox or (state.__class__.__name__ == "TaskState" and not state.is_final):
                    return False
        return True

    def check_settled(self) -> None:
        world = self.world
        wrong: list[str] = []
        for name, place in world.places.items():
            wrong += [f"{name}: {key} still has {slot} to do" for key, slot in place.store.undone()]
            wrong += [f"{name}: {key} is still reserved" for key in place.store.states("hold")]
            for kind in ("task", "subtask", "slot", "payment"):
                for key, state in place.store.states(kind).items():
                    if kind == "task":
                        over = state.is_final
                    elif kind == "subtask":
                        over = not state.is_open
                    elif kind == "slot":
                        over = state.status in SLOT_FINAL or state.status == "unanswered"  # nobody answered for an hour
                    else:
                        over = state.status == "acknowledged"
                    if not over:
                        wrong.append(f"{name}: {kind} {key} is still {state.status}")
            node = place.node
            assert node is not None
            for runtime, state in self.runtimes.items():
                if runtime.startswith(f"{node.prefix}/") and state not in ("stopped", "failed"):
                    wrong.append(f"{name}: service {runtime} is still {state}")
            board = world.shell(name, "switchboard")
            waiting = [slot for slot in place.store.states("slot").values() if slot.status == "unanswered"]
            if board._grants and not waiting:
                wrong.append(f"{name}: blobs are still granted: {board._grants}")
            manager = world.shell(name, "manager")
            if manager is not None and (manager._pools or manager._announced):
                wrong.append(f"{name}: pools or headers of tasks that are over are kept")
        for payer in world.places.values():
            for subtask in payer.store.states("subtask").values():
                if subtask.status == "finished" and subtask.id not in payer.store.states("payment"):
                    wrong.append(f"{payer.name}: {subtask.id} is finished and was never paid")
        assert not wrong, "\n".join([*wrong, world.story(120)])
