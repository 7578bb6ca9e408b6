"""What is known of a live node, for whoever asks: folded from what its actors commit and from the events that they emit.

Knows the states in a node's Store and the vocabulary of events. Must not know gRPC, nor ask an actor anything: no query waits for one.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, TypeVar

from claynet.actors.core.consent import ConsentState
from claynet.actors.core.payment import PaymentState
from claynet.actors.core.slot import SlotState
from claynet.actors.core.subtask import SubtaskState
from claynet.actors.core.task import TaskState
from claynet.actors.ledger import Hold, Note
from claynet.net.view.event_hub import Event
from claynet.net.view.values import DeclineSeen, EnvironmentSeen, LendingRecord, MoneySeen, OfferSeen, ScoreSeen, TaskRecord

_S = TypeVar("_S")

MOST_PEERS = 4096
"""Providers that are remembered for a task, and by themselves; strangers can be as many as they like."""
MOST_RULES = 16
"""Rules of one provider for one task: their names are the peer's words."""
MOST_OTHER_RULES = 256
MOST_PROBLEMS = 50
MOST_SCORES = 1024


class NodeView:
    """One node. Every method may be called from any thread; what is returned does not change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[type[Any], dict[str, Any]] = {
            kind: {} for kind in (TaskState, SubtaskState, SlotState, PaymentState, TaskRecord, Hold, Note)
        }
        self._consent = ConsentState()
        self._lending_record = LendingRecord()
        self._of_task: dict[str, dict[str, None]] = {}
        self._since: dict[str, int] = {}
        self._declines: dict[str, dict[str, dict[str, DeclineSeen]]] = {}
        """Own tasks: task, provider, rule."""
        self._declined: dict[str, DeclineSeen] = {}
        """Tasks of others that this node did not take, by rule."""
        self._offers: dict[str, dict[str, OfferSeen]] = {}
        self._providers: dict[str, OfferSeen] = {}
        self._environments: dict[tuple[str, str], EnvironmentSeen] = {}
        self._scores: dict[tuple[str, str], ScoreSeen] = {}
        self._lending = ("", "")
        self._problems: deque[str] = deque(maxlen=MOST_PROBLEMS)

    # ---------------------------------------------------------------- what is folded

    def load(self, instances: Iterable[tuple[str, Any, object]]) -> None:
        """Take up what earlier lives committed: (key, state, effects)."""
        for key, state, _ in instances:
            self.committed(key, state)

    def committed(self, key: str, state: Any | None) -> None:
        """A state of the node's Store is durable; None: it is forgotten."""
        with self._lock:
            kind = type(state)
            if state is None:
                self._forget(key)
            elif kind in self._states:
                name = key.partition("/")[2]
                self._states[kind][name] = state
                if kind is SubtaskState:
                    self._of_task.setdefault(state.task_id, {})[name] = None
            elif kind is ConsentState:
                self._consent = state
            elif kind is LendingRecord:
                self._lending_record = state

    def on_event(self, event: Event) -> None:
        """Take an event; kinds that say nothing that is asked for are passed over."""
        fold = getattr(self, f"_on_{event.kind}", None)
        if fold is not None:
            with self._lock:
                fold(event, event.fields)

    # ---------------------------------------------------------------- questions

    def task(self, task_id: str) -> TaskState | None:
        """Return one task."""
        return self._one(TaskState, task_id)

    def tasks(self) -> list[TaskState]:
        """Return all tasks, in the order of their making."""
        return self._all(TaskState)

    def record(self, task_id: str) -> TaskRecord | None:
        """Return what is kept beside a task's machine."""
        return self._one(TaskRecord, task_id)

    def records(self) -> list[TaskRecord]:
        """Return all that is kept beside tasks' machines."""
        return self._all(TaskRecord)

    def subtask(self, subtask_id: str) -> SubtaskState | None:
        """Return one subtask that this node asked for."""
        return self._one(SubtaskState, subtask_id)

    def subtasks(self, task_id: str = "") -> list[SubtaskState]:
        """Return the subtasks of one task, or of all."""
        if not task_id:
            return self._all(SubtaskState)
        with self._lock:
            found = self._states[SubtaskState]
            return [found[name] for name in self._of_task.get(task_id, ()) if name in found]

    def slot(self, subtask_id: str) -> SlotState | None:
        """Return one piece of work for others."""
        return self._one(SlotState, subtask_id)

    def slots(self) -> list[SlotState]:
        """Return all work for others."""
        return self._all(SlotState)

    def payment(self, subtask_id: str) -> PaymentState | None:
        """Return what is paid for a subtask."""
        return self._one(PaymentState, subtask_id)

    def payments(self) -> list[PaymentState]:
        """Return all payments to others."""
        return self._all(PaymentState)

    def since(self, item_id: str) -> int:
        """Return when a task, subtask or slot entered its state; 0 when that was in an earlier life."""
        with self._lock:
            return self._since.get(item_id, 0)

    def declines(self, task_id: str) -> dict[str, tuple[DeclineSeen, ...]]:
        """Return, for each provider that did not take a task, the reasons, the last one last."""
        with self._lock:
            return {peer: tuple(rules.values()) for peer, rules in self._declines.get(task_id, {}).items()}

    def declined(self) -> list[DeclineSeen]:
        """Return why this node did not take tasks of others, each rule once, the most frequent first."""
        with self._lock:
            return sorted(self._declined.values(), key=lambda seen: (-seen.count, seen.rule))

    def offers(self, task_id: str) -> dict[str, OfferSeen]:
        """Return the offers for a task that were pooled, by provider."""
        with self._lock:
            return dict(self._offers.get(task_id, {}))

    def providers(self) -> dict[str, OfferSeen]:
        """Return the last offer for any task of each provider heard of in this life."""
        with self._lock:
            return dict(self._providers)

    def environments(self) -> list[EnvironmentSeen]:
        """Return the environments, each once for each side that uses it."""
        with self._lock:
            return list(self._environments.values())

    def scores(self) -> list[ScoreSeen]:
        """Return what benchmarks came to in this life."""
        with self._lock:
            return list(self._scores.values())

    def consent(self) -> ConsentState:
        """Return what the operator said about sources of images."""
        with self._lock:
            return self._consent

    def lending(self) -> tuple[str, str]:
        """Return (state, reason) of lending; an empty state: open."""
        with self._lock:
            return self._lending

    def lending_record(self) -> LendingRecord:
        """Return what the operator said about lending."""
        with self._lock:
            return self._lending_record

    def problems(self) -> list[str]:
        """Return what an operator should look at, the last ones."""
        with self._lock:
            return list(self._problems)

    def money(self) -> MoneySeen:
        """Return what came in and went out."""
        with self._lock:
            notes = [note.entry for note in self._states[Note].values()]
            slots = self._states[SlotState].values()
            return MoneySeen(
                reserved=sum(hold.amount for hold in self._states[Hold].values()),
                earned=sum(entry.amount for entry in notes if entry.direction == "in"),
                spent=sum(entry.amount for entry in notes if entry.direction == "out"),
                awaited=sum(slot.amount for slot in slots if slot.status in ("accepted", "unpaid")),
            )

    def paid(self) -> tuple[Counter[str], Counter[str]]:
        """Return (earned from, spent on) each other node."""
        with self._lock:
            earned: Counter[str] = Counter()
            spent: Counter[str] = Counter()
            for note in self._states[Note].values():
                (earned if note.entry.direction == "in" else spent)[note.entry.other] += note.entry.amount
            return earned, spent

    def _one(self, kind: type[_S], name: str) -> _S | None:
        with self._lock:
            found: _S | None = self._states[kind].get(name)
            return found

    def _all(self, kind: type[_S]) -> list[_S]:
        with self._lock:
            return list(self._states[kind].values())

    # ---------------------------------------------------------------- folding

    def _forget(self, key: str) -> None:
        head, _, name = key.partition("/")
        kinds = {"task": TaskState, "subtask": SubtaskState, "slot": SlotState, "payment": PaymentState, "record": TaskRecord}
        kind = {**kinds, "hold": Hold, "note": Note}.get(head)
        gone = None if kind is None else self._states[kind].pop(name, None)
        if kind is TaskState:
            for table in (self._declines, self._offers, self._of_task):
                table.pop(name, None)
        elif kind is SubtaskState and gone is not None:
            self._of_task.get(gone.task_id, {}).pop(name, None)
        self._since.pop(name, None)

    def _on_task(self, event: Event, fields: Any) -> None:
        self._since[fields["id"]] = event.at

    _on_subtask = _on_task
    _on_slot = _on_task

    def _on_offer(self, event: Event, fields: Any) -> None:
        provider = fields["provider"]
        for table in (self._offers.setdefault(fields["task"], {}), self._providers):
            before = table.pop(provider, None)
            if len(table) >= MOST_PEERS:
                del table[next(iter(table))]
            table[provider] = OfferSeen(fields["price"], fields["score"], event.at, (before.count if before else 0) + 1)

    def _on_decline(self, event: Event, fields: Any) -> None:
        rule = str(fields["rule"])[:64]
        seen = DeclineSeen(rule, fields["by"], str(fields["detail"])[:500], event.at)
        if fields["task"] not in self._states[TaskState]:
            if rule in self._declined or len(self._declined) < MOST_OTHER_RULES:
                self._declined[rule] = _again(self._declined.get(rule), seen)
            return
        peers = self._declines.setdefault(fields["task"], {})
        if len(peers) >= MOST_PEERS and fields["provider"] not in peers:
            return
        rules = peers.setdefault(fields["provider"], {})
        before = rules.pop(rule, None)  # so that the last one said stands last
        if len(rules) >= MOST_RULES:
            del rules[next(iter(rules))]
        rules[rule] = _again(before, seen)

    def _on_environment(self, _event: Event, fields: Any) -> None:
        seen = EnvironmentSeen(fields["name"], fields["side"], fields["state"], fields["reason"])
        self._environments[seen.name, seen.side] = seen

    def _on_benchmark(self, _event: Event, fields: Any) -> None:
        key = fields["env"], fields["image"]
        self._scores.pop(key, None)
        if len(self._scores) >= MOST_SCORES:
            del self._scores[next(iter(self._scores))]
        self._scores[key] = ScoreSeen(*key, fields["state"], float(fields["score"]), fields["reason"])

    def _on_lending(self, _event: Event, fields: Any) -> None:
        self._lending = fields["state"], fields["reason"]

    def _on_actor_failed(self, _event: Event, fields: Any) -> None:
        self._problems.append(f"a part of the node failed, which is a bug of claynet: {fields['address']}: {fields['error']}")


def _again(before: DeclineSeen | None, seen: DeclineSeen) -> DeclineSeen:
    count = 1 if before is None else before.count + 1
    return DeclineSeen(seen.rule, seen.side, seen.detail, seen.at, count)
