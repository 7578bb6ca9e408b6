"""How much of each kind one peer may say on one link: a literal table, and token buckets over it.

Knows kinds, numbers and the times it is given. Must not know clocks, links or what a kind means. Whole numbers only, so that every mode
and machine agrees.
"""

from __future__ import annotations

import msgspec

_SECOND = 1_000_000_000


class Allowance(msgspec.Struct, frozen=True):
    """So many at once, and so many each second in the long run."""

    burst: int
    rate: int


_DEALING = Allowance(1024, 128)
ALLOWANCES: dict[str, Allowance] = {
    # Once on each link.
    "hello": Allowance(4, 1),
    "bye": Allowance(4, 1),
    # One of each for a subtask. A thousand nodes with 5,000 subtasks (thousand.yaml) never say two of a kind within a second on one
    # link; an app's service answers one call at a time, so a requestor deals with some tens of subtasks a second. What was not answered
    # comes again at once when a peer is back: as many as it has slots (256 at most), and verdicts and payments of the same order.
    "offer": _DEALING,
    "assignment": _DEALING,
    "taken": _DEALING,
    "refused": _DEALING,
    "report": _DEALING,
    "failed": _DEALING,
    "received": _DEALING,
    "acceptance": _DEALING,
    "rejection": _DEALING,
    "verdict_seen": _DEALING,
    "payment": _DEALING,
    "payment_seen": _DEALING,
    "cancel": _DEALING,
    "cancel_seen": _DEALING,
    # A provider says one a task and minute, for the 256 tasks of a requestor that it remembers; a requestor answers offers.
    "decline": _DEALING,
    # Announced to everybody, signed, counted by signer. A task's header comes at gaps of 10 s that double, once more for each provider
    # that asks, and with each change of whether something is pending: for 256 tasks 26 a second at first.
    "header": Allowance(1024, 64),
    "gone": Allowance(1024, 64),
    # When a node starts, and for each link that comes in. Each may be answered by 256 headers.
    "wanted": Allowance(16, 1),
    # Windows are 4 MiB and pieces 1 MiB, small files come whole: a link of 10 Gbit/s carries 300 windows, 1,200 pieces, or some
    # thousand small files a second.
    "want": Allowance(8192, 4096),
    "chunk": Allowance(8192, 4096),
    "missing": Allowance(8192, 4096),
    # Asked for just before the subtask was over: what is under way then, of each slot.
    "want not granted": Allowance(256, 8),
    # What was under way when a fetch ended, or while two links bring one blob: one of them is then late with every piece.
    "chunk not asked for": Allowance(2048, 1024),
    # A newer peer's. It should not need many to see that they are not answered.
    "unknown tag": Allowance(64, 1),
}
"""Per kind. Honest peers stay an order of magnitude below; a flood spends the burst within a second."""

PIECE = 64 * 1024
"""Bytes of a record that count as one; a longer one counts once more for each further so many. What is long by nature is not weighed."""
UNWEIGHED = frozenset({"chunk", "chunk not asked for"})


class Meter:
    """What one peer has left of each kind."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: dict[str, tuple[int, int]] = {}
        """Per kind: what is left, in 10^-9, and when that was."""

    def take(self, kind: str, now: int, size: int = 0) -> bool:
        """Tell whether one more of this kind and size (bytes) is allowed at `now` (ns, never going back), and count it.

        What is refused costs nothing. Raises KeyError for a kind that is not in the table.
        """
        allowance = ALLOWANCES[kind]
        full = allowance.burst * _SECOND
        level, since = self._levels.get(kind, (full, now))
        level = min(full, level + max(0, now - since) * allowance.rate)
        cost = _SECOND * (1 if kind in UNWEIGHED else 1 + size // PIECE)
        allowed = level >= cost
        self._levels[kind] = (level - cost if allowed else level, now)
        return allowed


def excess(kind: str) -> str:
    """Say in one line what a peer did that had nothing left."""
    allowance = ALLOWANCES[kind]
    return f"{kind}: more than {allowance.burst} at once and {allowance.rate} a second"
