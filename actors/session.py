"""TaskSession: one per authenticated peer link. Bytes to checked frames and back, and the blobs that travel on the link.

Knows the link's peer, frames, signatures and which blobs the peer may read. Must not know tasks or subtasks: frames go to the
TaskManager or the TaskComputer by tag. A peer's misuse ends the session, never a task.
"""

from __future__ import annotations

from claynet import __version__
from claynet.actors.core.allowance import Meter, excess
from claynet.actors.core.frames import FrameError, FrameReader, framed, framed_chunk, is_signed, open_body, seal
from claynet.actors.core.records import EVIDENCE, MAJOR, MINOR, SIGNER, Bye, Chunk, Decline, Hello, Missing, Record, Want
from claynet.actors.messages import (
    BlobsFailed,
    DropFetch,
    FetchBlobs,
    FromPeer,
    Grant,
    PeerCalled,
    Revoke,
    SendTo,
    SessionEnded,
    TimerFired,
)
from claynet.actors.ports import MILLISECOND, SECOND, Address, LinkBytes, LinkDown, LinkFailed, LinkId, LinkUp, NodeId
from claynet.actors.shell import Shell, handles
from claynet.actors.transfers import Downloads, Uploads
from claynet.actors.world import Ports

FOR_REQUESTOR = frozenset({"offer", "taken", "refused", "report", "failed", "verdict_seen", "payment_seen", "cancel_seen"})
FOR_PROVIDER = frozenset({"header", "gone", "assignment", "received", "acceptance", "rejection", "payment", "cancel"})
IDLE_LIMIT = 120 * SECOND
"""A session on which nothing moved for so long is closed; it comes back on need."""
FLOOD = "flood"
"""The rule that a peer breaks who says more of a kind than `core/allowance.py` grants."""
_LOOK = 20 * MILLISECOND
"""Between two looks at whether what was said has left, while more is wanted."""


