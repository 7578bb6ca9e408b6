"""The control API's service `Peers`: other nodes, what they did for this one, and making links.

Knows the view and the peers. Must not know how links are made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from claynet.actors.ports import NodeId
from claynet.net.control.calls import Call, NotFound, Refused, WrongUse
from claynet.net.control.host import Host
from claynet.net.link.peers import PeerError
from claynet.net.view.reasons import reason_of
from claynet.proto import node_pb2 as api

CONNECT = 8.0
"""Seconds that a link may take."""
_LEAST = 4
_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:]+)):([0-9]{1,5})")


class PeersService:
    """Other nodes."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def on_list(self, _request: api.PeersRequest, _call: Call) -> api.PeersReply:
        """All that are linked, or that anything was heard of."""
        peers = self._host.peers
        return api.PeersReply(
            peers=self._messages(self._known()), blocked=self._blocked(), turned_away=peers.turned_away, refusals=peers.refusals()
        )

    def on_show(self, request: api.PeerId, _call: Call) -> api.Peer:
        """One of them."""
        found = self._named(request.id, self._known())
        if not found:
            raise NotFound(f"this node has heard of no node {request.id!r}; `claynet peer list` shows those it knows")
        return self._messages([found])[0]

    def on_connect(self, request: api.ConnectRequest, _call: Call) -> api.ConnectReply:
        """Make a link by an address."""
        found = _PLACE.fullmatch(request.address.strip())
        if found is None or not 0 < int(found[3]) < 65536:
            raise WrongUse(f"{request.address!r} is no address; write HOST:PORT, or [ADDRESS]:PORT for IPv6")
        try:
            peer = self._host.peers.connect(found[1] or found[2], int(found[3]), CONNECT)
        except PeerError as error:
            raise Refused(f"no link to {request.address}: {error}") from None
        return api.ConnectReply(peer=peer)

    def on_block(self, request: api.BlockRequest, _call: Call) -> api.BlockReply:
        """Deal with somebody no more."""
        subject = self._named(request.subject, self._known()) or request.subject
        try:
            self._host.peers.block(subject, request.duration, request.reason)
        except PeerError as error:
            raise WrongUse(str(error)) from None
        return api.BlockReply(blocked=self._blocked())

    def on_allow(self, request: api.AllowRequest, _call: Call) -> api.BlockReply:
        """Deal with somebody again."""
        subject = self._named(request.subject, [one.subject for one in self._host.peers.blocks()]) or request.subject
        try:
            self._host.peers.allow(subject)
        except PeerError as error:
            raise NotFound(str(error)) from None
        return api.BlockReply(blocked=self._blocked())

    def _blocked(self) -> list[api.Blocked]:
        return [api.Blocked(subject=one.subject, since=one.since, until=one.until, reason=one.reason) for one in self._host.peers.blocks()]

    def _named(self, beginning: str, known: Iterable[str]) -> str:
        """Return the one id that begins so; empty when none does."""
        found = [peer for peer in known if len(beginning) >= _LEAST and peer.startswith(beginning)]
        if len(found) > 1:
            raise Refused(f"{beginning!r} may be one of {len(found)} nodes; give more of the id")
        return found[0] if found else ""

    def _known(self) -> list[str]:
        view = self._host.view
        earned, spent = view.paid()
        subtasks, slots = view.subtasks(), view.slots()
        heard = (*view.providers(), *earned, *spent, *(one.provider for one in subtasks), *(one.requestor for one in slots))
        declined = (peer for task in view.tasks() for peer in view.declines(task.id))
        return list(dict.fromkeys((*self._host.peers.linked(), *heard, *declined)))

    def _messages(self, peers: Iterable[str]) -> list[api.Peer]:
        view, linked = self._host.view, dict(self._host.peers.linked())
        places: dict[str, str] = {str(peer): where for peer, where in linked.items()}
        offers, (earned, spent) = view.providers(), view.paid()
        finished: Counter[str] = Counter(one.provider for one in view.subtasks() if one.status == "finished")
        finished.update(one.requestor for one in view.slots() if one.status in ("accepted", "paid", "unpaid"))
        failed: Counter[str] = Counter(one.provider for one in view.subtasks() if one.status in ("failed", "timed_out"))
        failed.update(one.requestor for one in view.slots() if one.status in ("failed", "timed_out", "rejected"))
        tasks = [task.id for task in view.tasks()]
        relayed = self._host.peers.relayed()
        found = []
        for peer in peers:
            said = [seen for task in tasks for seen in view.declines(task).get(peer, ())]
            offer = offers.get(peer)
            found.append(
                api.Peer(
                    id=peer,
                    linked=peer in places,
                    addresses=[places[peer]] if peer in places else [],
                    offers=offer.count if offer else 0,
                    price=offer.price if offer else 0,
                    score=offer.score if offer else 0.0,
                    finished=finished[peer],
                    failed=failed[peer],
                    earned=earned[peer],
                    spent=spent[peer],
                    relay=relayed.get(NodeId(peer), ""),
                    declines=[reason_of(seen, peer) for seen in said[-16:]],
                )
            )
        return found
