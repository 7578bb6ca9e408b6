"""`claynet run`: runs one scenario and says how it went.

Knows plans, options and reports. Must not know worlds, actors or environments: the runner chooses them.
"""

from __future__ import annotations

import errno
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from claynet.cli.output import BROKEN, DONE, UNMET, Output, OutputLostError, note
from claynet.cli.paths import why_no_file
from claynet.cli.problems import report_problems
from claynet.cli.progress import progress_display
from claynet.sim.calibration import CalibrationError, read_calibration
from claynet.sim.options import RunOptions
from claynet.sim.scenario.plan import Plan
from claynet.sim.scenario.reader import Overrides, ScenarioErrors, load
from claynet.sim.watch.report import Report


def run_file(file: Path, overrides: Overrides, options: RunOptions, calibrate: Path | None, output: Output) -> int:
    """Validate a file, run it, write the report, and return the exit code. A failure of the harness raises."""
    try:
        plan = load(file, overrides)
    except ScenarioErrors as errors:
        return report_problems(errors, output)
    wrong = _wrong_option(options, calibrate, plan)
    if wrong:
        return output.error("usage", wrong)
    unfit = _unfit(options.out) if options.out is not None else ""
    if unfit:
        return output.error("output", unfit)
    if calibrate is not None:
        try:
            options = replace(options, calibration=read_calibration(calibrate))
        except CalibrationError as error:
            return output.error("calibration", f"--calibrate: {error}")
    report = _run(plan, options, output)
    if isinstance(report, int):
        return report
    if output.as_json:
        output.result(report.fields)
    else:
        _print(report.fields, options.out)
        if plan.mode == "virtual":
            note("run twice, traces compared" if report.is_checked else "run once; --self-check on runs it twice and compares the traces")
    return DONE if report.ok else UNMET


def _run(plan: Plan, options: RunOptions, output: Output) -> Report | int:
    """Return the report, or the exit code when there is none."""
    # Not at the top: these bring actors and environments, which a file with findings does not need.
    from claynet.cli.node_process import NodeProcessError
    from claynet.cli.real_engine import REAL_PARTS
    from claynet.envs.owner import ForeignFolderError
    from claynet.sim.node_parts import module_path
    from claynet.sim.preflight import PreflightError
    from claynet.sim.runner import HarnessError, run_scenario
    from claynet.sim.virtual.tape import DivergenceError, TapeError

    sys.path[:0] = [folder for folder in module_path(plan) if folder not in sys.path]  # for apps that run in this process
    try:
        with progress_display(plan.name) as show:
            return run_scenario(plan, replace(options, on_progress=show, on_note=note), REAL_PARTS)
    except PreflightError as error:
        finding = {"file": str(error.file), "line": error.line, "key": error.key, "message": error.detail, "suggestion": error.remedy}
        return output.error("preflight", str(error), [finding])
    except ForeignFolderError as error:
        return output.error("temporary", str(error))
    except TapeError as error:
        return output.error("tape", f"--replay: {error}")
    except (HarnessError, NodeProcessError) as error:
        return output.error("harness", f"the run cannot go on: {error}", code=BROKEN)
    except DivergenceError as error:
        return output.error("diverged", str(error), code=UNMET)
    except OSError as error:
        if options.out is None or isinstance(error, OutputLostError) or not _is_about(options.out, error):
            raise
        return output.error("output", _way_out(options.out, _cause(error)), code=UNMET)


def _wrong_option(options: RunOptions, calibrate: Path | None, plan: Plan) -> str:
    """Return what is wrong with the options, or nothing."""
    if options.replay is not None and plan.mode == "real":
        return "--replay: nothing of real time can be replayed; use the mode of the tape, paced"
    no_tape = why_no_file(options.replay) if options.replay is not None else ""
    if no_tape:
        return f"--replay: {no_tape}; name the tape.msgpack of a run's --out folder"
    if calibrate is not None and options.replay is not None:
        return "--calibrate: a replay has the durations of its tape; leave --calibrate out"
    if calibrate is not None and plan.mode == "real":
        return "--calibrate: durations of mode real are what they are; use virtual or paced"
    return ""


_BLOCK = 4096
"""Bytes that an output folder must have room for before a run begins: a full disk gives names to files, and no bytes."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""How a disk fails; a write that does so has no file's name in its error."""


def _unfit(out: Path) -> str:
    """Make the output folder and write to it; return why that cannot be, or nothing."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"--out: {out} cannot be made: {error.strerror}; name another --out"
    try:
        with tempfile.NamedTemporaryFile(dir=out, prefix=".claynet-") as probe:
            probe.write(b"\0" * _BLOCK)
    except OSError as error:
        return f"--out: {_way_out(out, str(error.strerror))}"
    return ""


def _is_about(out: Path, error: OSError) -> bool:
    if isinstance(error, shutil.Error):
        return True  # of several files, all copied to there: nothing else of a run copies folders
    named = [Path(str(name)) for name in (error.filename, error.filename2) if name is not None]
    return any(name.is_relative_to(out) for name in named) if named else error.errno in _NO_ROOM


def _way_out(out: Path, cause: str) -> str:
    return f"{out} cannot be written: {cause}; make room, or name another --out"


def _cause(error: OSError) -> str:
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])  # of (from, to, why) for each file
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


def _print(fields: dict[str, Any], out: Path | None) -> None:
    from rich.text import Text

    from claynet.actors.units import format_tokens
    from claynet.cli.tables import make_console, styled, table

    console = make_console()
    verdict = Text("ok", style="bold green") if fields["ok"] else Text("not ok", style="bold red")
    console.print(Text.assemble(styled(f"{fields['scenario']}: "), verdict, f"  seed {fields['seed']}, mode {fields['mode']}"))
    times = f"{fields['virtual_seconds']:.3f} s of virtual time, " if fields["mode"] != "real" else ""
    console.print(f"{times}{fields['wall_seconds']:.3f} s of real time, {fields['nodes']} nodes")
    console.print(f"{fields['messages']} messages crossed the network, {fields['deliveries']} reached an actor")
    console.print(table("tasks", [fields["tasks"]]))
    console.print(table("subtasks", [fields["subtasks"]]))
    earned = {node: amount for node, amount in fields["earnings"].items() if amount}
    if earned:
        best = sorted(earned.items(), key=lambda pair: (-pair[1], pair[0]))
        rows = [{"node": node, "earned": format_tokens(amount)} for node, amount in best[:20]]
        console.print(table("earnings" + (f" (the first 20 of {len(earned)})" if len(earned) > 20 else ""), rows))
    if fields["why"]:
        more = f" (the first 20 of {len(fields['why'])})" if len(fields["why"]) > 20 else ""
        console.print(table(f"why not{more}", fields["why"][:20]))
    if fields["expectations"]:
        rows = [{"": bool(entry["ok"]), "expectation": entry["name"], "detail": entry["detail"]} for entry in fields["expectations"]]
        console.print(table("expectations", rows))
    left = {kind: count for kind, count in fields["leftovers"].items() if count}
    if left:
        console.print(f"left over: {', '.join(f'{count} {kind}' for kind, count in left.items())}")
    if fields["calibration"]:
        console.print(f"durations fitted to earlier runs: {', '.join(fields['calibration'])}")
    if fields["measured"] and not fields["reproducible"]:
        console.print(f"not reproducible: measured durations of {', '.join(fields['measured'])}; the tape gives the same run again")
    if fields["trace_hash"]:
        console.print(f"trace {fields['trace_hash']}")
    if out is not None:
        console.print(f"written to {out}")
