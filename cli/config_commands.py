"""`claynet config ...`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output

config_commands = typer.Typer(help="The settings of a node.", no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]


@config_commands.command("show")
def show_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Show every setting that holds, and where it comes from."""
    from claynet.cli.configs import show

    raise typer.Exit(show(data_dir_of(data_dir), Output(as_json)))


@config_commands.command("set")
def set_command(
    key: Annotated[str, typer.Argument(metavar="KEY")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As in the file: 0.5tok, 2048MiB, 22:00-07:00, a,b.")],
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Change a setting in the configuration file; comments stay. It holds when the node starts next."""
    from claynet.cli.configs import change

    raise typer.Exit(change(key, value, data_dir_of(data_dir), Output(as_json)))


@config_commands.command("explain")
def explain_command(
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="None: all of them.")] = "",
    as_json: Json = False,
) -> None:
    """Say what a setting means, what it takes, its default and its variable."""
    from claynet.cli.configs import explain

    raise typer.Exit(explain(key, Output(as_json)))
