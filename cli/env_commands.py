"""`claynet env ...`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output

env_commands = typer.Typer(help="What runs apps here, how fast, and whose images.", no_args_is_help=True, rich_markup_mode=None)
whitelist_commands = typer.Typer(help="Whose images this node runs for others.", no_args_is_help=True, rich_markup_mode=None)
env_commands.add_typer(whitelist_commands, name="whitelist")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An environment, such as docker_cpu.")]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="An image's name before its last /: golem for golem/blender:1.0.")]
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]


@env_commands.command("list")
def list_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """List the environments of this node and whether they work."""
    from claynet.cli.environments import list_environments

    raise typer.Exit(list_environments(data_dir_of(data_dir), Output(as_json)))


@env_commands.command("show")
def show_command(name: Name, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Show one environment, with the score of each app's image."""
    from claynet.cli.environments import show

    raise typer.Exit(show(name, data_dir_of(data_dir), Output(as_json)))


@env_commands.command("enable")
def enable_command(name: Name, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Take work of others in an environment again."""
    from claynet.cli.environments import enable

    raise typer.Exit(enable(name, data_dir_of(data_dir), Output(as_json)))


@env_commands.command("disable")
def disable_command(name: Name, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Take no more work of others in an environment, also after a restart; what runs goes on."""
    from claynet.cli.environments import disable

    raise typer.Exit(disable(name, data_dir_of(data_dir), Output(as_json)))


@env_commands.command("benchmark")
def benchmark_command(name: Name, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Measure an environment and its apps again."""
    from claynet.cli.environments import benchmark

    raise typer.Exit(benchmark(name, data_dir_of(data_dir), Output(as_json)))


@whitelist_commands.command("list")
def whitelist_list_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """List the sources whose images run here."""
    from claynet.cli.environments import whitelist

    raise typer.Exit(whitelist(data_dir_of(data_dir), Output(as_json)))


@whitelist_commands.command("seen")
def whitelist_seen_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """List the sources that were asked for and are not allowed."""
    from claynet.cli.environments import seen

    raise typer.Exit(seen(data_dir_of(data_dir), Output(as_json)))


@whitelist_commands.command("add")
def whitelist_add_command(source: Source, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Let images of a source run here."""
    from claynet.cli.environments import allow

    raise typer.Exit(allow(source, data_dir_of(data_dir), Output(as_json)))


@whitelist_commands.command("remove")
def whitelist_remove_command(source: Source, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Let images of a source run here no more; what runs goes on."""
    from claynet.cli.environments import forbid

    raise typer.Exit(forbid(source, data_dir_of(data_dir), Output(as_json)))
