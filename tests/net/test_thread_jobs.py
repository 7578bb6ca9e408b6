"""Outside work on threads: limits, kills, and that every job has exactly one outcome."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, Address, JobDone, Jobs, Outcome
from claynet.net.threads.thread_jobs import JobDuration, ThreadJobs
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import PATIENCE, Heard

BOSS = Address("boss")
LONG = 60 * SECOND


class Blocking:
    """Work that returns when it is killed or released."""

    def __init__(self, after_kill: Outcome | None = None, *, deaf: bool = False) -> None:
        self.running = threading.Event()
        self.released = threading.Event()
        self.killed = threading.Event()
        self.deaf = deaf
        self.after_kill = after_kill or Outcome("error", code="exited")

    def run(self) -> Outcome:
        self.running.set()
        assert self.released.wait(PATIENCE)
        return self.after_kill if self.killed.is_set() else Outcome("ok", reply=b"done")

    def kill(self) -> None:
        self.killed.set()
        if not self.deaf:
            self.released.set()


class Plain:
    """Work that is a function."""

    def __init__(self, function: Callable[[], Outcome]) -> None:
        self.run = function

    def kill(self) -> None:
        pass


@pytest.fixture
def boss(listen: Callable[[str], Heard]) -> Heard:
    return listen("boss")


@pytest.fixture
def jobs(system: ThreadsSystem, boss: Heard) -> Iterator[ThreadJobs]:
    made = ThreadJobs(system, workers=2)
    yield made
    made.close()


def outcome(boss: Heard, job_id: str) -> Outcome:
    return cast(Outcome, boss.until(lambda told: next((done.outcome for done in told if done.job_id == job_id), None)))


def test_work_is_run_and_its_outcome_told(jobs: Jobs, boss: Heard) -> None:
    jobs.submit("a/1", "compute", Plain(lambda: Outcome("ok", reply=b"x")), LONG, BOSS)
    assert boss.count(1) == [JobDone("a/1", "compute", Outcome("ok", reply=b"x"))]


def test_a_job_id_is_used_once(jobs: Jobs, boss: Heard) -> None:
    jobs.submit("a/1", "compute", Plain(lambda: Outcome("ok")), LONG, BOSS)
    boss.count(1)
    with pytest.raises(ValueError, match="a/1"):
        jobs.submit("a/1", "compute", Plain(lambda: Outcome("ok")), LONG, BOSS)


def test_only_so_many_ids_are_remembered_and_those_under_way(system: ThreadsSystem, boss: Heard) -> None:
    jobs, work, plain = ThreadJobs(system, workers=2, remembered=2), Blocking(), Plain(lambda: Outcome("ok"))
    jobs.submit("busy", "compute", work, LONG, BOSS)
    for number in range(1, 4):
        jobs.submit(f"a/{number}", "compute", plain, LONG, BOSS)
        boss.count(number)
    for known in ("busy", "a/2", "a/3"):
        with pytest.raises(ValueError, match=known):
            jobs.submit(known, "compute", plain, LONG, BOSS)
    jobs.submit("a/1", "compute", plain, LONG, BOSS)
    assert [done.job_id for done in boss.count(4)] == ["a/1", "a/2", "a/3", "a/1"]
    jobs.close()


def test_past_the_wall_limit_work_is_killed(jobs: Jobs, boss: Heard) -> None:
    work = Blocking()
    jobs.submit("a/1", "compute", work, 30 * MILLISECOND, BOSS)
    assert outcome(boss, "a/1") == Outcome("timed_out")
    assert work.killed.is_set()


def test_a_cancelled_job_is_killed_and_told_once(jobs: Jobs, boss: Heard) -> None:
    work = Blocking()
    jobs.submit("a/1", "compute", work, LONG, BOSS)
    assert work.running.wait(PATIENCE)
    for _ in range(3):
        jobs.cancel("a/1")
    jobs.cancel("nobody")
    jobs.submit("a/2", "compute", Plain(lambda: Outcome("ok")), LONG, BOSS)
    assert [done.job_id for done in boss.count(2)].count("a/1") == 1
    assert outcome(boss, "a/1") == Outcome("cancelled")


def test_the_pool_is_bounded_and_its_queue_in_order(jobs: Jobs, boss: Heard) -> None:
    busy = [Blocking(), Blocking()]
    for number, work in enumerate(busy):
        jobs.submit(f"busy/{number}", "compute", work, LONG, BOSS)
        assert work.running.wait(PATIENCE)
    late = [Blocking(), Blocking()]
    for number, work in enumerate(late):
        jobs.submit(f"late/{number}", "compute", work, LONG, BOSS)
    busy[0].released.set()
    assert late[0].running.wait(PATIENCE)
    assert not late[1].running.is_set()
    busy[1].released.set()
    assert late[1].running.wait(PATIENCE)
    for work in late:
        work.released.set()
    assert all(done.outcome.ok for done in boss.count(4))


@pytest.mark.parametrize("kind", ["stop", "shutdown"])
def test_stops_never_wait_behind_a_full_pool(jobs: Jobs, boss: Heard, kind: str) -> None:
    busy = [Blocking() for _ in range(5)]
    for number, work in enumerate(busy):
        jobs.submit(f"busy/{number}", "compute", work, LONG, BOSS)
    jobs.submit("a/stop", kind, Plain(lambda: Outcome("ok")), LONG, BOSS)
    assert outcome(boss, "a/stop").ok
    jobs.cancel("busy/4")  # waits in the queue
    assert outcome(boss, "busy/4") == Outcome("cancelled")
    jobs.cancel("busy/0")
    assert outcome(boss, "busy/0") == Outcome("cancelled")
    assert not busy[4].running.is_set()


def test_work_that_raises_is_an_error_of_the_harness(jobs: Jobs, boss: Heard, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Outcome:
        raise KeyError("two\nlines")

    with caplog.at_level(logging.ERROR):
        jobs.submit("a/1", "compute", Plain(fail), LONG, BOSS)
        told = outcome(boss, "a/1")
    assert (told.status, told.code, told.detail) == ("error", "harness", "KeyError: 'two\\nlines'")
    jobs.submit("a/2", "compute", Plain(cast("Callable[[], Outcome]", lambda: None)), LONG, BOSS)
    assert outcome(boss, "a/2").code == "harness"


def test_work_deaf_to_kill_does_not_hold_up_its_outcome_nor_the_pool(system: ThreadsSystem, boss: Heard) -> None:
    jobs = ThreadJobs(system, workers=1, grace=30 * MILLISECOND)
    deaf = Blocking(deaf=True)
    jobs.submit("a/1", "compute", deaf, 10 * MILLISECOND, BOSS)
    jobs.submit("a/2", "compute", Plain(lambda: Outcome("ok")), LONG, BOSS)
    assert outcome(boss, "a/1") == Outcome("timed_out")
    assert outcome(boss, "a/2").ok
    deaf.released.set()
    jobs.submit("a/3", "compute", Plain(lambda: Outcome("ok")), LONG, BOSS)
    assert outcome(boss, "a/3").ok
    jobs.close()
    assert len(boss.messages) == 3


def test_close_kills_what_runs_and_joins(system: ThreadsSystem, boss: Heard) -> None:
    jobs = ThreadJobs(system, workers=2)
    works = [Blocking() for _ in range(4)]
    for number, work in enumerate(works):
        jobs.submit(f"a/{number}", "compute", work, LONG, BOSS)
    assert works[1].running.wait(PATIENCE)
    jobs.close()
    jobs.close()
    assert [done.outcome.status for done in boss.count(4)] == ["cancelled"] * 4
    jobs.submit("a/9", "stop", works[0], LONG, BOSS)
    assert outcome(boss, "a/9") == Outcome("cancelled")


def test_observer_and_side_log_hear_of_every_job(system: ThreadsSystem, boss: Heard) -> None:
    class Observer:
        def __init__(self) -> None:
            self.heard = Heard()

        def job_submitted(self, job_id: str, kind: str) -> None:
            self.heard.add((job_id, kind))

        def job_done(self, job_id: str, kind: str, outcome: Outcome) -> None:
            self.heard.add((job_id, kind, outcome))

    observer, durations = Observer(), Heard()
    jobs = ThreadJobs(system, observer=observer, side_log=durations.add)
    jobs.submit("a/1", "verify", Plain(lambda: Outcome("ok")), LONG, BOSS)
    boss.count(1)
    jobs.close()
    assert observer.heard.messages == [("a/1", "verify"), ("a/1", "verify", Outcome("ok"))]
    (duration,) = durations.messages
    assert isinstance(duration, JobDuration)
    assert (duration.job_id, duration.status) == ("a/1", "ok")
    assert 0 <= duration.ran < PATIENCE * SECOND


def test_many_jobs_each_have_one_outcome(jobs: Jobs, boss: Heard) -> None:
    for number in range(300):
        jobs.submit(f"m/{number}", "compute", Plain(lambda: Outcome("ok")), LONG, BOSS)
        if number % 3 == 0:
            jobs.cancel(f"m/{number}")
    assert len({done.job_id for done in boss.count(300)}) == 300
