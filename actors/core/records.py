"""What nodes say to each other: one frozen record per wire message, and the registry of tags.

Knows field order (it is the wire: new fields are appended, with defaults, never inserted) and units: times are UTC nanoseconds,
durations nanoseconds, amounts 10^-9 token, sizes bytes. Must not know how records are framed, signed or delivered.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from claynet.actors.ports import Digest, FileRef, NodeId

MAJOR = 1
"""Nodes of another major version do not talk."""
MINOR = 0


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all wire records."""


class Hello(Record, frozen=True, array_like=True, gc=False):
    """First on every link, from both ends."""

    major: int
    minor: int
    agent: str


class Bye(Record, frozen=True, array_like=True, gc=False):
    """Why the sender closes this link."""

    rule: str
    detail: str


class Header(Record, frozen=True, array_like=True, gc=False):
    """A task on offer; announced, signed by its requestor."""

    task_id: str
    requestor: NodeId
    env_id: str
    prerequisites_json: str
    min_memory_mib: float
    max_price: int
    subtask_timeout: int
    deadline: int


class HeaderGone(Record, frozen=True, array_like=True, gc=False):
    """A task takes no offers: it is over, or nothing of it is pending now; announced, signed by its requestor."""

    task_id: str
    requestor: NodeId


class HeadersWanted(Record, frozen=True, array_like=True, gc=False):
    """A provider that just came up asks requestors to announce; announced, signed."""

    provider: NodeId


class Offer(Record, frozen=True, array_like=True, gc=False):
    """A provider would take a subtask of this task; nests the header frame it answers.

    It is good for `lifetime` ns from its arrival: the two nodes' clocks need not agree.
    """

    offer_id: str
    task_id: str
    provider: NodeId
    price: int
    score: float
    lifetime: int
    header: bytes
    digest: str = ""
    """What exactly would run (for docker the image's id): the score is this one's, and nothing else runs. Empty from older nodes."""


class Decline(Record, frozen=True, array_like=True, gc=False):
    """Why a provider does not offer for a task (offer_id empty), or why a requestor does not use an offer."""

    task_id: str
    offer_id: str
    rule: str
    detail: str


class Assignment(Record, frozen=True, array_like=True, gc=False):
    """A subtask given to a provider at a fixed price; nests the offer frame it answers."""

    subtask_id: str
    task_id: str
    requestor: NodeId
    provider: NodeId
    params_json: str
    params_digest: str
    """Not empty: the params are the blob of this digest and `params_json` is empty."""
    inputs: tuple[FileRef, ...]
    price: int
    amount: int
    timeout: int
    offer: bytes


class Taken(Record, frozen=True, array_like=True, gc=False):
    """The provider took the assignment."""

    subtask_id: str


class Refused(Record, frozen=True, array_like=True, gc=False):
    """The provider does not take the assignment, and why."""

    subtask_id: str
    rule: str
    detail: str


class Report(Record, frozen=True, array_like=True, gc=False):
    """A result; nests the assignment frame it answers."""

    subtask_id: str
    provider: NodeId
    result: FileRef
    assignment: bytes


class Failed(Record, frozen=True, array_like=True, gc=False):
    """A subtask came to nothing on the provider, and why."""

    subtask_id: str
    rule: str
    detail: str


class Received(Record, frozen=True, array_like=True, gc=False):
    """Acknowledges a Report or Failed."""

    subtask_id: str


class Acceptance(Record, frozen=True, array_like=True, gc=False):
    """The result was verified; nests the report frame it answers. `amount` is owed."""

    subtask_id: str
    requestor: NodeId
    amount: int
    report: bytes


class Rejection(Record, frozen=True, array_like=True, gc=False):
    """The result is not accepted, and why; nests the report frame it answers."""

    subtask_id: str
    requestor: NodeId
    rule: str
    detail: str
    report: bytes


class VerdictSeen(Record, frozen=True, array_like=True, gc=False):
    """Acknowledges an Acceptance or Rejection."""

    subtask_id: str


