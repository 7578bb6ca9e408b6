"""The contract of the Network port; a link is a pair of its ends."""

from __future__ import annotations

from typing import Protocol

import pytest

from claynet.actors.ports import Address, Announced, LinkBytes, LinkDown, LinkFailed, LinkId, LinkUp, Network, NodeId
from tests.contracts.driver import Box, Driver


class Party(Protocol):
    """A node that listens with a probe, and knows the others that joined."""

    network: Network
    node_id: NodeId
    address: Address
    box: Box


class Joined(Protocol):
    """A world to join."""

    driver: Driver

    def join(self, name: str) -> Party:
        """Bring a node up."""


def received(box: Box, link: LinkId) -> bytes:
    return b"".join(message.data for message in box.of(LinkBytes) if message.link == link)


def downs(box: Box, link: LinkId) -> int:
    return sum(message.link == link for message in box.of(LinkDown))


def linked(world: Joined, caller: Party, listener: Party, attach: bool = True) -> tuple[LinkId, LinkId]:
    before = len(caller.box.of(LinkUp)), len(listener.box.of(LinkUp))
    caller.network.connect(listener.node_id, caller.address)
    world.driver.until(lambda: len(caller.box.of(LinkUp)) > before[0] and len(listener.box.of(LinkUp)) > before[1])
    ours, theirs = caller.box.of(LinkUp)[-1], listener.box.of(LinkUp)[-1]
    assert (ours.peer, ours.incoming) == (listener.node_id, False)
    assert (theirs.peer, theirs.incoming) == (caller.node_id, True)
    if attach:
        caller.network.attach(ours.link, caller.address)
        listener.network.attach(theirs.link, listener.address)
    return ours.link, theirs.link


