"""What the parts of the TaskComputer share: its slots and offerings, and the one way in which each of them changes.

Knows the provider's machines and its Keeper. Must not know when or why a step is taken.
"""

from __future__ import annotations

from abc import abstractmethod

from claynet.actors.config import NodeConfig
from claynet.actors.core import offering as offerings
from claynet.actors.core import slot as slots
from claynet.actors.core.frames import frame_digest, seal
from claynet.actors.core.machine import Effect, Step
from claynet.actors.core.records import Record
from claynet.actors.environment import Runnable
from claynet.actors.environment_watch import EnvironmentWatch
from claynet.actors.keeper import Keeper
from claynet.actors.messages import DropFetch, SendTo
from claynet.actors.ports import Address, NodeId
from claynet.actors.shell import Shell
from claynet.actors.whitelist import Whitelist
from claynet.actors.world import Ports


class ProviderBase(Shell):
    """State and steps of the provider side."""

    def __init__(self, address: Address, parent: Address, ports: Ports, config: NodeConfig, switchboard: Address) -> None:
        super().__init__(address, parent, ports)
        assert config.provider is not None
        self._config = config
        self._provider = config.provider
        self._switchboard = switchboard
        self._prefix = address.rpartition("/")[0]
        self._slots: dict[str, slots.SlotState] = {}
        self._busy: dict[str, None] = {}
        self._offerings: dict[str, offerings.OfferingState] = {}
        self._entropy = ports.entropy.stream("provider")
        self._closed_for = ""
        """Why no more work is taken; empty when it is."""
        self._lending = "open"
        self._watch = EnvironmentWatch(ports, address, config.provider.env, "provider")
        self._whitelist = Whitelist(ports, config.provider.whitelist)
        self._keeper = Keeper(ports, address, switchboard, (config.retry_first, config.retry_most), self._perform)

    # What one part of the TaskComputer needs of another:

    @abstractmethod
    def _perform(self, key: str, slot: str, effect: Effect) -> None: ...

    @abstractmethod
    def _make_offers(self) -> None: ...

    @abstractmethod
    def _runnable(self, env_id: str, prerequisites_json: str) -> Runnable | tuple[str, str]: ...

    @abstractmethod
    def _occupied(self) -> int: ...

    @abstractmethod
    def _remember_for_now(self, name: str) -> None: ...

    @abstractmethod
    def _stop_work(self, subtask_id: str, reason: str) -> None: ...

    def _tell_lending(self, state: str) -> None:
        self._lending = state
        self.ports.sink.emit("lending", state=state, reason=self._closed_for)

    def _tell_drained(self) -> None:
        """Say once when no work is left."""
        if self._lending == "draining" and not self._occupied():
            self._tell_lending("drained")

    def _slot_step(self, before: slots.SlotState | None, step: Step[slots.SlotState]) -> slots.SlotState:
        state = step[0]
        self._slots[state.id] = state
        was_busy = state.id in self._busy
        if state.is_busy:
            self._busy[state.id] = None
        else:
            self._busy.pop(state.id, None)
        self._keeper.commit(slots.key(state.id), step, lambda after: self._tell_slot(before, after))
        if before is not None and before.status == "fetching" and state.status not in ("fetching", "computing"):
            self.tell(self._switchboard, DropFetch(slots.key(state.id), state.requestor))
        ended = slots.FINAL | slots.LATE
        if state.status in ended and (before is None or before.status not in ended):
            self._remember_for_now(state.id)
        if was_busy and not state.is_busy:
            self._stop_work(state.id, f"the subtask is {state.status}")
            self._make_offers()  # when no service has to end first
        return state

    def _tell_slot(self, before: slots.SlotState | None, state: slots.SlotState) -> None:
        if before is None or before.status != state.status:
            self.ports.sink.emit(
                "slot",
                id=state.id,
                task=state.task_id,
                requestor=state.requestor,
                before=before.status if before else None,
                state=state.status,
                reason=state.reason,
            )

    def _seal(self, record: Record) -> bytes:
        return seal(record, self.ports.signer.sign)

    def _evidence(self, tag: str, name: str, body: bytes) -> None:
        self.ports.sink.emit("evidence", tag=tag, id=name, digest=frame_digest(body))

    def _say(self, peer: NodeId, record: Record) -> None:
        """Send what need not survive a crash."""
        self.tell(self._switchboard, SendTo(peer, self._seal(record)))
