"""Counts what happened, from events alone: tasks, subtasks, results, payments and trouble.

Knows the vocabulary of `actors/events.py`. Must not know the plan, nor what is expected. Ids are counted, not events, so that an event
told again after a restart counts once.
"""

from __future__ import annotations

from collections.abc import Mapping

from claynet.actors.events import TASK_FINAL

METRICS = (
    "tasks_created",
    "tasks_finished",
    "tasks_failed",
    "tasks_failed_to_create",
    "tasks_aborted",
    "tasks_timed_out",
    "subtasks_assigned",
    "subtasks_finished",
    "subtasks_failed",
    "subtasks_timed_out",
    "subtasks_cancelled",
    "subtasks_restarted",
    "subtasks_refused",
    "results_accepted_wrong",
    "results_rejected",
    "results_tampered",
    "payments_due",
    "payments_acknowledged",
    "tokens_paid",
    "tokens_earned",
    "offers",
    "declines",
    "misuse",
    "actor_failures",
    "restarts",
)
"""What `metric:` can name. Tokens are integers of 10^-9."""

_SUBTASK_STATES = ("assigned", "finished", "failed", "timed_out", "cancelled", "restarted", "refused")


class Metrics:
    """A subscriber that counts. Task states are the last seen; a subtask counts in every state that it ever was in."""

    KINDS = frozenset({"subtask", "task", "offer", "decline", "misuse", "actor_failed", "evidence", "payment", "tampered", "node"})

    def __init__(self) -> None:
        self.task_states: dict[str, str] = {}
        """Task id to its last state."""
        self.earned: dict[str, int] = {}
        """Node name to what it was paid (10^-9 token)."""
        self._subtasks: dict[str, set[str]] = {state: set() for state in _SUBTASK_STATES}
        self._tampered: set[str] = set()
        self._rejected: set[str] = set()
        self._due: set[str] = set()
        self._paid: dict[str, int] = {}
        self._received: set[tuple[object, object]] = set()
        self._lives: dict[str, int] = {}
        self._plain = {"offer": 0, "decline": 0, "misuse": 0, "actor_failed": 0}

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:  # noqa: ARG002  (the Subscriber's signature)
        """Count one event."""
        if kind == "subtask":
            state = str(fields["state"])
            if state in self._subtasks:
                self._subtasks[state].add(str(fields["id"]))
        elif kind == "task":
            self.task_states[str(fields["id"])] = str(fields["state"])
        elif kind in self._plain:
            self._plain[kind] += int(str(fields.get("count", 1)))
        elif kind == "evidence" and fields["tag"] == "rejection":
            self._rejected.add(str(fields["id"]))
        elif kind == "payment":
            self._payment(node, fields)
        elif kind == "tampered":
            self._tampered.add(str(fields["id"]))
        elif kind == "node" and fields["state"] == "started":
            self._lives[node] = self._lives.get(node, 0) + 1

    def _payment(self, node: str, fields: Mapping[str, object]) -> None:
        payment, amount = str(fields["id"]), fields["amount"]
        assert isinstance(amount, int)
        if fields["state"] == "received":
            if (fields["payer"], payment) not in self._received:
                self._received.add((fields["payer"], payment))
                self.earned[node] = self.earned.get(node, 0) + amount
            return
        self._due.add(payment)
        if fields["state"] == "acknowledged":
            self._paid[payment] = amount

    @property
    def open_payments(self) -> int:
        """Payments that are due and not acknowledged."""
        return len(self._due) - len(self._paid)

    @property
    def tasks_final(self) -> int:
        """Tasks in a final state."""
        return sum(state in TASK_FINAL for state in self.task_states.values())

    def subtasks(self, state: str) -> int:
        """Return how many subtasks ever were in this state (one of those that METRICS names)."""
        return len(self._subtasks[state])

    def tasks(self, state: str) -> int:
        """Return how many tasks are in this state."""
        return sum(now == state for now in self.task_states.values())

    def value(self, metric: str) -> int:
        """Return the value of one of METRICS. Raises KeyError for another name."""
        if metric.startswith("subtasks_"):
            return self.subtasks(metric.removeprefix("subtasks_"))
        if metric == "tasks_created":
            return len(self.task_states)
        if metric.startswith("tasks_") and metric in METRICS:
            return self.tasks(metric.removeprefix("tasks_"))
        others = {
            "results_accepted_wrong": len(self._tampered & self._subtasks["finished"]),
            "results_rejected": len(self._rejected),
            "results_tampered": len(self._tampered),
            "payments_due": len(self._due),
            "payments_acknowledged": len(self._paid),
            "tokens_paid": sum(self._paid.values()),
            "tokens_earned": sum(self.earned.values()),
            "offers": self._plain["offer"],
            "declines": self._plain["decline"],
            "misuse": self._plain["misuse"],
            "actor_failures": self._plain["actor_failed"],
            "restarts": sum(lives - 1 for lives in self._lives.values()),
        }
        return others[metric]


class TasksDone:
    """Tells when every planned task is final, its results are stored and every payment due is acknowledged. Constant time per event."""

    KINDS = frozenset({"task", "subtask", "payment", "results"})

    def __init__(self, planned: int) -> None:
        """Take the number of tasks the plan makes."""
        self._planned = planned
        self._final: set[str] = set()
        self._open: set[str] = set()
        self._settled: set[str] = set()
        self._unstored: set[str] = set()
        self.subtasks_done = 0
        """Accepted results so far, for progress displays."""

    def on_event(self, kind: str, at: int, node: str, fields: Mapping[str, object]) -> None:  # noqa: ARG002  (the Subscriber's signature)
        """Take one event."""
        if kind == "task":
            if fields["state"] in TASK_FINAL:
                self._final.add(str(fields["id"]))
            if fields["state"] == "finished":
                self._unstored.add(str(fields["id"]))
        elif kind == "results":
            self._unstored.discard(str(fields["id"]))
        elif kind == "subtask":
            self.subtasks_done += fields["state"] == "finished"
        elif kind == "payment" and fields["state"] != "received":
            payment = str(fields["id"])
            if fields["state"] == "acknowledged":
                self._settled.add(payment)
                self._open.discard(payment)
            elif payment not in self._settled:
                self._open.add(payment)

    @property
    def tasks_final(self) -> int:
        """Tasks in a final state."""
        return len(self._final)

    @property
    def done(self) -> bool:
        """Tell whether nothing planned is open any more."""
        return len(self._final) >= self._planned and not self._open and not self._unstored
