"""The provider's side of an assignment: taking it, inputs, the service, the result, the report, verdict and payment.

Knows the slot machine, runtimes and the ledger. Must not know headers or how offers are chosen (`offers.py`).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec
from google.protobuf.message import DecodeError

from claynet.actors.core import slot as slots
from claynet.actors.core.frames import Frame
from claynet.actors.core.offering import OfferingState
from claynet.actors.core.records import (
    MOST_ASSIGNMENT,
    Acceptance,
    Assignment,
    Failed,
    Payment,
    PaymentSeen,
    Refused,
    Rejection,
    Report,
    Taken,
    VerdictSeen,
    amount_due,
    is_sound,
)
from claynet.actors.environment import Placement, Runnable
from claynet.actors.messages import Grant, OpCall, OpCollect, OpDone, OpPlace, Revoke, RuntimeEnded, RuntimeOp, StopService
from claynet.actors.ports import SECOND, Address, FileRef, NodeId, Outcome
from claynet.actors.provider_base import ProviderBase
from claynet.actors.runtime import start_runtime
from claynet.proto import golem_task_api_pb2 as api
from claynet.proto import layout

_PLAIN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""It comes from a peer and names a folder, a service and jobs here."""
VERDICT_WAIT = 3600 * SECOND
"""How long a reported result waits for its verdict after its subtask's time, and a verdict for its payment."""
DAY = 24 * 3600 * SECOND
"""How long a slot that is over is remembered, so that what its requestor repeats is answered by what is known of it."""
MOST_DAYS = 30
"""The same of one whose requestor has not acknowledged its end, or has not said a verdict or paid."""
MOST_PARAMS = 16 * 1024 * 1024
"""Bytes of parameters that travel as a blob: they are read into memory, and an app's service takes no more in one call."""


