"""Benchmarks: what the images that this node may run stand for, and how fast their apps, and the environment itself, are here.

Knows the pair machine, the environment's identify and benchmark, and services of images; measures one thing at a time. Must not know
headers, offers, nor whose images are allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from google.protobuf.message import DecodeError

from claynet.actors.core import pair as machine
from claynet.actors.core.pair import PairState, ScoreState, score_key
from claynet.actors.environment import Identity, Runnable
from claynet.actors.environment_watch import FAULT, EnvironmentWatch
from claynet.actors.messages import OpCall, OpDone, RuntimeEnded, RuntimeOp, StopService
from claynet.actors.ports import SECOND, Address, JobDone, Outcome
from claynet.actors.runtime import start_runtime
from claynet.actors.world import Ports
from claynet.proto import golem_task_api_pb2 as api

IDENTIFY_LIMIT = 30 * SECOND
BENCHMARK_LIMIT = 120 * SECOND
LOOK_AGAIN = 60 * SECOND
"""So long what a name stood for is taken to be what it stands for."""
MOST_PAIRS = 1024
"""Images that are remembered; of more, the one that was looked at longest ago is forgotten."""


@dataclass
class _Run:
    """The service that is measured now."""

    image: str
    address: Address
    answered: bool = False


class Benchmarks:
    """All images of one environment. `changed` is called when more is known of one of them."""

    def __init__(
        self,
        ports: Ports,
        address: Address,
        watch: EnvironmentWatch,
        start_limit: int,
        changed: Callable[[], None],
    ) -> None:
        self._ports = ports
        self._address = address
        self._prefix = address.rpartition("/")[0]
        self._watch = watch
        self._start_limit = start_limit
        self._changed = changed
        self._pairs: dict[str, PairState] = {}
        self._runnables: dict[str, Runnable] = {}
        self._scores: dict[str, ScoreState] = {}
        self._looking: dict[str, str] = {}
        """Job id -> the image that it identifies."""
        self._looks = 0
        self._queue: dict[str, None] = {}
        """Images that wait to be measured."""
        self._run: _Run | None = None
        self._runs = 0
        self._measures_environment = False
        self._environment_measured = 0
        """How often that was tried; once is enough unless it failed under it."""
        self._environment_known = False

    @property
    def service(self) -> Address | None:
        """The service that is being measured."""
        return self._run.address if self._run else None

    def restore(self, state: ScoreState) -> None:
        """Take up a score of an earlier life."""
        self._scores[score_key(state.digest, state.hardware)] = state

    def look(self, runnable: Runnable) -> PairState:
        """Return what is known of an image. What is not is found out, and now and then whether its name still stands for the same."""
        pair = self._pairs.get(runnable.image) or self._remember(runnable)
        is_old = pair.status in ("scored", "failed") and self._ports.clock.monotonic() - pair.looked > LOOK_AGAIN
        if pair.status == "unknown" or is_old:
            pair = self._step(pair, "identify")
            environment = self._watch.environment
            assert environment is not None  # else nothing would resolve to a Runnable
            self._looks += 1
            job = f"{self._address}/identify/{self._looks}"
            self._looking[job] = runnable.image
            self._ports.jobs.submit(job, "identify", environment.identify(runnable), IDENTIFY_LIMIT, self._address)
        return pair

    def again(self) -> None:
        """Forget every score; images that are looked at from now on are measured anew, and so is the environment."""
        for key in self._scores:
            self._ports.store.append(key, None)
        self._scores.clear()
        self._environment_known = False
        for image, pair in self._pairs.items():
            self._pairs[image] = msgspec.structs.replace(pair, looked=pair.looked - LOOK_AGAIN - 1, faulty="")

    def doubt(self, runnable: Runnable) -> None:
        """A service of this image could not start because the image is gone: look again before the next offer."""
        pair = self._pairs.get(runnable.image)
        if pair is not None:
            self._pairs[runnable.image] = msgspec.structs.replace(pair, looked=pair.looked - LOOK_AGAIN - 1)

    def next(self) -> None:
        """Measure what waits, one at a time; the environment itself when nothing else is to be found out."""
        if not self._watch.ready or self._run is not None or self._measures_environment:
            return
        if self._queue:
            image = next(iter(self._queue))
            del self._queue[image]
            self._begin(self._step(self._pairs[image], "begin"))
        elif not self._looking and not self._environment_known:
            self._measure_environment()

    def job_done(self, message: JobDone) -> None:
        """An identification, or the environment's own benchmark, is done."""
        image = self._looking.pop(message.job_id, None)
        if image is None:
            self._environment_done(message.outcome)
        else:
            self._identified(self._pairs[image], message.outcome)
        self.next()

    def op_done(self, message: OpDone) -> bool:
        """Tell whether this was the answer of a benchmark; take it when it was."""
        run = self._run
        if run is None or message.call_id != run.address:
            return False
        if not run.answered:
            run.answered = True
            self._measured(self._pairs[run.image], message.outcome)
            self._ports.system.tell(run.address, StopService("the benchmark is done"))
        return True

    def service_ended(self, message: RuntimeEnded) -> bool:
        """Tell whether this was the end of a benchmark's service; without an answer the benchmark failed."""
        run = self._run
        if run is None or message.address != run.address:
            return False
        if not run.answered:
            self._measured(self._pairs[run.image], Outcome("error", code=message.code or "exited", detail=message.reason))
        self._run = None
        self.next()
        return True

    # ---------------------------------------------------------------- what a name stands for

    def _remember(self, runnable: Runnable) -> PairState:
        idle = [one for one in self._pairs.values() if one.status in ("unknown", "scored", "failed")]
        if len(self._pairs) >= MOST_PAIRS and idle:
            oldest = min(idle, key=lambda one: one.looked).image
            del self._pairs[oldest], self._runnables[oldest]
        pair = PairState(status=machine.INITIAL, image=runnable.image)
        self._pairs[pair.image] = pair
        self._runnables[pair.image] = runnable
        return pair

    def _identified(self, pair: PairState, outcome: Outcome) -> None:
        if outcome.code == FAULT:
            self._step(pair, "lost")
            self._watch.fault(outcome.detail)
            return
        now = self._ports.clock.monotonic()
        identity = _identity(outcome)
        if identity is None:
            reason = outcome.detail or outcome.code or "its identity does not parse"
            self._step(pair, "fault", looked=now, digest="", rule=outcome.code or "identify", reason=reason)
            self._tell(pair.image, "failed", 0.0, reason)
        else:
            self._identity_known(pair, identity, now)
        self._changed()

    def _identity_known(self, pair: PairState, identity: Identity, now: int) -> None:
        known = {"looked": now, "digest": identity.digest, "hardware": identity.hardware}
        score = self._scores.get(score_key(identity.digest, identity.hardware))
        if pair.faulty == identity.digest:
            self._step(pair, "fault", **known, rule="benchmark", reason=pair.faulty_reason)
        elif score is not None:
            self._step(pair, "known", **known, score=score.score, reason="")
        else:
            self._step(pair, "new", **known, reason="")
            self._queue[pair.image] = None

    # ---------------------------------------------------------------- how fast its app is

    def _begin(self, pair: PairState) -> None:
        self._runs += 1
        runtime_id = f"{self._prefix}/benchmark/{self._runs}"
        folder = f"benchmark/{self._runs}"
        runnable = msgspec.structs.replace(self._runnables[pair.image], digest=pair.digest)
        address = start_runtime(self._ports, self._address, runnable, "provider", runtime_id, folder, self._start_limit)
        self._run = _Run(runnable.image, address)
        op = OpCall("RunBenchmark", api.RunBenchmarkRequest().SerializeToString(), BENCHMARK_LIMIT)
        self._ports.system.tell(address, RuntimeOp(address, op, self._address))

    def _measured(self, pair: PairState, outcome: Outcome) -> None:
        if outcome.code == FAULT:
            self._step(pair, "lost")
            self._watch.fault(outcome.detail)
            return
        score = _score(outcome)
        if score is None:
            why = "it answered no score" if outcome.ok else outcome.detail or outcome.code or outcome.status
            reason = f"the app's benchmark failed here: {why}"
            looked = self._ports.clock.monotonic()
            self._step(pair, "fault", looked=looked, rule="benchmark", reason=reason, faulty=pair.digest, faulty_reason=reason)
            self._tell(pair.image, "failed", 0.0, reason)
        else:
            state = ScoreState(status="known", digest=pair.digest, hardware=pair.hardware, score=score)
            key = score_key(pair.digest, pair.hardware)
            self._scores[key] = state
            self._ports.store.append(key, state)
            self._step(pair, "measured", score=score)
            self._tell(pair.image, "scored", score, "")
        self._changed()

    # ---------------------------------------------------------------- how fast the environment is

    def _measure_environment(self) -> None:
        environment = self._watch.environment
        assert environment is not None  # it is ready
        self._measures_environment = True
        self._environment_measured += 1
        job = f"{self._address}/benchmark/{self._environment_measured}"
        self._ports.jobs.submit(job, "benchmark", environment.benchmark(), BENCHMARK_LIMIT, self._address)

    def _environment_done(self, outcome: Outcome) -> None:
        self._measures_environment = False
        if outcome.code == FAULT:
            self._watch.fault(outcome.detail)
            return
        self._environment_known = True
        try:
            score = round(float(outcome.reply), 3) if outcome.ok else math.nan
        except ValueError:
            score = math.nan
        if math.isfinite(score):
            self._tell("", "scored", score, "")
        else:
            self._tell("", "failed", 0.0, outcome.detail or outcome.code or "it answered no number")

    def _tell(self, image: str, state: str, score: float, reason: str) -> None:
        environment = self._watch.environment
        name = environment.name if environment else ""
        self._ports.sink.emit("benchmark", env=name, image=image, state=state, score=score, reason=reason)

    def _step(self, pair: PairState, name: str, **changes: object) -> PairState:
        after = machine.step(pair, name, **changes)
        self._pairs[pair.image] = after
        return after


def _identity(outcome: Outcome) -> Identity | None:
    if not outcome.ok:
        return None
    try:
        return msgspec.json.decode(outcome.reply, type=Identity)
    except (ValueError, RecursionError):
        return None


def _score(outcome: Outcome) -> float | None:
    """Return the score that RunBenchmark answered; None when it is no number."""
    if not outcome.ok:
        return None
    try:
        score = api.RunBenchmarkReply.FromString(outcome.reply).score
    except DecodeError:
        return None
    return round(score, 3) if math.isfinite(score) else None
