"""What `claynet peer ...` does.

Knows the control API's messages and tables. Must not know sockets or links.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claynet.actors import units
from claynet.actors.units import UnitError, format_tokens
from claynet.cli import shown
from claynet.cli.asking import ask, say
from claynet.cli.output import Output
from claynet.cli.tables import make_console, table
from claynet.proto import node_pb2 as api

LONGEST = 100 * 365 * 24 * units.DURATIONS["h"]
"""Of a block with an end, ns."""


def list_peers(data_dir: Path, output: Output) -> int:
    """List peers."""
    return ask("Peers.List", api.PeersRequest(), data_dir, output, _print_list)


def show(peer: str, data_dir: Path, output: Output) -> int:
    """Show one."""
    return ask("Peers.Show", api.PeerId(id=peer), data_dir, output, _print_one)


def connect(address: str, data_dir: Path, output: Output) -> int:
    """Make a link."""
    return ask("Peers.Connect", api.ConnectRequest(address=address), data_dir, output, lambda reply: say(f"linked to {reply.peer}"))


def block(subject: str, duration: str, reason: str, data_dir: Path, output: Output) -> int:
    """Deal with somebody no more."""
    try:
        lasts = units.duration(duration) if duration else 0
    except UnitError as error:
        return output.error("usage", f"--for {duration}: {error}")
    if duration and not 0 < lasts <= LONGEST:
        return output.error(
            "usage", f"--for {duration}: a time above 0 and at most a hundred years is wanted; leave --for out to block for good"
        )
    request = api.BlockRequest(subject=subject, duration=lasts, reason=reason)
    return ask("Peers.Block", request, data_dir, output, _print_blocked)


def allow(subject: str, data_dir: Path, output: Output) -> int:
    """Deal with somebody again."""
    return ask("Peers.Allow", api.AllowRequest(subject=subject), data_dir, output, _print_blocked)


def _print_blocked(reply: Any) -> None:
    rows = [
        {"blocked": one.subject, "since": shown.when(one.since), "until": shown.when(one.until) or "for good", "why": one.reason}
        for one in reply.blocked
    ]
    if rows:
        make_console().print(table("not dealt with", rows))
    else:
        say("nobody is blocked")


def _print_list(reply: api.PeersReply) -> None:
    rows = [_row(peer) for peer in reply.peers]
    if rows:
        make_console().print(table("peers", rows))
    else:
        say("no other node is known; make a link with: claynet peer connect HOST:PORT")
    if reply.blocked:
        _print_blocked(reply)
    if reply.turned_away:
        say(f"{reply.turned_away} callers were hung up on: too many from one address, too slow, or blocked")
    for refusal in reply.refusals[-5:]:
        say(f"not let in: {refusal}")


def _print_one(peer: api.Peer) -> None:
    console = make_console()
    say(peer.id)
    console.print(table("peer", [_row(peer)]))
    if peer.declines:
        console.print(table("what it did not take, and why", [shown.reason_row(reason) for reason in peer.declines]))


def _row(peer: api.Peer) -> dict[str, Any]:
    return {
        "node": shown.short(peer.id),
        "linked": "yes" if peer.linked else "no",
        "by": f"relay {shown.short(peer.relay)}" if peer.relay else "",
        "address": ", ".join(peer.addresses).removeprefix(f"relay {peer.relay[:12]} at " if peer.relay else ""),
        "offers": peer.offers,
        "asks": shown.price(peer.price) if peer.offers else "",
        "finished": peer.finished,
        "failed": peer.failed,
        "earned": format_tokens(peer.earned),
        "spent": format_tokens(peer.spent),
    }
