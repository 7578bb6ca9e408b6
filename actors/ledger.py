"""The embedded Ledger: one node's test tokens, booked by signed notes, kept in the node's own Store.

Knows amounts and the Store. Must not know tasks, or whether a note's signature is good (its owner checked that).
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from claynet.actors.ports import LedgerEntry, NodeId, Store


class Note(msgspec.Struct, frozen=True, tag="note"):
    """A settled note, as stored."""

    entry: LedgerEntry


class Hold(msgspec.Struct, frozen=True, tag="hold"):
    """Tokens set aside, as stored."""

    amount: int


class EmbeddedLedger:
    """ports.Ledger over a Store. `opening` tokens are the node's grant when it is new."""

    def __init__(self, store: Store, opening: int) -> None:
        self._store = store
        self._lock = threading.Lock()  # both of a node's shells book here
        self._balance = opening
        self._holds: dict[str, int] = {}
        self._notes: dict[str, LedgerEntry] = {}
        for key, state, _ in store.load():
            self._restore(key, state)
        for name in [name for name in self._holds if f"out/{name}" in self._notes]:
            self.release(name)  # freed by its note: the crash came between the two

    def balance(self) -> int:
        """Tokens owned, reserved ones included."""
        return self._balance

    def reserve(self, key: str, amount: int) -> bool:
        """Set tokens aside; False when too few are free."""
        with self._lock:
            if key in self._holds:
                return True
            if amount < 0 or self._balance - sum(self._holds.values()) < amount:
                return False
            self._store.append(f"hold/{key}", Hold(amount))
            self._holds[key] = amount
            return True

    def release(self, key: str) -> None:
        """Free what was set aside under this key."""
        with self._lock:
            if self._holds.pop(key, None) is not None:
                self._store.append(f"hold/{key}", None)

    def pay(self, payment_id: str, payee: NodeId, amount: int, note: bytes) -> None:
        """Book a payment out, once per id."""
        with self._lock:
            entry = LedgerEntry(payment_id, "out", payee, amount, note)
            known = self._notes.get(f"out/{payment_id}")
            if known is not None:
                if (known.other, known.amount) != (payee, amount):
                    raise ValueError(f"{payment_id} was already paid to {known.other}: {known.amount}")
                return
            held = self._holds.get(payment_id, 0)
            free = self._balance - sum(self._holds.values()) + held
            if amount < 0 or amount > free:
                raise ValueError(f"{payment_id}: {amount} is more than the {free} that are free")
            self._store.append(f"note/out/{payment_id}", Note(entry))
            self._notes[f"out/{payment_id}"] = entry
            self._balance -= amount
            if self._holds.pop(payment_id, None) is not None:
                self._store.append(f"hold/{payment_id}", None)

    def receive(self, payment_id: str, payer: NodeId, amount: int, note: bytes) -> None:
        """Book a payment in, once per payer and id."""
        with self._lock:
            key = f"in/{payer}/{payment_id}"
            if key in self._notes:
                return
            if amount < 0:
                raise ValueError(f"{payment_id}: a payment of {amount}")
            entry = LedgerEntry(payment_id, "in", payer, amount, note)
            self._store.append(f"note/{key}", Note(entry))
            self._notes[key] = entry
            self._balance += amount

    def has_received(self, payment_id: str, payer: NodeId) -> bool:
        """Tell whether a payment was booked in."""
        return f"in/{payer}/{payment_id}" in self._notes

    def history(self) -> list[LedgerEntry]:
        """All settled notes in order."""
        return list(self._notes.values())

    def _restore(self, key: str, state: Any) -> None:
        if isinstance(state, Note):
            self._notes[key.removeprefix("note/")] = state.entry
            self._balance += state.entry.amount if state.entry.direction == "in" else -state.entry.amount
        elif isinstance(state, Hold):
            self._holds[key.removeprefix("hold/")] = state.amount
