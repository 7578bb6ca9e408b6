"""TaskComputer: the provider's shell. Drives the environment, offering and slot machines; performs their effects.

Knows the machines and runtimes. Must not know links or containers. The market is in `offers.py`, the work in `computing.py`.
"""

from __future__ import annotations

from claynet.actors.computing import Computing
from claynet.actors.core import environment as environments
from claynet.actors.core import slot as slots
from claynet.actors.core.machine import Compute, Effect, Fetch
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
from claynet.actors.messages import (
    Announce,
    BlobsFailed,
    BlobsFetched,
    Bounced,
    FetchBlobs,
    FromPeer,
    Grant,
    OpDone,
    PeerLost,
    RuntimeEnded,
    TimerFired,
)
from claynet.actors.offers import Offers
from claynet.actors.ports import SECOND, ActorFailed, JobDone, NodeId
from claynet.actors.shell import handles

PROBE_LIMIT = 60 * SECOND
PROBE_AGAIN = 30 * SECOND


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
                if state.status == "reported" and state.result is not None:
                    self.tell(self._switchboard, Grant(state.requestor, (state.result.digest,)))
                resumed.append((key, effects))
        for key, effects in resumed:
            self._keeper.resume(key, effects)
        self._environment = environments.EnvironmentState(status=environments.INITIAL, name=self._provider.env)
        self._probes = 0
        self._probe()
        if self._config.life > 1:
            self.tell(self._switchboard, Announce(self._seal(HeadersWanted(self.ports.signer.node_id))))

    def on_stop(self) -> None:
        """Services end with their parent; the environment is closed by whoever stops the node."""
        for address in (*self._runtimes.values(), *(address for _, address in self._benchmark_runs.values())):
            self.ports.system.stop(address)

    # ---------------------------------------------------------------- environment

    def _probe(self) -> None:
        environment = self.ports.environments.get(self._provider.env)
        self._environment_step("probe")
        if environment is None:
            self._environment_step("fault", f"this node has no environment {self._provider.env}")
            return
        self._probes += 1
        self.ports.jobs.submit(f"{self._prefix}/probe/{self._probes}", "probe", environment.probe(), PROBE_LIMIT, self.address)

    @handles(JobDone)
    def on_probed(self, message: JobDone) -> None:
        """The environment works here, or why not; a broken one is probed again later."""
        outcome = message.outcome
        self._ready = outcome.ok
        if outcome.ok:
            self._environment_step("ok")
        else:
            reason = outcome.detail or outcome.code or outcome.status
            self._env_problem = ("environment", f"the environment {self._provider.env} does not work here: {reason}")
            self._environment_step("fault", reason)
            self._keeper.call_after(PROBE_AGAIN, "", "probe")
        self._consider_all()

    def _environment_step(self, name: str, reason: str = "") -> None:
        self._environment = environments.step(self._environment, name, reason)
        state = self._environment
        self.ports.sink.emit("environment", name=state.name, state=state.status, reason=state.reason)

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
        if not self._benchmark_done(message):
            self._op_done(message)

    @handles(RuntimeEnded)
    def on_runtime_ended(self, message: RuntimeEnded) -> None:
        """A service is over."""
        self.ports.system.stop(message.address)
        if not self._benchmark_ended(message.runtime_id, message.reason):
            self._service_ended(message.runtime_id, message.reason)

    @handles(Bounced)
    def on_bounced(self, message: Bounced) -> None:
        """Told to a service just when it ended: its end, told before, has dealt with it."""

    @handles(ActorFailed)
    def on_runtime_failed(self, message: ActorFailed) -> None:
        """A Runtime raised: a bug of ours, told upwards; its work came to nothing."""
        self.tell(self.parent, message)
        if not self._benchmark_ended(message.address, message.error):
            self._service_ended(message.address, message.error)

    @handles(BlobsFetched)
    def on_fetched(self, message: BlobsFetched) -> None:
        """The inputs are here."""
        slot = self._slots[message.fetch_id.partition("/")[2]]
        if slot.status == "fetching":
            self._slot_step(slot, slots.fetched(slot))

    @handles(BlobsFailed)
    def on_fetch_failed(self, message: BlobsFailed) -> None:
        """The inputs could not be had; what a lost link took with it is asked for again when its loss is told (`on_peer_lost`)."""
        slot = self._slots[message.fetch_id.partition("/")[2]]
        if slot.status == "fetching" and not message.again:
            self._slot_failed(slot, message.rule, f"the inputs could not be fetched: {message.detail}")

    @handles(TimerFired)
    def on_timer(self, message: TimerFired) -> None:
        """Time passed."""
        kind, _, name = message.key.partition("/")
        if not kind:
            if message.slot.startswith("retry/"):
                self._keeper.on_retry(message)
            else:
                self._probe()
        elif kind == "offering":
            self._gone(name)
        elif kind == "offer":
            self._offer_ended(name, "lapsed", "lapsed")
        elif kind == "cool":
            known = self._offerings.get(name)
            if known is not None and known.offer_id == message.slot:
                self._cooled(name)
        elif kind == "fetch":
            slot = self._slots[name]
            if slot.status == "fetching":
                self.tell(self._switchboard, FetchBlobs(slots.key(name), slot.requestor, slot.inputs, self.address))
        elif self._keeper.timer_fired(message):
            self._slot_late(self._slots[name])

    def _perform(self, key: str, _slot: str, effect: Effect) -> None:
        if isinstance(effect, Fetch):
            self.tell(self._switchboard, FetchBlobs(key, effect.peer, effect.files, self.address))
        elif isinstance(effect, Compute):
            self._compute(self._slots[key.partition("/")[2]])
