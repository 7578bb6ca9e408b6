"""What the suites of this folder share: blobs in memory, a driver that plays the node, and one maker for each environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from claynet.actors.blob_names import digest_of
from claynet.actors.environment import Environment, Placement, Runnable, RuntimeBackend
from claynet.actors.ports import Digest, FileRef, Outcome, Work
from claynet.envs.docker_cpu import DockerCpuEnvironment
from claynet.envs.inproc import InprocEnvironment
from claynet.envs.model import ModelEnvironment
from claynet.envs.process import ProcessEnvironment
from claynet.envs.resolve import AppTable, split_tag
from claynet.proto import golem_task_api_pb2 as pb

_T = TypeVar("_T")

ROOT = Path(__file__).parents[2]
APPS = {name: f"tests.envs.apps.{name}:APP" for name in ("parts", "raises", "hangs", "begets", "exits", "mute", "tells")}
PREREQUISITES = json.dumps({"image": "parts", "tag": "1"})


class MemoryBlobs:
    """Blobs kept in a dict; partial ones are not needed here."""

    def __init__(self) -> None:
        self.data: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        self.data[digest] = data
        return digest

    def put_file(self, path: Path) -> tuple[Digest, int]:
        if path.is_symlink() or not path.is_file():
            raise ValueError("not a regular file")
        data = path.read_bytes()
        return self.put(data), len(data)

    def has(self, digest: Digest) -> bool:
        return digest in self.data

    def size(self, digest: Digest) -> int:
        return len(self.data[digest])

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        return self.data[digest][offset : offset + length]

    def partial(self, digest: Digest) -> int:
        return 0

    def extend(self, digest: Digest, offset: int, data: bytes, total: int) -> bool:
        raise ValueError("nothing partial here")

    def copy_to(self, digest: Digest, path: Path) -> None:
        data = self.data[digest]
        with path.open("xb") as file:
            file.write(data)

    def delete(self, digest: Digest) -> None:
        self.data.pop(digest, None)


@dataclass(slots=True)
class Sink:
    """Keeps what was emitted."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def emit(self, kind: str, **fields: object) -> None:
        self.events.append((kind, fields))


class Numbers:
    """Entropy by name: a stream's only draw follows from its name."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def stream(self, name: str) -> Numbers:
        return Numbers(name)

    def nonce(self, size: int) -> bytes:
        return blake2b(self.name.encode(), digest_size=size).digest()

    def fraction(self) -> float:
        return int.from_bytes(self.nonce(4), "big") / 2**32

    def new_id(self) -> str:
        return self.nonce(16).hex()

    def below(self, bound: int) -> int:
        return int(self.fraction() * bound)

    def choice(self, options: Sequence[_T]) -> _T:
        return options[self.below(len(options))]

    def gauss(self) -> float:
        return 0.0


Maker = Callable[[Path, MemoryBlobs], Environment]


def make_model(data_dir: Path, blobs: MemoryBlobs) -> Environment:
    return ModelEnvironment(blobs, AppTable(APPS))


def make_inproc(data_dir: Path, blobs: MemoryBlobs) -> Environment:
    return InprocEnvironment(data_dir, blobs, AppTable(APPS))


def make_process(data_dir: Path, blobs: MemoryBlobs) -> ProcessEnvironment:
    return ProcessEnvironment(data_dir, blobs, AppTable(APPS), module_path=[str(ROOT)])


def make_docker_cpu(data_dir: Path, blobs: MemoryBlobs) -> DockerCpuEnvironment:
    return DockerCpuEnvironment(data_dir, blobs)


def runnable(environment: Environment, image: str = "parts") -> Runnable:
    name, tag = split_tag(image)
    found = environment.resolve("docker_cpu", json.dumps({"image": name, "tag": tag or "1"}))
    assert isinstance(found, Runnable)
    return found


def ok(outcome: Outcome) -> Outcome:
    assert outcome.ok, outcome
    return outcome


def code(outcome: Outcome) -> str:
    assert outcome.status == "error", outcome
    assert outcome.code, outcome
    return outcome.code


class Driver:
    """Plays a node: one requestor service, and provider services one after another."""

    def __init__(self, environment: Environment, image: str = "parts") -> None:
        self.environment = environment
        self.runnable = runnable(environment, image)
        self.requestor = environment.backend(self.runnable, "requestor", "node/requestor/1", "requestor/app")

    def started(self) -> Driver:
        ok(self.requestor.start().run())
        return self

    def create(self, parts: int, task_id: str = "task", params: str = "{}") -> pb.CreateTaskReply:
        ok(self.requestor.place([], [f"{task_id}/task_inputs"]).run())
        request = pb.CreateTaskRequest(task_id=task_id, max_subtasks_count=parts, task_params_json=params)
        return pb.CreateTaskReply.FromString(ok(self.requestor.call("CreateTask", request.SerializeToString()).run()).reply)

    def next(self, subtask_id: str, task_id: str = "task") -> pb.NextSubtaskReply:
        request = pb.NextSubtaskRequest(task_id=task_id, subtask_id=subtask_id, opaque_node_id="f00d")
        return pb.NextSubtaskReply.FromString(ok(self.requestor.call("NextSubtask", request.SerializeToString()).run()).reply)

    def pending(self, task_id: str = "task") -> bool:
        request = pb.HasPendingSubtasksRequest(task_id=task_id)
        reply = ok(self.requestor.call("HasPendingSubtasks", request.SerializeToString()).run()).reply
        return pb.HasPendingSubtasksReply.FromString(reply).has_pending_subtasks

    def provider(self, subtask_id: str) -> RuntimeBackend:
        return self.environment.backend(self.runnable, "provider", f"node/provider/{subtask_id}", f"provider/{subtask_id}")

    def inputs(self, reply: pb.NextSubtaskReply, task_id: str = "task") -> tuple[FileRef, ...]:
        return ok(self.requestor.collect(f"{task_id}/subtask_inputs", list(reply.subtask.resources)).run()).files

    def compute_work(self, provider: RuntimeBackend, subtask_id: str, params: dict[str, object]) -> Work:
        request = pb.ComputeRequest(task_id="task", subtask_id=subtask_id, subtask_params_json=json.dumps(params))
        return provider.call("Compute", request.SerializeToString())

    def compute(self, subtask_id: str, reply: pb.NextSubtaskReply, task_id: str = "task") -> FileRef:
        """Compute as a provider: place, start, Compute, collect, stop, discard."""
        provider = self.provider(subtask_id)
        placements = [Placement(f"subtask_inputs/{file.name}", file.digest) for file in self.inputs(reply, task_id)]
        ok(provider.place(placements, [subtask_id]).run())
        ok(provider.start().run())
        request = pb.ComputeRequest(task_id=task_id, subtask_id=subtask_id, subtask_params_json=reply.subtask.subtask_params_json)
        computed = ok(provider.call("Compute", request.SerializeToString()).run()).reply
        (result,) = ok(provider.collect(".", [pb.ComputeReply.FromString(computed).output_filepath]).run()).files
        ok(provider.stop().run())
        ok(provider.discard(["."]).run())
        return result

    def verify(self, subtask_id: str, result: FileRef, task_id: str = "task") -> pb.VerifyReply:
        name = result.name.rpartition("/")[2]
        ok(self.requestor.place([Placement(f"{task_id}/subtask_outputs/{subtask_id}/{name}", result.digest)]).run())
        request = pb.VerifyRequest(task_id=task_id, subtask_id=subtask_id)
        return pb.VerifyReply.FromString(ok(self.requestor.call("Verify", request.SerializeToString()).run()).reply)
