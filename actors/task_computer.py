"""TaskComputer: the provider's shell. Drives the environment, offering and slot machines; performs their effects.

Knows the machines and runtimes. Must not know links or containers. The market is in `offers.py`, the work in `computing.py`.
"""

from __future__ import annotations

from dataclasses import replace

from claynet.actors.computing import Computing
from claynet.actors.core import slot as slots
from claynet.actors.core.consent import ConsentState
from claynet.actors.core.machine import Compute, Effect, Fetch
from claynet.actors.core.pair import ScoreState
from claynet.actors.core.records import (
    Acceptance,
    Assignment,
    Cancel,
    CancelSeen,
    Decline,
    Header,
    HeaderGone,
    HeadersWanted,
    Payment,
    Received,
    Rejection,
)
from claynet.actors.descriptors import load
from claynet.actors.environment import Runnable
from claynet.actors.environment_watch import FAULT, TIMER
from claynet.actors.messages import (
    AllowSource,
    Announce,
    BlobsFailed,
    BlobsFetched,
    Bounced,
    Drain,
    FetchBlobs,
    ForbidSource,
    FromPeer,
    Grant,
    OpDone,
    PeerLost,
    Remeasure,
    Resume,
    RuntimeEnded,
    SetApps,
    TimerFired,
)
from claynet.actors.offers import Offers
from claynet.actors.ports import ActorFailed, JobDone, NodeId
from claynet.actors.shell import handles


