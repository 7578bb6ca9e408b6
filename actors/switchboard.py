"""Switchboard: the parent of the sessions. Makes one on first need, hands incoming links to new ones, carries announcements.

Knows which peer has a session and which blobs each peer may read. Must not know tasks, subtasks or how links work.
"""

from __future__ import annotations

from claynet.actors.core.allowance import Meter, excess
from claynet.actors.core.frames import FrameError, framed, is_signed, open_body, seal
from claynet.actors.core.records import Bye, HeadersWanted, Record
from claynet.actors.messages import Announce, DropFetch, FetchBlobs, FromPeer, Grant, PeerCalled, PeerLost, Revoke, SendTo, SessionEnded
from claynet.actors.ports import SECOND, ActorFailed, Address, Announced, LinkId, LinkUp, NodeId
from claynet.actors.session import FLOOD, TaskSession
from claynet.actors.shell import Shell, handles, spawn_child
from claynet.actors.world import Ports

MOST_SESSIONS = 8
"""Of one peer: honest ones have two, when both ends called at once, and one more for each link that is dead and does not know it yet."""
COOL_DOWN = 60 * SECOND
"""How long a peer whose session ended for a flood is not let in again."""
_MOST_KNOWN = 1024
"""Peers whose announcements are counted, and peers that are kept out: of more, those longest unheard of are forgotten."""


