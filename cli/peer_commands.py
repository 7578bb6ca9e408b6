"""`claynet peer ...`: names and options. What a command does is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from claynet.cli.data_dir_option import DataDirOption, data_dir_of
from claynet.cli.output import Output

peer_commands = typer.Typer(help="Other nodes.", no_args_is_help=True, rich_markup_mode=None)

Peer = Annotated[str, typer.Argument(metavar="NODE", help="A node's id or the beginning of one.")]
Subject = Annotated[
    str, typer.Argument(metavar="NODE|ADDRESS", help="A node's id or the beginning of one, an address, or a network such as 192.0.2.0/24.")
]
Json = Annotated[bool, typer.Option("--json", help="Write exactly one JSON object to standard output.")]


@peer_commands.command("list")
def list_command(data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """List the nodes that are linked or were heard of."""
    from claynet.cli.peers import list_peers

    raise typer.Exit(list_peers(data_dir_of(data_dir), Output(as_json)))


@peer_commands.command("show")
def show_command(peer: Peer, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Show one node: what it did for this one, and what it said."""
    from claynet.cli.peers import show

    raise typer.Exit(show(peer, data_dir_of(data_dir), Output(as_json)))


@peer_commands.command("block")
def block_command(
    subject: Subject,
    duration: Annotated[str, typer.Option("--for", metavar="TIME", help="So long, such as 2h; for good by default.")] = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="It is told why.")] = "",
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Deal with a node, an address or a network no more; its links end now."""
    from claynet.cli.peers import block

    raise typer.Exit(block(subject, duration, reason, data_dir_of(data_dir), Output(as_json)))


@peer_commands.command("allow")
def allow_command(subject: Subject, data_dir: DataDirOption = None, as_json: Json = False) -> None:
    """Take a block back."""
    from claynet.cli.peers import allow

    raise typer.Exit(allow(subject, data_dir_of(data_dir), Output(as_json)))


@peer_commands.command("connect")
def connect_command(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the other node listens.")],
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Make a link to the node that listens at an address."""
    from claynet.cli.peers import connect

    raise typer.Exit(connect(address, data_dir_of(data_dir), Output(as_json)))
