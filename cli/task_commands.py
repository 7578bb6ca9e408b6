"""`claynet task ...`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output
from claynet.cli.paths import named_path

task_commands = typer.Typer(help="Have tasks computed by other nodes.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[
    Path, typer.Argument(parser=named_path, metavar="FILE", help="A task file (JSON or YAML); `claynet task example` prints one.")
]
Task = Annotated[str, typer.Argument(metavar="TASK", help="A task's id, the beginning of one, or its name.")]
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]
Lines = Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")]


@task_commands.command("example")
def example_command(
    app: Annotated[str, typer.Argument(metavar="APP", help="An app's name, id, or the beginning of one.")],
    to: Annotated[
        Path | None, typer.Option("--to", parser=named_path, metavar="FILE", help="Write it there; what is there is left alone.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Print a task file for an app, to begin with."""
    from claynet.cli.task_example import example

    raise typer.Exit(example(app, to, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("estimate")
def estimate_command(file: File, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Say what a task may cost at most and who could take it now. Nothing is made or spent."""
    from claynet.cli.tasks import estimate

    raise typer.Exit(estimate(file, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("create")
def create_command(
    file: File,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it is over, as task watch does.")] = False,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Begin a task. Every problem of the file is told before anything is made."""
    from claynet.cli.tasks import create

    raise typer.Exit(create(file, data_dir_of(data_dir), watch, Output(as_json)))


@task_commands.command("list")
def list_command(
    state: Annotated[list[str] | None, typer.Option(metavar="STATE", help="Only tasks in this state; may be given again.")] = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """List this node's tasks."""
    from claynet.cli.tasks import list_tasks

    raise typer.Exit(list_tasks(state or [], data_dir_of(data_dir), Output(as_json)))


@task_commands.command("show")
def show_command(task: Task, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Show one task."""
    from claynet.cli.tasks import show

    raise typer.Exit(show(task, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("watch")
def watch_command(task: Task, data_dir: DataDirOption = None, as_json: Lines = False) -> None:
    """Watch a task until it is over. Exit code 0: it finished; 1: it did not."""
    from claynet.cli.task_watch import watch

    raise typer.Exit(watch(task, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("why")
def why_command(task: Task, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Say why a task does not go on, and what helps. Names the rule, who says so, the value and the limit."""
    from claynet.cli.tasks import why

    raise typer.Exit(why(task, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("abort")
def abort_command(task: Task, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Give a task up."""
    from claynet.cli.tasks import abort

    raise typer.Exit(abort(task, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("restart")
def restart_command(task: Task, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Begin a task again under a new id. One that is not over is given up."""
    from claynet.cli.tasks import restart

    raise typer.Exit(restart(task, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("delete")
def delete_command(task: Task, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Forget a task that is over. Results that were copied stay where they are."""
    from claynet.cli.tasks import delete

    raise typer.Exit(delete(task, data_dir_of(data_dir), Output(as_json)))


@task_commands.command("results")
def results_command(
    task: Task,
    to: Annotated[Path | None, typer.Option("--to", parser=named_path, metavar="DIR", help="Copy them to this folder.")] = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Say where a finished task's results are, or copy them out."""
    from claynet.cli.tasks import results

    raise typer.Exit(results(task, to, data_dir_of(data_dir), Output(as_json)))
