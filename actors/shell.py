"""The base of every shell: a real Pykka actor that handles frozen messages by type and tells its parent when it fails.

Knows Pykka and the ports. Must not know any particular shell, nor which actor system runs it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import pykka

from claynet.actors.ports import ActorFailed, Address
from claynet.actors.world import Ports

_Handler = TypeVar("_Handler", bound=Callable[..., None])


def handles(*messages: type[Any]) -> Callable[[_Handler], _Handler]:
    """Mark a method as the handler of these message types."""

    def mark(method: _Handler) -> _Handler:
        method.__handles__ = messages  # type: ignore[attr-defined]
        return method

    return mark


def spawn_child(ports: Ports, parent: Address, actor_class: type[Any], *args: object, address: Address) -> None:
    """Spawn a shell whose parent is told when there is no room for it now (no thread, say), as when it fails later."""
    try:
        ports.system.spawn(actor_class, address, parent, ports, *args, address=address)
    except RuntimeError as error:
        ports.system.tell(parent, ActorFailed(address, f"it could not be started: {error}", ""))


class Shell(pykka.Actor):
    """A shell: performs effects, turns what comes of them into events. Decides nothing itself."""

    _table: ClassVar[dict[type[Any], str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        table = dict(cls._table)
        for name, member in vars(cls).items():
            for message in getattr(member, "__handles__", ()):
                table[message] = name
        cls._table = table

    def __init__(self, address: Address, parent: Address, ports: Ports) -> None:
        super().__init__()
        self.address = address
        self.parent = parent
        self.ports = ports
        self._bound: dict[type[Any], Callable[[Any], None]] = {}

    def on_receive(self, message: Any) -> None:
        """Dispatch by the message's exact type; a type nobody handles is our own misuse."""
        handler = self._bound.get(type(message))
        if handler is None:
            name = self._table.get(type(message))
            if name is None:
                raise TypeError(f"{type(self).__name__} does not handle {type(message).__name__}")
            handler = self._bound[type(message)] = getattr(self, name)
        handler(message)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback_: TracebackType | None,
    ) -> None:
        """Do what is owed to others, and tell the parent; the actor system stops this shell."""
        self.on_broken()
        error = f"{exception_type.__name__ if exception_type else 'error'}: {exception_value}"
        trace = "".join(traceback.format_exception(exception_type, exception_value, traceback_))
        self.ports.system.tell(self.parent, ActorFailed(self.address, error, trace))

    def on_broken(self) -> None:
        """Do what others wait for, when this shell has failed."""

    def tell(self, address: Address, message: object) -> None:
        """Tell an address, whoever listens there."""
        self.ports.system.tell(address, message)
