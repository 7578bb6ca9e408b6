"""Whose images a provider runs: the sources its operator allows, and those that were asked for and are not.

Knows sources as plain text (what one is, an environment says). Must not know headers, environments, nor who may change this.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from claynet.actors.ports import NodeId

KEY = "consent"
"""Store key of the one state."""
MOST_SEEN = 256
"""Sources that are remembered; strangers can name as many as they like."""
MOST_OF_ONE = 16
"""Of these, so many may come from one requestor: further ones push its own oldest out, nobody else's."""
MOST_ASKERS = 8
MOST_TEXT = 256
"""Characters of a source or image that are kept."""


class Seen(msgspec.Struct, frozen=True):
    """A source that was asked for and not allowed."""

    source: str
    image: str
    """The first image that was asked for."""
    since: int
    """When, UTC ns."""
    asked_by: tuple[NodeId, ...]
    """Who asked, the first ones."""


class ConsentState(msgspec.Struct, frozen=True, tag="consent"):
    """What an operator said beyond the configuration, so that a changed configuration counts too."""

    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    """Taken back, also when the configuration allows them."""
    seen: tuple[Seen, ...] = ()


def allows(state: ConsentState, configured: tuple[str, ...], source: str) -> bool:
    """Tell whether images of this source may run. What has no source the operator installed here himself."""
    return not source or ((source in configured or source in state.allowed) and source not in state.forbidden)


def allow(state: ConsentState, source: str) -> ConsentState:
    """Return the state in which a source is allowed."""
    return ConsentState(
        allowed=(*(one for one in state.allowed if one != source), source),
        forbidden=tuple(one for one in state.forbidden if one != source),
        seen=tuple(one for one in state.seen if one.source != source),
    )


def forbid(state: ConsentState, source: str) -> ConsentState:
    """Return the state in which a source is not allowed."""
    return ConsentState(
        allowed=tuple(one for one in state.allowed if one != source),
        forbidden=(*(one for one in state.forbidden if one != source), source),
        seen=state.seen,
    )


def asked(state: ConsentState, source: str, image: str, who: NodeId, now: int) -> ConsentState:
    """Return the state that remembers who asked for a source; the same object when it holds nothing new."""
    source, image = source[:MOST_TEXT], image[:MOST_TEXT]
    for index, one in enumerate(state.seen):
        if one.source == source:
            if who in one.asked_by or len(one.asked_by) >= MOST_ASKERS:
                return state
            more = msgspec.structs.replace(one, asked_by=(*one.asked_by, who))
            return msgspec.structs.replace(state, seen=(*state.seen[:index], more, *state.seen[index + 1 :]))
    seen = list(state.seen)
    counts = Counter(one.asked_by[0] for one in seen)
    if counts[who] >= MOST_OF_ONE:
        seen.remove(next(one for one in seen if one.asked_by[0] == who))
    elif len(seen) >= MOST_SEEN:
        loudest = max(counts.values())
        seen.remove(next(one for one in seen if counts[one.asked_by[0]] == loudest))
    return msgspec.structs.replace(state, seen=(*seen, Seen(source, image, now, (who,))))
