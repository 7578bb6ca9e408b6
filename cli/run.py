"""`claynet run`: runs one scenario and says how it went.

Knows plans, options and reports. Must not know worlds, actors or environments: the runner chooses them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from claynet.cli.output import BROKEN, DONE, UNMET, Output, note
from claynet.cli.paths import is_file
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


def _wrong_option(options: RunOptions, calibrate: Path | None, plan: Plan) -> str:
    """Make the output folder; return what is wrong with the options, or nothing."""
    if options.replay is not None and plan.mode == "real":
        return "--replay: nothing of real time can be replayed; use the mode of the tape, paced"
    if options.replay is not None and not is_file(options.replay):
        return f"--replay: no such file: {options.replay}"
    if calibrate is not None and options.replay is not None:
        return "--calibrate: a replay has the durations of its tape; leave --calibrate out"
    if calibrate is not None and plan.mode == "real":
        return "--calibrate: durations of mode real are what they are; use virtual or paced"
    if options.out is not None:
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"--out: {options.out} cannot be made: {error.strerror}"
    return ""


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
