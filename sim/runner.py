"""Runs a plan in any mode, and makes its report.

Knows the order of a run: preflight, world, time, checks, report. Must not know the command line, nor the parts of the engine of `real`,
which is given.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import claynet
from claynet.envs.hygiene import sweep
from claynet.envs.owner import this_process
from claynet.sim.calibration import Calibration
from claynet.sim.director import DIRECTOR, Begin, Director, Fire
from claynet.sim.engine import Pulse
from claynet.sim.options import Progress, RunOptions
from claynet.sim.preflight import preflight
from claynet.sim.real_parts import RealParts, Stage
from claynet.sim.run_world import RunWorld
from claynet.sim.scenario.plan import Plan
from claynet.sim.side_logs import UsageLog
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.tape import Tape, TapeError
from claynet.sim.virtual_engine import virtual_engine
from claynet.sim.watch.expect import Leftovers, Verdict, make_checks
from claynet.sim.watch.hub import EventHub, Subscriber
from claynet.sim.watch.leftovers import children, containers
from claynet.sim.watch.metrics import Metrics, TasksDone
from claynet.sim.watch.recorder import Recorder
from claynet.sim.watch.report import Report, Run, build_report
from claynet.sim.watch.results import Results
from claynet.sim.watch.trace import TraceWriter
from claynet.sim.watch.triggers import Triggers
from claynet.sim.watch.why import Reasons
from claynet.sim.wire.links import Links
from claynet.sim.wire.network import SimNetwork
from claynet.sim.wire.wiring import SimulatedWiring
from claynet.sim.world import SimWorld

CHECK_AGAIN_BELOW = 10.0
"""A virtual run that took fewer real seconds than this is run twice unless the self-check is off."""


class HarnessError(Exception):
    """The run itself failed: a bug of ours, or a node's process that could not be had; never the scenario's fault."""


def run_scenario(plan: Plan, options: RunOptions, real: RealParts | None = None) -> Report:
    """Run a plan once, or twice for the self-check of `virtual`, and write what `options.out` asks for.

    Raises PreflightError, TapeError, DivergenceError, HarnessError, OSError of the output folder, and KeyboardInterrupt after everything
    was stopped.
    """
    if options.replay is not None:  # needs nothing of the machine, and leaves nothing
        tape = Tape.read(options.replay)
        return _run(plan, replace(options, calibration=_calibration_of(tape, options.replay)), tape, real)
    if options.out is not None:
        (options.out / _TAPE).unlink(missing_ok=True)  # an earlier run's
    sweep(plan.environments())
    try:
        preflight(plan, options.on_note)
        return _run(plan, options, None, real)
    finally:
        sweep(plan.environments())


def _run(plan: Plan, options: RunOptions, tape: Tape | None, real: RealParts | None) -> Report:
    first = _Attempt(plan, options, tape, real).run()
    if _is_checked(plan, options, first):
        again = _Attempt(plan, replace(options, out=None), None, None).run()
        if again.fields["trace_hash"] == first.fields["trace_hash"]:
            first = replace(first, is_checked=True)
        else:
            first = Report({**first.fields, "ok": False, "expectations": [*first.fields["expectations"], _DIVERGED]}, is_checked=True)
    if options.out is not None:
        _write(plan, options, options.out, first)
    return first


_TAPE = "tape.msgpack"
_DIVERGED = {"name": "self-check", "ok": False, "detail": "a second run of the same file and seed gave another trace"}


def _is_checked(plan: Plan, options: RunOptions, report: Report) -> bool:
    wanted = report.fields["wall_seconds"] < CHECK_AGAIN_BELOW if options.self_check is None else options.self_check
    return wanted and plan.mode == "virtual" and options.replay is None


def _calibration_of(tape: Tape, path: Path) -> Calibration | None:
    """Return the durations that the recorded run was given: a replay must have the same."""
    try:
        return Calibration.from_json(tape.header.calibration) if tape.header.calibration else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TapeError(f"{path}: damaged: its calibration cannot be read ({type(error).__name__}: {error})") from error


class _Attempt:
    """One run of a plan."""

    def __init__(self, plan: Plan, options: RunOptions, tape: Tape | None, real: RealParts | None) -> None:
        self._plan = plan
        self._options = options
        self._real = real
        self._trace = TraceWriter(options.out / "trace.jsonl" if options.out else None)
        self._recorder = Recorder(self._trace)
        self._entropy = SeededEntropy(plan.seed, "world")
        self._failures: list[BaseException] = []
        if plan.mode == "real":
            if real is None:
                raise ValueError("mode real needs parts of real time")
            self._engine = real.engine(plan, self._recorder)
        else:
            self._engine = virtual_engine(plan, options, tape, self._entropy, self._recorder)
        self._hub = EventHub(self._engine.now)
        self._metrics = Metrics()
        self._reasons = Reasons(node.name for node in plan.nodes if node.provider)
        self._checks = make_checks(plan, self._metrics, self._reasons)
        self._done = TasksDone(sum(1 for _ in plan.instances()))
        self._results = Results()
        counting: tuple[Subscriber, ...] = (self._recorder, self._metrics, self._reasons, self._done, self._results)
        for subscriber in (*counting, Triggers(plan.events, self._fire), _Bugs(self._failures), *self._checks):
            self._hub.subscribe(subscriber)

    def run(self) -> Report:
        """Run it."""
        started = time.monotonic_ns()
        before = children()
        with this_process().folder("run-") as folder:
            engine = self._engine
            world = self._make_world(folder)
            try:
                world.prepare()
                engine.begin()
                engine.system.spawn(Director, world, self._recorder, self._failures, address=DIRECTOR)
                engine.system.tell(DIRECTOR, Begin())
                until = self._plan.at_most if self._plan.until is None else min(self._plan.until, self._plan.at_most)
                show = Pulse(0.25, lambda: self._show(world))
                engine.run(until, self._is_over, lambda: self._tick(show))
            finally:
                virtual, deliveries = engine.now(), engine.deliveries
                world.stop()
                engine.close()
            elsewhere = world.elsewhere
            here = containers(self._plan.environments())
            leftovers = Leftovers(containers=here + elsewhere.containers, processes=len(children() - before))
            self._keep_logs(world)
            if self._options.out is not None:
                self._results.write(self._options.out / "results", world.blobs)
        digest = self._trace.close()
        if self._failures:
            raise HarnessError(str(self._failures[0])) from self._failures[0]
        deliveries += elsewhere.deliveries
        return self._report(virtual, deliveries, elsewhere.messages, digest, time.monotonic_ns() - started, leftovers)

    def _make_world(self, folder: Path) -> RunWorld:
        if self._real is not None and self._plan.isolate == "process":
            say = self._options.on_note or _silent
            return self._real.world(Stage(self._plan, self._engine, self._hub, folder, self._usage_file(), self._failures.append, say))
        usage = UsageLog(self._usage_file())
        wiring = self._engine.wiring(self._simulated)
        return SimWorld(self._plan, self._engine, wiring, self._hub, self._entropy, folder, usage)

    def _simulated(self) -> SimulatedWiring:
        links, engine = Links(self._plan.network), self._engine
        network = SimNetwork(engine.scheduler(), engine.system, links.quality, self._entropy.stream("network"), self._recorder)
        return SimulatedWiring(network, links, self._entropy.stream("world-key").nonce(32))

    def _usage_file(self) -> Path | None:
        """Return where to keep what services use: nothing really runs in `virtual`, nor in a replay."""
        out = self._options.out
        return None if out is None or self._plan.mode == "virtual" or self._options.replay else out / "logs" / "usage.jsonl"

    def _keep_logs(self, world: RunWorld) -> None:
        """Copy what nodes and apps wrote, one folder a node."""
        if self._options.out is not None:
            logs = self._options.out / "logs"
            logs.mkdir(exist_ok=True)
            for node, found in world.logs():
                shutil.copytree(found, logs / node, dirs_exist_ok=True)

    def _report(self, virtual: int, deliveries: int, elsewhere: int, digest: str, wall: int, leftovers: Leftovers) -> Report:
        run = Run(
            replayed=self._options.replay is not None,
            trace_hash=None if self._plan.mode == "real" else digest,
            virtual_ns=virtual,
            wall_ns=wall,
            messages=self._recorder.messages + elsewhere,
            deliveries=deliveries,
            calibration=self._options.calibration,
        )
        verdicts: list[Verdict] = [check.verdict(leftovers) for check in self._checks]
        return build_report(self._plan, run, self._metrics, verdicts, self._reasons.entries(), leftovers)

    def _is_over(self) -> bool:
        return bool(self._failures) or (self._plan.until is None and self._done.done)

    def _fire(self, index: int) -> None:
        self._engine.system.tell(DIRECTOR, Fire(index))

    def _tick(self, show: Pulse) -> None:
        show()
        self._recorder.flush()

    def _show(self, world: RunWorld) -> None:
        if self._options.on_progress is not None:
            total = sum(1 for _ in self._plan.instances())
            done = self._done
            self._options.on_progress(Progress(self._engine.now(), done.tasks_final, total, done.subtasks_done, world.nodes_up))


def _silent(_: str) -> None:
    """Nobody listens."""


class _Bugs:
    """A subscriber: an actor that failed is a bug of ours, and ends the run."""

    KINDS = frozenset({"actor_failed"})

    def __init__(self, failures: list[BaseException]) -> None:
        self._failures = failures

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:
        """Take one event."""
        del kind, node
        where = f"{fields['address']} at {at / 1e9:.6f} s"
        what = f"{fields['error']}\n{fields.get('trace', '')}"
        self._failures.append(RuntimeError(f"an actor failed, which is a bug of claynet: {where}: {what}"))


def _write(plan: Plan, options: RunOptions, out: Path, report: Report) -> None:
    (out / "report.json").write_text(report.to_json() + "\n", encoding="utf-8")
    command = ["claynet", "run", str(plan.file.resolve()), "--seed", str(plan.seed), "--mode", plan.mode]
    command += ["--env", plan.env_override] if plan.env_override else []
    command += ["--transport", plan.network.transport] if plan.mode == "real" and plan.isolate == "none" else []
    command += ["--isolate", plan.isolate] if plan.isolate != "none" else []
    tape = out / _TAPE
    if options.replay is not None or tape.exists():
        command += ["--replay", str((options.replay or tape).resolve())]
    elif options.calibration is not None and options.calibration.source is not None:
        command += ["--calibrate", str(options.calibration.source.resolve())]
    text = f"# claynet {claynet.__version__}\n{shlex.join(command)}\n"
    (out / "replay.sh").write_text(text, encoding="utf-8")
