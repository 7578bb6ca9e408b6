"""Whitelist: a provider's durable word about whose images it runs.

Knows the consent rules, the Store and what the configuration allows. Must not know headers, offers, nor what a source is.
"""

from __future__ import annotations

from claynet.actors.core import consent
from claynet.actors.ports import NodeId
from claynet.actors.world import Ports


class Whitelist:
    """Allowed sources, and those that were asked for in vain."""

    def __init__(self, ports: Ports, configured: tuple[str, ...]) -> None:
        self._ports = ports
        self._configured = configured
        self._state = consent.ConsentState()

    def restore(self, state: consent.ConsentState) -> None:
        """Take up what an earlier life committed."""
        self._state = state

    def allows(self, source: str) -> bool:
        """Tell whether images of this source may run here."""
        return consent.allows(self._state, self._configured, source)

    def asked(self, source: str, image: str, who: NodeId) -> None:
        """Somebody asks for an image of a source that is not allowed: remember it, so that an operator can decide."""
        after = consent.asked(self._state, source, image, who, self._ports.clock.utc())
        if after is not self._state:
            self._keep(after)
            self._tell(source, "asked", image, who)

    def allow(self, source: str) -> None:
        """The operator allows a source."""
        self._keep(consent.allow(self._state, source))
        self._tell(source, "allowed")

    def forbid(self, source: str) -> None:
        """The operator takes a source back."""
        self._keep(consent.forbid(self._state, source))
        self._tell(source, "forbidden")

    def _keep(self, state: consent.ConsentState) -> None:
        self._state = state
        self._ports.store.append(consent.KEY, state)

    def _tell(self, source: str, state: str, image: str = "", peer: str = "") -> None:
        self._ports.sink.emit("source", source=source, state=state, image=image, peer=peer)
