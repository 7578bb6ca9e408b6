"""Whether a live node takes work: it does not while anybody has a reason against it, such as its operator or the hours it is lent in.

Knows the record in the Store and how a node is told. Must not know why anybody would have a reason. What an operator says of an
environment is kept over restarts; all else ends with the node.
"""

from __future__ import annotations

import threading

import msgspec

from claynet.actors.node import Node
from claynet.actors.ports import Store
from claynet.net.view.node_view import NodeView

KEY = "lending"
_ENVIRONMENT = "environment"


def reason(name: str) -> str:
    """Return what others are told when an environment is disabled."""
    return f"its operator disabled the environment {name}"


class Lending:
    """The reasons of one node. Every method may be called from any thread."""

    def __init__(self, node: Node, store: Store, view: NodeView) -> None:
        self._node = node
        self._store = store
        self._view = view
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why nothing is taken now, the oldest first; none: work is taken."""
        with self._lock:
            return tuple(self._reasons.values())

    def start(self) -> None:
        """Tell a node that has just started what was kept."""
        provider = self._node.config.provider
        if provider is not None and provider.env in self._view.lending_record().disabled:
            self.hold(_ENVIRONMENT, reason(provider.env))

    def hold(self, who: str, why: str) -> None:
        """Take no more work from now on; each `who` has one reason, a new one replaces it."""
        with self._lock:
            if self._reasons.get(who) != why:
                self._reasons[who] = why
                self._tell()

    def let(self, who: str) -> None:
        """This one has no reason any more."""
        with self._lock:
            if self._reasons.pop(who, None) is not None:
                self._tell()

    def disable(self, name: str) -> None:
        """Take no more work in an environment, also after a restart."""
        self._keep(name, True)
        self.hold(_ENVIRONMENT, reason(name))

    def enable(self, name: str) -> None:
        """Take work in it again."""
        self._keep(name, False)
        self.let(_ENVIRONMENT)

    def _keep(self, name: str, disabled: bool) -> None:
        record = self._view.lending_record()
        others = tuple(one for one in record.disabled if one != name)
        self._store.append(KEY, msgspec.structs.replace(record, disabled=(*others, name) if disabled else others))

    def _tell(self) -> None:
        first = next(iter(self._reasons.values()), None)
        if first is None:
            self._node.resume()
        else:
            self._node.drain(first)
