"""Dishonest and unlucky providers, as wrappers of any Environment: no actor and no environment knows that it is one.

Knows the ports only. Must not know which environment is wrapped. Whether a subtask is hit is drawn from the entropy stream that its
runtime's id names, when its backend is made: equal runs lie about equal subtasks, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from claynet.actors.environment import Environment, Placement, Refusal, Runnable, RuntimeBackend
from claynet.actors.ports import Blobs, Entropy, EventSink, FileRef, Outcome, Side, Work
from claynet.envs.lifecycle import FixedWork
from claynet.envs.translate import app_error

_FLIP = bytes(value ^ 1 for value in range(256))


def last_part(runtime_id: str) -> str:
    """Return what stands after the last `/` of a runtime's id: the subtask id, by custom."""
    return runtime_id.rpartition("/")[2]


class _Wrapper:
    """An environment that hands everything on."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @property
    def name(self) -> str:
        """The wrapped environment's own: nobody can tell."""
        return self._environment.name

    def probe(self, patience: int = 0) -> Work:
        """Hand on."""
        return self._environment.probe(patience)

    def identify(self, runnable: Runnable) -> Work:
        """Hand on."""
        return self._environment.identify(runnable)

    def benchmark(self) -> Work:
        """Hand on."""
        return self._environment.benchmark()

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Hand on."""
        return self._environment.resolve(env_id, prerequisites_json)

    def close(self) -> None:
        """Hand on."""
        self._environment.close()


class WrongResults(_Wrapper):
    """Changes the results of a fraction of the subtasks computed here, and says so to the sink (`tampered`)."""

    def __init__(
        self,
        environment: Environment,
        blobs: Blobs,
        fraction: float,
        entropy: Entropy,
        sink: EventSink,
        *,
        subtask_of: Callable[[str], str] = last_part,
    ) -> None:
        """`fraction` is from 0 to 1; `blobs` are the wrapped environment's; `subtask_of` finds a subtask's id in a runtime's id."""
        super().__init__(environment)
        self._blobs = blobs
        self._fraction = _checked(fraction)
        self._entropy = entropy
        self._sink = sink
        self._subtask_of = subtask_of

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> RuntimeBackend:
        """Make a backend; a provider's may be one that lies."""
        backend = self._environment.backend(runnable, side, runtime_id, folder)
        if side == "provider" and self._entropy.stream(runtime_id).fraction() < self._fraction:
            return _Liar(backend, self._blobs, self._sink, self._subtask_of(runtime_id))
        return backend


class Failing(_Wrapper):
    """Fails a fraction of the subtasks given to it, as an app would that raises."""

    def __init__(self, environment: Environment, fraction: float, entropy: Entropy) -> None:
        """`fraction` is from 0 to 1."""
        super().__init__(environment)
        self._fraction = _checked(fraction)
        self._entropy = entropy

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> RuntimeBackend:
        """Make a backend; a provider's may be one that fails."""
        backend = self._environment.backend(runnable, side, runtime_id, folder)
        if side == "provider" and self._entropy.stream(runtime_id).fraction() < self._fraction:
            return _Failure(backend)
        return backend


class _WrapperBackend:
    """A backend that hands everything on."""

    def __init__(self, backend: RuntimeBackend) -> None:
        self._backend = backend

    def start(self) -> Work:
        return self._backend.start()

    def call(self, method: str, request: bytes) -> Work:
        return self._backend.call(method, request)

    def stop(self) -> Work:
        return self._backend.stop()

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        return self._backend.place(files, folders)

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        return self._backend.collect(folder, names)

    def discard(self, paths: Sequence[str]) -> Work:
        return self._backend.discard(paths)


class _Liar(_WrapperBackend):
    def __init__(self, backend: RuntimeBackend, blobs: Blobs, sink: EventSink, subtask_id: str) -> None:
        super().__init__(backend)
        self._blobs = blobs
        self._sink = sink
        self._subtask_id = subtask_id

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        # Said when the work is made, not when it runs: a replay runs no work, and jobs on threads end in no fixed order.
        self._sink.emit("tampered", id=self._subtask_id)
        return _Tampered(super().collect(folder, names), self._blobs)


class _Tampered:
    """Work that collects files and changes every one."""

    def __init__(self, work: Work, blobs: Blobs) -> None:
        self._work = work
        self._blobs = blobs

    def run(self) -> Outcome:
        outcome = self._work.run()
        return Outcome(outcome.status, outcome.reply, outcome.code, outcome.detail, tuple(self._change(file) for file in outcome.files))

    def kill(self) -> None:
        self._work.kill()

    def _change(self, file: FileRef) -> FileRef:
        data = bytearray()
        while len(data) < file.size and (piece := self._blobs.read(file.digest, len(data), file.size - len(data))):
            data += piece
        changed = bytes(data.translate(_FLIP)) or b"\1"
        return FileRef(file.name, self._blobs.put(changed), len(changed))


class _Failure(_WrapperBackend):
    def call(self, method: str, request: bytes) -> Work:
        if method == "Compute":
            return FixedWork(app_error("RuntimeError", "out of order"))
        return super().call(method, request)


def _checked(fraction: float) -> float:
    if not 0 <= fraction <= 1:
        raise ValueError(f"a fraction is from 0 to 1, not {fraction}")
    return fraction
