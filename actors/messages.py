"""What the shells of one node tell each other: frozen messages with addresses and correlation ids, never refs.

Knows ports and core records. Must not know any shell's inside.
"""

from __future__ import annotations

from typing import TypeAlias

from claynet.actors.config import TaskSpec
from claynet.actors.core.frames import Frame
from claynet.actors.environment import Placement
from claynet.actors.ports import Address, FileRef, Message, NodeId, Outcome

# ---------------------------------------------------------------- timers


class TimerFired(Message, frozen=True):
    """A timer of a machine instance (`key`, `slot`), or of a shell itself (`key` empty).

    `n` tells a timer from an older one of the same slot that was on its way when it was cancelled.
    """

    key: str
    slot: str
    n: int = 0


# ---------------------------------------------------------------- switchboard and sessions


class SendTo(Message, frozen=True):
    """Deliver a sealed body to a peer, over a session made on first need."""

    peer: NodeId
    body: bytes


class Grant(Message, frozen=True):
    """Let a peer read these blobs."""

    peer: NodeId
    digests: tuple[str, ...]


class Revoke(Message, frozen=True):
    """Take a grant back."""

    peer: NodeId
    digests: tuple[str, ...]


class FetchBlobs(Message, frozen=True):
    """Get blobs from a peer; BlobsFetched or BlobsFailed goes to `reply_to`."""

    fetch_id: str
    peer: NodeId
    files: tuple[FileRef, ...]
    reply_to: Address


class DropFetch(Message, frozen=True):
    """Nobody wants what this fetch is to bring any more; there is no answer. One that is over is as good."""

    fetch_id: str
    peer: NodeId


class BlobsFetched(Message, frozen=True):
    """All blobs of a fetch are here, digests checked."""

    fetch_id: str


class BlobsFailed(Message, frozen=True):
    """A fetch came to nothing. With `again` the link was lost and trying again is worth it."""

    fetch_id: str
    rule: str
    detail: str
    again: bool


class FromPeer(Message, frozen=True):
    """A checked frame from an authenticated peer (or an announced one, its signature checked)."""

    peer: NodeId
    frame: Frame


class PeerLost(Message, frozen=True):
    """The session to a peer ended; what was sent and not answered may be lost."""

    peer: NodeId
    reason: str


class SessionEnded(Message, frozen=True):
    """A session tells its parent that it is over; `flooded` when its peer said more than it may."""

    address: Address
    peer: NodeId
    reason: str
    flooded: bool = False


class PeerCalled(Message, frozen=True):
    """A session that was calling its peer tells its parent that the peer called meanwhile, and that this is its link now."""

    peer: NodeId


class Announce(Message, frozen=True):
    """Announce a sealed body to every known node."""

    body: bytes


# ---------------------------------------------------------------- apps and runtimes


class OpCall(Message, frozen=True):
    """A Task API call by method name; `limit` is its wall limit (ns)."""

    method: str
    request: bytes
    limit: int


class OpPlace(Message, frozen=True):
    """Make folders and put blobs into the work dir."""

    files: tuple[Placement, ...]
    folders: tuple[str, ...] = ()


class OpCollect(Message, frozen=True):
    """Store files of the work dir as blobs."""

    folder: str
    names: tuple[str, ...]


class OpDiscard(Message, frozen=True):
    """Delete files or folders of the work dir."""

    paths: tuple[str, ...]


Op: TypeAlias = OpCall | OpPlace | OpCollect | OpDiscard


class RuntimeOp(Message, frozen=True):
    """Do this on a service, in order (aborts pass the queue); OpDone goes to `reply_to`."""

    call_id: str
    op: Op
    reply_to: Address


class OpDone(Message, frozen=True):
    """What an operation came to."""

    call_id: str
    outcome: Outcome


class StopService(Message, frozen=True):
    """Stop a service; operations under way are killed, queued ones cancelled."""

    reason: str


class RuntimeEnded(Message, frozen=True):
    """A service is over and cleaned up; `unsent` are operations it never began, `served` how many it did well.

    `code` is the outcome code of what ended it; empty when it was told to stop.

    Its parent stops the actor: what the parent told it before that is bounced, so nothing is lost in between.
    """

    address: Address
    runtime_id: str
    reason: str
    unsent: tuple[RuntimeOp, ...]
    served: int
    code: str = ""


class Bounced(Message, frozen=True):
    """An operation reached a service that was over: its parent hands it to the next one."""

    address: Address
    request: RuntimeOp


class AppRequest(Message, frozen=True):
    """Do this on the requestor service of an app, started on first need."""

    app_id: str
    request: RuntimeOp


class UseApp(Message, frozen=True):
    """A task of this app began: keep its service."""

    app_id: str
    task_id: str


class LeaveApp(Message, frozen=True):
    """A task of this app is over; the service of an app nobody uses is stopped."""

    app_id: str
    task_id: str


# ---------------------------------------------------------------- the user


class CreateTask(Message, frozen=True):
    """Begin a task. The id is new and unique in this node."""

    task_id: str
    spec: TaskSpec


class AbortTask(Message, frozen=True):
    """Give a task up."""

    task_id: str
    reason: str = "aborted by the user"


class AllowSource(Message, frozen=True):
    """From now on images of this source may run here."""

    source: str


class ForbidSource(Message, frozen=True):
    """No more work of this source's images is taken; what runs goes on."""

    source: str


class Drain(Message, frozen=True):
    """Take no more work; what runs goes on. `reason` is one line for those who are declined."""

    reason: str


class Resume(Message, frozen=True):
    """Take work again."""


class Remeasure(Message, frozen=True):
    """Forget the scores and measure again."""


class SetApps(Message, frozen=True):
    """Other descriptors, as (file name, JSON text), and which of their apps are not enabled, count from now on."""

    files: tuple[tuple[str, str], ...]
    disabled: frozenset[str]


class DeleteTask(Message, frozen=True):
    """Forget a task that is over and owes nobody anything."""

    task_id: str


class RestartSubtask(Message, frozen=True):
    """Discard a subtask's part, also a finished one, and compute it again under a new id."""

    subtask_id: str
