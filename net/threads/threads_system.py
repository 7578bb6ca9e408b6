"""The ActorSystem port on Pykka's threads: one thread per actor.

Knows Pykka's hooks for new actor types and threads. Must not know any shell, message or address scheme.
The global ActorRegistry of Pykka is left out: it is shared by everything in the process and slow to shrink.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import sys
import threading
import time
import types
from dataclasses import dataclass
from typing import Any

import pykka

from claynet.actors.ports import SECOND, Address

logger = logging.getLogger(__name__)


_HALT = object()
"""Told to an actor that is to stop in its turn (Pykka's own mark would count as a message)."""

_WAKE = object()
"""Told to a killed actor so that it looks at its flags."""


@dataclass(slots=True, eq=False)
class _Seat:
    """What the system keeps of one actor; a single attribute, so that it cannot clash with names of shells."""

    system: ThreadsSystem
    address: Address
    killed: bool = False
    delivered: int = 0
    running: threading.Event | None = None
    """Set while it may handle messages; None: it was never held."""
    thread: threading.Thread | None = None

    def is_killed(self) -> bool:
        return self.killed  # another thread sets it at any time: each look counts anew


class ThreadActor(pykka.ThreadingActor):
    """The thread side of an actor; the system mixes it under a shell's class."""

    _seat: _Seat

    @staticmethod
    def _create_actor_inbox() -> Any:
        return queue.SimpleQueue()  # faster than Queue here, and nobody needs its size

    def stop(self) -> None:
        """Stop after the messages already queued, running on_stop; does not wait."""
        with contextlib.suppress(pykka.ActorDeadError):
            self.actor_ref.tell(_HALT)

    def _start_actor_loop(self) -> None:
        # Daemon: a handler that never returns must not keep the process from ending. Orderly ends join in `shutdown`.
        self._seat.thread = threading.Thread(target=self._actor_loop, name=self._seat.address, daemon=True)
        self._seat.thread.start()

    def _actor_loop(self) -> None:
        try:
            super()._actor_loop()
        finally:
            self._seat.system._ended(self)

    def _actor_loop_setup(self) -> None:
        if self._seat.is_killed():
            return
        try:
            self.on_start()
        except Exception:
            # Pykka leaves on_failure out here, and the parent would never hear of it.
            self._handle_failure(*sys.exc_info())
            if not self._seat.is_killed():
                self.on_failure(*sys.exc_info())

    def _actor_loop_teardown(self) -> None:
        left = 0
        while not self.actor_inbox.empty():
            left += self.actor_inbox.get().message not in (_HALT, _WAKE)
        self._seat.system._drop(left)

    def _handle_receive(self, message: Any) -> Any:
        seat = self._seat
        if seat.running is not None:
            seat.running.wait()
        if seat.is_killed():
            self.actor_stopped.set()
            return None
        if message is _HALT:
            return self._stop()
        seat.delivered += 1
        try:
            return super()._handle_receive(message)
        except Exception:
            if seat.is_killed():
                return None  # a crashed node has nobody left to tell
            raise
        except BaseException as error:
            # Pykka would answer SystemExit and the like by stopping every actor of the process.
            raise RuntimeError(f"{type(error).__name__} in an actor: {error}") from error

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        # The one place where a failed shell is logged; its parent is told by the shell's own on_failure.
        del exception_type, traceback
        self.actor_stopped.set()
        if not self._seat.is_killed():
            self._seat.system._note_failure()
            logger.error("%s failed", self._seat.address, exc_info=exception_value)


class ThreadsSystem:
    """Runs shells as Pykka actors, each on its own thread (`ports.ActorSystem`). Made for some hundred actors."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actors: dict[Address, ThreadActor] = {}
        self._threads: dict[threading.Thread, Address] = {}
        self._classes: dict[type[Any], type[Any]] = {}
        self._retired = 0
        self._dead_letters = 0
        self._failures = 0
        self._closed = False

    @property
    def deliveries(self) -> int:
        """How many messages reached a handler so far."""
        with self._lock:
            return self._retired + sum(actor._seat.delivered for actor in self._actors.values())

    @property
    def dead_letters(self) -> int:
        """How many messages found no living actor."""
        return self._dead_letters

    @property
    def failures(self) -> int:
        """How many times a shell raised: a bug of ours, logged and told to its parent."""
        return self._failures

    def spawn(self, actor_class: type[Any], *args: object, address: Address) -> Address:
        """Make `actor_class(*args)` and start its thread, which runs on_start first.

        Raises ValueError when `address` is in use, RuntimeError after shutdown or when no thread can be had.
        """
        self._refuse_if_used(address)
        actor: ThreadActor = self._mixed(actor_class)(*args)
        actor._seat = _Seat(self, address)
        with self._lock:
            self._refuse_if_used(address)
            if self._closed:
                raise RuntimeError(f"the actor system is shut down: {address} is not started")
            self._actors[address] = actor  # before the thread: on_start may tell itself something
            try:
                actor._start_actor_loop()
            except RuntimeError:  # no more threads
                del self._actors[address]
                raise
            if actor._seat.thread is not None:
                self._threads[actor._seat.thread] = address
        return address

    def tell(self, address: Address, message: object) -> None:
        """Queue a message; one to an address that is not alive is counted in `dead_letters`."""
        actor = self._actors.get(address)
        if actor is None:
            self._drop(1)
            return
        try:
            actor.actor_ref.tell(message)
        except pykka.ActorDeadError:
            self._drop(1)

    def stop(self, address: Address) -> None:
        """Stop after the messages already queued, running on_stop; does not wait. Unknown addresses are ignored."""
        actor = self._actors.get(address)
        if actor is not None and not actor.actor_stopped.is_set():
            actor.stop()

    def kill(self, prefix: str) -> None:
        """Stop at once, without on_stop, every actor whose address starts with `prefix`; does not wait.

        A handler under way cannot be interrupted: it ends in its own time, and nothing is handled after it. `join` waits for that.
        """
        with self._lock:
            doomed = [actor for address, actor in self._actors.items() if address.startswith(prefix)]
        for actor in doomed:
            actor._seat.killed = True
            if actor._seat.running is not None:
                actor._seat.running.set()
            with contextlib.suppress(pykka.ActorDeadError):
                actor.actor_ref.tell(_WAKE)
            actor.actor_stopped.set()

    def hold(self, prefix: str) -> None:
        """Keep what is told to every living actor whose address starts with `prefix`; a handler under way ends first."""
        for seat in self._seats(prefix):
            if seat.running is None:
                seat.running = threading.Event()
            seat.running.clear()

    def release(self, prefix: str) -> None:
        """Let them handle what was kept."""
        for seat in self._seats(prefix):
            if seat.running is not None:
                seat.running.set()

    def is_alive(self, address: Address) -> bool:
        """Tell whether messages to this address would be received."""
        actor = self._actors.get(address)
        return actor is not None and not actor.actor_stopped.is_set()

    def waiting(self, address: Address) -> int:
        """Return how many messages wait for an actor; none for one that is not alive."""
        actor = self._actors.get(address)
        if actor is None:
            return 0
        inbox: queue.SimpleQueue[object] = actor.actor_inbox  # type: ignore[assignment]  # as `_create_actor_inbox` makes it
        return inbox.qsize()

    def join(self, prefix: str = "", timeout: int = 10 * SECOND) -> list[Address]:
        """Wait, at most `timeout` ns, for the threads of stopped or killed actors of this prefix.

        Return the addresses whose threads still run. The calling thread itself is not waited for.
        """
        deadline = time.monotonic_ns() + timeout
        with self._lock:
            threads = [(thread, address) for thread, address in self._threads.items() if address.startswith(prefix)]
        left = []
        for thread, address in threads:
            if thread is threading.current_thread():
                continue
            thread.join(max(0.0, (deadline - time.monotonic_ns()) / 1e9))
            if thread.is_alive():
                left.append(address)
        return left

    def shutdown(self, timeout: int = 10 * SECOND) -> list[Address]:
        """Stop all actors, latest first, and join their threads; return the addresses that did not end in `timeout` ns.

        What did not end by then is killed and left behind on daemon threads.
        """
        deadline = time.monotonic_ns() + timeout
        # An actor may spawn another while it stops, so look again until none is left.
        for attempt in itertools.count():
            with self._lock:
                addresses = [address for address, actor in self._actors.items() if not actor.actor_stopped.is_set()]
            if (attempt and not addresses) or time.monotonic_ns() > deadline:
                break
            for address in reversed(addresses):
                self.stop(address)
            self.join("", deadline - time.monotonic_ns())
        with self._lock:
            self._closed = True
        self.kill("")
        return self.join("", max(deadline - time.monotonic_ns(), 100_000_000))

    def _seats(self, prefix: str) -> list[_Seat]:
        with self._lock:
            return [actor._seat for address, actor in self._actors.items() if address.startswith(prefix)]

    def _mixed(self, actor_class: type[Any]) -> type[Any]:
        mixed = self._classes.get(actor_class)
        if mixed is None:
            mixed = types.new_class(actor_class.__name__, (actor_class, ThreadActor))
            self._classes[actor_class] = mixed
        return mixed

    def _refuse_if_used(self, address: Address) -> None:
        if self.is_alive(address):
            raise ValueError(f"address in use: {address}")

    def _ended(self, actor: ThreadActor) -> None:
        with self._lock:
            self._retired += actor._seat.delivered
            actor._seat.delivered = 0
            if self._actors.get(actor._seat.address) is actor:
                del self._actors[actor._seat.address]
            self._threads.pop(threading.current_thread(), None)

    def _note_failure(self) -> None:
        with self._lock:
            self._failures += 1

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dead_letters += count