class Switchboard(Shell):
    """Who is connected."""

    def __init__(self, address: Address, parent: Address, ports: Ports, manager: Address | None, computer: Address | None) -> None:
        super().__init__(address, parent, ports)
        self._manager = manager
        self._computer = computer
        self._sessions: dict[NodeId, list[Address]] = {}
        """Per peer: its sessions; the first is the one we speak on."""
        self._peers: dict[Address, NodeId] = {}
        self._links: dict[Address, LinkId | None] = {}
        """Per session: the link that it was made for; None where it calls itself."""
        self._grants: dict[NodeId, dict[str, int]] = {}
        self._announcers: dict[NodeId, Meter] = {}
        self._kept_out: dict[NodeId, int] = {}
        """Until when, by the monotonic clock."""
        self._made = 0

    def on_start(self) -> None:
        """Hear of incoming links and announcements."""
        self.ports.network.listen(self.address)

    def on_stop(self) -> None:
        """Sessions end with their parent."""
        for address in self._peers:
            self.ports.system.stop(address)

    @handles(SendTo, FetchBlobs)
    def on_for_peer(self, message: SendTo | FetchBlobs) -> None:
        """Pass to the peer's session."""
        sessions = self._sessions.get(message.peer)
        self.tell(sessions[0] if sessions else self._spawn(message.peer, None), message)

    @handles(Grant)
    def on_grant(self, message: Grant) -> None:
        """Count grants: two subtasks may share an input."""
        grants = self._grants.setdefault(message.peer, {})
        for digest in message.digests:
            grants[digest] = grants.get(digest, 0) + 1
        self._pass(message)

    @handles(Revoke)
    def on_revoke(self, message: Revoke) -> None:
        """The last revoke of a digest ends it."""
        grants = self._grants.get(message.peer, {})
        ended = []
        for digest in message.digests:
            left = grants.get(digest, 0) - 1
            if left > 0:
                grants[digest] = left
            elif grants.pop(digest, None) is not None:
                ended.append(digest)
        if not grants:
            self._grants.pop(message.peer, None)
        if ended:
            self._pass(Revoke(message.peer, tuple(ended)))

    @handles(DropFetch)
    def on_drop_fetch(self, message: DropFetch) -> None:
        """Whichever session has it."""
        self._pass(message)

    @handles(LinkUp)
    def on_incoming(self, message: LinkUp) -> None:
        """A peer called. Where both ends called at once both links may stand; the first session stays the one we speak on."""
        refusal = self._refusal(message.peer)
        if refusal is not None:
            self.ports.network.send(message.link, framed(self._seal(refusal)))
            self.ports.network.close(message.link)
            return
        self._spawn(message.peer, message.link)
        self._ask_for_headers(message.peer)

    @handles(PeerCalled)
    def on_called_meanwhile(self, message: PeerCalled) -> None:
        """A peer called while a session was calling it, and that session has the link."""
        self._ask_for_headers(message.peer)

    def _ask_for_headers(self, peer: NodeId) -> None:
        if self._computer is not None:  # its tasks were announced before we knew each other
            wanted = self._seal(HeadersWanted(self.ports.signer.node_id))
            self.ports.network.announce(framed(wanted), peer)

    @handles(Announce)
    def on_announce(self, message: Announce) -> None:
        """Tell everybody."""
        self.ports.network.announce(framed(message.body))

    @handles(Announced)
    def on_announced(self, message: Announced) -> None:
        """A header or a question from somebody; what is not signed or not for us is dropped and counted."""
        try:
            frame = open_body(message.data[4:])
        except FrameError as error:
            self.ports.sink.emit("misuse", peer="", rule=error.rule, detail=f"announcement: {error.detail}")
            return
        if frame is None:
            return
        if frame.tag in ("header", "gone"):
            target, peer = self._computer, frame.record.requestor
        elif frame.tag == "wanted":
            target, peer = self._manager, frame.record.provider
        else:
            self.ports.sink.emit("misuse", peer="", rule="not_announceable", detail=f"{frame.tag} was announced")
            return
        if target is None or peer == self.ports.signer.node_id:
            return
        if not is_signed(frame, self.ports.signer.verify):
            detail = f"an announced {frame.tag}, as if by {peer}"
            self.ports.sink.emit("misuse", peer="", rule="bad_signature", detail=detail)
            return
        if not self._announcer(peer).take(frame.tag, self.ports.clock.monotonic(), len(frame.body)):
            self.ports.sink.emit("ignored", peer=peer, rule=FLOOD, detail=excess(frame.tag))
            return
        self.tell(target, FromPeer(peer, frame))

    @handles(SessionEnded)
    def on_session_ended(self, message: SessionEnded) -> None:
        """Whoever waits for answers of that peer hears it, unless another session to it stands."""
        if message.flooded:
            self._kept_out.pop(message.peer, None)
            self._kept_out[message.peer] = self.ports.clock.monotonic() + COOL_DOWN
            if len(self._kept_out) > _MOST_KNOWN:
                del self._kept_out[next(iter(self._kept_out))]
        self._forget(message.address, message.peer, message.reason)

    @handles(ActorFailed)
    def on_session_failed(self, message: ActorFailed) -> None:
        """A session raised: a bug of ours, told upwards; for the rest its link is lost."""
        self.tell(self.parent, message)
        peer, link = self._peers.get(message.address), self._links.get(message.address)
        if link is not None:
            self.ports.network.close(link)  # a session that never began could not
        if peer is not None:
            self._forget(message.address, peer, "the session failed")

    def _refusal(self, peer: NodeId) -> Bye | None:
        """Return what a peer that calls is told when it is not let in."""
        now = self.ports.clock.monotonic()
        until = self._kept_out.get(peer, now)
        if until > now:
            return Bye(FLOOD, f"come back in {-(-(until - now) // SECOND)} s")
        self._kept_out.pop(peer, None)
        if len(self._sessions.get(peer, ())) >= MOST_SESSIONS:
            return Bye("sessions", f"{MOST_SESSIONS} links to this node stand already")
        return None

    def _announcer(self, peer: NodeId) -> Meter:
        meter = self._announcers.pop(peer, None) or Meter()
        self._announcers[peer] = meter
        if len(self._announcers) > _MOST_KNOWN:
            del self._announcers[next(iter(self._announcers))]
        return meter

    def _seal(self, record: Record) -> bytes:
        return seal(record, self.ports.signer.sign)

    def _forget(self, address: Address, peer: NodeId, reason: str) -> None:
        self._peers.pop(address, None)
        self._links.pop(address, None)
        sessions = self._sessions.get(peer, [])
        if address in sessions:
            sessions.remove(address)
        if not sessions:
            self._sessions.pop(peer, None)
        for shell in (self._manager, self._computer):
            if shell is not None:
                self.tell(shell, PeerLost(peer, reason))

    def _spawn(self, peer: NodeId, link: LinkId | None) -> Address:
        self._made += 1
        address = Address(f"{self.address.rpartition('/')[0]}/session/{self._made}")
        granted = frozenset(self._grants.get(peer, ()))
        self._peers[address] = peer
        self._sessions.setdefault(peer, []).append(address)
        self._links[address] = link
        spawn_child(self.ports, self.address, TaskSession, peer, link, self._manager, self._computer, granted, address=address)
        return address

    def _pass(self, message: Grant | Revoke | DropFetch) -> None:
        for address in self._sessions.get(message.peer, ()):
            self.tell(address, message)
