"""The machine of one payment as its payer sees it: booked once, sent until acknowledged.

All changes of its status are in this file. It does not know the ledger; the note arrives sealed, as bytes.
"""

from __future__ import annotations

from claynet.actors.core.machine import Book, Send, State, Step, move
from claynet.actors.ports import NodeId

TABLE = {
    ("due", "booked"): "sent",
    ("sent", "acknowledged"): "acknowledged",
}
FINAL = frozenset({"acknowledged"})
INITIAL = "due"


class PaymentState(State, frozen=True, kw_only=True, tag="payment"):
    """One payment; the amount is in 10^-9 token, `note` the sealed Payment."""

    id: str
    payee: NodeId
    amount: int
    note: bytes


def key(payment_id: str) -> str:
    """Return the store key of a payment."""
    return f"payment/{payment_id}"


def new(payment_id: str, payee: NodeId, amount: int, note: bytes) -> Step[PaymentState]:
    """A result was accepted: its amount is due."""
    return PaymentState(status=INITIAL, id=payment_id, payee=payee, amount=amount, note=note), (("book", Book()),), ()


def booked(state: PaymentState) -> Step[PaymentState]:
    """The ledger has it: the note goes out."""
    return move(TABLE, key(state.id), state, "booked"), (("send", Send(state.payee, state.note)),), ("book",)


def acknowledged(state: PaymentState) -> Step[PaymentState]:
    """The payee has the note."""
    return move(TABLE, key(state.id), state, "acknowledged"), (), ("send",)
