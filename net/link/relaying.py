"""A network's part in relaying, on both sides: what it does for others as a relay, and its own meetings at relays.

Knows links as far as questions go over them, and whom the gate lets in. Must not know how bytes are passed on (`relay`), nor how one
comes to a relay (`meeting`).
"""

from __future__ import annotations

from collections.abc import Callable

from claynet.actors.ports import NodeId
from claynet.net.link import relay_records
from claynet.net.link.calling import Calling
from claynet.net.link.gate import Gate, Here
from claynet.net.link.handshake import HandshakeError
from claynet.net.link.introduce import Caller, turn_away
from claynet.net.link.meeting import Meetings, Met
from claynet.net.link.outer import MEET, outer_frame
from claynet.net.link.peer_link import PeerLink
from claynet.net.link.places import Way
from claynet.net.link.relay import Relay, RelayLimits
from claynet.net.link.relay_records import Declined, Wanted
from claynet.net.link.roll import Roll
from claynet.net.link.running import Running
from claynet.net.link.tls import TlsStream
from claynet.net.link.whereabouts import Whereabouts


class Relaying:
    """Of one network. From any thread."""

    def __init__(
        self,
        limits: RelayLimits | None,
        meets: bool,
        roll: Roll,
        whereabouts: Whereabouts,
        calling: Calling,
        running: Running,
        gate: Gate,
        met: Met,
        note: Callable[[str, HandshakeError | OSError], None],
    ) -> None:
        """`limits` None: it relays for nobody. With `meets` it meets others at relays, and `met` hears them. `note` hears what came to
        nothing.
        """
        self._meets = meets
        self._roll = roll
        self._whereabouts = whereabouts
        self._gate = gate
        self._note = note
        self.relay = Relay(limits, self._ask, running.start)
        self._meetings = Meetings(calling, running, gate, met, note)

    def here(self, link: PeerLink, port: int, only: NodeId | None) -> Here | None:
        """Return what the peer of a link is told of this relay that listens at `port`: who is to be met, or whether `only` is."""
        if not self.relay.serves or not port:
            return None
        met = self._roll.direct().keys() if only is None else {only}
        return Here(link.local_host, port, met - {link.peer})

    def run_errand(self, stream: TlsStream, caller: Caller, way: Way) -> None:
        """Do what a caller wants instead of a link; returns when it is done."""
        refusal = self._gate.refusal_of_node(caller.node)
        try:
            if refusal:
                error = HandshakeError(refusal)
                turn_away(stream, error)
                raise error
            self.relay.serve(stream, caller.node, way.place[0], relay_records.read_errand(caller.errand))
        except HandshakeError as error:
            self._note(str(way), error)

    def hear(self, link: PeerLink, data: bytes) -> None:
        """Take what came in a MEET frame."""
        message = relay_records.read_message(data)
        if isinstance(message, Declined):
            self.relay.declined(link.peer, message.token, message.reason)
        elif isinstance(message, Wanted):
            # A peer that called says itself where it listens: only where it was found before is it called for somebody else's sake.
            place = self._whereabouts.proven(link.peer) if link.incoming else link.way.place
            if not self._meets:
                _decline(link, message, "it meets nobody at relays (relay.use is off)")
            elif place is None or link.way.relay is not None:
                _decline(link, message, "it does not know where to call this relay")
            else:
                self._meetings.wanted(Way(place, link.peer), message, lambda reason: _decline(link, message, reason))

    def _ask(self, node: NodeId, data: bytes) -> bool:
        link = self._roll.direct().get(node)
        if link is None:
            return False
        link.send_announcement(outer_frame(MEET, data))
        return True


def _decline(link: PeerLink, message: Wanted, reason: str) -> None:
    link.send_announcement(outer_frame(MEET, relay_records.encode(Declined(message.token, reason[:200]))))
