"""The contract of the Jobs port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, ActorSystem, Address, JobDone, Jobs, Outcome
from tests.contracts.driver import PATIENCE, Box, Driver, probe

BOSS = Address("n#1/boss")
LONG = 60 * SECOND
DONE = Outcome("ok", reply=b"done")


class Doing:
    """Work that is a function."""

    def __init__(self, function: Callable[[], Outcome] = lambda: DONE) -> None:
        self.run = function
        self.kills = 0

    def kill(self) -> None:
        self.kills += 1


class UntilKilled:
    """Work that only ends when it is killed."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.killed = threading.Event()

    def run(self) -> Outcome:
        self.running.set()
        assert self.killed.wait(PATIENCE)
        return Outcome("error", code="exited")

    def kill(self) -> None:
        self.killed.set()


class JobsContract:
    @pytest.fixture
    def system(self) -> ActorSystem:
        raise NotImplementedError

    @pytest.fixture
    def driver(self, system: ActorSystem) -> Driver:
        raise NotImplementedError

    @pytest.fixture
    def jobs(self, system: ActorSystem) -> Jobs:
        """Whose own close or shutdown the fixture calls."""
        raise NotImplementedError

    @pytest.fixture
    def boss(self, system: ActorSystem) -> Box:
        return probe(system, BOSS)

    def outcomes(self, boss: Box) -> dict[str, Any]:
        return {done.job_id: done.outcome for done in boss.of(JobDone)}

    def test_a_job_has_one_outcome_told_with_its_id_and_kind(self, jobs, driver, boss):
        jobs.submit("n#1/1", "verify", Doing(), LONG, BOSS)
        driver.until(lambda: boss.heard)
        jobs.submit("n#1/2", "verify", Doing(), LONG, BOSS)
        driver.until(lambda: len(boss.heard) == 2)
        assert boss.heard == [JobDone("n#1/1", "verify", DONE), JobDone("n#1/2", "verify", DONE)]

    def test_an_error_outcome_is_passed_on(self, jobs, driver, boss):
        wrong = Outcome("error", code="INTERNAL", detail="no such part")
        jobs.submit("n#1/1", "next_subtask", Doing(lambda: wrong), LONG, BOSS)
        driver.until(lambda: boss.heard)
        assert self.outcomes(boss) == {"n#1/1": wrong}

    def test_work_that_raises_against_its_promise_is_an_error_outcome(self, jobs, driver, boss):
        jobs.submit("n#1/1", "verify", Doing(lambda: Outcome("ok", reply=b"%d" % (1 // 0))), LONG, BOSS)
        driver.until(lambda: boss.heard)
        outcome = self.outcomes(boss)["n#1/1"]
        assert outcome.status == "error"
        assert outcome.code

    def test_an_id_is_used_once(self, jobs, driver, boss):
        jobs.submit("n#1/1", "verify", Doing(), LONG, BOSS)
        with pytest.raises(ValueError):
            jobs.submit("n#1/1", "verify", Doing(), LONG, BOSS)
        driver.until(lambda: boss.heard)
        with pytest.raises(ValueError):
            jobs.submit("n#1/1", "start", Doing(), LONG, BOSS)

    def test_past_its_wall_limit_work_is_killed_and_timed_out(self, jobs, driver, boss):
        work = UntilKilled()
        jobs.submit("n#1/1", "compute", work, 50 * MILLISECOND, BOSS)
        driver.until(lambda: boss.heard)
        assert self.outcomes(boss) == {"n#1/1": Outcome("timed_out")}
        assert work.killed.is_set()

    def test_cancelling_tells_cancelled_once(self, jobs, driver, boss):
        work = Doing()
        jobs.submit("n#1/1", "compute", work, LONG, BOSS)
        jobs.cancel("n#1/1")
        driver.until(lambda: boss.heard)
        jobs.cancel("n#1/1")
        jobs.submit("n#1/2", "probe", Doing(), LONG, BOSS)
        driver.until(lambda: "n#1/2" in self.outcomes(boss))
        assert len(boss.heard) == 2
        assert self.outcomes(boss)["n#1/1"].status in ("cancelled", "ok")  # or what it had already come to

    def test_cancelling_the_unknown_is_ignored(self, jobs, driver, boss):
        jobs.cancel("never was")
        jobs.submit("n#1/1", "probe", Doing(), LONG, BOSS)
        driver.until(lambda: boss.heard)
        assert list(self.outcomes(boss)) == ["n#1/1"]

    def test_many_jobs_each_have_their_own_outcome(self, jobs, driver, boss):
        for number in range(40):
            jobs.submit(f"n#1/{number}", "place", Doing(lambda n=number: Outcome("ok", reply=b"%d" % n)), LONG, BOSS)
        driver.until(lambda: len(boss.heard) == 40)
        assert {job_id: outcome.reply for job_id, outcome in self.outcomes(boss).items()} == {f"n#1/{n}": b"%d" % n for n in range(40)}

    def test_an_outcome_for_nobody_is_no_error(self, jobs, driver, boss):
        jobs.submit("n#1/1", "probe", Doing(), LONG, Address("nobody"))
        jobs.submit("n#1/2", "probe", Doing(), LONG, BOSS)
        driver.until(lambda: boss.heard)
        assert list(self.outcomes(boss)) == ["n#1/2"]


class ConcurrentJobsContract(JobsContract):
    """What holds besides where work runs beside the actors. `jobs` has a pool of two."""

    def test_a_running_job_that_is_cancelled_is_killed(self, jobs, driver, boss):
        work = UntilKilled()
        jobs.submit("n#1/1", "compute", work, LONG, BOSS)
        assert work.running.wait(PATIENCE)
        jobs.cancel("n#1/1")
        driver.until(lambda: boss.heard)
        assert self.outcomes(boss) == {"n#1/1": Outcome("cancelled")}
        assert work.killed.wait(PATIENCE)

    @pytest.mark.parametrize("kind", ["stop", "shutdown"])
    def test_stops_and_shutdowns_pass_a_full_pool(self, jobs, driver, boss, kind):
        busy = [UntilKilled(), UntilKilled()]
        for number, work in enumerate(busy):
            jobs.submit(f"n#1/busy{number}", "compute", work, LONG, BOSS)
            assert work.running.wait(PATIENCE)
        ran = threading.Event()

        def stop() -> Outcome:
            ran.set()
            return DONE

        jobs.submit("n#1/stop", kind, Doing(stop), LONG, BOSS)
        assert ran.wait(PATIENCE)
        driver.until(lambda: boss.heard)
        assert self.outcomes(boss) == {"n#1/stop": DONE}
        for number in range(2):
            jobs.cancel(f"n#1/busy{number}")
        driver.until(lambda: len(boss.heard) == 3)

    def test_a_job_that_waits_for_its_turn_can_be_cancelled_and_never_runs(self, jobs, driver, boss):
        busy = [UntilKilled(), UntilKilled()]
        for number, work in enumerate(busy):
            jobs.submit(f"n#1/busy{number}", "compute", work, LONG, BOSS)
            assert work.running.wait(PATIENCE)
        waiting = UntilKilled()
        jobs.submit("n#1/waiting", "compute", waiting, LONG, BOSS)
        jobs.cancel("n#1/waiting")
        driver.until(lambda: boss.heard)
        for number in range(2):
            jobs.cancel(f"n#1/busy{number}")
        driver.until(lambda: len(boss.heard) == 3)
        jobs.submit("n#1/after", "compute", Doing(), LONG, BOSS)
        driver.until(lambda: len(boss.heard) == 4)
        assert self.outcomes(boss)["n#1/waiting"] == Outcome("cancelled")
        assert not waiting.running.is_set()
