"""Subtasks in containers: one from cold against plain docker-py doing the same with the same server, and twenty at once.

Knows the docker environment as a node uses it, and docker-py. Must not know nodes or scenarios.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import ROUNDS, Figure, in_process, interleaved, report
from claynet.actors.environment import Placement, Runnable
from claynet.actors.ports import Outcome
from claynet.envs.docker_build import build_app
from claynet.envs.docker_cpu import DockerCpuEnvironment
from claynet.envs.docker_engine import Engine
from claynet.envs.docker_limits import ContainerLimits, ContainerSpec, create_options
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.proto import golem_task_api_pb2 as pb
from claynet.proto import layout
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.listening import socket_target

APP = Path(__file__).parents[1] / "apps" / "tutorial"
INPUT = Path(__file__).parents[1] / "scenarios" / "data" / "input.txt"
AT_ONCE = 20
GOAL = 1 / 1.3
"""Ours may take 1.3 times as long as plain docker-py."""
_SAMPLES = 3
_PAUSE = 0.01
"""Seconds between two looks for a socket, on both sides."""


@dataclass(frozen=True, slots=True)
class Subtask:
    """What a provider gets: its id, the request, and its input files."""

    id: str
    request: bytes
    inputs: Sequence[Placement]


class Bench:
    """The environment, an image, and a subtask that the app's requestor side gave out."""

    def __init__(self, folder: Path) -> None:
        engine = Engine(timeout=300.0)
        image = build_app(APP, engine, lambda _: None, APP / "descriptor.json").image
        engine.close()
        self.folder = folder
        self.blobs = DiskBlobs(folder / "blobs")
        self.environment = DockerCpuEnvironment(folder / "data", self.blobs)
        name, _, tag = image.rpartition(":")
        found = self.environment.resolve(layout.DOCKER_CPU, json.dumps({"image": name, "tag": tag}))
        assert isinstance(found, Runnable), found
        self.runnable = found
        self.subtask = self._subtask()

    def _subtask(self) -> Subtask:
        requestor = self.environment.backend(self.runnable, "requestor", "bench/requestor", "requestor")
        digest, _ = self.blobs.put_file(INPUT)
        ok(requestor.place([Placement("t/task_inputs/input.txt", digest)]).run())
        ok(requestor.start().run())
        params = json.dumps({"difficulty": 4, "resources": ["input.txt"]})
        created = pb.CreateTaskRequest(task_id="t", max_subtasks_count=1, task_params_json=params)
        ok(requestor.call("CreateTask", created.SerializeToString()).run())
        wanted = pb.NextSubtaskRequest(task_id="t", subtask_id="s", opaque_node_id="f00d")
        given = pb.NextSubtaskReply.FromString(ok(requestor.call("NextSubtask", wanted.SerializeToString()).run()).reply).subtask
        files = ok(requestor.collect("t/subtask_inputs", list(given.resources)).run()).files
        ok(requestor.stop().run())
        request = pb.ComputeRequest(task_id="t", subtask_id="s", subtask_params_json=given.subtask_params_json)
        return Subtask("s", request.SerializeToString(), [Placement(f"subtask_inputs/{file.name}", file.digest) for file in files])

    def ours(self, number: int) -> None:
        """Do the whole of a provider's subtask as a node does."""
        backend = self.environment.backend(self.runnable, "provider", f"bench/{number}", f"provider/{number}")
        ok(backend.start().run())
        ok(backend.place(self.subtask.inputs, [self.subtask.id]).run())
        reply = ok(backend.call("Compute", self.subtask.request).run()).reply
        ok(backend.collect(".", [pb.ComputeReply.FromString(reply).output_filepath]).run())
        ok(backend.stop().run())
        ok(backend.discard(["."]).run())

    def plain(self, number: int) -> None:
        """Make, start, call, wait for and remove the same container; nobody reads its log, guards it or limits the waiting."""
        work, shared = self.folder / f"plain-{number}", self.folder / f"s-{number}"
        for folder in (work, shared, work / self.subtask.id):
            folder.mkdir()
        for file in self.subtask.inputs:
            (work / file.path).parent.mkdir(exist_ok=True)
            self.blobs.copy_to(file.digest, work / file.path)
        user = self.environment.user
        for path in (work, shared, *work.rglob("*")):
            shutil.chown(path, user.uid, user.gid)
        inside = "/run/claynet"
        spec = ContainerSpec(
            image=self.runnable.image,
            command=("provider", str(layout.PORTS["provider"])),
            user=user,
            limits=ContainerLimits(),
            labels={},
            variables={layout.SOCKET_VARIABLE: f"{inside}/s"},
            mounts={str(layout.WORK_MOUNT): work, inside: shared},
        )
        with self.environment.engine.api() as api:
            container = api.create_container(**create_options(api, spec))
            api.start(container)
            while not (shared / "s").exists():
                time.sleep(_PAUSE)
            client = TaskApiClient(socket_target(str(shared / "s")))
            while client.check_health(1.0) != "SERVING":
                time.sleep(_PAUSE)
            reply = client.call(layout.method_path("provider", "Compute"), self.subtask.request)
            client.close()
            api.wait(container)
            api.remove_container(container)
        assert (work / pb.ComputeReply.FromString(reply).output_filepath).is_file()
        shutil.rmtree(work)
        shutil.rmtree(shared)

    def at_once(self) -> tuple[int, float]:
        """Have many providers serve at the same time, then compute, then stop; return how many did without an error, and seconds."""
        backends = [self.environment.backend(self.runnable, "provider", f"bench/{n}", f"provider/{n}") for n in range(AT_ONCE)]
        began = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            served = list(pool.map(lambda backend: backend.start().run(), backends))
            up = time.perf_counter() - began
            placed = list(pool.map(lambda backend: backend.place(self.subtask.inputs, [self.subtask.id]).run(), backends))
            computed = list(pool.map(lambda backend: backend.call("Compute", self.subtask.request).run(), backends))
            stopped = list(pool.map(lambda backend: backend.stop().run(), backends))
        return sum(all(step.ok for step in steps) for steps in zip(served, placed, computed, stopped, strict=True)), up


