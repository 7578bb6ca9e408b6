"""Apps whose calls are bent: what a call comes to instead, and a log of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from claynet.actors.environment import Environment, Placement, Refusal, Runnable, RuntimeBackend
from claynet.actors.ports import (
    Outcome,
    Side,
    Work,
)
from claynet.proto import golem_task_api_pb2 as api


@dataclass(frozen=True)
class Call:
    """One Task API call of one service, as a bend sees it before it runs."""

    node: str
    side: Side
    method: str
    request: bytes
    n: int
    """How many calls of this method this node has seen, this one included."""


Bend = Callable[[Call], Outcome | None]
"""What a call comes to instead; None lets the app answer."""


class _Bent:
    """Work that may be answered by a bend, and is noted in any case."""

    def __init__(self, work: Work, answer: Outcome | None, note: Callable[[Outcome], None]) -> None:
        self._work, self._answer, self._note = work, answer, note

    def run(self) -> Outcome:
        outcome = self._work.run() if self._answer is None else self._answer
        self._note(outcome)
        return outcome

    def kill(self) -> None:
        self._work.kill()


class BentEnvironment:
    """Wraps any Environment: notes every call in `log`, and lets `bend` answer instead of the app."""

    def __init__(self, inner: Environment, node: str, bend: Bend, log: list[tuple[Call, Outcome]]) -> None:
        self.inner, self.node, self.bend, self.log = inner, node, bend, log
        self.counts: Counter[str] = Counter()
        self.broken: Outcome | None = None
        self.measured: Outcome | None = None
        """What its own benchmark comes to."""
        self.source = ""
        """Where all its images come from."""
        self.identity: Outcome | None = None
        """What its images' names stand for, instead of what they really do."""
        self.looks = 0
        self.ran: list[Runnable] = []

    @property
    def name(self) -> str:
        return self.inner.name

    def probe(self, patience: int = 0) -> Work:
        return _Bent(self.inner.probe(patience), self.broken, lambda _: None)

    def identify(self, runnable: Runnable) -> Work:
        self.looks += 1
        return _Bent(self.inner.identify(runnable), self.identity, lambda _: None)

    def benchmark(self) -> Work:
        return _Bent(self.inner.benchmark(), self.measured, lambda _: None)

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        found = self.inner.resolve(env_id, prerequisites_json)
        return msgspec.structs.replace(found, source=self.source) if isinstance(found, Runnable) else found

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> RuntimeBackend:
        self.ran.append(runnable)
        return _BentBackend(self, side, self.inner.backend(runnable, side, runtime_id, folder))

    def close(self) -> None:
        self.inner.close()


class _BentBackend:
    def __init__(self, environment: BentEnvironment, side: Side, inner: RuntimeBackend) -> None:
        self._environment, self._side, self._inner = environment, side, inner

    def _work(self, method: str, request: bytes, work: Work) -> Work:
        environment = self._environment
        environment.counts[method] += 1
        call = Call(environment.node, self._side, method, request, environment.counts[method])
        return _Bent(work, environment.bend(call), lambda outcome: environment.log.append((call, outcome)))

    def start(self) -> Work:
        return self._work("start", b"", self._inner.start())

    def call(self, method: str, request: bytes) -> Work:
        return self._work(method, request, self._inner.call(method, request))

    def stop(self) -> Work:
        return self._inner.stop()

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        return self._inner.place(files, folders)

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        return self._work("collect", repr(tuple(names)).encode(), self._inner.collect(folder, names))

    def discard(self, paths: Sequence[str]) -> Work:
        return self._work("discard", repr(tuple(paths)).encode(), self._inner.discard(paths))


def straight(_call: Call) -> Outcome | None:
    return None


def verdict(name: str, reason: str = "") -> Outcome:
    return Outcome(
        "ok",
        api.VerifyReply(
            result=api.VerifyReply.DESCRIPTOR.fields_by_name["result"].enum_type.values_by_name[name].number, reason=reason
        ).SerializeToString(),
    )


def subtask_of(call: Call) -> str:
    return (
        {"Verify": api.VerifyRequest, "NextSubtask": api.NextSubtaskRequest, "Compute": api.ComputeRequest}[call.method]
        .FromString(call.request)
        .subtask_id
    )


DEAD = Outcome("error", code="exited", detail="the service has ended")
