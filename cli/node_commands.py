"""`claynet node ...`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output

node_commands = typer.Typer(help="Run a node on this machine.", no_args_is_help=True, rich_markup_mode=None)

MOST_LINES = 1_000_000_000
"""Of a log that can be asked for; 0 stands for all."""
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting (claynet config explain), over file and variables.")
]


@node_commands.command("init")
def init_command(
    role: Annotated[list[str] | None, typer.Option(metavar="requestor|provider", help="What it does; again for both.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="How it is called.")] = None,
    cores: Annotated[str | None, typer.Option(metavar="N", help="Processors to lend.")] = None,
    memory: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory to lend, such as 2048MiB.")] = None,
    disk: Annotated[str | None, typer.Option(metavar="SIZE", help="Disk to lend.")] = None,
    price: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Asked price per hour, such as 0.5tok.")] = None,
    hours: Annotated[str | None, typer.Option(metavar="HH:MM-HH:MM", help="When to lend, local time; always by default.")] = None,
    idle_only: Annotated[bool, typer.Option("--idle-only", help="Lend only while nobody else uses the processors.")] = False,
    settings: Settings = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take defaults for what is not given.")] = False,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Make a node's data dir and its configuration file. Asks what it needs to know; says what will run and what others see."""
    from claynet.cli.node_init import init

    given = {
        "roles": ",".join(role) if role else None,
        "name": name,
        "lend.cores": cores,
        "lend.memory": memory,
        "lend.disk": disk,
        "lend.price": price,
        "lend.hours": hours,
        "lend.idle_only": "true" if idle_only else None,
    }
    flags = {key: value for key, value in given.items() if value is not None}
    raise typer.Exit(init(data_dir_of(data_dir), flags, settings or [], yes, Output(as_json)))


@node_commands.command("start")
def start_command(
    settings: Settings = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready, and leave it running.")] = False,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Start a node and stay until it is stopped. SIGTERM or Ctrl-C end it gracefully, a second one at once."""
    from claynet.cli.node_start import start

    raise typer.Exit(start(data_dir_of(data_dir), settings or [], detach, Output(as_json)))


@node_commands.command("stop")
def stop_command(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="For its log.")] = "",
    kill: Annotated[bool, typer.Option("--kill", help="Kill it at once; it takes up its work when it is started again.")] = False,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Stop the node and wait until it has ended. Its tasks go on when it is started again."""
    from claynet.cli.nodes import stop

    raise typer.Exit(stop(reason, kill, data_dir_of(data_dir), Output(as_json)))


@node_commands.command("status")
def status_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Say how the node does: work, earnings, environments, what it declined and why."""
    from claynet.cli.nodes import status

    raise typer.Exit(status(data_dir_of(data_dir), Output(as_json)))


@node_commands.command("logs")
def logs_command(
    last: Annotated[int, typer.Option(metavar="N", min=0, max=MOST_LINES, help="So many of the last lines; 0: all that are kept.")] = 50,
    about: Annotated[str, typer.Option(metavar="TEXT", help="Only lines with this in them, such as a task's id.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new lines until the node stops.")] = False,
    data_dir: DataDirOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """Show the node's log, whether it runs or not."""
    from claynet.cli.nodes import logs

    raise typer.Exit(logs(last, about, follow, data_dir_of(data_dir), Output(as_json)))


@node_commands.command("drain")
def drain_command(
    off: Annotated[bool, typer.Option("--off", help="Take work again.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when the work under way is done.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Requestors are told.")] = "",
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Take no more work of others, until it is taken back or the node starts anew; work under way goes on."""
    from claynet.cli.nodes import drain

    raise typer.Exit(drain(off, wait, reason, data_dir_of(data_dir), Output(as_json)))


@node_commands.command("unit")
def unit_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Print a systemd unit that keeps this node running."""
    from claynet.cli.node_unit import unit

    raise typer.Exit(unit(data_dir_of(data_dir), Output(as_json)))
