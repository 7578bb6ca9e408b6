"""The actor system of virtual time: Pykka actors on one thread, deterministic, in integer nanoseconds.

Knows the kernel, and Pykka's rules of life and death (a handler that raises kills its actor: on_failure runs, on_stop does not).
Must not know what the actors do, nor read a real clock.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, cast

import pykka
from pykka.messages import _ActorStop

from claynet.actors.ports import Address
from claynet.sim.virtual.actor import PROXY_MESSAGES, BlockingGetError, VirtualActor, VirtualFuture, VirtualRef, virtual_class
from claynet.sim.virtual.fence import Fence
from claynet.sim.virtual.kernel import Kernel, _Key

logger = logging.getLogger(__name__)

STOP = _Key("stop")
ASK = _Key("ask")


class _Ask(NamedTuple):
    address: Address
    message: object
    answer: VirtualFuture | None


class _Keeper:
    """Stands in for the actors' handlers while they are held."""

    __slots__ = ("_address", "_kept", "_system")

    def __init__(self, system: VirtualSystem, address: Address, kept: list[tuple[Address, object]]) -> None:
        self._system, self._address, self._kept = system, address, kept

    def __call__(self, message: object) -> None:
        self._system._uncounted += 1  # it reaches nobody yet
        self._kept.append((self._address, message))


