"""Keeper: a shell's machine instances, durable before anything of them is visible.

Commits a step to the Store, then hands out its effects; knows timers and unanswered sends, and repeats both after a restart or a
lost link. Must not know what any machine means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from claynet.actors.core.machine import Effect, Send, SetTimer, State, Step
from claynet.actors.messages import SendTo, TimerFired
from claynet.actors.ports import Address, NodeId, TimerId
from claynet.actors.world import Ports

_State = TypeVar("_State", bound=State)


class Keeper:
    """Durable state, outbox, timers and retries of one shell.

    `perform(key, slot, effect)` is called for every effect that is neither Send nor SetTimer.
    """

    def __init__(
        self,
        ports: Ports,
        address: Address,
        switchboard: Address,
        retry: tuple[int, int],
        perform: Callable[[str, str, Effect], None],
    ) -> None:
        self._ports = ports
        self._address = address
        self._switchboard = switchboard
        self._retry_first, self._retry_most = retry
        self._perform = perform
        self._timers: dict[tuple[str, str], tuple[TimerId, int]] = {}
        self._armed = 0
        self._unanswered: dict[NodeId, dict[tuple[str, str], bytes]] = {}
        self._sends: dict[tuple[str, str], NodeId] = {}
        self._retries: dict[NodeId, int] = {}
        """Per lost peer: the wait before its unanswered messages go out again."""

    def commit(self, key: str, step: Step[_State], tell: Callable[[_State], None]) -> None:
        """Make a step durable, tell that it happened, then perform its effects."""
        state, effects, done = step
        self._ports.store.append(key, state, effects, done)
        tell(state)
        for slot in done:
            self._forget(key, slot)
        for slot, effect in effects:
            self._begin(key, slot, effect)

    def done(self, key: str, state: State, slot: str) -> None:
        """Mark an effect done without a move: its answer came."""
        if (key, slot) in self._sends or (key, slot) in self._timers:
            self._forget(key, slot)
        self._ports.store.append(key, state, (), (slot,))

    def owes(self, key: str, slot: str) -> bool:
        """Tell whether a send in this slot is unanswered."""
        return (key, slot) in self._sends

    def drop(self, key: str) -> None:
        """Forget an instance, durably: its timers and what was sent and not answered count no more."""
        for name, slot in [entry for entry in (*self._sends, *self._timers) if entry[0] == key]:
            self._forget(name, slot)
        self._ports.store.append(key, None)

    def is_quiet(self, key: str) -> bool:
        """Tell whether nobody need answer anything of this instance any more."""
        return not any(name == key for name, _ in (*self._sends, *self._timers))

    def resume(self, key: str, effects: Sequence[tuple[str, Effect]]) -> None:
        """After a restart: perform again what is not done."""
        for slot, effect in effects:
            self._begin(key, slot, effect)

    def on_peer_lost(self, peer: NodeId) -> None:
        """What this peer has not answered goes out again after a while."""
        if self._unanswered.get(peer) and peer not in self._retries:
            self._wait(peer, self._retry_first)

    def on_peer_heard(self, peer: NodeId) -> None:
        """The peer is there again: what it has not answered goes out at once."""
        if self._retries and peer in self._retries:
            self._again(peer)

    def on_retry(self, message: TimerFired) -> None:
        """A wait is over (`slot` is `retry/PEER`)."""
        peer = NodeId(message.slot.removeprefix("retry/"))
        wait = self._retries.get(peer)
        if wait is None:
            return
        if not self._unanswered.get(peer):
            del self._retries[peer]
            return
        self._transmit(peer)
        self._wait(peer, min(wait * 2, self._retry_most))

    def call_after(self, delay: int, key: str, slot: str, n: int = 0) -> TimerId:
        """Arm a timer that is not part of any durable state."""
        clock = self._ports.clock
        return clock.call_at(clock.monotonic() + max(0, delay), self._address, TimerFired(key, slot, n))

    def timer_fired(self, message: TimerFired) -> bool:
        """Tell whether a fired timer is one that still counts."""
        armed = self._timers.get((message.key, message.slot))
        if armed is None or armed[1] != message.n:
            return False
        del self._timers[message.key, message.slot]
        return True

    def _begin(self, key: str, slot: str, effect: Effect) -> None:
        self._forget(key, slot)
        if isinstance(effect, Send):
            self._sends[key, slot] = effect.peer
            self._unanswered.setdefault(effect.peer, {})[key, slot] = effect.body
            self._ports.system.tell(self._switchboard, SendTo(effect.peer, effect.body))
        elif isinstance(effect, SetTimer):
            self._armed += 1
            timer = self.call_after(effect.at - self._ports.clock.utc(), key, slot, self._armed)
            self._timers[key, slot] = (timer, self._armed)
        else:
            self._perform(key, slot, effect)

    def _forget(self, key: str, slot: str) -> None:
        timer = self._timers.pop((key, slot), None)
        if timer is not None:
            self._ports.clock.cancel(timer[0])
        peer = self._sends.pop((key, slot), None)
        if peer is not None:
            waiting = self._unanswered[peer]
            waiting.pop((key, slot), None)
            if not waiting:
                del self._unanswered[peer]

    def _wait(self, peer: NodeId, delay: int) -> None:
        self._retries[peer] = delay
        self.call_after(delay, "", f"retry/{peer}")

    def _again(self, peer: NodeId) -> None:
        del self._retries[peer]
        self._transmit(peer)

    def _transmit(self, peer: NodeId) -> None:
        for body in list(self._unanswered.get(peer, {}).values()):
            self._ports.system.tell(self._switchboard, SendTo(peer, body))