class NetworkContract:
    @pytest.fixture
    def world(self) -> Joined:
        raise NotImplementedError

    def test_bytes_arrive_in_order_in_both_directions(self, world):
        a, b = world.join("a"), world.join("b")
        near, far = linked(world, a, b)
        sent = [bytes([n % 256]) * (n % 7 * 300 + 1) for n in range(200)]
        for piece in sent:
            a.network.send(near, piece)
            b.network.send(far, piece[::-1] + b"!")
        whole, other = b"".join(sent), b"".join(piece + b"!" for piece in sent)
        world.driver.until(lambda: len(received(b.box, far)) >= len(whole) and len(received(a.box, near)) >= len(other))
        assert received(b.box, far) == whole
        assert received(a.box, near) == other

    def test_what_waits_to_be_sent_is_told_and_gets_less(self, world):
        a, b = world.join("a"), world.join("b")
        near, far = linked(world, a, b)
        assert a.network.waiting(near) == 0
        for _ in range(20):
            a.network.send(near, bytes(500_000))
            assert 0 <= a.network.waiting(near) <= 11_000_000
        world.driver.until(lambda: sum(len(message.data) for message in b.box.of(LinkBytes) if message.link == far) == 10_000_000)
        world.driver.until(lambda: a.network.waiting(near) == 0)
        a.network.close(near)
        assert a.network.waiting(near) == 0

    def test_what_comes_before_attach_is_kept_and_comes_first(self, world):
        a, b = world.join("a"), world.join("b")
        near, far = linked(world, a, b, attach=False)
        a.network.send(near, b"early")
        a.network.announce(b"marker", b.node_id)
        a.network.send(near, b" and")
        b.network.attach(far, b.address)
        a.network.send(near, b" late")
        world.driver.until(lambda: len(received(b.box, far)) == len(b"early and late"))
        assert received(b.box, far) == b"early and late"

    def test_a_closed_link_delivers_what_was_sent_then_tells_the_peer_once(self, world):
        a, b = world.join("a"), world.join("b")
        near, far = linked(world, a, b)
        a.network.send(near, bytes(200_000))
        a.network.send(near, b"last")
        a.network.close(near)
        a.network.close(near)
        a.network.send(near, b"dropped")
        world.driver.until(lambda: downs(b.box, far))
        assert received(b.box, far) == bytes(200_000) + b"last"
        assert b.box.heard[-1].link == far
        assert isinstance(b.box.heard[-1], LinkDown)
        b.network.send(far, b"nobody hears")
        b.network.close(far)
        linked(world, a, b)  # time goes on
        assert downs(a.box, near) == 0
        assert downs(b.box, far) == 1
        assert received(a.box, near) == b""

    def test_links_between_the_same_nodes_are_apart(self, world):
        a, b = world.join("a"), world.join("b")
        first, second = linked(world, a, b), linked(world, b, a)
        third = linked(world, a, b)
        assert len({first[0], second[1], third[0]}) == 3
        a.network.send(first[0], b"one")
        a.network.send(third[0], b"three")
        b.network.send(second[0], b"two")
        world.driver.until(lambda: received(b.box, third[1]) and received(b.box, first[1]) and received(a.box, second[1]))
        assert (received(b.box, first[1]), received(a.box, second[1]), received(b.box, third[1])) == (b"one", b"two", b"three")
        a.network.close(first[0])
        world.driver.until(lambda: downs(b.box, first[1]))
        a.network.send(third[0], b"!")
        world.driver.until(lambda: received(b.box, third[1]) == b"three!")

    def test_two_that_call_each_other_at_once_can_talk(self, world):
        """By one link or by two: the port promises each of them a link, and both may be the same."""
        pair = world.join("a"), world.join("b")
        for one, other in (pair, pair[::-1]):
            one.network.connect(other.node_id, one.address)

        def heard(party: Party) -> bytes:
            for up in party.box.of(LinkUp):
                party.network.attach(up.link, party.address)
            return b"".join(received(party.box, up.link) for up in party.box.of(LinkUp))

        for party, word in zip(pair, (b"from a", b"from b"), strict=True):
            world.driver.until(lambda party=party: party.box.of(LinkUp))
            party.network.send(party.box.of(LinkUp)[0].link, word)
        world.driver.until(lambda: (heard(pair[1]), heard(pair[0])) == (b"from a", b"from b"))
        for party, other in (pair, pair[::-1]):
            assert {up.peer for up in party.box.of(LinkUp)} == {other.node_id}
            assert not party.box.of(LinkFailed)

    def test_a_connect_to_nobody_fails_once(self, world):
        a = world.join("a")
        stranger = NodeId("ab" * 32)
        a.network.connect(stranger, a.address)
        world.driver.until(lambda: a.box.of(LinkFailed))
        assert [failed.peer for failed in a.box.of(LinkFailed)] == [stranger]
        assert a.box.of(LinkFailed)[0].reason

    def test_a_node_that_shut_down_tells_its_peers_and_is_reached_no_more(self, world):
        a, b = world.join("a"), world.join("b")
        near, far = linked(world, a, b)
        b.network.send(far, b"goodbye")
        b.network.shutdown()
        b.network.shutdown()
        world.driver.until(lambda: downs(a.box, near))
        assert received(a.box, near) == b"goodbye"
        a.network.connect(b.node_id, a.address)
        world.driver.until(lambda: a.box.of(LinkFailed))
        assert downs(b.box, far) == 0

    def test_unknown_links_are_ignored(self, world):
        a, b = world.join("a"), world.join("b")
        a.network.send(LinkId(4711), b"x")
        a.network.attach(LinkId(4711), a.address)
        a.network.close(LinkId(4711))
        linked(world, a, b)


class AnnouncingContract(NetworkContract):
    """What holds besides where announcements are not lost."""

    def test_announcements_reach_every_other_node_or_the_one_named(self, world):
        a, b, c = world.join("a"), world.join("b"), world.join("c")
        a.network.announce(b"to all")
        a.network.announce(b"to b", b.node_id)
        world.driver.until(lambda: len(b.box.of(Announced)) == 2 and c.box.of(Announced))
        assert sorted(message.data for message in b.box.of(Announced)) == [b"to all", b"to b"]
        assert [message.data for message in c.box.of(Announced)] == [b"to all"]
        assert a.box.of(Announced) == []