class VirtualSystem(Kernel):
    """Implements `ports.ActorSystem`; what runs it (`run`, `step`, `now`, ...) is the kernel's.

    Handlers run behind `fence`. Messages are shared by reference. An address is looked up when its message's turn comes, so a
    message told before its actor is spawned in the same handler arrives.
    """

    def __init__(self, fence: Fence | None = None) -> None:
        self.fence = Fence() if fence is None else fence
        super().__init__(self.fence)
        self.failures = 0
        self._actors: dict[Address, VirtualActor] = {}
        self._starting: list[Address] = []
        self._held: dict[str, list[tuple[Address, object]]] = {}
        """Per prefix what was told to actors that are held."""
        self._receivers[STOP] = self._stop_now
        self._receivers[ASK] = self._ask_now

    # ------------------------------------------------------------ ports.ActorSystem (tell is the kernel's)

    def spawn(self, actor_class: type[Any], *args: object, address: Address) -> Address:
        """Make `actor_class(*args)`, run its on_start, and return the address.

        Raises ValueError when the address is in use, TypeError when the class cannot run here, and what `__init__` raises. An
        on_start that raises leaves a dead actor whose on_failure ran (Pykka would leave it out, and the parent would never hear).
        """
        if address in self._actors:
            raise ValueError(f"address {address!r} is in use")
        mixed = virtual_class(cast(Hashable, actor_class))
        actor = mixed.__new__(mixed)
        actor._claynet_host = self
        actor._claynet_address = address
        self._actors[address] = actor
        self._receivers[address] = actor.on_receive
        self._starting.append(address)
        try:
            with self._fenced():
                try:
                    actor.__init__(*args)  # type: ignore[misc]  # made in two steps: its address is there when __init__ runs
                except BaseException:
                    self._forget(address)
                    raise
                try:
                    actor.on_start()
                except Exception as error:
                    self._handler_raised(address, error)
        finally:
            self._starting.pop()
        return address

    def stop(self, address: Address) -> None:
        """Stop after the messages already queued; runs on_stop. Unknown addresses are ignored."""
        if address in self._actors:
            super().tell(STOP, address)  # type: ignore[arg-type]  # a kernel key stands where an address does

    def kill(self, prefix: str) -> None:
        """Stop at once, without on_stop, every actor whose address starts with `prefix`; their timers are forgotten."""
        self._held.pop(prefix, None)
        for address in [address for address in self._actors if address.startswith(prefix)]:
            self._forget(address)
        self.cancel_timers_to(prefix)

    def hold(self, prefix: str) -> None:
        """Keep what is told to every living actor whose address starts with `prefix`."""
        kept = self._held.setdefault(prefix, [])
        for address in self._actors:
            if address.startswith(prefix):
                self._receivers[address] = _Keeper(self, address, kept)

    def release(self, prefix: str) -> None:
        """Let them handle what was kept, now and in the order in which it was told."""
        kept = self._held.pop(prefix, [])
        for address, actor in self._actors.items():
            if address.startswith(prefix):
                self._receivers[address] = actor.on_receive
        for address, message in kept:
            super().tell(address, message)

    def is_alive(self, address: Address) -> bool:
        """Tell whether messages to this address would be received."""
        return address in self._actors

    # ------------------------------------------------------------ for drivers, tests and Pykka's references

    @property
    def actors(self) -> int:
        """How many actors are alive."""
        return len(self._actors)

    def ref(self, address: Address) -> VirtualRef:
        """Return a Pykka reference, whose `ask` runs the world on. Raises pykka.ActorDeadError when not alive."""
        actor = self._actors.get(address)
        if actor is None:
            raise pykka.ActorDeadError(f"{address} not found")
        return VirtualRef(actor)

    def ask(self, address: Address, message: object, answer: VirtualFuture | None) -> None:
        """Queue a message whose outcome goes to `answer`, or one of Pykka's own (proxy, stop)."""
        super().tell(ASK, _Ask(address, message, answer))  # type: ignore[arg-type]

    def await_answer(self, future: VirtualFuture) -> None:
        """Run until the future is set. Raises BlockingGetError inside a handler, pykka.Timeout when nothing is left to run."""
        waiting = self._starting[-1] if self._starting else self.current
        if waiting is not None:
            raise BlockingGetError(f"{waiting} waits for a future at virtual time {self.now} ns: tell, and take the answer as a message")
        while not future.is_set:
            if not self.step():
                raise pykka.Timeout(f"no answer by virtual time {self.now} ns, and nothing is left to run")

    # ------------------------------------------------------------ life and death

    def _fenced(self) -> AbstractContextManager[object]:
        """The fence for a handler that a driver started: inside a run it stands already, even where it is lifted."""
        return self.fence

    def _forget(self, address: Address) -> VirtualActor | None:
        self._receivers.pop(address, None)
        return self._actors.pop(address, None)

    def _stop_now(self, address: Address) -> None:
        self._uncounted += 1
        actor = self._forget(address)
        if actor is None:
            return
        try:
            actor.on_stop()
        except Exception:
            self.failures += 1
            logger.exception("on_stop of %s raised", address)

    def _ask_now(self, ask: _Ask) -> None:
        actor, answer = self._actors.get(ask.address), ask.answer
        if isinstance(ask.message, _ActorStop):
            self._stop_now(ask.address)
            if answer is not None:
                answer.set(None)
            return
        if actor is None:
            self.dead_letters += 1
            if answer is not None:
                dead = pykka.ActorDeadError(f"{ask.address} stopped before handling the message")
                answer.set_exception((type(dead), dead, None))
            return
        try:
            proxied = isinstance(ask.message, PROXY_MESSAGES)
            value = actor._handle_receive(ask.message) if proxied else actor.on_receive(ask.message)
        except Exception as error:
            if answer is None:
                self._handler_raised(ask.address, error)
            else:
                answer.set_exception()
        else:
            if answer is not None:
                answer.set(value)

    def _target_of(self, key: _Key, message: Any) -> str:
        if key is STOP:
            return str(message)
        if key is ASK:
            return str(message.address)
        return super()._target_of(key, message)

    def _handler_raised(self, address: str, error: Exception) -> None:
        """Pykka's rule: the actor is dead, on_failure runs, on_stop does not, the world goes on."""
        self.failures += 1
        actor = self._forget(Address(address))
        if actor is None:
            return  # killed inside its own handler
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except Exception:
            self.failures += 1
            logger.exception("on_failure of %s raised", address)
