"""Any story of jobs that was recorded replays as it was, and a tape that was changed never passes for the story of another run."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claynet.actors.ports import MILLISECOND, SECOND, Address, Digest, FileRef, Outcome
from claynet.sim.durations import Distribution, Durations
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.jobs_paced import PacedJobs
from claynet.sim.virtual.jobs_replay import ReplayJobs
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.virtual.tape import DivergenceError, Entry, Tape, TapeError, TapeHeader, TapeWriter
from claynet.sim.wire.memory import MemoryBlobs
from tests.contracts.driver import Box
from tests.contracts.jobs import Doing, UntilKilled
from tests.sim_core.test_jobs import Boss

HEADER = TapeHeader("digest", 7, "0.1", "here", {})
MS = MILLISECOND
DURATIONS = Durations(
    {
        "verify": Distribution.constant(3 * MS),  # many of one length: equal times
        "place": Distribution.constant(3 * MS),
        "compute": Distribution.uniform(1 * MS, 20 * MS),
    },
    measured={"collect"},
)
LONG = 60 * SECOND
END = 60 * MS
NODES = ("a", "b")


@dataclass(frozen=True)
class Job:
    node: str
    kind: str
    at: int
    fate: str
    """`ok`, `error`, `raises`, `file`, or `hangs`: until its wall limit."""
    cancel_at: int | None


TIMES = st.integers(0, 12).map(lambda number: number * MS)
JOBS = st.builds(
    Job,
    node=st.sampled_from(NODES),
    kind=st.sampled_from(("verify", "place", "compute", "collect")),
    at=TIMES,
    fate=st.sampled_from(("ok", "ok", "error", "raises", "file", "hangs")),
    cancel_at=st.none() | TIMES,
)
DEATHS = st.lists(st.tuples(st.sampled_from(NODES), TIMES), max_size=2)


class World:
    """A run whose trace is all it told: what was submitted, what ended when and how, and what actors heard."""

    def __init__(self, make):
        self.system = VirtualSystem()
        self.trace = []
        self.box = Box()
        for node in NODES:
            self.system.spawn(Boss, self.box, self.system, address=Address(f"{node}#1/boss"))
        self.blobs = {node: MemoryBlobs() for node in NODES}
        self.jobs = make(self)

    def job_submitted(self, job_id, kind, at, duration):
        self.trace.append(("submitted", job_id, kind, at, duration))

    def job_done(self, job_id, kind, outcome, at):
        self.trace.append(("done", job_id, kind, outcome, at))

    def blobs_of(self, job_id):
        return self.blobs[job_id.partition("#")[0]]

    def play(self, jobs, deaths, work_of):
        for number, job in enumerate(jobs):
            job_id = f"{job.node}#1/{number}"

            def submit(job=job, job_id=job_id):
                limit = 2 * MS if job.fate == "hangs" else LONG
                self.jobs.submit(job_id, job.kind, work_of(self, job, job_id), limit, Address(f"{job.node}#1/boss"))

            self.system.schedule(job.at, submit)
            if job.cancel_at is not None:
                self.system.schedule(job.cancel_at, lambda job_id=job_id: self.jobs.cancel(job_id))
        for node, at in deaths:
            self.system.schedule(at, lambda node=node: self.jobs.lose(f"{node}#1/"))
        try:
            self.system.run(until=END)
            self.jobs.run_ended()
        finally:
            self.jobs.close()
        return self.trace, self.box.heard


def real_work(world, job, job_id):
    if job.fate == "hangs":
        return UntilKilled()

    def run():
        if job.fate == "raises":
            raise RuntimeError(job_id)
        if job.fate == "error":
            return Outcome("error", code="INTERNAL", detail=job_id)
        if job.fate == "file":
            data = f"bytes of {job_id}".encode()
            return Outcome("ok", files=(FileRef("result", world.blobs_of(job_id).put(data), len(data)),))
        return Outcome("ok", reply=job_id.encode())

    return Doing(run)


def no_work(world, job, job_id):
    del world, job

    def run():
        raise AssertionError(f"{job_id} was run in a replay")

    return Doing(run)


def record(path, jobs, deaths):
    def make(world):
        writer = TapeWriter(path, HEADER)
        return PacedJobs(world.system, DURATIONS, SeededEntropy(7), writer, world, workers=4, blobs_of=world.blobs_of)

    return World(make).play(jobs, deaths, real_work)


def replay(tape, jobs, deaths):
    world = World(lambda world: ReplayJobs(world.system, DURATIONS, SeededEntropy(7), tape, HEADER, world, world.blobs_of))
    return world.play(jobs, deaths, no_work), world


STORIES = st.lists(JOBS, min_size=1, max_size=8)
FEW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(jobs=STORIES, deaths=DEATHS)
def test_every_recorded_story_replays_with_the_same_trace(jobs, deaths):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape"
        recorded = record(path, jobs, deaths)
        tape = Tape.read(path)
    again, world = replay(tape, jobs, deaths)
    assert again == recorded
    for _, job_id, _, outcome, _ in (event for event in again[0] if event[0] == "done"):
        for file in outcome.files:
            assert world.blobs_of(job_id).read(file.digest, 0, file.size) == f"bytes of {job_id}".encode()


STORY = [
    Job("a", "verify", 0, "ok", None),
    Job("a", "place", 0, "file", None),
    Job("b", "place", 1 * MS, "ok", None),  # not measured: that one of those is missing only the seal tells
    Job("b", "compute", 2 * MS, "error", None),
    Job("a", "compute", 0, "ok", 0),
    Job("b", "verify", 4 * MS, "hangs", None),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    path = tmp_path_factory.mktemp("tape") / "tape"
    return record(path, STORY, []), path


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_tape_whose_bytes_were_changed_is_refused(told, data):
    _, path = told
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(("cut", "flip", "insert", "remove", "add")))
    byte = bytes([data.draw(st.integers(0, 255))])
    changed = {
        "cut": whole[:at],
        "flip": whole[:at] + bytes([whole[at] ^ (1 + byte[0] % 255)]) + whole[at + 1 :],
        "insert": whole[:at] + byte + whole[at:],
        "remove": whole[:at] + whole[at + 1 :],
        "add": whole + byte,
    }[how]
    assert changed != whole
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "tape"
        other.write_bytes(changed)
        with pytest.raises(TapeError):
            Tape.read(other)


def swapped(entries, at):
    return [*entries[:at], entries[at + 1], entries[at], *entries[at + 2 :]]


def altered(entry, how):
    outcome = {
        "status": Outcome("error", code="other"),
        "reply": Outcome("ok", reply=b"other"),
        "file": Outcome("ok", files=(FileRef("result", Digest("00"), 1),)),
    }.get(how, entry.outcome)
    kind = "discard" if how == "kind" else entry.kind
    at = entry.at + 1 if how == "time" else entry.at
    return Entry(f"{entry.job_id}x" if how == "id" else entry.job_id, kind, outcome, at)


@pytest.mark.parametrize("at", range(len(STORY)))
@pytest.mark.parametrize("how", ["removed", "doubled", "kind", "time", "id", "swapped"])
def test_a_tape_of_other_jobs_ends_the_replay_and_names_the_first_that_differs(told, how, at):
    (trace, _), path = told
    entries = list(Tape.read(path).entries)
    assert len(entries) == len(STORY)
    if how == "swapped":
        if at == len(STORY) - 1:
            at -= 1
        changed = swapped(entries, at)
    elif how == "removed":
        changed = entries[:at] + entries[at + 1 :]
    elif how == "doubled":
        changed = [*entries[: at + 1], *entries[at:]]
    else:
        changed = [*entries[:at], altered(entries[at], how), *entries[at + 1 :]]
    with pytest.raises(DivergenceError) as caught:
        replay(Tape(HEADER, changed, {file.digest: b"" for entry in entries for file in entry.outcome.files}), STORY, [])
    near = {entry.job_id for entry in changed[max(0, at - 1) : at + 2]} | {entries[at].job_id}
    assert any(repr(job_id) in str(caught.value) for job_id in near), caught.value
    assert trace


def test_a_cancel_that_the_tape_does_not_have_ends_the_replay(told):
    _, path = told
    other = [*STORY[:3], Job("b", "compute", 2 * MS, "error", 2 * MS), *STORY[4:]]
    with pytest.raises(DivergenceError, match=r"'b#1/3' \(compute\) cancelled"):
        replay(Tape.read(path), other, [])


def test_a_divergence_inside_an_actor_ends_the_run_all_the_same(told):
    """An actor that cancels a job must not swallow what is the run's end."""
    _, path = told
    tape = Tape.read(path)
    world = World(lambda world: ReplayJobs(world.system, DURATIONS, SeededEntropy(7), tape, HEADER, world))

    class Cancels(Boss):
        def on_receive(self, message):
            world.jobs.cancel(message)

    world.system.spawn(Cancels, world.box, world.system, address=Address("c#1/boss"))
    world.jobs.submit("a#1/new", "verify", no_work(world, None, "a#1/new"), LONG, Address("c#1/boss"))
    world.system.tell(Address("c#1/boss"), "a#1/new")
    with pytest.raises(DivergenceError, match=r"'a#1/new' \(verify\) cancelled"):
        world.system.run(until=END)
    world.jobs.close()


