"""What `claynet node stop|status|logs|drain` do.

Knows the control API's messages, tables and the lock of a data dir. Must not know sockets, nor how a node ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from claynet.actors.units import format_tokens
from claynet.cli import shown
from claynet.cli.asking import ask, say
from claynet.cli.control_client import NodeClient, NodeTrouble, with_node
from claynet.cli.data_dir_option import data_dir_flag
from claynet.cli.output import DONE, UNMET, Output, note, write_json
from claynet.cli.plain import plain
from claynet.cli.tables import make_console, table
from claynet.net.log_lines import read_lines
from claynet.net.storage.data_dir import DataDir
from claynet.proto import node_pb2 as api

_LOOK = 0.05
_LOOK_SLOWLY = 0.5
_SLOW = 2.0
"""Seconds after which a wait is spoken of."""
_PATIENCE = 600.0
"""Seconds that a node may take to end: as long as its settings allow, and they are its own."""


def stop(reason: str, kill: bool, data_dir: Path, output: Output) -> int:
    """Stop the node and wait for its end."""
    place = DataDir(data_dir)
    pid = place.holder()
    if kill and pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    else:
        try:
            with NodeClient(data_dir) as client:
                pid = client.call("Node.Stop", api.StopRequest(reason=reason)).pid
        except NodeTrouble as trouble:
            hint = f"; end it with: claynet node stop --kill{data_dir_flag(place.path)}" if place.holder() is not None else ""
            return output.error(trouble.kind, f"{trouble}{hint}", code=trouble.code)
    begun = time.monotonic()
    told = False
    while place.holder() is not None:
        waited = time.monotonic() - begun
        if waited > _SLOW and not told:
            note("waiting for its services to end ...")
            told = True
        if waited > _PATIENCE:
            way_out = f"claynet node stop --kill{data_dir_flag(place.path)}"
            return output.error("no_answer", f"process {pid} does not end; end it with: {way_out}", code=UNMET)
        time.sleep(_LOOK)
    output.result({"pid": pid, "stopped": True})
    if not output.as_json:
        say("the node has stopped")
    return DONE


def status(data_dir: Path, output: Output) -> int:
    """Say how the node does."""
    return ask("Node.GetStatus", api.StatusRequest(), data_dir, output, _print_status)


def logs(last: int, about: str, follow: bool, data_dir: Path, output: Output) -> int:
    """Show the log; it is read where it is, so that it can be read of a node that does not run."""
    place = DataDir(data_dir)
    try:
        there = place.logs.is_dir()
    except OSError as error:
        return output.error("data_dir", f"{place.logs} cannot be looked into ({error.strerror}); name another --data-dir", code=UNMET)
    if not there:
        return output.error("no_node", f"{place.logs} is not there: no node has run with this data dir", code=UNMET)
    for line in read_lines(place.logs, last, about, follow, lambda: place.holder() is not None):
        if output.as_json:
            write_json({"line": line})
        else:
            say(line)
        if follow:
            sys.stdout.flush()
    return DONE


def drain(off: bool, wait: bool, reason: str, data_dir: Path, output: Output) -> int:
    """Take no more work, or take work again."""

    def work(client: NodeClient) -> int:
        reply = client.call("Node.Drain", api.DrainRequest(on=not off, reason=reason))
        if wait and not off:
            reply = _wait_until_idle(client, reply)
        output.result(plain(reply))
        if not output.as_json:
            _print_drain(reply)
        return DONE

    return with_node(data_dir, output, work)


def _wait_until_idle(client: NodeClient, reply: api.DrainReply) -> api.DrainReply:
    told = False
    while reply.busy:
        if not told:
            note(f"waiting for {reply.busy} subtasks ...")
            told = True
        time.sleep(_LOOK_SLOWLY)
        found = client.call("Node.GetStatus", api.StatusRequest())
        reply = api.DrainReply(lending=reply.lending, busy=found.busy, reason=reply.reason)
    return reply


def _print_drain(reply: api.DrainReply) -> None:
    if reply.lending == "open":
        say("it takes work")
    else:
        left = f"; {reply.busy} under way go on" if reply.busy else "; none is under way"
        say(f"it takes no more work ({reply.reason}){left}")


def _print_relays(reply: api.StatusReply) -> None:
    for one in reply.relayed:
        say(f"  its link to {shown.short(one.peer)} goes by the relay {shown.short(one.relay)}")
    relaying = reply.relaying
    if relaying.serves:
        pairs = f"relays for {relaying.pairs} pairs of nodes, {relaying.pairs_in_all} in all"
        say(f"  {pairs}; passed on {_mib(relaying.carried)}, {_mib(relaying.carried_in_hour)} of it in the last hour")


def _mib(count: int) -> str:
    return f"{count / 2**20:.1f}MiB"


def _print_status(reply: api.StatusReply) -> None:
    console = make_console()
    say(f"node {reply.name} ({reply.node_id})")
    say(f"  {', '.join(reply.roles)}; claynet {reply.version}, process {reply.pid}, up {shown.ago(reply.started)}")
    listens = f"listens on {reply.listens}" if reply.listens else "does not listen"
    say(f"  data dir {reply.data_dir}; {listens}; linked to {reply.peers} nodes")
    say(f"  reachable {reply.reachable}")
    _print_relays(reply)
    money = reply.money
    parts = {"has": money.balance, "set aside": money.reserved, "earned": money.earned, "awaited": money.awaited, "spent": money.spent}
    say("  " + ", ".join(f"{name} {format_tokens(amount)}" for name, amount in parts.items()))
    if reply.tasks:
        say(f"  its tasks: {shown.counted(reply.tasks)}")
    if reply.slots:
        why = f" ({reply.lending_reason})" if reply.lending_reason else ""
        say(f"  lends {reply.slots} slots for {shown.price(reply.price)}, {reply.busy} in use; {reply.lending}{why}")
        if reply.work:
            say(f"  work for others: {shown.counted(reply.work)}")
    if reply.environments:
        rows = [{"environment": one.name, "state": one.state, "why": one.reason, "score": round(one.score)} for one in reply.environments]
        console.print(table("what runs apps here", rows))
    if reply.declined:
        console.print(table("not taken, and why", [shown.reason_row(reason) for reason in reply.declined]))
    for problem in reply.problems:
        say(f"  look at this: {problem}")
