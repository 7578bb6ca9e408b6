"""Pykka's actor, reference and future on virtual time: what its hooks for new actor types ask for, and nothing more per actor.

Knows Pykka and the few calls that its host offers (`Host`). Must not know the event loop.

An actor here skips Pykka's `__init__` (an URN, an inbox and an Event each): `spawn` gives it its host and address, and the attributes that
Pykka documents are computed from those.
"""

from __future__ import annotations

import sys
import weakref
from abc import ABCMeta
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Protocol, cast

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from claynet.actors.ports import Address

PROXY_MESSAGES = (ProxyCall, ProxyGetAttr, ProxySetAttr)


class BlockingGetError(RuntimeError):
    """A handler waited for a future: on one thread the answer could never come. The text names the actor and the virtual time."""


class Host(Protocol):
    """What actors, references and futures ask of the system that runs them."""

    def tell(self, address: Address, message: object) -> None:
        """Queue a plain message."""

    def ask(self, address: Address, message: object, answer: VirtualFuture | None) -> None:
        """Queue a message whose outcome goes to `answer`, or one of Pykka's own (proxy, stop)."""

    def stop(self, address: Address) -> None:
        """Stop after what is queued."""

    def is_alive(self, address: Address) -> bool:
        """Tell whether messages would be received."""

    def await_answer(self, future: VirtualFuture) -> None:
        """Run until the future is set; raises BlockingGetError inside a handler, pykka.Timeout when nothing is left to run."""


class _Answer(NamedTuple):
    value: Any = None
    error: tuple[type[BaseException], BaseException, TracebackType | None] | None = None


class VirtualFuture(pykka.Future[Any]):
    """Set by a handler; `get` runs the world on until then, and is refused inside a handler."""

    def __init__(self, host: Host | None = None) -> None:
        super().__init__()
        self._host = host
        self._answer: _Answer | None = None

    @property
    def is_set(self) -> bool:
        """Tell whether the answer is here."""
        return self._answer is not None

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the answer or raise its exception; `timeout` is passed to get hooks and has no meaning in virtual time."""
        try:
            return super().get(timeout=timeout)
        except NotImplementedError:
            pass  # no get hook
        if self._answer is None and self._host is not None:
            self._host.await_answer(self)
        if self._answer is None:
            raise pykka.Timeout("nothing will set this future: it belongs to no virtual system")
        if self._answer.error is not None:
            _, value, traceback = self._answer.error
            raise value.with_traceback(traceback)
        return self._answer.value

    def set(self, value: Any | None = None) -> None:
        """Set the answer. Raises RuntimeError when it is set."""
        if self._answer is not None:
            raise RuntimeError("this future is already set")
        self._answer = _Answer(value)

    def set_exception(self, exc_info: Any = None) -> None:
        """Set an exception as the answer: the one being handled when none is given."""
        if self._answer is not None:
            raise RuntimeError("this future is already set")
        self._answer = _Answer(error=exc_info or cast(Any, sys.exc_info()))


class _Inbox:
    """Pykka's inbox protocol over the host's queue: envelopes go in, and are taken out by the host alone."""

    __slots__ = ("_address", "_host")

    def __init__(self, host: Host, address: Address) -> None:
        self._host = host
        self._address = address

    def put(self, envelope: Envelope[Any], /) -> None:
        self._host.ask(self._address, envelope.message, cast("VirtualFuture | None", envelope.reply_to))

    def get(self) -> Envelope[Any]:
        raise BlockingGetError(f"{self._address} reads its inbox: a virtual actor is handed its messages")

    def empty(self) -> bool:
        return True


class _Stopped:
    """Stands for the Event that Pykka keeps per actor."""

    __slots__ = ("_address", "_host")

    def __init__(self, host: Host, address: Address) -> None:
        self._host = host
        self._address = address

    def is_set(self) -> bool:
        return not self._host.is_alive(self._address)


class VirtualRef(pykka.ActorRef[Any]):
    """A reference made on demand; equal references have equal URNs."""

    def __init__(self, actor: VirtualActor) -> None:
        self._actor_weakref = weakref.ref(actor)
        self._host = actor._claynet_host
        self.actor_class = type(actor)
        self.actor_urn = actor._claynet_address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VirtualRef) and other.actor_urn == self.actor_urn and other._host is self._host

    def __hash__(self) -> int:
        return hash(self.actor_urn)

    def is_alive(self) -> bool:
        """Tell whether the actor lives."""
        return self._host.is_alive(Address(self.actor_urn))

    def tell(self, message: Any) -> None:
        """Queue a message. Raises pykka.ActorDeadError when the actor is dead, as Pykka's own does."""
        if not self.is_alive():
            raise pykka.ActorDeadError(f"{self} not found")
        if isinstance(message, (*PROXY_MESSAGES, _ActorStop)):
            self._host.ask(Address(self.actor_urn), message, None)
        else:
            self._host.tell(Address(self.actor_urn), message)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Queue a message; return its answer, or its future when not `block`."""
        future = VirtualFuture(self._host)
        if self.is_alive():
            self._host.ask(Address(self.actor_urn), message, future)
        else:
            dead = pykka.ActorDeadError(f"{self} not found")
            future.set_exception((type(dead), dead, None))
        return future.get(timeout=timeout) if block else future


class VirtualActor(pykka.Actor):
    """The base that a spawned class gets, after its own bases and before pykka.Actor."""

    _claynet_host: Host
    _claynet_address: Address

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing: `spawn` gave host and address before."""

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise RuntimeError("a virtual actor's inbox belongs to its system")

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return VirtualFuture()

    def _start_actor_loop(self) -> None:
        raise RuntimeError(f"{type(self).__name__} is started by VirtualSystem.spawn, not by Actor.start")

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # Pykka declares attributes; per-actor memory is why these are computed
        """The address."""
        return self._claynet_address

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """Where envelopes go."""
        return _Inbox(self._claynet_host, self._claynet_address)

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """Its `is_set()` tells whether the actor is dead."""
        return _Stopped(self._claynet_host, self._claynet_address)

    @property
    def _actor_ref(self) -> VirtualRef:  # type: ignore[override]
        return VirtualRef(self)

    def stop(self) -> None:
        """Stop after what is queued."""
        self._claynet_host.stop(self._claynet_address)


@lru_cache(maxsize=256)
def virtual_class(actor_class: type[object]) -> type[VirtualActor]:
    """Mix an actor class with VirtualActor; the same class gives the same mix.

    Raises TypeError when it is not a pykka.Actor, or brings a runtime of its own (a ThreadingActor).
    """
    if not (isinstance(actor_class, ABCMeta) and issubclass(actor_class, pykka.Actor)):
        raise TypeError(f"{actor_class!r} is not a pykka.Actor")
    if actor_class._start_actor_loop is not pykka.Actor._start_actor_loop:
        raise TypeError(f"{actor_class.__name__} has a runtime of its own: derive it from pykka.Actor")
    body = {"__module__": actor_class.__module__, "__qualname__": f"{actor_class.__qualname__} (virtual)"}
    return cast("type[VirtualActor]", ABCMeta(actor_class.__name__, (actor_class, VirtualActor), body))
