"""`claynet app list|show|add|remove|enable|disable`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output
from claynet.cli.paths import named_path

App = Annotated[str, typer.Argument(metavar="APP", help="An app's name, id, or the beginning of one.")]
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]


def add_commands(group: typer.Typer) -> None:
    """Add the commands to the group `app`, which has others that need no node."""
    for name, command in (
        ("list", list_command),
        ("show", show_command),
        ("add", add_command),
        ("remove", remove_command),
        ("enable", enable_command),
        ("disable", disable_command),
    ):
        group.command(name)(command)


def list_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """List the apps that this node can request."""
    from claynet.cli.apps import list_apps

    raise typer.Exit(list_apps(data_dir_of(data_dir), Output(as_json)))


def show_command(app: App, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Show one app: author, licence, image, what it runs."""
    from claynet.cli.apps import show

    raise typer.Exit(show(app, data_dir_of(data_dir), Output(as_json)))


def add_command(
    file: Annotated[Path, typer.Argument(parser=named_path, metavar="FILE", help="The app's descriptor (JSON).")],
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Add an app by its descriptor. It is disabled until it is enabled."""
    from claynet.cli.apps import add

    raise typer.Exit(add(file, data_dir_of(data_dir), Output(as_json)))


def remove_command(app: App, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Take an app away that no task needs."""
    from claynet.cli.apps import remove

    raise typer.Exit(remove(app, data_dir_of(data_dir), Output(as_json)))


def enable_command(app: App, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Let tasks use an app, and show what it runs here."""
    from claynet.cli.apps import enable

    raise typer.Exit(enable(app, data_dir_of(data_dir), Output(as_json)))


def disable_command(app: App, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Let no new task use an app."""
    from claynet.cli.apps import disable

    raise typer.Exit(disable(app, data_dir_of(data_dir), Output(as_json)))