class TaskSession(Shell):
    """One end of one link."""

    def __init__(
        self,
        address: Address,
        parent: Address,
        ports: Ports,
        peer: NodeId,
        link: LinkId | None,
        manager: Address | None,
        computer: Address | None,
        granted: frozenset[str],
    ) -> None:
        super().__init__(address, parent, ports)
        self._peer = peer
        self._link = link
        self._manager = manager
        self._computer = computer
        self._granted = set(granted)
        self._reader = FrameReader()
        self._greeted = False
        self._over = False
        self._queue: list[bytes] = []
        self._meter = Meter()
        self._downloads = Downloads(ports.blobs, self._say)
        self._uploads = Uploads(ports.blobs, self._say, self._granted.__contains__, self._waiting)
        self._looks = False
        self._moved = 0

    def on_start(self) -> None:
        """Connect, or greet the caller."""
        if self._link is None:
            self.ports.network.connect(self._peer, self.address)
        else:
            self._begin(self._link)
        self._watch_idle()

    @handles(LinkUp)
    def on_link_up(self, message: LinkUp) -> None:
        """The link we asked for stands."""
        if message.peer != self._peer:
            self.ports.network.close(message.link)
            self._end("wrong_peer", f"asked for {self._peer}, reached {message.peer}")
            return
        if message.incoming:
            self.tell(self.parent, PeerCalled(self._peer))
        self._begin(message.link)

    @handles(LinkFailed)
    def on_link_failed(self, message: LinkFailed) -> None:
        """Nobody there."""
        self._end("unreachable", message.reason)

    @handles(LinkDown)
    def on_link_down(self, message: LinkDown) -> None:
        """The peer closed, or the link broke."""
        self._end("link_down", message.reason)

    @handles(SendTo)
    def on_send(self, message: SendTo) -> None:
        """Send a sealed body; one that is too long never arrives, and is told here instead of ending the session again and again."""
        try:
            self._send(framed(message.body))
        except FrameError as error:
            self.ports.sink.emit("ignored", peer=self._peer, rule=error.rule, detail=f"not sent: {error.detail}")

    @handles(Grant)
    def on_grant(self, message: Grant) -> None:
        """Let the peer read blobs."""
        self._granted.update(message.digests)

    @handles(Revoke)
    def on_revoke(self, message: Revoke) -> None:
        """No longer."""
        self._granted.difference_update(message.digests)

    @handles(FetchBlobs)
    def on_fetch(self, message: FetchBlobs) -> None:
        """Get blobs from this peer."""
        self._answer_fetches(self._downloads.begin(message))

    @handles(DropFetch)
    def on_drop_fetch(self, message: DropFetch) -> None:
        """Blobs are not wanted any more."""
        self._answer_fetches(self._downloads.forget(message.fetch_id))

    @handles(TimerFired)
    def on_timer(self, message: TimerFired) -> None:
        """Give more of what is wanted; close when nothing moved for a while."""
        if self._over:
            return
        if message.slot == "give":
            self._looks = False
            self._give()
            return
        quiet = self.ports.clock.monotonic() - self._moved
        if quiet >= IDLE_LIMIT and not self._downloads.busy:
            self._say(Bye("idle", "nothing to say"))
            self._end("idle", "nothing moved on it for a while")
        else:
            self._watch_idle()

    @handles(LinkBytes)
    def on_bytes(self, message: LinkBytes) -> None:
        """Take what the peer sent."""
        self._moved = self.ports.clock.monotonic()
        try:
            for body in self._reader.feed(message.data):
                self._frame(body)
                if self._over:
                    return
        except FrameError as error:
            self._misuse(error.rule, error.detail)

    def on_broken(self) -> None:
        """A bug of ours: the peer need not wait for what does not come."""
        if self._link is not None:
            self.ports.network.close(self._link)

    def _frame(self, body: bytes) -> None:
        frame = open_body(body)
        if frame is None:
            self._count("unknown tag")
            self.ports.sink.emit("ignored", peer=self._peer, rule="unknown_tag", detail="a tag that this version does not know")
            return
        record = frame.record
        self._count(frame.tag, len(body))
        if isinstance(record, Hello):
            if record.major != MAJOR:
                self._say(Bye("version", f"this node speaks version {MAJOR}, the peer {record.major}"))
                self._end("version", f"the peer speaks version {record.major}")
            self._greeted = True
            return
        if not self._greeted:
            raise FrameError("no_hello", f"{frame.tag} before hello")
        tag = frame.tag
        field = SIGNER.get(tag)
        if field is not None:
            if tag in EVIDENCE and getattr(record, field) != self._peer:
                raise FrameError("wrong_signer", f"{tag} of somebody else")
            if not is_signed(frame, self.ports.signer.verify):
                raise FrameError("bad_signature", f"{tag} is not signed by its {field}")
        if tag in FOR_REQUESTOR or (isinstance(record, Decline) and not record.offer_id):
            if self._manager is not None:
                self.tell(self._manager, FromPeer(self._peer, frame))
        elif tag in FOR_PROVIDER or isinstance(record, Decline):
            if self._computer is not None:
                self.tell(self._computer, FromPeer(self._peer, frame))
        else:
            self._own(record)

    def _own(self, record: Record) -> None:
        if isinstance(record, Want):
            if record.digest not in self._granted:
                self._count("want not granted")
            if not self._uploads.want(record):
                raise FrameError(FLOOD, f"want: {self._uploads.held} of them wait already")
            self._give()
        elif isinstance(record, Chunk):
            if not self._downloads.fits(record):
                self._count("chunk not asked for")
            self._answer_fetches(self._downloads.chunk(record))
        elif isinstance(record, Missing):
            self._answer_fetches(self._downloads.missing(record))
        elif isinstance(record, Bye):
            self._end(record.rule, f"the peer said: {record.detail}")

    def _count(self, kind: str, size: int = 0) -> None:
        if not self._meter.take(kind, self.ports.clock.monotonic(), size):
            raise FrameError(FLOOD, excess(kind))

    def _give(self) -> None:
        self._uploads.go_on()
        if self._uploads.held and not self._looks:
            self._looks = True
            clock = self.ports.clock
            clock.call_at(clock.monotonic() + _LOOK, self.address, TimerFired("", "give"))

    def _waiting(self) -> int:
        return 0 if self._link is None else self.ports.network.waiting(self._link)

    def _begin(self, link: LinkId) -> None:
        self._link = link
        self.ports.network.attach(link, self.address)
        self.ports.network.send(link, framed(seal(Hello(MAJOR, MINOR, f"claynet/{__version__}"), self.ports.signer.sign)))
        queue, self._queue = self._queue, []
        for frame in queue:
            self._send(frame)

    def _say(self, record: Record) -> None:
        self._send(framed_chunk(record) if isinstance(record, Chunk) else framed(seal(record, self.ports.signer.sign)))

    def _send(self, frame: bytes) -> None:
        if self._link is None:
            self._queue.append(frame)
            return
        self._moved = self.ports.clock.monotonic()
        self.ports.network.send(self._link, frame)

    def _answer_fetches(self, answers: list[tuple[Address, object]]) -> None:
        for address, answer in answers:
            self.tell(address, answer)

    def _misuse(self, rule: str, detail: str) -> None:
        self.ports.sink.emit("misuse", peer=self._peer, rule=rule, detail=detail)
        self._say(Bye(rule, detail))
        self._end(rule, detail, flooded=rule == FLOOD)

    def _end(self, rule: str, detail: str, *, flooded: bool = False) -> None:
        if self._over:
            return
        self._over = True
        if self._link is not None:
            self.ports.network.close(self._link)
        for fetch in self._downloads.drop():
            self.tell(fetch.reply_to, BlobsFailed(fetch.fetch_id, rule, detail, again=True))
        self.tell(self.parent, SessionEnded(self.address, self._peer, f"{rule}: {detail}", flooded))
        self.ports.system.stop(self.address)

    def _watch_idle(self) -> None:
        clock = self.ports.clock
        clock.call_at(clock.monotonic() + IDLE_LIMIT, self.address, TimerFired("", "idle"))
