"""What the parts of the TaskManager share: its instances, and the one way in which each of them changes.

Knows the requestor's machines and its Keeper. Must not know when or why a step is taken.
"""

from __future__ import annotations

import base64
from abc import abstractmethod

import msgspec

from claynet.actors.app_dialogue import AppDialogue
from claynet.actors.config import NodeConfig
from claynet.actors.core import payment as payments
from claynet.actors.core import subtask as subtasks
from claynet.actors.core import task as tasks
from claynet.actors.core.frames import Frame, frame_digest, seal
from claynet.actors.core.machine import Effect, Step
from claynet.actors.core.records import Cancel, Decline, Offer, Record
from claynet.actors.descriptors import load
from claynet.actors.keeper import Keeper
from claynet.actors.market import Pool
from claynet.actors.messages import DropFetch, SendTo
from claynet.actors.ports import SECOND, Address, NodeId
from claynet.actors.shell import Shell
from claynet.actors.world import Ports

ROOM_TRIES = 20
"""How often files that found no room on the disk are tried again, `retry_most` apart, before that counts as their failure."""
_FREE_DOUBTS = 3
_DOUBT_FIRST = 1 * SECOND
_DOUBT_MOST = 60 * SECOND


class Doubt(msgspec.Struct, frozen=True):
    """What a provider did with what it was given in one task."""

    times: int = 0
    """In a row, it refused or failed."""
    since: int = 0
    """When it did so last, monotonic ns."""
    until: int = 0
    """Its offers are declined so long, monotonic ns: each costs calls of the app, and is remembered."""