class Computing(ProviderBase):
    """Assignments and their work."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._runtimes: dict[str, Address] = {}
        """Subtask id -> its service."""
        self._held: dict[str, None] = {}
        """Subtasks that wait until it is known whether the environment works."""

    # ---------------------------------------------------------------- taking work

    def _assigned(self, assignment: Assignment, frame: Frame, offering: OfferingState | None) -> bool:
        """Take an assignment that answers our open offer, or say why not; True when it is new and taken."""
        known = self._slots.get(assignment.subtask_id)
        if known is not None and known.requestor == assignment.requestor:
            if known.status not in slots.FINAL and known.assignment == frame.body:
                self._say(assignment.requestor, Taken(assignment.subtask_id))  # our first answer was lost
            return False
        problem = self._assignment_problem(assignment, offering, len(frame.body))
        if problem is not None:
            self._say(assignment.requestor, Refused(assignment.subtask_id, *problem))
            return False
        assert offering is not None  # else it was a problem
        header = offering.header
        state = slots.SlotState(
            status=slots.INITIAL,
            id=assignment.subtask_id,
            task_id=assignment.task_id,
            requestor=assignment.requestor,
            env_id=header.env_id,
            prerequisites_json=header.prerequisites_json,
            params_json=assignment.params_json,
            inputs=assignment.inputs,
            amount=assignment.amount,
            assignment=frame.body,
            deadline=self.ports.clock.utc() + assignment.timeout,
            digest=offering.digest,
        )
        self._slot_step(None, slots.new(state))
        self._say(assignment.requestor, Taken(assignment.subtask_id))
        return True

    def _assignment_problem(self, assignment: Assignment, offering: OfferingState | None, size: int) -> tuple[str, str] | None:
        if not _PLAIN_ID.fullmatch(assignment.subtask_id) or assignment.subtask_id in self._slots:
            return "bad_id", "a subtask id is new, and 1 to 64 letters, digits, - and _"
        if offering is None or assignment.offer != offering.offer_body:
            return "unknown_offer", "it answers no open offer of this node"
        header = offering.header
        if assignment.price != self._provider.price:
            return "price", f"the offer asked {self._provider.price} per hour"
        if assignment.timeout != header.subtask_timeout or assignment.timeout <= 0:
            return "timeout", "the subtask's time differs from the header's"
        if assignment.amount != amount_due(assignment.price, assignment.timeout):
            return "amount", "the amount is not what price and time come to"
        if size > MOST_ASSIGNMENT:
            return "too_long", f"an assignment has at most {MOST_ASSIGNMENT} bytes, not {size}"
        if self._closed_for:
            return "drained", f"this provider takes no work now: {self._closed_for}"
        if self._occupied() >= self._provider.slots:
            return "busy", "every slot is taken"
        if self._watch.problem is not None:
            return "environment", self._watch.problem
        runnable = self._runnable(header.env_id, header.prerequisites_json)
        if isinstance(runnable, tuple):
            return runnable
        if not self._whitelist.allows(runnable.source):
            return "whitelist", f"this provider no longer runs images of {runnable.source}"
        for file in assignment.inputs:
            if not is_sound(file):
                return "bad_digest", f"the input {file.name[:100]!r} has no proper digest or size"
            if not file.name and file.size > MOST_PARAMS:
                return "too_long", f"parameters have at most {MOST_PARAMS} bytes, not {file.size}"
            if file.name and (PurePosixPath(file.name).is_absolute() or ".." in PurePosixPath(file.name).parts):
                return "unsafe_path", f"the input {file.name[:100]!r} leaves its folder"
        return None

    # ---------------------------------------------------------------- the work

    def _compute(self, slot: slots.SlotState) -> None:
        """Start a service for this subtask; its operations run in order."""
        if self._watch.problem is not None:
            self._slot_failed(slot, "environment", self._watch.problem)
            return
        if not self._watch.ready:
            self._held[slot.id] = None
            return
        runnable = self._runnable(slot.env_id, slot.prerequisites_json)
        if not isinstance(runnable, Runnable):
            self._slot_failed(slot, *runnable)
            return
        runtime_id = f"{self._prefix}/slot/{slot.id}"
        self._runtimes[slot.id] = start_runtime(
            self.ports,
            self.address,
            msgspec.structs.replace(runnable, digest=slot.digest),
            "provider",
            runtime_id,
            f"provider/{slot.id}",
            self._config.start_limit,
        )
        folder = layout.provider_subtask_inputs()
        files = tuple(Placement(str(folder / file.name), file.digest) for file in slot.inputs if file.name)
        self._do(slot.id, "place", OpPlace(files, (str(folder), slot.id)))

    def _compute_held(self) -> None:
        """It is known whether the environment works: go on with what waited for that."""
        held, self._held = self._held, {}
        for name in held:
            if self._slots[name].status == "computing":
                self._compute(self._slots[name])

    def _op_done(self, message: OpDone) -> None:
        name, _, what = message.call_id.partition(":")
        slot = self._slots.get(name)
        if slot is None or slot.status != "computing":
            return
        outcome = message.outcome
        if not outcome.ok:
            self._slot_failed(slot, *_blame(what, outcome))
        elif what == "place":
            left = max(1, slot.deadline - self.ports.clock.utc())
            request = api.ComputeRequest(task_id=slot.task_id, subtask_id=slot.id, subtask_params_json=self._params(slot))
            self._do(slot.id, "compute", OpCall("Compute", request.SerializeToString(), left))
        elif what == "compute":
            try:
                path = api.ComputeReply.FromString(outcome.reply).output_filepath
            except DecodeError as error:
                self._slot_failed(slot, "compute", f"the app's reply is no ComputeReply: {error}")
                return
            self._do(slot.id, "collect", OpCollect(".", (path,)))
        else:
            self._computed(slot, outcome.files[0])

    def _params(self, slot: slots.SlotState) -> str:
        for file in slot.inputs:
            if not file.name:
                return self.ports.blobs.read(file.digest, 0, file.size).decode(errors="replace")
        return slot.params_json

    def _computed(self, slot: slots.SlotState, file: FileRef) -> None:
        result = FileRef(PurePosixPath(file.name).name, file.digest, file.size)
        body = self._seal(Report(slot.id, self.ports.signer.node_id, result, slot.assignment))
        self.tell(self._switchboard, Grant(slot.requestor, (result.digest,)))
        now = self.ports.clock.utc()
        wait_until = min(max(now, slot.deadline), now + MOST_DAYS * DAY) + VERDICT_WAIT  # until then its requestor may be away
        self._slot_step(slot, slots.computed(slot, body, result, wait_until))
        self._evidence("report", slot.id, body)

    def _slot_failed(self, slot: slots.SlotState, rule: str, reason: str) -> None:
        self._slot_step(slot, slots.failed(slot, rule, reason, self._seal(Failed(slot.id, rule, reason[:2000]))))

    def _slot_late(self, slot: slots.SlotState) -> None:
        if slot.is_busy:
            detail = "the subtask's time is over"
            self._slot_step(slot, slots.expired(slot, self._seal(Failed(slot.id, "timed_out", detail))))
        elif slot.status in ("reported", "accepted"):
            self._slot_step(slot, slots.unanswered(slot))

    def _service_ended(self, message: RuntimeEnded) -> None:
        """A service is over; when its subtask still computes, that came to nothing."""
        name = message.runtime_id.rpartition("/")[2]
        self._runtimes.pop(name, None)
        slot = self._slots.get(name)
        if slot is not None and slot.status == "computing":
            self._slot_failed(slot, message.code or "service", f"the app's service ended: {message.reason}")
        self._make_offers()

    def _occupied(self) -> int:
        """Count the slots in use: a slot is free only when its service is gone, not when its work is done."""
        return len(self._busy.keys() | self._runtimes.keys())

    def _stop_work(self, subtask_id: str, reason: str) -> None:
        address = self._runtimes.get(subtask_id)
        if address is not None:
            self.tell(address, StopService(reason))

    def _do(self, subtask_id: str, what: str, op: OpCall | OpPlace | OpCollect) -> None:
        address = self._runtimes.get(subtask_id)
        if address is not None:
            self.tell(address, RuntimeOp(f"{subtask_id}:{what}", op, self.address))

    # ---------------------------------------------------------------- forgetting

    def _remember_for_now(self, name: str, days: int = 0, delay: int = DAY) -> None:
        self._keeper.call_after(delay, f"forget/{name}", "day", days + 1)

    def _remember_what_is_over(self) -> None:
        """In a new life: how long they were over is known by their deadlines well enough."""
        now = self.ports.clock.utc()
        for slot in self._slots.values():
            if slot.status in slots.FINAL | slots.LATE:
                days, rest = divmod(max(0, now - slot.deadline), DAY)
                self._remember_for_now(slot.id, days, DAY - rest if days == 0 else 0)

    def _forget_slot(self, name: str, days: int) -> None:
        """A day more has gone by since it ended: its requestor may have to be told or heard still, but not for ever."""
        slot = self._slots.get(name)
        if slot is None or not (slot.status in slots.FINAL or slot.status in slots.LATE):
            return
        waits = slot.status in slots.LATE or not self._keeper.is_quiet(slots.key(name))
        if waits and days < MOST_DAYS:
            self._remember_for_now(name, days)
            return
        if slot.status == "unanswered":
            self._result_over(slot)
        del self._slots[name]
        self._keeper.drop(slots.key(name))

    # ---------------------------------------------------------------- verdict and payment

    def _accepted(self, record: Acceptance, peer: NodeId, frame: Frame) -> None:
        slot = self._slots.get(record.subtask_id)
        if slot is None:
            self._say(peer, VerdictSeen(record.subtask_id))  # forgotten, perhaps; it need not come again
        if slot is None or slot.requestor != peer or record.report != slot.report or record.amount != slot.amount:
            self.ports.sink.emit("misuse", peer=peer, rule="wrong_evidence", detail="an acceptance of another report or amount")
            return
        if slot.status in ("reported", "unanswered"):
            after = self._slot_step(slot, slots.accepted(slot, frame.body, self.ports.clock.utc() + VERDICT_WAIT))
            self._result_over(after)
        self._say(peer, VerdictSeen(record.subtask_id))

    def _rejected(self, record: Rejection, peer: NodeId) -> None:
        slot = self._slots.get(record.subtask_id)
        if slot is None:
            self._say(peer, VerdictSeen(record.subtask_id))
        if slot is None or slot.requestor != peer:
            return
        if slot.status in ("reported", "unanswered"):
            self._result_over(self._slot_step(slot, slots.rejected(slot, record.rule[:40], record.detail[:500])))
        self._say(peer, VerdictSeen(record.subtask_id))

    def _paid(self, record: Payment, peer: NodeId, frame: Frame) -> None:
        slot = self._slots.get(record.payment_id)
        me = self.ports.signer.node_id
        if slot is None and self.ports.ledger.has_received(record.payment_id, peer):
            self._say(peer, PaymentSeen(record.payment_id))
            return
        if slot is None or slot.requestor != peer or record.payee != me or record.amount != slot.amount:
            self.ports.sink.emit("misuse", peer=peer, rule="wrong_evidence", detail="a payment of another amount, or for somebody else")
            return
        if slot.status in ("accepted", "unpaid") and record.acceptance == slot.acceptance:
            self.ports.ledger.receive(record.payment_id, record.payer, record.amount, frame.body)
            self._slot_step(slot, slots.paid(slot))
            self.ports.sink.emit("payment", id=record.payment_id, payer=record.payer, payee=me, amount=record.amount, state="received")
        if self._slots[record.payment_id].status == "paid":
            self._say(peer, PaymentSeen(record.payment_id))

    def _result_over(self, slot: slots.SlotState) -> None:
        if slot.result is not None:
            self.tell(self._switchboard, Revoke(slot.requestor, (slot.result.digest,)))


def _blame(what: str, outcome: Outcome) -> tuple[str, str]:
    """Return (rule, reason) of an operation that failed: the outcome's own code where it is a reason code of ours."""
    code = outcome.code or outcome.status
    rule = code if code.islower() else what
    return rule, f"{what}: {outcome.detail or code}"
