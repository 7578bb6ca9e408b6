"""Jobs in virtual time: durations, order, halting, tapes and replays."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, Address, Digest, FileRef, JobDone, Outcome
from claynet.sim.durations import Distribution, Durations
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.fence import FenceError
from claynet.sim.virtual.jobs_direct import DirectJobs
from claynet.sim.virtual.jobs_paced import PacedJobs
from claynet.sim.virtual.jobs_replay import ReplayJobs
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.virtual.tape import DivergenceError, Entry, Tape, TapeError, TapeHeader, TapeWriter
from claynet.sim.wire.memory import MemoryBlobs
from tests.contracts.driver import PATIENCE, Box, Probe
from tests.contracts.jobs import DONE, Doing, UntilKilled

BOSS = Address("n#1/boss")
LONG = 60 * SECOND
MS = MILLISECOND
DURATIONS = Durations({"compute": Distribution.uniform(1 * SECOND, 3 * SECOND), "verify": Distribution.constant(100 * MS)})
HEADER = TapeHeader("digest", 7, "0.1", "here", {})


class Boss(Probe):
    def __init__(self, box, system):
        super().__init__(box)
        self.system = system

    def on_receive(self, message):
        self.box.add((self.system.now, message.job_id, message.outcome) if isinstance(message, JobDone) else (self.system.now, message))


class World:
    def __init__(self, make):
        self.system = VirtualSystem()
        self.box = Box()
        self.events = []
        self.real = []
        self.system.spawn(Boss, self.box, self.system, address=BOSS)
        self.jobs = make(self)

    def job_submitted(self, job_id, kind, at, duration):
        self.events.append(("submitted", job_id, kind, at, duration))

    def job_done(self, job_id, kind, outcome, at):
        self.events.append(("done", job_id, kind, outcome, at))

    def took(self, job_id, kind, nanoseconds):
        self.real.append((job_id, kind, nanoseconds > 0))


def direct(world):
    return DirectJobs(world.system, DURATIONS, SeededEntropy(7), world)


def paced(world):
    return PacedJobs(world.system, DURATIONS, SeededEntropy(7), None, world, world.took, workers=4)


def recording(tape):
    return lambda world: PacedJobs(world.system, DURATIONS, SeededEntropy(7), tape, world, world.took, workers=4)


def replaying(tape, header=HEADER):
    return lambda world: ReplayJobs(world.system, DURATIONS, SeededEntropy(7), tape, header, world)


@pytest.fixture
def begin():
    worlds = []

    def start(make):
        worlds.append(World(make))
        return worlds[-1]

    yield start
    for world in worlds:
        world.jobs.close()


@pytest.mark.parametrize("make", [direct, paced])
def test_an_outcome_arrives_after_the_jobs_own_virtual_duration(begin, make):
    world = begin(make)
    world.system.run(until=5 * SECOND)
    world.jobs.submit("n#1/1", "compute", Doing(), LONG, BOSS)
    world.jobs.submit("n#1/2", "verify", Doing(), LONG, BOSS)
    world.system.run()
    drawn = DURATIONS.of("compute").sample(SeededEntropy(7).stream("n#1/1"))
    assert world.box.heard == [(5 * SECOND + 100 * MS, "n#1/2", DONE), (5 * SECOND + drawn, "n#1/1", DONE)]
    assert world.events == [
        ("submitted", "n#1/1", "compute", 5 * SECOND, drawn),
        ("submitted", "n#1/2", "verify", 5 * SECOND, 100 * MS),
        ("done", "n#1/2", "verify", DONE, 5 * SECOND + 100 * MS),
        ("done", "n#1/1", "compute", DONE, 5 * SECOND + drawn),
    ]
    assert world.jobs.pending == 0


def test_a_duration_depends_on_the_job_id_alone(begin):
    def duration(before):
        world = begin(direct)
        for number in range(before):
            world.jobs.submit(f"other/{number}", "compute", Doing(), LONG, BOSS)
        world.jobs.submit("n#1/1", "compute", Doing(), LONG, BOSS)
        return world.events[-1][4]

    assert duration(0) == duration(3)


def test_direct_work_runs_at_submit_with_the_fence_lifted_and_knows_its_duration(begin):
    world = begin(direct)
    declared, ran = [], []

    class Declared(Doing):
        def declare(self, duration):
            declared.append(duration)

    class Submits(Probe):
        def on_receive(self, message):
            world.jobs.submit("n#1/1", "verify", Declared(lambda: ran.append(threading.Event().wait(0)) or DONE), LONG, BOSS)
            ran.append("submitted")
            threading.Event().wait(0)

        def on_failure(self, kind, value, trace):
            self.box.add(kind)

    box = Box()
    world.system.spawn(Submits, box, address=Address("submits"))
    world.system.tell(Address("submits"), 1)
    world.system.run()
    assert (declared, ran, box.heard) == ([100 * MS], [False, "submitted"], [FenceError])


@pytest.mark.parametrize("make", [direct, paced])
def test_a_cancelled_job_is_cancelled_now_and_tells_nothing_later(begin, make):
    world = begin(make)
    work = Doing()
    world.jobs.submit("n#1/1", "compute", work, LONG, BOSS)
    world.system.schedule(500 * MS, lambda: world.jobs.cancel("n#1/1"))
    world.system.run()
    assert world.box.heard == [(500 * MS, "n#1/1", Outcome("cancelled"))]


@pytest.mark.parametrize("make", [direct, paced])
def test_lost_jobs_tell_nobody(begin, make):
    world = begin(make)
    world.jobs.submit("n#1/1", "compute", Doing(), LONG, BOSS)
    world.jobs.submit("m#1/1", "compute", Doing(), LONG, Address("m#1/boss"))
    world.jobs.lose("n#1/")
    world.system.run()
    assert world.box.heard == []
    assert [event[1] for event in world.events if event[0] == "done"] == ["m#1/1"]


def test_paced_outcomes_come_in_virtual_order_whatever_the_wall_says(begin):
    world = begin(paced)
    late = threading.Event()
    order = []

    def slow():
        assert late.wait(PATIENCE)
        order.append("slow")
        return Outcome("ok", reply=b"slow")

    def quick():
        order.append("quick")
        late.set()
        return Outcome("ok", reply=b"quick")

    world.jobs.submit("n#1/a", "verify", Doing(slow), LONG, BOSS)
    world.jobs.submit("n#1/b", "verify", Doing(quick), LONG, BOSS)
    world.system.run()
    assert order == ["quick", "slow"]
    assert [(at, outcome.reply) for at, _, outcome in world.box.heard] == [(100 * MS, b"slow"), (100 * MS, b"quick")]


def test_the_clock_stands_still_only_at_the_end_of_a_job_not_done(begin):
    world = begin(paced)
    ticks, release = [], threading.Event()

    def work():
        assert release.wait(PATIENCE)
        ticks.append("work over")
        return DONE

    def tick():
        ticks.append(world.system.now // MS)
        if world.system.now >= 90 * MS:
            release.set()
        world.system.schedule(world.system.now + 30 * MS, tick)

    world.jobs.submit("n#1/1", "verify", Doing(work), LONG, BOSS)
    world.system.schedule(0, tick)
    world.system.run(until=150 * MS)
    assert [tick for tick in ticks if tick != "work over"] == [0, 30, 60, 90, 120, 150]
    assert ticks.index("work over") == 4  # not before virtual time had passed 90 ms, and not after 120
    assert world.box.heard == [(100 * MS, "n#1/1", DONE)]


def test_work_past_its_wall_limit_is_killed_and_timed_out_at_its_virtual_end(begin):
    world = begin(paced)
    work = UntilKilled()
    world.jobs.submit("n#1/1", "verify", work, 40 * MS, BOSS)
    world.system.run()
    assert work.killed.is_set()
    assert world.box.heard == [(100 * MS, "n#1/1", Outcome("timed_out"))]


def test_real_durations_go_to_the_side_log_in_virtual_order(begin):
    world = begin(paced)
    for job in ("c", "a", "b"):
        world.jobs.submit(f"n#1/{job}", "verify", Doing(), LONG, BOSS)
    world.system.run()
    assert world.real == [("n#1/c", "verify", True), ("n#1/a", "verify", True), ("n#1/b", "verify", True)]


def play(world, work):
    """A little story: jobs of all fates. `work` makes the work of a job id."""
    jobs, system = world.jobs, world.system
    for number in range(6):
        jobs.submit(f"n#1/{number}", "compute", work(f"n#1/{number}"), LONG, BOSS)
    jobs.submit("n#1/hangs", "compute", work("n#1/hangs"), 40 * MS, BOSS)
    jobs.submit("n#1/cancelled", "compute", work("n#1/cancelled"), LONG, BOSS)
    jobs.submit("m#1/lost", "compute", work("m#1/lost"), LONG, Address("m#1/boss"))
    system.schedule(900 * MS, lambda: jobs.cancel("n#1/cancelled"))
    system.schedule(950 * MS, lambda: jobs.lose("m#1/"))
    system.schedule(2 * SECOND, lambda: jobs.submit("n#1/unfinished", "compute", work("n#1/unfinished"), LONG, BOSS))
    system.run(until=3 * SECOND)


FILE = b"result bytes"


def real_work(job_id):
    if job_id == "n#1/hangs":
        return UntilKilled()
    reference = FileRef("out/result", MemoryBlobs().put(FILE), len(FILE))
    return Doing(lambda: Outcome("ok", reply=job_id.encode(), files=(reference,)))


def no_work(job_id):
    def run():
        raise AssertionError(f"{job_id} was run in a replay")

    return Doing(run)


def test_a_replay_gives_the_run_again_without_any_work(begin, tmp_path):
    path = tmp_path / "tape.msgpack"
    recorded = begin(recording(TapeWriter(path, HEADER)))
    play(recorded, real_work)
    recorded.jobs.run_ended()
    recorded.jobs.close()
    tape = Tape.read(path)
    assert tape.header == HEADER
    again = begin(replaying(tape))
    play(again, no_work)
    assert again.events == recorded.events
    assert again.box.heard == recorded.box.heard
    assert {outcome.status for _, _, outcome in again.box.heard} == {"ok", "timed_out", "cancelled"}
    assert len(again.box.heard) >= 8


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (HEADER._replace(scenario="other"), "scenario .* is another .*digest, now other"),
        (HEADER._replace(seed=8), "seed is another .*7, now 8"),
        (HEADER._replace(version="0.2"), "version of claynet .*0.1, now 0.2"),
        (HEADER._replace(platform="there"), "platform .*here, now there"),
        (HEADER._replace(calibration={"compute": {"constant": "1s", "samples": 1}}), "durations"),
        (HEADER._replace(seed=8, version="0.2"), "seed is another .*; .*version"),
    ],
)
def test_a_tape_of_another_run_is_refused_and_what_differs_is_named(begin, header, text):
    with pytest.raises(TapeError, match=text):
        begin(replaying(Tape(HEADER, []), header))


def test_a_job_that_the_tape_does_not_know_ends_the_run(begin):
    world = begin(replaying(Tape(HEADER, [Entry("n#1/2", "verify", DONE, 100 * MS)])))
    world.jobs.submit("n#1/1", "verify", Doing(), LONG, BOSS)
    with pytest.raises(DivergenceError, match="n#1/1"):
        world.system.run()


def test_a_job_of_another_kind_than_on_the_tape_ends_the_run(begin):
    world = begin(replaying(Tape(HEADER, [Entry("n#1/1", "verify", DONE, 100 * MS)])))
    world.jobs.submit("n#1/1", "compute", Doing(), LONG, BOSS)
    with pytest.raises(DivergenceError, match=r"'n#1/1' \(compute\) ok at .* on the tape comes job 'n#1/1' \(verify\) ok at 0.100000 s"):
        world.system.run()


def test_a_tape_that_is_none_or_cut_short_is_refused(tmp_path):
    path = tmp_path / "tape.msgpack"
    with TapeWriter(path, HEADER) as tape:
        for number in range(10):
            tape.record(f"n#1/{number}", "verify", Outcome("error", b"r", "INTERNAL", "detail", (FileRef("a", Digest("d"), 3),)), number)
    whole = path.read_bytes()
    read = Tape.read(path)
    assert len(read) == 10
    assert read.entries[3] == Entry("n#1/3", "verify", Outcome("error", b"r", "INTERNAL", "detail", (FileRef("a", Digest("d"), 3),)), 3)
    for content in (b"", b"{}", whole[1:], b"\xc1" + whole, whole + b"\x01", b"\x93\x01\x02\x03"):
        path.write_bytes(content)
        with pytest.raises(TapeError):
            Tape.read(path)
    path.write_bytes(whole[:-3])
    with pytest.raises(TapeError, match="incomplete after 10 outcomes"):
        Tape.read(path)


def test_work_that_does_not_heed_its_kill_cannot_hang_the_run(begin):
    world = begin(lambda world: PacedJobs(world.system, DURATIONS, SeededEntropy(7), None, world, heed=50 * MS))
    release = threading.Event()

    def deaf():
        release.wait(PATIENCE)
        return DONE

    world.jobs.submit("n#1/deaf", "verify", Doing(deaf), 10 * MS, BOSS)
    world.system.run()
    release.set()
    assert world.box.heard == [(100 * MS, "n#1/deaf", Outcome("timed_out"))]


def test_an_interruption_while_a_job_is_waited_for_leaves_nothing_to_trip_over(begin):
    world = begin(paced)
    killed = threading.Event()

    def interrupts():
        os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does, while the main thread waits for this very job
        killed.wait(PATIENCE)
        return DONE

    work = Doing(interrupts)
    work.kill = killed.set
    world.jobs.submit("n#1/compute", "compute", work, 60_000 * MS, BOSS)
    with pytest.raises(KeyboardInterrupt):
        world.system.run()
    world.jobs.close()
    assert killed.is_set()
    assert world.box.heard == []