class Payment(Record, frozen=True, array_like=True, gc=False):
    """A signed note of test tokens; nests the acceptance frame it pays for. `payment_id` is the subtask id."""

    payment_id: str
    payer: NodeId
    payee: NodeId
    amount: int
    acceptance: bytes


class PaymentSeen(Record, frozen=True, array_like=True, gc=False):
    """Acknowledges a Payment."""

    payment_id: str


class Cancel(Record, frozen=True, array_like=True, gc=False):
    """The requestor no longer wants a subtask, and why."""

    subtask_id: str
    reason: str


class CancelSeen(Record, frozen=True, array_like=True, gc=False):
    """Acknowledges a Cancel."""

    subtask_id: str


class Want(Record, frozen=True, array_like=True, gc=False):
    """Asks for up to `length` bytes of a blob."""

    digest: Digest
    offset: int
    length: int


class Chunk(Record, frozen=True, array_like=True, gc=False):
    """Bytes of a blob of `total` bytes. What is decoded is a view into its frame: it is long, and copied nowhere on its way."""

    digest: Digest
    offset: int
    total: int
    data: memoryview


class Missing(Record, frozen=True, array_like=True, gc=False):
    """The blob is not here, or not for the asker."""

    digest: Digest


AnyRecord: TypeAlias = (
    Hello
    | Bye
    | Header
    | HeaderGone
    | HeadersWanted
    | Offer
    | Decline
    | Assignment
    | Taken
    | Refused
    | Report
    | Failed
    | Received
    | Acceptance
    | Rejection
    | VerdictSeen
    | Payment
    | PaymentSeen
    | Cancel
    | CancelSeen
    | Want
    | Chunk
    | Missing
)

TAGS: dict[str, type[Record]] = {
    "hello": Hello,
    "bye": Bye,
    "header": Header,
    "gone": HeaderGone,
    "wanted": HeadersWanted,
    "offer": Offer,
    "decline": Decline,
    "assignment": Assignment,
    "taken": Taken,
    "refused": Refused,
    "report": Report,
    "failed": Failed,
    "received": Received,
    "acceptance": Acceptance,
    "rejection": Rejection,
    "verdict_seen": VerdictSeen,
    "payment": Payment,
    "payment_seen": PaymentSeen,
    "cancel": Cancel,
    "cancel_seen": CancelSeen,
    "want": Want,
    "chunk": Chunk,
    "missing": Missing,
}
"""Short explicit tags, never class names."""

TAG_OF: dict[type[Record], str] = {record: tag for tag, record in TAGS.items()}

SIGNER: dict[str, str] = {
    "header": "requestor",
    "gone": "requestor",
    "wanted": "provider",
    "offer": "provider",
    "assignment": "requestor",
    "report": "provider",
    "acceptance": "requestor",
    "rejection": "requestor",
    "payment": "payer",
}
"""Tags that must be signed, and the field that names the signer."""

MOST_FILE = 1 << 40
"""Bytes of an input or a result."""
MOST_HEADER = 32 * 1024
"""Bytes of a sealed header; providers pass longer ones over."""
MOST_ASSIGNMENT = 1024 * 1024
"""Bytes of a sealed assignment: report, acceptance and payment nest it, and each of them must fit into a frame."""

EVIDENCE = frozenset({"offer", "assignment", "report", "acceptance", "rejection", "payment"})
"""Signed records that may be shown to others; each nests the frame it answers."""


_HEX = frozenset("0123456789abcdef")


def is_sound(file: FileRef) -> bool:
    """Tell whether a file named by a peer has a digest that is one, and a size that can be."""
    return len(file.digest) == 64 and _HEX.issuperset(file.digest) and 0 <= file.size <= MOST_FILE


def amount_due(price: int, timeout: int) -> int:
    """Tokens owed for one accepted subtask: ceil(price per hour x subtask timeout in ns / an hour in ns)."""
    return -(-price * timeout // 3_600_000_000_000)