def ok(outcome: Outcome) -> Outcome:
    """Give back a good outcome; a figure of anything else would be a lie."""
    if not outcome.ok:
        raise SystemExit(f"{outcome.code}: {outcome.detail}")
    return outcome


def seconds(side: str) -> float:
    """Measure one side in this process: the first time is for warming up, then the median of a few."""
    with tempfile.TemporaryDirectory(prefix="cb-") as name:
        bench = Bench(Path(name))
        do: Callable[[int], None] = bench.ours if side == "ours" else bench.plain
        taken = []
        for number in range(_SAMPLES + 1):
            began = time.perf_counter()
            do(number)
            taken.append(time.perf_counter() - began)
        bench.environment.close()
    return median(taken[1:])


def many() -> tuple[int, float]:
    """Run the crowd in this process, several times; return the fewest that came through, and the median of seconds until all serve."""
    found = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="cb-") as name:
            bench = Bench(Path(name))
            found.append(bench.at_once())
            bench.environment.close()
    return min(each[0] for each in found), median(each[1] for each in found)


def measure_cold() -> Sequence[Figure]:
    """Take the figure of one cold subtask."""
    took = interleaved({side: lambda side=side: in_process("bench.containers", side) for side in ("ours", "plain")})  # type: ignore[misc]
    ours, peer = took["ours"], took["plain"]
    name = "docker.subtask"
    return [Figure(name, round(ours, 3), round(peer, 3), "plain docker-py", round(peer / ours, 3), round(GOAL, 3), "s per cold subtask")]


def measure_many() -> Sequence[Figure]:
    """Take the figures of many containers at once."""
    came, up = many()
    unit = f"of {AT_ONCE} containers at once without an error"
    return [
        Figure("docker.many", came, AT_ONCE, "all of them", round(came / AT_ONCE, 3), 1.0, unit),
        report("docker.many_up", up, f"s until {AT_ONCE} serve"),
    ]


if __name__ == "__main__":
    print(seconds(sys.argv[1]))
