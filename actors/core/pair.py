"""The machine of one image in this node's environment: what its name stands for, and how fast its app is here.

All changes of its status are in this file. It does not know headers, services, nor where scores are kept.
"""

from __future__ import annotations

from claynet.actors.core.machine import State, move

TABLE = {
    ("unknown", "identify"): "identifying",
    ("identifying", "known"): "scored",
    ("identifying", "new"): "waiting",
    ("identifying", "fault"): "failed",
    ("identifying", "lost"): "unknown",
    ("waiting", "begin"): "measuring",
    ("measuring", "measured"): "scored",
    ("measuring", "fault"): "failed",
    ("measuring", "lost"): "unknown",
    ("scored", "identify"): "identifying",
    ("failed", "identify"): "identifying",
}
"""`lost`: the environment failed under it, which says nothing about the image. A failed one is looked at again: its name may stand for a
better image by now; the same image is not measured twice."""
FINAL: frozenset[str] = frozenset()
INITIAL = "unknown"


class PairState(State, frozen=True, kw_only=True, tag="pair"):
    """One image."""

    image: str
    digest: str = ""
    hardware: str = ""
    score: float = 0.0
    looked: int = 0
    """When its identity was last found, or not, monotonic ns."""
    rule: str = ""
    """Of a failed one: the rule by which its tasks are declined; `reason` says it to people."""
    faulty: str = ""
    """The digest that failed its benchmark, and `faulty_reason` why."""
    faulty_reason: str = ""


class ScoreState(State, frozen=True, kw_only=True, tag="score"):
    """A score, kept for the next life: it holds as long as image and hardware are the same."""

    digest: str
    hardware: str
    score: float


def score_key(digest: str, hardware: str) -> str:
    """Return the store key of a score."""
    return f"score/{digest}/{hardware}"


def step(state: PairState, name: str, **changes: object) -> PairState:
    """Return the state after a move. Raises InvalidTransition."""
    return move(TABLE, f"pair/{state.image}", state, name, **changes)
