"""The control API's service `Node`: how the node does, its logs and events, draining and stopping it.

Knows the view, the hub and log files. Must not know sockets, nor how a stop is carried out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

from claynet import __version__
from claynet.net.control.calls import Call, Refused, fill
from claynet.net.control.environments import environments
from claynet.net.control.host import Host
from claynet.net.control.messages import counts
from claynet.net.log_lines import read_lines
from claynet.net.view.event_hub import Event, Listeners
from claynet.net.view.reasons import reason_of
from claynet.proto import node_pb2 as api

_OPERATOR = "operator"
LOOK = 1.0
"""Seconds after which a stream looks whether its reader is still there."""


class NodeService:
    """The node itself."""

    def __init__(self, host: Host, listeners: Listeners, started: int, on_stop: Callable[[str], None] | None) -> None:
        self._host = host
        self._listeners = listeners
        self._started = started
        self._on_stop = on_stop

    def on_get_status(self, _request: api.StatusRequest, _call: Call) -> api.StatusReply:
        """Say how the node does."""
        host, view = self._host, self._host.view
        config = host.node.config
        provider = config.provider
        state, why = view.lending()
        return api.StatusReply(
            node_id=host.node_id,
            name=config.name,
            version=__version__,
            pid=os.getpid(),
            started=self._started,
            roles=[name for name, role in (("requestor", config.requestor), ("provider", provider)) if role is not None],
            data_dir=str(host.data_dir.path),
            listens=host.listens,
            reachable=reachable(host),
            peers=len(host.peers.linked()),
            lending="" if provider is None else state or "open",
            lending_reason=why,
            slots=0 if provider is None else provider.slots,
            busy=sum(slot.is_busy for slot in view.slots()),
            price=0 if provider is None else provider.price,
            money=money(host),
            tasks=counts(task.status for task in view.tasks()),
            work=counts(slot.status for slot in view.slots()),
            environments=environments(host),
            declined=[reason_of(seen) for seen in view.declined()],
            problems=[*host.apps.problems, *view.problems()],
            relayed=[api.Relayed(peer=peer, relay=relay) for peer, relay in host.peers.relayed().items()],
            relaying=relaying(host),
        )

    def on_stop(self, request: api.StopRequest, _call: Call) -> api.StopReply:
        """Begin to stop."""
        if self._on_stop is None:
            raise Refused("this node cannot be stopped by command; it ends with the program that runs it")
        self._on_stop(request.reason or "asked by its operator")
        return api.StopReply(pid=os.getpid())

    def on_drain(self, request: api.DrainRequest, _call: Call) -> api.DrainReply:
        """Take no more work, or take work again."""
        host = self._host
        if host.node.config.provider is None:
            raise Refused("this node is no provider: it takes no work anyway")
        if request.on:
            host.lending.hold(_OPERATOR, request.reason or "its operator drains it")
        else:
            host.lending.let(_OPERATOR)
        reasons = host.lending.reasons
        busy = sum(slot.is_busy for slot in host.view.slots())
        return api.DrainReply(lending="draining" if reasons else "open", busy=busy, reason=next(iter(reasons), ""))

    def on_read_logs(self, request: api.LogsRequest, call: Call) -> Iterator[api.LogLine]:
        """Give lines of the node's log."""
        for line in read_lines(self._host.data_dir.logs, request.last, request.task, request.follow, lambda: call.active):
            yield api.LogLine(text=line)

    def on_watch_events(self, request: api.EventsRequest, call: Call) -> Iterator[api.Event]:
        """Give every event that happens from now on, until the node stops or the reader goes."""
        kinds = list(request.kinds) or None
        with self._listeners.listen(kinds) as events:
            call.at_end(events.close)
            while True:
                event = events.next()
                if event is None:
                    return
                if not request.about or is_about(event, request.about):
                    yield api.Event(
                        number=event.number,
                        at=event.at,
                        kind=event.kind,
                        fields_json=json.dumps(event.fields, sort_keys=True, default=str),
                        dropped=event.dropped,
                    )


def is_about(event: Event, beginning: str) -> bool:
    """Tell whether an id in an event begins like that."""
    return any(isinstance(value, str) and value.startswith(beginning) for value in event.fields.values())


def reachable(host: Host) -> str:
    """Say whether others can call in, as far as this node can know."""
    met = "; others have met it at a relay" if host.peers.was_met() else ""
    if not host.listens:
        return f"by no call: it does not listen{met}"
    address = host.listens.rpartition(":")[0].strip("[]")
    if address in ("localhost", "::1") or address.startswith("127."):
        return f"from this machine only: listen.host is a loopback address{met}"
    if host.peers.was_called():
        return "yes: others have called in"
    return f"not known: nobody has called in yet; a firewall or a router may be in the way{met}"


def relaying(host: Host) -> api.Relaying:
    """Return what the node does as a relay."""
    counts = host.peers.relaying
    return api.Relaying(
        serves=counts.serves,
        pairs=counts.pairs,
        pairs_in_all=counts.pairs_in_all,
        carried=counts.carried,
        carried_in_hour=counts.carried_in_hour,
    )


def money(host: Host) -> api.Money:
    """Return the node's test tokens."""
    return fill(api.Money, host.view.money(), balance=host.balance)
