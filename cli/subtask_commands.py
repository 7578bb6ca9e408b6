"""`claynet subtask ...`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output

subtask_commands = typer.Typer(help="Single tries of tasks, and the work done for others.", no_args_is_help=True, rich_markup_mode=None)

Subtask = Annotated[str, typer.Argument(metavar="SUBTASK", help="A subtask's id or the beginning of one.")]
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]


@subtask_commands.command("list")
def list_command(
    task: Annotated[str, typer.Option(metavar="TASK", help="Only those of this task.", show_default=False)] = "",
    work: Annotated[bool, typer.Option("--work", help="What this node computes for others, instead.")] = False,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """List subtasks: every try, who has it, how it stands, what is paid."""
    from claynet.cli.subtasks import list_subtasks

    raise typer.Exit(list_subtasks(task, work, data_dir_of(data_dir), Output(as_json)))


@subtask_commands.command("show")
def show_command(subtask: Subtask, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Show one subtask, with its parameters and files."""
    from claynet.cli.subtasks import show

    raise typer.Exit(show(subtask, data_dir_of(data_dir), Output(as_json)))


@subtask_commands.command("restart")
def restart_command(subtask: Subtask, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Have a subtask's part computed again; what was paid stays paid."""
    from claynet.cli.subtasks import restart

    raise typer.Exit(restart(subtask, data_dir_of(data_dir), Output(as_json)))


@subtask_commands.command("logs")
def logs_command(subtask: Subtask, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Print what a subtask's service wrote, on the node that computes it."""
    from claynet.cli.subtasks import logs

    raise typer.Exit(logs(subtask, data_dir_of(data_dir), Output(as_json)))
