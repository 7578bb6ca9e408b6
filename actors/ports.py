"""What the node demands of the world: one Protocol per port, and the messages ports send to actors.

Knows names and promises only. Must not know any implementation, nor whether time is real.
Units: times and durations are integer nanoseconds, sizes are bytes, token amounts are integers of 10^-9 token.
Every implementation of a port passes that port's contract suite in `tests/contracts/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NewType, Protocol, TypeVar

import msgspec

Address = NewType("Address", str)
"""Names one actor of one life of a node, for instance `honest-0#1/computer`. Never reused after that life."""

NodeId = NewType("NodeId", str)
"""64 lower-case hex digits: an Ed25519 public key (in virtual time, a keyed hash of the node's name)."""

LinkId = NewType("LinkId", int)
"""Names one link of one node's Network handle; never reused by that handle."""

Digest = NewType("Digest", str)
"""64 lower-case hex digits: BLAKE3 of a blob's bytes (`blob_names`)."""

TimerId = NewType("TimerId", int)

Side = Literal["requestor", "provider"]

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
TEN_YEARS = 3650 * 24 * 3600 * SECOND
"""The longest time of a task or subtask: dates with it stay far below 2^63 ns."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """Base of what actors and ports tell each other. Frozen, shared by reference, never a ref or an open thing inside."""


# ---------------------------------------------------------------- actor system


class ActorFailed(Message, frozen=True, gc=False):
    """Told to a shell's parent when its handler raised; the shell is stopped by then."""

    address: Address
    error: str
    trace: str


class ActorSystem(Protocol):
    """Runs Pykka actors. Messages to one actor arrive in the order in which one sender told them."""

    def spawn(self, actor_class: type[Any], *args: object, address: Address) -> Address:
        """Make `actor_class(*args)` (a `pykka.Actor` subclass without the runtime hooks), run its on_start, and return.

        In threads on_start may still be running when this returns; messages told meanwhile are kept.
        Raises ValueError when `address` is in use.
        """

    def tell(self, address: Address, message: object) -> None:
        """Queue a message. A message to an address that is not alive is counted and dropped, never an error."""

    def stop(self, address: Address) -> None:
        """Stop after the messages already queued; runs on_stop. Unknown addresses are ignored."""

    def kill(self, prefix: str) -> None:
        """Stop at once, without on_stop, every actor whose address starts with `prefix`: a crash of a node's life."""

    def hold(self, prefix: str) -> None:
        """From now on keep what is told to every living actor whose address starts with `prefix`: its node's process is stopped.

        In threads a handler under way ends first. Holding what is held changes nothing.
        """

    def release(self, prefix: str) -> None:
        """Let them handle what was kept, in the order in which it was told, and what comes from now on."""

    def is_alive(self, address: Address) -> bool:
        """Tell whether messages to this address would be received."""


# ---------------------------------------------------------------- time and chance


class Clock(Protocol):
    """One node's sense of time. Timers arrive as messages."""

    def monotonic(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back."""

    def utc(self) -> int:
        """Nanoseconds since 1970-01-01 UTC as this node believes (may be offset or drift)."""

    def call_at(self, at: int, address: Address, message: object) -> TimerId:
        """Tell `message` to `address` at monotonic time `at` (at once when past). Equal times: first in, first out."""

    def cancel(self, timer: TimerId) -> None:
        """Forget a timer; a fired or unknown one is ignored."""


_T = TypeVar("_T")


class Entropy(Protocol):
    """Ids, choices and nonces. Streams are independent: drawing from one never changes another."""

    def stream(self, name: str) -> Entropy:
        """Return the child stream of that name; the same name gives the same stream of draws when seeded."""

    def new_id(self) -> str:
        """Return 32 hex digits, unique per node."""

    def nonce(self, size: int) -> bytes:
        """Return `size` unpredictable bytes (predictable by design when seeded)."""

    def fraction(self) -> float:
        """Return a float in [0, 1)."""

    def below(self, bound: int) -> int:
        """Return an int in [0, bound). Raises ValueError when bound < 1."""

    def choice(self, options: Sequence[_T]) -> _T:
        """Return one element. Raises IndexError when there is none."""

    def gauss(self) -> float:
        """Return a draw of the standard normal distribution."""


# ---------------------------------------------------------------- outside work


class FileRef(msgspec.Struct, frozen=True, array_like=True):
    """A file by content: its path relative to a folder, digest, and size in bytes."""

    name: str
    digest: Digest
    size: int


class Outcome(msgspec.Struct, frozen=True):
    """What a job came to. Holds nothing that differs between equal runs: no paths of this machine, pids, ports or durations."""

    status: Literal["ok", "error", "timed_out", "cancelled"]
    reply: bytes = b""
    """Reply bytes of a Task API call."""
    code: str = ""
    """With `error`: a gRPC status name such as INTERNAL, or a reason code such as `exited`, `unsafe_path`, `not_serving`."""
    detail: str = ""
    """With `error`: one line for people."""
    files: tuple[FileRef, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether the work did what it was asked."""
        return self.status == "ok"


class Work(Protocol):
    """A unit of outside work, supplied by environments."""

    def run(self) -> Outcome:
        """Do it, blocking; never raises for expected failures (those are error outcomes)."""

    def kill(self) -> None:
        """Make `run`, under way in another thread, return soon. Safe before, during and after."""


class JobDone(Message, frozen=True):
    """Told to a job's `reply_to`, exactly once per submitted job that was not lost in a crash."""

    job_id: str
    kind: str
    outcome: Outcome


class Jobs(Protocol):
    """Runs outside work. Kinds: start, stop, place, collect, discard, probe, identify, benchmark, and one per Task API call
    (create_task, next_subtask, verify, discard_subtasks, has_pending_subtasks, abort_task, abort_subtask, run_benchmark,
    compute, shutdown). Kills, stops and shutdowns never wait behind a full pool.
    """

    def submit(self, job_id: str, kind: str, work: Work, wall_limit: int, reply_to: Address) -> None:
        """Run `work`; its JobDone goes to `reply_to`. Past `wall_limit` (ns of real time) it is killed: `timed_out`.

        `job_id` is structural (who, n-th), the same in equal runs. Raises ValueError when it was used before.
        """

    def cancel(self, job_id: str) -> None:
        """Kill a job: its outcome is `cancelled` (or what it had already come to). Unknown ids are ignored."""


# ---------------------------------------------------------------- network


class LinkUp(Message, frozen=True):
    """A link stands and its peer's identity is proven."""

    link: LinkId
    peer: NodeId
    incoming: bool


class LinkFailed(Message, frozen=True):
    """A connect came to nothing."""

    peer: NodeId
    reason: str


class LinkBytes(Message, frozen=True):
    """Bytes from a link, in order, in pieces of any size."""

    link: LinkId
    data: bytes | memoryview


class LinkDown(Message, frozen=True):
    """The last message of a link: it was closed by the peer or broke. Not told after our own `close`."""

    link: LinkId
    reason: str


class Announced(Message, frozen=True):
    """A frame that a node announced; small, unreliable, unordered, its sender not proven (frames carry signatures)."""

    data: bytes


class Network(Protocol):
    """One node's view of the network. Links are reliable and ordered; announcements are not.

    `Link` in the contract suites means a pair of ends of this port.
    """

    def listen(self, address: Address) -> None:
        """Send LinkUp of incoming links, and Announced, to `address`."""

    def connect(self, peer: NodeId, reply_to: Address) -> None:
        """Try to make a link; LinkUp or LinkFailed goes to `reply_to`, exactly one.

        When the peer calls at the same time one of the two calls may give way. The link is then `incoming` on one side, and goes to
        `reply_to` there too instead of whoever listens.
        """

    def attach(self, link: LinkId, address: Address) -> None:
        """From now on LinkBytes and LinkDown of this link go to `address`; what came before is kept and delivered first."""

    def send(self, link: LinkId, data: bytes) -> None:
        """Send encoded bytes. On a link that is down or unknown they are dropped."""

    def waiting(self, link: LinkId) -> int:
        """How many bytes sent on this link have not left this node yet, about; 0 for one that is down or unknown."""

    def close(self, link: LinkId) -> None:
        """Close; bytes already sent still arrive, then the peer hears LinkDown. Idempotent."""

    def announce(self, data: bytes, to: NodeId | None = None) -> None:
        """Best effort to every other known node, or to one."""

    def shutdown(self) -> None:
        """Close every link and stop listening."""


# ---------------------------------------------------------------- identity, files, memory, money


class Signer(Protocol):
    """One node's identity."""

    @property
    def node_id(self) -> NodeId:
        """This node's id: what `verify` on any node checks signatures against."""

    def sign(self, data: bytes) -> bytes:
        """Sign."""

    def verify(self, signer: NodeId, data: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is `signer`'s over `data`. Garbage of any kind is False, never an exception."""


class CorruptBlobError(Exception):
    """The bytes fetched do not have the digest asked for; the partial was dropped."""


class Blobs(Protocol):
    """Files by content. Partial blobs survive a restart, so a transfer resumes."""

    def put(self, data: bytes) -> Digest:
        """Store bytes. Idempotent."""

    def put_file(self, path: Path) -> tuple[Digest, int]:
        """Store a file's content (a regular file; links are refused with ValueError); return digest and size."""

    def has(self, digest: Digest) -> bool:
        """Tell whether the whole blob is here."""

    def size(self, digest: Digest) -> int:
        """Size in bytes. Raises KeyError when not here."""

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        """Read up to `length` bytes. Raises KeyError when not here."""

    def partial(self, digest: Digest) -> int:
        """How many leading bytes of an unfinished blob are here (0 when none)."""

    def extend(self, digest: Digest, offset: int, data: bytes | memoryview, total: int) -> bool:
        """Append `data` at `offset`, which must equal `partial(digest)` (else ValueError); True once whole.

        At `total` bytes the digest is checked: a wrong one raises CorruptBlobError and drops the partial.
        An empty blob is whole after `extend(digest, 0, b"", 0)`.
        """

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Write the blob to a new file, atomically. Raises KeyError when not here."""

    def delete(self, digest: Digest) -> None:
        """Forget a blob or partial; unknown ones are ignored."""


class Store(Protocol):
    """A node's durable memory: the last state of each machine, and the effects not yet done.

    `key` names a machine instance (`task/ID`); `slot` names an effect of it (`timer`, `send`).
    """

    def append(
        self,
        key: str,
        state: Any | None,
        effects: Sequence[tuple[str, Any]] = (),
        done: Iterable[str] = (),
    ) -> None:
        """Commit at once: the new state (None: forget the instance and its effects), `done` slots removed, then
        new `(slot, effect)` pairs added (a slot already there is replaced). States and effects are msgspec Structs of the types
        the store was made for; the memory store keeps them by reference. Either all of it is durable on return or none.
        """

    def load(self) -> list[tuple[str, Any, tuple[tuple[str, Any], ...]]]:
        """Every instance: (key, state, undone effects), in the order of first append."""

    def close(self) -> None:
        """Flush and close."""


class LedgerEntry(msgspec.Struct, frozen=True):
    """One settled note, as either side sees it."""

    payment_id: str
    direction: Literal["out", "in"]
    other: NodeId
    amount: int
    note: bytes


class Ledger(Protocol):
    """One node's test tokens."""

    def balance(self) -> int:
        """Tokens owned, reserved ones included."""

    def reserve(self, key: str, amount: int) -> bool:
        """Set tokens aside; False (and nothing changed) when too few are free. Idempotent by key."""

    def release(self, key: str) -> None:
        """Free what was set aside under this key."""

    def pay(self, payment_id: str, payee: NodeId, amount: int, note: bytes) -> None:
        """Book a payment out, by its signed note, using the reservation of the same key. Idempotent by id.

        Raises ValueError when the id was paid with another payee or amount, or the balance is too small.
        """

    def receive(self, payment_id: str, payer: NodeId, amount: int, note: bytes) -> None:
        """Book a payment in. Idempotent by (payer, id)."""

    def has_received(self, payment_id: str, payer: NodeId) -> bool:
        """Tell whether a payment was booked in."""

    def history(self) -> list[LedgerEntry]:
        """All settled notes in order."""


# ---------------------------------------------------------------- observation


class EventSink(Protocol):
    """Where a node says what happened (see `actors/events.py` for kinds and fields)."""

    def emit(self, kind: str, **fields: object) -> None:
        """Record; fields are JSON values. Never raises into the actor, never blocks for long."""