class RequestorBase(Shell):
    """State and steps of the requestor side."""

    def __init__(
        self,
        address: Address,
        parent: Address,
        ports: Ports,
        config: NodeConfig,
        switchboard: Address,
        app_manager: Address,
    ) -> None:
        super().__init__(address, parent, ports)
        assert config.requestor is not None
        self._config = config
        self._requestor = config.requestor
        self._switchboard = switchboard
        self._app_manager = app_manager
        self._tasks: dict[str, tasks.TaskState] = {}
        self._subtasks: dict[str, subtasks.SubtaskState] = {}
        self._payments: dict[str, payments.PaymentState] = {}
        self._open: dict[str, dict[str, None]] = {}
        """Per task: its open subtasks, in the order of their making."""
        self._pools: dict[str, Pool] = {}
        self._max_scores = _max_scores(config.descriptors)
        """Per app id: the benchmark score above which a provider's claim is not believed."""
        self._announced: dict[str, tuple[bytes, int]] = {}
        """Per open task: its sealed header, and the gap until the next announcement."""
        self._asking: dict[str, bool] = {}
        """Tasks whose HasPendingSubtasks is under way; True when it must be asked again after that."""
        self._undiscarded: dict[str, set[str]] = {}
        """Per task: subtasks whose DiscardSubtasks a lost service did not answer."""
        self._uncollected: set[str] = set()
        """Finished tasks whose final results a lost service did not give."""
        self._idle: set[str] = set()
        """Tasks of which nothing was pending when last asked."""
        self._results: dict[str, int] = {}
        """Per task: how many results arrived in this life."""
        self._seen: dict[str, int] = {}
        """Per subtask: how many results of its task were there when Verify was last asked."""
        self._doubted: dict[str, dict[NodeId, Doubt]] = {}
        """Per task: providers that refused or failed what they were given, and of which nothing was accepted since."""
        self._no_room: dict[str, int] = {}
        """Per task and subtask: how often its files found no room on this node's disk."""
        self._last_chance: set[str] = set()
        """Subtasks awaiting data that were asked for the last time."""
        self._forgotten: dict[str, None] = {}
        """Deleted subtasks."""
        self._entropy = ports.entropy.stream("requestor")
        self._keeper = Keeper(ports, address, switchboard, (config.retry_first, config.retry_most), self._perform)
        limits = (self._requestor.call_limit, self._requestor.verify_limit)
        self._dialogue = AppDialogue(ports, address, app_manager, *limits)

    def _doubt(self, subtask: subtasks.SubtaskState) -> None:
        """Its provider refused it, or failed at it."""
        of_task, now = self._doubted.setdefault(subtask.task_id, {}), self.ports.clock.monotonic()
        known = of_task.get(subtask.provider)
        if known is not None and now - known.since < _DOUBT_FIRST:
            return  # all its slots fail with its node: that is once
        times = known.times + 1 if known is not None else 1
        over = times - _FREE_DOUBTS
        rest = min(_DOUBT_MOST, _DOUBT_FIRST << min(over, 10)) if over >= 0 else 0
        of_task[subtask.provider] = Doubt(times, now, now + rest)

    def _may_wait_for_room(self, name: str) -> bool:
        """Tell whether files of a task or subtask that found no room on the disk are tried again, and count that."""
        self._no_room[name] = self._no_room.get(name, 0) + 1
        return self._no_room[name] <= ROOM_TRIES

    def _use_descriptors(self, files: tuple[tuple[str, str], ...]) -> None:
        """Other descriptors count from now on."""
        self._max_scores = _max_scores(files)

    # What one part of the TaskManager needs of another:

    @abstractmethod
    def _perform(self, key: str, slot: str, effect: Effect) -> None: ...

    @abstractmethod
    def _offered(self, offer: Offer, frame: Frame) -> None: ...

    @abstractmethod
    def _ask_pending(self, task: tasks.TaskState) -> None: ...

    @abstractmethod
    def _end_task(self, before: tasks.TaskState, step: Step[tasks.TaskState]) -> None: ...

    @abstractmethod
    def _settle(self, subtask: subtasks.SubtaskState) -> None: ...

    @abstractmethod
    def _ask_verify(self, subtask: subtasks.SubtaskState) -> None: ...

    @abstractmethod
    def _pending_changed(self, task: tasks.TaskState) -> None: ...

    @abstractmethod
    def _fail(self, subtask: subtasks.SubtaskState, rule: str, reason: str, *, blames: bool = True, counts: bool = True) -> None: ...

    def _task_step(self, before: tasks.TaskState | None, step: Step[tasks.TaskState]) -> tasks.TaskState:
        state = step[0]
        self._tasks[state.id] = state
        self._keeper.commit(tasks.key(state.id), step, lambda after: self._tell_task(before, after))
        return state

    def _tell_task(self, before: tasks.TaskState | None, state: tasks.TaskState) -> None:
        if before is None or before.status != state.status:
            self.ports.sink.emit(
                "task",
                id=state.id,
                name=state.spec.name,
                app=state.spec.app_id,
                before=before.status if before else None,
                state=state.status,
                reason=state.reason,
            )

    def _subtask_step(self, before: subtasks.SubtaskState | None, step: Step[subtasks.SubtaskState]) -> subtasks.SubtaskState:
        state = step[0]
        self._subtasks[state.id] = state
        if state.is_open:
            self._open.setdefault(state.task_id, {})[state.id] = None
        else:
            self._open.get(state.task_id, {}).pop(state.id, None)
        self._keeper.commit(subtasks.key(state.id), step, lambda after: self._tell_subtask(before, after))
        if before is not None and before.status == "fetching" and state.status != "verifying":
            self.tell(self._switchboard, DropFetch(subtasks.key(state.id), state.provider))
        return state

    def _tell_subtask(self, before: subtasks.SubtaskState | None, state: subtasks.SubtaskState) -> None:
        if before is None or before.status != state.status:
            self.ports.sink.emit(
                "subtask",
                id=state.id,
                task=state.task_id,
                name=self._tasks[state.task_id].spec.name,
                provider=state.provider,
                before=before.status if before else None,
                state=state.status,
                reason=state.reason,
            )

    def _payment_step(self, step: Step[payments.PaymentState]) -> None:
        state = step[0]
        self._payments[state.id] = state
        self._keeper.commit(payments.key(state.id), step, self._tell_payment)

    def _tell_payment(self, state: payments.PaymentState) -> None:
        self.ports.sink.emit(
            "payment",
            id=state.id,
            payer=self.ports.signer.node_id,
            payee=state.payee,
            amount=state.amount,
            state=state.status,
        )

    def _seal(self, record: Record) -> bytes:
        return seal(record, self.ports.signer.sign)

    def _cancel_body(self, subtask_id: str, reason: str) -> bytes:
        return self._seal(Cancel(subtask_id, reason))

    def _evidence(self, tag: str, name: str, body: bytes) -> None:
        frame = {"frame": base64.b64encode(body).decode()} if tag == "payment" else {}
        self.ports.sink.emit("evidence", tag=tag, id=name, digest=frame_digest(body), **frame)

    def _say(self, peer: NodeId, record: Record) -> None:
        """Send what need not survive a crash: acknowledgements and declines, which come again when they are needed."""
        self.tell(self._switchboard, SendTo(peer, self._seal(record)))

    def _decline(self, task_id: str, provider: NodeId, offer_id: str, rule: str, detail: str) -> None:
        self.ports.sink.emit("decline", task=task_id, provider=provider, rule=rule, detail=detail, by="requestor")
        self._say(provider, Decline(task_id, offer_id, rule, detail))


def _max_scores(files: tuple[tuple[str, str], ...]) -> dict[str, float]:
    return {app: descriptor.max_benchmark_score for app, descriptor in load(files)[0].items()}