def test_a_run_that_never_ended_leaves_a_tape_known_as_incomplete(tmp_path):
    writer = TapeWriter(tmp_path / "tape", HEADER)
    writer.record("a#1/1", "verify", Outcome("ok"), 5)
    writer.close()
    with pytest.raises(TapeError, match="incomplete after 1 outcomes: its run was interrupted or killed"):
        Tape.read(tmp_path / "tape")


def test_measured_jobs_take_in_virtual_time_what_they_really_took_and_run_side_by_side(tmp_path):
    both = threading.Barrier(2)

    def meet(world, job, job_id):
        del world, job

        def run():
            both.wait(10)  # would never return if one waited for the other's end
            threading.Event().wait(0.03)
            return Outcome("ok", reply=job_id.encode())

        return Doing(run)

    took = {}

    def make(world):
        writer = TapeWriter(tmp_path / "tape", HEADER)
        note = lambda job_id, kind, ns: took.update({job_id: ns})  # noqa: E731
        return PacedJobs(world.system, DURATIONS, SeededEntropy(7), writer, world, note, workers=4)

    jobs = [Job("a", "collect", 0, "ok", None), Job("b", "collect", 1 * MS, "ok", None)]
    world = World(make)
    world.system.schedule(10 * SECOND, lambda: None)
    starts = {"a#1/0": 0, "b#1/1": 1 * MS}
    for number, job in enumerate(jobs):
        job_id = f"{job.node}#1/{number}"
        work = meet(world, job, job_id)
        world.system.schedule(
            job.at,
            lambda job=job, job_id=job_id, work=work: world.jobs.submit(job_id, "collect", work, LONG, Address(f"{job.node}#1/boss")),
        )
    world.system.run(until=10 * SECOND)
    world.jobs.run_ended()
    world.jobs.close()
    ends = {event[1]: event[4] - starts[event[1]] for event in world.trace if event[0] == "done"}
    assert set(ends) == {"a#1/0", "b#1/1"}
    for job_id, virtual in ends.items():
        assert took[job_id] >= 30 * MS
        assert took[job_id] <= virtual <= took[job_id] + max(MS, took[job_id] // 64) + MS
