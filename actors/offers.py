"""The provider's side of the market: headers, whether we are fit for them, benchmarks, offers and their cap.

Knows the offering machine and environments' resolve. Must not know assignments (`computing.py`).
"""

from __future__ import annotations

import math

import msgspec
from google.protobuf.message import DecodeError

from claynet.actors.core import offering as machine
from claynet.actors.core.frames import Frame
from claynet.actors.core.records import Decline, Header, Offer
from claynet.actors.environment import Refusal, Runnable
from claynet.actors.messages import OpCall, OpDone, RuntimeOp, SendTo, StopService
from claynet.actors.ports import SECOND, Address, NodeId, Outcome
from claynet.actors.provider_base import ProviderBase
from claynet.actors.runtime import start_runtime
from claynet.proto import golem_task_api_pb2 as api

BENCHMARK_LIMIT = 120 * SECOND
COOL_MOST = 60 * SECOND
MOST_TASKS = 256
"""Announced tasks of one requestor that are remembered; further ones are passed over until some of them end."""
MOST_HEADER = 32 * 1024
"""Bytes of a sealed header."""


class Offers(ProviderBase):
    """Headers heard and offers made."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._ready = False
        self._env_problem: tuple[str, str] | None = None
        """Why the environment does not work here; None while that is not known."""
        self._scores: dict[str, float] = {}
        self._benchmarks: dict[str, str] = {}
        """Per image: `running`, or why it failed."""
        self._benchmark_runs: dict[str, tuple[str, Address]] = {}
        self._benchmarks_begun = 0
        self._candidates: dict[str, None] = {}
        """Offerings (by name) that may be offered for now."""
        self._open_offers: dict[str, str] = {}
        """Offer id -> the offering's name."""
        self._announcers: dict[NodeId, int] = {}
        """Per requestor: how many of its tasks are remembered."""
        self._declined: dict[str, int] = {}
        """Per task: when we last said why we do not take it."""

    # ---------------------------------------------------------------- headers

    def _heard(self, header: Header, frame: Frame) -> None:
        name = machine.name_of(header)
        known = self._offerings.get(name)
        if known is not None:
            if known.closing:
                self._offerings[name] = msgspec.structs.replace(known, closing=False)
            elif known.status == "cooling" and known.reason == "no_work":
                self._cooled(name)
            elif known.status == "unfit":
                self._consider(self._step(known, "reconsidered"))
            return
        if len(frame.body) > MOST_HEADER or self._announcers.get(header.requestor, 0) >= MOST_TASKS:
            self.ports.sink.emit("ignored", peer=header.requestor)
            return
        self._announcers[header.requestor] = self._announcers.get(header.requestor, 0) + 1
        state = machine.OfferingState(status=machine.INITIAL, header=header, body=frame.body)
        self._offerings[name] = state
        self._keeper.call_after(header.deadline - self.ports.clock.utc(), f"offering/{name}", "deadline")
        self._consider(state)

    def _closed(self, name: str) -> None:
        """Its requestor takes no more offers. An open one may have been chosen already: that one ends by itself."""
        state = self._offerings[name]
        if state.status == "offered":
            self._offerings[name] = msgspec.structs.replace(state, closing=True)
        else:
            self._gone(name)

    def _gone(self, name: str) -> None:
        state = self._offerings.pop(name, None)
        if state is None:
            return
        machine.step(state, "ended")
        left = self._announcers[state.requestor] - 1
        if left:
            self._announcers[state.requestor] = left
        else:
            del self._announcers[state.requestor]
        self._candidates.pop(name, None)
        self._declined.pop(name, None)
        if self._open_offers.pop(state.offer_id, None) is not None:
            self._make_offers()

    def _consider(self, state: machine.OfferingState) -> None:
        """Decide whether a task fits this node; benchmark it first when it does and never was."""
        header = state.header
        problem = machine.unfit_reason(header, self.ports.clock.utc(), self._provider.price, self._provider.memory_mib)
        runnable = self._runnable(header.env_id, header.prerequisites_json)
        if problem is None and isinstance(runnable, tuple):
            problem = runnable
        if problem is not None:
            self._unfit(state, *problem)
            return
        assert isinstance(runnable, Runnable)
        if not self._ready:
            if self._env_problem is not None:
                self._unfit(state, *self._env_problem)  # else considered again when the probe is done
        elif runnable.image in self._scores:
            self._candidates[machine.name_of(header)] = None
            self._make_offers()
        elif runnable.image not in self._benchmarks:
            self._benchmark(runnable)
        elif self._benchmarks[runnable.image] != "running":
            self._unfit(state, "benchmark", self._benchmarks[runnable.image])

    def _unfit(self, state: machine.OfferingState, rule: str, detail: str) -> None:
        self._step(state, "unfit", reason=detail)
        header = state.header
        now = self.ports.clock.monotonic()
        last = self._declined.get(machine.name_of(header))
        if last is not None and now - last < self._provider.decline_gap:
            return
        self._declined[machine.name_of(header)] = now
        self.ports.sink.emit("decline", task=header.task_id, provider=self.ports.signer.node_id, rule=rule, detail=detail, by="provider")
        self._say(header.requestor, Decline(header.task_id, "", rule, detail))

    def _consider_all(self) -> None:
        for state in list(self._offerings.values()):
            if state.status == "unfit":
                self._consider(self._step(state, "reconsidered"))
            elif state.status == "heard" and state.name not in self._candidates:
                self._consider(state)

    def _runnable(self, env_id: str, prerequisites_json: str) -> Runnable | tuple[str, str]:
        environment = self.ports.environments.get(self._provider.env)
        if environment is None:
            return "environment", f"this node has no environment {self._provider.env}"
        found = environment.resolve(env_id, prerequisites_json)
        return (found.rule, found.detail) if isinstance(found, Refusal) else found

    # ---------------------------------------------------------------- benchmarks

    def _benchmark(self, runnable: Runnable) -> None:
        """Run the app's benchmark once, before the first offer for it."""
        self._benchmarks[runnable.image] = "running"
        self._benchmarks_begun += 1
        runtime_id = f"{self._prefix}/benchmark/{self._benchmarks_begun}"
        folder = f"benchmark/{self._benchmarks_begun}"
        address = start_runtime(self.ports, self.address, runnable, "provider", runtime_id, folder, self._config.start_limit)
        self._benchmark_runs[runtime_id] = (runnable.image, address)
        op = OpCall("RunBenchmark", api.RunBenchmarkRequest().SerializeToString(), BENCHMARK_LIMIT)
        self.tell(address, RuntimeOp(runtime_id, op, self.address))

    def _benchmark_done(self, message: OpDone) -> bool:
        run = self._benchmark_runs.pop(message.call_id, None)
        if run is None:
            return False
        image, address = run
        self._scored(image, message.outcome)
        self.tell(address, StopService("the benchmark is done"))
        return True

    def _benchmark_ended(self, runtime_id: str, reason: str) -> bool:
        """Its service is over; when that was before it answered, the benchmark failed."""
        run = self._benchmark_runs.pop(runtime_id, None)
        if run is not None:
            self._scored(run[0], Outcome("error", code="exited", detail=reason))
        return "/benchmark/" in runtime_id

    def _scored(self, image: str, outcome: Outcome) -> None:
        try:
            score = api.RunBenchmarkReply.FromString(outcome.reply).score if outcome.ok else math.nan
        except DecodeError:
            outcome, score = Outcome("error", code="bad_reply", detail="its reply is no RunBenchmarkReply"), math.nan
        if math.isfinite(score):
            self._scores[image] = round(score, 3)
            del self._benchmarks[image]
        else:
            reason = "its score is no number" if outcome.ok else outcome.detail or outcome.code or outcome.status
            self._benchmarks[image] = f"the app's benchmark failed here: {reason}"
        self._consider_all()

    # ---------------------------------------------------------------- offers

    def _make_offers(self) -> None:
        """Offer for tasks chosen by chance, up to the cap: so requestors share providers without a word about it."""
        free = self._provider.slots - self._occupied()
        room = free * self._provider.offers_per_slot - len(self._open_offers)
        while room > 0 and self._candidates:
            name = self._entropy.choice(list(self._candidates))
            self._offer(self._offerings[name])
            room -= 1

    def _offer(self, state: machine.OfferingState) -> None:
        header = state.header
        del self._candidates[state.name]
        runnable = self._runnable(header.env_id, header.prerequisites_json)
        assert isinstance(runnable, Runnable)
        offer = Offer(
            offer_id=self._entropy.new_id(),
            task_id=header.task_id,
            provider=self.ports.signer.node_id,
            price=self._provider.price,
            score=self._scores[runnable.image],
            lifetime=self._provider.offer_lifetime,
            header=state.body,
        )
        body = self._seal(offer)
        self._step(state, "offered", offer_id=offer.offer_id, offer_body=body)
        self._open_offers[offer.offer_id] = state.name
        self._evidence("offer", offer.offer_id, body)
        self.tell(self._switchboard, SendTo(header.requestor, body))
        self._keeper.call_after(self._provider.offer_lifetime + self._config.start_limit, f"offer/{offer.offer_id}", "lapse")

    def _offer_ended(self, offer_id: str, move: str, rule: str) -> None:
        """An offer was declined or lapsed: leave that task alone for a while."""
        name = self._open_offers.pop(offer_id, None)
        if name is None:
            return
        state = self._offerings[name]
        if state.closing or rule in ("task_over", "unknown_task"):
            self._gone(name)
        else:
            if rule == "no_work":
                wait = self._provider.idle_cool_down
                self._step(state, move, reason=rule)
            else:
                wait = min(COOL_MOST, state.cool_down * 2 or self._provider.cool_down)
                self._step(state, move, reason=rule, cool_down=wait)
            self._keeper.call_after(wait, f"cool/{name}", offer_id)
        self._make_offers()

    def _offers_lost(self, peer: NodeId) -> None:
        """The link is gone, and perhaps our offers with it."""
        for offer_id, name in list(self._open_offers.items()):
            if self._offerings[name].requestor == peer:
                self._offer_ended(offer_id, "lapsed", "link_lost")

    def _offer_taken(self, state: machine.OfferingState) -> None:
        """It became an assignment: the task may be offered for again."""
        del self._open_offers[state.offer_id]
        after = self._step(state, "assigned", cool_down=0)
        if after.closing:
            self._gone(state.name)
        else:
            self._candidates[state.name] = None

    def _cooled(self, name: str) -> None:
        state = self._offerings.get(name)
        if state is not None and state.status == "cooling":
            self._step(state, "cooled", reason="")
            self._candidates[name] = None
            self._make_offers()

    def _step(self, state: machine.OfferingState, name: str, **changes: object) -> machine.OfferingState:
        after = machine.step(state, name, **changes)
        self._offerings[state.name] = after
        return after
