"""A stranger on the network: says what it likes, by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pykka

from claynet.actors.core.frames import FrameError, FrameReader, framed, open_body, seal
from claynet.actors.core.records import MAJOR, MINOR, Hello, Record
from claynet.actors.ports import (
    Address,
    Announced,
    LinkBytes,
    LinkDown,
    LinkFailed,
    LinkId,
    LinkUp,
)
from claynet.sim.wire.memory import KeyedSigner
from tests.actors.harness import KEY, World


class _Ears(pykka.Actor):
    def __init__(self, stranger: Stranger) -> None:
        super().__init__()
        self._stranger = stranger

    def on_receive(self, message: Any) -> None:
        self._stranger.hear(message)


@dataclass
class Stranger:
    """A peer that speaks whatever it is told to: a node id, a link, and no manners."""

    world: World
    name: str
    links: list[LinkId] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    """Records, in order."""
    downs: list[str] = field(default_factory=list)
    greets: bool = True

    def __post_init__(self) -> None:
        self.signer = KeyedSigner(KEY, self.name)
        self.id = self.signer.node_id
        self.net = self.world.network.handle(self.name, self.id)
        self.address = self.world.system.spawn(_Ears, self, address=Address(f"stranger/{self.name}"))
        self.net.listen(self.address)
        self._readers: dict[LinkId, FrameReader] = {}
        self.bodies: list[bytes] = []

    def hear(self, message: Any) -> None:
        if isinstance(message, LinkUp):
            self.links.append(message.link)
            self._readers[message.link] = FrameReader()
            self.net.attach(message.link, self.address)
            if self.greets:
                self.say(Hello(MAJOR, MINOR, "stranger"))
        elif isinstance(message, LinkBytes):
            for body in self._readers[message.link].feed(message.data):
                self._take(body)
        elif isinstance(message, Announced):
            self._take(message.data[4:])
        elif isinstance(message, LinkDown):
            self.downs.append(message.reason)
            self.links.remove(message.link)
        else:
            assert isinstance(message, LinkFailed)

    def _take(self, body: bytes) -> None:
        try:
            frame = open_body(body)
        except FrameError:  # pragma: no cover - our nodes send none
            raise AssertionError("a node sent what is no frame") from None
        assert frame is not None
        self.heard.append(frame.record)
        self.bodies.append(body)

    def call(self, name: str) -> None:
        """Connect to a node and wait for the link."""
        self.net.connect(self.world.id(name), self.address)
        self.world.run(1)
        assert self.links

    def seal(self, record: Record) -> bytes:
        return seal(record, self.signer.sign)

    def say(self, record: Record) -> None:
        self.raw(framed(self.seal(record)))

    def raw(self, data: bytes) -> None:
        self.net.send(self.links[-1], data)

    def announce(self, record: Record) -> None:
        self.net.announce(framed(self.seal(record)))

    def records(self, kind: type[Any]) -> list[Any]:
        return [record for record in self.heard if isinstance(record, kind)]

    def body(self, kind: type[Any]) -> bytes:
        """The last body heard of a kind."""
        return next(body for body, record in reversed(list(zip(self.bodies, self.heard, strict=True))) if isinstance(record, kind))
