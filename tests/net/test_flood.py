"""A node under attack serves its honest peers: callers that say nothing, garbage, half frames, floods of announcements, a busy actor."""

from __future__ import annotations

import dataclasses
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator

import pykka
import pytest

from claynet.actors.ports import MILLISECOND, Address, Announced, LinkBytes, LinkFailed
from claynet.net.link.outer import ANNOUNCE, LINK, PEERS, outer_frame
from claynet.net.link.p2p import P2PNetwork
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import PATIENCE
from tests.net.p2p_nodes import LIMITS, Node, RawCaller, linked, new_signer

Maker = Callable[..., Node]
CALLERS = 10_000 if os.environ.get("CLAYNET_TESTS") == "deep" else 2_000
FROM = ("127.0.0.2", 0)
"""Attackers have an address of their own: what one address may do is bounded."""


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


class Chatter:
    """An honest peer that goes on sending, and counts what arrives."""

    def __init__(self, a: Node, b: Node) -> None:
        self._a, self._b = a, b
        self._links = linked(a, b)
        self.sent = 0

    def say(self) -> None:
        self._a.network.send(self._links[0], b"x")
        self.sent += 1
        assert len(self._b.received(self._links[1], self.sent)) == self.sent


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=FROM)


def test_thousands_of_callers_that_say_nothing_or_nonsense(make: Maker) -> None:
    b = make("b", dataclasses.replace(LIMITS, handshake=2_000 * MILLISECOND))
    chatter = Chatter(make("a"), b)
    callers = []
    for number in range(CALLERS):
        sock = call(b.network.port)
        callers.append(sock)
        if number % 2:
            try:
                sock.sendall([b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02", os.urandom(300)][number % 3])
            except OSError:
                continue  # it was hung up on already
        if number % 100 == 0:
            chatter.say()
            assert len(b.network._door._callers) <= LIMITS.unproven_of_one
    linked(make("late"), b)
    chatter.say()
    assert b.network.turned_away >= CALLERS // 4
    for sock in callers:
        sock.close()


def test_slow_callers_from_everywhere_make_room_for_a_quick_one(make: Maker) -> None:
    limits = dataclasses.replace(LIMITS, unproven=4, unproven_of_one=4, slow=50 * MILLISECOND)
    b = make("b", limits)
    slow = [call(b.network.port) for _ in range(4)]
    slow[0].sendall(b"\x16")
    linked(make("a"), b)
    assert b.network.turned_away >= 1
    for sock in slow:
        sock.close()


def test_half_a_frame_holds_up_nobody(make: Maker) -> None:
    b = make("b")
    chatter = Chatter(make("a"), b)
    with RawCaller(b.network.port) as half:
        half.prove(b.id, new_signer())
        half.sock.sendall(outer_frame(LINK, b"y" * 1000)[:500])
        for _ in range(20):
            chatter.say()


def test_a_flood_of_announcements_is_cut_down_and_others_are_heard(make: Maker) -> None:
    b = make("b")
    honest = make("a")
    linked(honest, b)
    with RawCaller(b.network.port) as loud:
        loud.prove(b.id, new_signer())
        loud.sock.sendall(b"".join(outer_frame(ANNOUNCE, b"spam %d" % number) for number in range(20_000)))
        honest.network.announce(b"an offer")
        b.heard.until(lambda told: any(isinstance(one, Announced) and one.data == b"an offer" for one in told))
        loud.sock.sendall(outer_frame(LINK, b"still there"))
        link = b.up(2).link
        b.network.attach(link, b.address)
        assert b.received(link, 11) == b"still there"
    heard = [one for one in b.heard.all(Announced) if one.data.startswith(b"spam")]
    assert len(heard) < 2 * LIMITS.announcements_at_once


def test_a_flood_of_hearsay_takes_nothing_from_the_peers_own_announcements(make: Maker) -> None:
    b = make("b")
    with RawCaller(b.network.port) as loud:
        loud.prove(b.id, new_signer())
        loud.sock.sendall(outer_frame(PEERS, b"hearsay") * 20_000 + outer_frame(ANNOUNCE, b"an offer"))
        assert b.heard.first(Announced).data == b"an offer"
        assert b.network._roll.find(b.up().link).ignored > 10_000


def test_one_peer_and_one_address_get_so_many_links_only(make: Maker) -> None:
    b = make("b", dataclasses.replace(LIMITS, links_of_peer=2, links_of_one=3))
    a, other, late = make("a"), make("other"), make("late")
    for _ in range(2):
        linked(a, b)
    a.network.connect(b.id, a.address)
    assert a.heard.first(LinkFailed).reason.endswith("refused: there are 2 links to this node already")
    linked(other, b)
    late.knows(b).network.connect(b.id, late.address)
    assert late.heard.first(LinkFailed).reason.endswith("refused: there are 3 links from this address already")


class Busy(pykka.Actor):
    """Takes nothing until it may."""

    def __init__(self, may: threading.Event, heard: Callable[[int], None]) -> None:
        super().__init__()
        self._may = may
        self._heard = heard

    def on_receive(self, message: object) -> None:
        assert self._may.wait(PATIENCE)
        if isinstance(message, LinkBytes):
            self._heard(len(message.data))


def test_an_actor_that_is_busy_slows_its_peer_down_and_gets_everything_in_the_end(make: Maker, system: ThreadsSystem) -> None:
    limits = dataclasses.replace(LIMITS, backlog=8)
    a, b = make("a"), make("b", limits)
    here, there = linked(a, b)
    may, all_here = threading.Event(), threading.Event()
    size, got = 32 << 20, 0

    def hear(count: int) -> None:
        nonlocal got
        got += count
        if got == size:
            all_here.set()

    busy = Address("busy")
    system.spawn(Busy, may, hear, address=busy)
    b.network.attach(there, busy)
    for _ in range(size >> 18):
        a.network.send(here, b"z" * (1 << 18))
    inner = a.network._roll.find(here)
    with inner._condition:
        waits = inner._queued
    assert waits > size // 4, "most of it is still with the sender"
    assert system.waiting(busy) <= limits.backlog + 1
    may.set()
    assert all_here.wait(PATIENCE)


def test_the_port_of_a_closed_network_is_free(system: ThreadsSystem) -> None:
    first = P2PNetwork(system, new_signer())
    port = first.port
    first.shutdown()
    P2PNetwork(system, new_signer(), port=port).shutdown()
