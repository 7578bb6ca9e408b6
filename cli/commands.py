"""The commands and their options, and how any of them ends.

Knows option names only: what a command does is imported when it runs, so that `--help` stays quick. Must not know scenarios or nodes.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from claynet.cli.config_commands import config_commands
from claynet.cli.env_commands import env_commands
from claynet.cli.event_command import events_command
from claynet.cli.live_app_commands import add_commands
from claynet.cli.node_commands import node_commands
from claynet.cli.output import BROKEN, DONE, INTERRUPTED, WRONG, Output, OutputLostError, note, output_lost, reader_gone
from claynet.cli.packages import is_missing_extra
from claynet.cli.paths import named_path
from claynet.cli.peer_commands import peer_commands
from claynet.cli.subtask_commands import subtask_commands
from claynet.cli.task_commands import task_commands

_FIRST_STEPS = (
    "To test: claynet run FILE, with a scenario. "
    "To take part: claynet node init, claynet node start --detach, claynet peer connect HOST:PORT; then "
    "claynet app list, claynet task example APP > task.yaml, claynet task estimate task.yaml, claynet task create task.yaml --watch."
)

app = typer.Typer(
    name="claynet",
    help="A peer-to-peer compute network, and a deterministic test network for it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=_FIRST_STEPS,
)
app_commands = typer.Typer(help="Work with apps.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(app_commands, name="app")
app.add_typer(node_commands, name="node")
app.add_typer(config_commands, name="config")
app.add_typer(task_commands, name="task")
app.add_typer(subtask_commands, name="subtask")
app.add_typer(peer_commands, name="peer")
app.add_typer(env_commands, name="env")
app.command("events")(events_command)
add_commands(app_commands)


class Switch(Enum):
    """An option that is on or off."""

    ON = "on"
    OFF = "off"


File = Annotated[Path, typer.Argument(parser=named_path, metavar="FILE", help="A scenario (YAML).", show_default=False)]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Use this seed instead of the file's.")]
Mode = Annotated[str | None, typer.Option(metavar="virtual|paced|real", help="Use this mode instead of the file's.")]
Env = Annotated[str | None, typer.Option(metavar="NAME", help="Run every node in this environment.")]
Transport = Annotated[str | None, typer.Option(metavar="simulated|p2p", help="Use this network instead of the file's.")]
Isolate = Annotated[str | None, typer.Option(metavar="none|process", help="process: each node is a process of its own, in mode real.")]
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]


@app.callback()
def _root() -> None:
    """Make `claynet` a command with subcommands."""


@app.command("run")
def run_command(
    file: File,
    seed: Seed = None,
    mode: Mode = None,
    env: Env = None,
    transport: Transport = None,
    isolate: Isolate = None,
    out: Annotated[Path | None, typer.Option(parser=named_path, metavar="DIR", help="Folder for report, trace, tape and logs.")] = None,
    replay: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="TAPE", help="Take all outside outcomes from this tape.")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(parser=named_path, metavar="LOG|DIR", help="Use durations fitted to this side log, or to that of this --out folder."),
    ] = None,
    self_check: Annotated[
        Switch | None,
        typer.Option(help="In mode virtual: run twice and compare the trace hashes (by default when the run takes under ten seconds)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a scenario. Exit code 0: all expectations hold; 1: some do not; 2: the file is wrong; 3: the harness failed."""
    from claynet.cli.run import run_file
    from claynet.sim.options import RunOptions
    from claynet.sim.scenario.reader import Overrides

    options = RunOptions(out=out, replay=replay, self_check=None if self_check is None else self_check is Switch.ON)
    raise typer.Exit(run_file(file, Overrides(seed, mode, env, transport, isolate), options, calibrate, Output(as_json)))


@app.command("check")
def check_command(
    file: File,
    seed: Seed = None,
    mode: Mode = None,
    env: Env = None,
    transport: Transport = None,
    isolate: Isolate = None,
    as_json: Json = False,
) -> None:
    """Validate a scenario and print the plan. Nothing is started."""
    from claynet.cli.check import check_file
    from claynet.sim.scenario.reader import Overrides

    raise typer.Exit(check_file(file, Overrides(seed, mode, env, transport, isolate), Output(as_json)))


@app.command("calibrate")
def calibrate_command(
    place: Annotated[
        Path, typer.Argument(parser=named_path, metavar="LOG|DIR", help="A side log of durations, or the --out folder of a run.")
    ],
    as_json: Json = False,
) -> None:
    """Fit durations to what jobs really took. They are printed as a scenario's durations."""
    from claynet.cli.calibrate import calibrate

    raise typer.Exit(calibrate(place, Output(as_json)))


@app.command("sweep")
def sweep_command(as_json: Json = False) -> None:
    """Remove what killed runs and nodes left. Containers, folders and control groups of this user; living ones lose nothing."""
    from claynet.cli.sweep import sweep

    raise typer.Exit(sweep(Output(as_json)))


@app_commands.command("check")
def app_check_command(
    subject: Annotated[str, typer.Argument(metavar="FILE|module:NAME|IMAGE", help="A descriptor, an app object or an image.")],
    sample: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="FILE", help="A sample task (JSON) to check with, instead of the app's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check an app against the rules of the Task API, one by one."""
    from claynet.cli.app_check import check_subject

    raise typer.Exit(check_subject(subject, sample, Output(as_json)))


@app_commands.command("build")
def app_build_command(
    path: Annotated[
        Path, typer.Argument(parser=named_path, metavar="PATH", help="The app's folder: Dockerfile, descriptor.json, requirements.txt.")
    ],
    as_json: Json = False,
) -> None:
    """Build an app's docker image from wheels, without a network, and write its app id to its descriptor."""
    from claynet.cli.app_build import build_folder

    raise typer.Exit(build_folder(path, Output(as_json)))


# ---------------------------------------------------------------- how a command ends

_USAGE = typer.BadParameter.__base__ or typer.BadParameter
"""The class of all usage errors; its module differs between versions of typer."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is ever raised except for missing packages."""
    output = Output("--json" in arguments)
    foreign = next((argument for argument in arguments if not _is_utf8(argument)), None)
    if foreign is not None:  # names and paths go to nodes and into JSON, which have UTF-8 only
        return output.error("usage", f"the argument {foreign!r} is not UTF-8; give the name in UTF-8, or rename the file")
    try:
        code = guarded(lambda: typer.main.get_command(app).main(list(arguments), prog_name="claynet", standalone_mode=False), output)
        sys.stdout.flush()
    except BrokenPipeError:
        return reader_gone()
    except OutputLostError as error:
        return output_lost(error)
    return code


def _is_utf8(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def guarded(command: Callable[[], object], output: Output) -> int:
    """Call a command and turn every way in which it can end into an exit code; with JSON, into one object too."""
    try:
        code = command()
    except (BrokenPipeError, OutputLostError):
        raise
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and is_missing_extra(error):
            raise
        if isinstance(error, _USAGE):
            return _usage(error, output)
        note(traceback.format_exc())
        return output.error("internal", f"the harness failed: {type(error).__name__}: {error}", code=BROKEN)
    if code == INTERRUPTED:  # newer versions of typer make this of a KeyboardInterrupt
        return output.error("interrupted", "interrupted", code=INTERRUPTED)
    return code if isinstance(code, int) else DONE


def _usage(error: Exception, output: Output) -> int:
    text = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        if output.as_json:
            return output.error("usage", "a command is missing")
        note(text)
        return WRONG
    usage = f"{context.get_usage()}\n" if context is not None and not output.as_json else ""
    return output.error("usage", f"{usage}{text}" if output.as_json else f"{usage}error: {text}")