class TaskComputer(Offers, Computing):
    """All that this node computes for others."""

    def on_start(self) -> None:
        """Take up where the last life ended; find out whether the environment works."""
        resumed = []
        for key, state, effects in self.ports.store.load():
            if isinstance(state, slots.SlotState):
                self._slots[state.id] = state
                if state.is_busy:
                    self._busy[state.id] = None
                if state.status in ("reported", "unanswered") and state.result is not None:
                    self.tell(self._switchboard, Grant(state.requestor, (state.result.digest,)))
                resumed.append((key, effects))
            elif isinstance(state, ConsentState):
                self._whitelist.restore(state)
            elif isinstance(state, ScoreState):
                self._benchmarks.restore(state)
        for key, effects in resumed:
            self._keeper.resume(key, effects)
        self._remember_what_is_over()
        self._watch.due()
        self._environment_known()
        if self._config.life > 1:
            self.tell(self._switchboard, Announce(self._seal(HeadersWanted(self.ports.signer.node_id))))

    def on_stop(self) -> None:
        """Services end with their parent; the environment is closed by whoever stops the node."""
        for address in (*self._runtimes.values(), self._benchmarks.service):
            if address is not None:
                self.ports.system.stop(address)

    # ---------------------------------------------------------------- environment

    @handles(JobDone)
    def on_job_done(self, message: JobDone) -> None:
        """The environment was probed, or something about its images found out."""
        if message.kind == "probe":
            self._watch.probed(message.outcome)
            self._environment_known()
        else:
            self._benchmarks.job_done(message)

    def _environment_known(self) -> None:
        """It is known whether the environment works: go on with what waited for that."""
        if not self._watch.ready and self._watch.problem is None:
            return
        self._compute_held()
        self._look_around()

    def _look_around(self) -> None:
        """Something that counts for all of them changed: measure what this node may run, consider what it was asked for."""
        if self._watch.ready:
            for runnable in self._described():
                self._benchmarks.look(runnable)
            self._benchmarks.next()
        self._consider_all()

    def _described(self) -> list[Runnable]:
        """Return what this node's own descriptors name and may run here: it is measured before anybody asks for it."""
        found = []
        for app, descriptor in load(self._config.descriptors)[0].items():
            runnable = self._runnable(descriptor.requestor_env, descriptor.requestor_prereq_json)
            if app not in self._config.disabled_apps and isinstance(runnable, Runnable) and self._whitelist.allows(runnable.source):
                found.append(runnable)
        return found

    @handles(SetApps)
    def on_set_apps(self, message: SetApps) -> None:
        """Other descriptors count from now on: what is new in them is measured."""
        self._config = replace(self._config, descriptors=message.files, disabled_apps=message.disabled)
        self._look_around()

    @handles(Remeasure)
    def on_remeasure(self, _message: Remeasure) -> None:
        """The operator doubts the scores."""
        self._benchmarks.again()
        self._look_around()

    @handles(Drain)
    def on_drain(self, message: Drain) -> None:
        """The operator lends nothing more for now."""
        self._closed_for = message.reason
        self._tell_lending("draining")
        self._consider_all()
        self._tell_drained()

    @handles(Resume)
    def on_resume(self, _message: Resume) -> None:
        """The operator lends again."""
        self._closed_for = ""
        self._tell_lending("open")
        self._consider_all()

    @handles(AllowSource)
    def on_allow(self, message: AllowSource) -> None:
        """The operator allows a source: what waited for that is considered at once."""
        self._whitelist.allow(message.source)
        self._look_around()

    @handles(ForbidSource)
    def on_forbid(self, message: ForbidSource) -> None:
        """The operator takes a source back."""
        self._whitelist.forbid(message.source)
        self._consider_all()

    # ---------------------------------------------------------------- messages

    @handles(FromPeer)
    def on_peer(self, message: FromPeer) -> None:
        """A requestor speaks, or announces."""
        self._keeper.on_peer_heard(message.peer)
        record, frame, peer = message.frame.record, message.frame, message.peer
        if isinstance(record, Header):
            self._heard(record, frame)
        elif isinstance(record, HeaderGone):
            name = f"{record.task_id}@{record.requestor}"
            if name in self._offerings:
                self._closed(name)
        elif isinstance(record, Decline):
            name = self._open_offers.get(record.offer_id, "")
            if name and self._offerings[name].requestor == peer:
                self._offer_ended(record.offer_id, "declined", record.rule)
        elif isinstance(record, Assignment):
            self._on_assignment(record, message)
        elif isinstance(record, Acceptance):
            self._accepted(record, peer, frame)
        elif isinstance(record, Rejection):
            self._rejected(record, peer)
        elif isinstance(record, Payment):
            self._paid(record, peer, frame)
        elif isinstance(record, Cancel):
            self._cancelled(record, peer)
        elif isinstance(record, Received):
            self._received(record, peer)

    def _on_assignment(self, record: Assignment, message: FromPeer) -> None:
        if record.provider != self.ports.signer.node_id:
            self.ports.sink.emit("misuse", peer=message.peer, rule="not_yours", detail="an assignment for somebody else")
            return
        offering = self._offerings.get(f"{record.task_id}@{message.peer}")
        if offering is not None and offering.status != "offered":
            offering = None
        if self._assigned(record, message.frame, offering):
            assert offering is not None
            self._offer_taken(offering)
            self._make_offers()

    def _cancelled(self, record: Cancel, peer: NodeId) -> None:
        slot = self._slots.get(record.subtask_id)
        if slot is not None and slot.requestor == peer and (slot.is_busy or slot.status in ("reported", "unanswered")):
            after = self._slot_step(slot, slots.cancelled(slot, record.reason[:500]))
            self._result_over(after)
        self._say(peer, CancelSeen(record.subtask_id))

    def _received(self, record: Received, peer: NodeId) -> None:
        slot = self._slots.get(record.subtask_id)
        if slot is not None and slot.requestor == peer:
            self._keeper.done(slots.key(slot.id), slot, "send")

    @handles(PeerLost)
    def on_peer_lost(self, message: PeerLost) -> None:
        """What a peer has not answered goes out again later; our offers there are void."""
        self._keeper.on_peer_lost(message.peer)
        self._offers_lost(message.peer)
        for name in self._busy:
            slot = self._slots[name]
            if slot.requestor == message.peer and slot.status == "fetching":
                self._keeper.call_after(self._config.retry_first, f"fetch/{name}", "again")

    @handles(OpDone)
    def on_op_done(self, message: OpDone) -> None:
        """A service did what it was asked, or not."""
        if not self._benchmarks.op_done(message):
            if message.outcome.code == FAULT:
                self._watch.fault(message.outcome.detail)
            self._op_done(message)

    @handles(RuntimeEnded)
    def on_runtime_ended(self, message: RuntimeEnded) -> None:
        """A service is over."""
        self.ports.system.stop(message.address)
        self._ended(message)

    def _ended(self, message: RuntimeEnded) -> None:
        if self._benchmarks.service_ended(message):
            return
        slot = self._slots.get(message.runtime_id.rpartition("/")[2])
        if message.code == FAULT and slot is not None and slot.status == "computing":  # else its last operation told it already
            self._watch.fault(message.reason)
        elif message.code == "image_missing":
            runnable = self._runnable(slot.env_id, slot.prerequisites_json) if slot else None
            if isinstance(runnable, Runnable):
                self._benchmarks.doubt(runnable)
        self._service_ended(message)

    @handles(Bounced)
    def on_bounced(self, message: Bounced) -> None:
        """Told to a service just when it ended: its end, told before, has dealt with it."""

    @handles(ActorFailed)
    def on_runtime_failed(self, message: ActorFailed) -> None:
        """A Runtime raised: a bug of ours, told upwards; its work came to nothing."""
        self.tell(self.parent, message)
        self._ended(RuntimeEnded(message.address, message.address, message.error, (), 0))

    @handles(BlobsFetched)
    def on_fetched(self, message: BlobsFetched) -> None:
        """The inputs are here."""
        slot = self._slots.get(message.fetch_id.partition("/")[2])
        if slot is not None and slot.status == "fetching":
            self._slot_step(slot, slots.fetched(slot))

    @handles(BlobsFailed)
    def on_fetch_failed(self, message: BlobsFailed) -> None:
        """The inputs could not be had; what a lost link took with it is asked for again when its loss is told (`on_peer_lost`)."""
        slot = self._slots.get(message.fetch_id.partition("/")[2])
        if slot is not None and slot.status == "fetching" and not message.again:
            self._slot_failed(slot, message.rule, f"the inputs could not be fetched: {message.detail}")

    @handles(TimerFired)
    def on_timer(self, message: TimerFired) -> None:
        """Time passed."""
        kind, _, name = message.key.partition("/")
        if not kind:
            if message == TIMER:
                self._watch.due()
                self._environment_known()
            else:
                self._keeper.on_retry(message)
        elif kind == "offering":
            self._gone(name)
        elif kind == "offer":
            self._offer_ended(name, "lapsed", "lapsed")
        elif kind == "cool":
            known = self._offerings.get(name)
            if known is not None and known.offer_id == message.slot:
                self._cooled(name)
        elif kind == "forget":
            self._forget_slot(name, message.n)
        elif kind == "fetch":
            slot = self._slots.get(name)
            if slot is not None and slot.status == "fetching":
                self.tell(self._switchboard, FetchBlobs(slots.key(name), slot.requestor, slot.inputs, self.address))
        elif self._keeper.timer_fired(message):
            self._slot_late(self._slots[name])

    def _perform(self, key: str, _slot: str, effect: Effect) -> None:
        if isinstance(effect, Fetch):
            self.tell(self._switchboard, FetchBlobs(key, effect.peer, effect.files, self.address))
        elif isinstance(effect, Compute):
            self._compute(self._slots[key.partition("/")[2]])
