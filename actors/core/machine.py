"""What all machines share: the shape of a table, the error of an illegal step, the effects, and the story each instance keeps.

Rules of every machine file: (1) all changes of its status are in that file, through its literal table; (2) an event that
the table lacks raises InvalidTransition and leaves the state as it was. Must not know any particular machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from claynet.actors.ports import FileRef, NodeId

STORY = 8
"""How many of its latest moves an instance remembers."""

Table = Mapping[tuple[str, str], str]
"""(status, move) -> status, literal and complete: what is absent is illegal."""


class InvalidTransition(Exception):  # noqa: N818 - the name is part of the decided vocabulary
    """Our own misuse of a machine; its state is unchanged."""

    def __init__(self, key: str, status: str, move: str, history: tuple[str, ...]) -> None:
        super().__init__(f"{key}: '{move}' is illegal in '{status}'; story: {' ; '.join(history) or 'just made'}")
        self.key = key
        self.status = status
        self.move = move
        self.history = history


class State(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of machine states."""

    status: str
    story: tuple[str, ...] = ()
    reason: str = ""


S = TypeVar("S", bound=State)


def move(table: Table, key: str, state: S, name: str, **changes: Any) -> S:
    """Return the state after a move, or raise InvalidTransition."""
    after = table.get((state.status, name))
    if after is None:
        raise InvalidTransition(key, state.status, name, state.story)
    story = (*state.story[-(STORY - 1) :], f"{state.status} -{name}-> {after}")
    return msgspec.structs.replace(state, status=after, story=story, **changes)


# ---------------------------------------------------------------- effects


class Effect(msgspec.Struct, frozen=True, tag=True):
    """Base of what shells are to perform. Performed after the state is durable; performed again after a restart until done."""


class Send(Effect, frozen=True, tag=True):
    """Deliver this body to a peer until it is answered; its answer marks it done."""

    peer: NodeId
    body: bytes


class SetTimer(Effect, frozen=True, tag=True):
    """Fire at this UTC time (ns)."""

    at: int


class CallApp(Effect, frozen=True, tag=True):
    """Do this part of the app dialogue.

    One of `create`, `next`, `inputs`, `verify`, `verify_again`, `pending`, `abort_task`, `cleanup`, `discard`, `outputs`.
    """

    what: str


class Fetch(Effect, frozen=True, tag=True):
    """Get these blobs from a peer."""

    peer: NodeId
    files: tuple[FileRef, ...]


class Compute(Effect, frozen=True, tag=True):
    """Place the inputs, start the service, compute, collect."""


class Book(Effect, frozen=True, tag=True):
    """Book a payment in this node's ledger."""


Effects = tuple[tuple[str, Effect], ...]
Step = tuple[S, Effects, tuple[str, ...]]
"""The state after, (slot, effect) pairs to add, slots done."""

AnyEffect = Send | SetTimer | CallApp | Fetch | Compute | Book
