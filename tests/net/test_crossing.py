"""Two nodes that call each other at once have one link, the same at both ends; nothing is lost, and a dead link is in nobody's way."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from claynet.actors.core.frames import seal
from claynet.actors.core.records import Cancel
from claynet.actors.messages import FromPeer, SendTo
from claynet.actors.ports import MILLISECOND, SECOND, Address, LinkDown, LinkFailed, LinkId, LinkUp, NodeId
from claynet.actors.switchboard import Switchboard
from claynet.net.link.crossing import RECENT, Crossings
from claynet.net.link.gate import Open
from claynet.net.link.p2p import P2PNetwork
from claynet.net.storage.disk_blobs import DiskBlobs
from claynet.net.threads.threads_system import ThreadsSystem
from claynet.net.threads.wall_clock import WallClock
from tests.net.conftest import PATIENCE, Heard, Listener
from tests.net.p2p_nodes import LIMITS, Node, RawCaller, new_signer

Maker = Callable[..., Node]
LOW, HIGH = NodeId("11" * 32), NodeId("ee" * 32)
ME = Address("me")
ROUNDS = 50

# ---------------------------------------------------------------- the rule


def test_the_lower_nodes_call_stays_once_it_has_reached_the_other() -> None:
    low = Crossings(LOW)
    call = low.begin(HIGH, ME)
    assert low.reached(call, HIGH, 1)
    assert not low.lets_in(HIGH, 0, 2)
    since = low.hears()
    assert low.end(call, made=True), "its own call ends it"
    assert not low.lets_in(HIGH, since, 3), "who called before that is late"
    assert low.lets_in(HIGH, low.hears(), 4), "what came later is no crossing"
    low.heard()
    low.heard()
    assert low.lets_in(HIGH, since, 5), "nothing is kept when nobody is heard"


def test_the_higher_node_lets_the_other_in_and_its_call_has_that_link() -> None:
    high = Crossings(HIGH)
    call = high.begin(LOW, ME)
    assert high.reached(call, LOW, 1)
    assert high.lets_in(LOW, 0, 2)
    assert high.entered(LOW) == ME
    assert high.is_settled(call)
    assert not high.end(call, made=False)
    assert high.lets_in(LOW, 0, 3)
    assert high.entered(LOW) is None, "nobody waits for a second one"


@pytest.mark.parametrize("own", [LOW, HIGH])
def test_a_call_that_has_not_reached_anybody_gives_way_to_one_that_comes_in(own: NodeId) -> None:
    peer = HIGH if own == LOW else LOW
    mine = Crossings(own)
    call = mine.begin(peer, ME)
    assert mine.lets_in(peer, 0, 1)
    assert not mine.reached(call, peer, 2), "the other one is on its way in"
    assert mine.entered(peer) == ME
    assert not mine.reached(call, peer, 3)
    assert not mine.end(call, made=False)


def test_a_call_goes_on_when_the_one_it_gave_way_to_comes_to_nothing() -> None:
    low = Crossings(LOW)
    call = low.begin(HIGH, ME)
    assert low.lets_in(HIGH, 0, 1)
    assert not low.reached(call, HIGH, 2)
    low.fell_through(HIGH)
    assert not low.is_settled(call)
    assert low.reached(call, HIGH, 3)


def test_a_call_that_is_stuck_turns_nobody_away() -> None:
    low = Crossings(LOW)
    call = low.begin(HIGH, ME)
    assert low.reached(call, HIGH, SECOND)
    assert not low.lets_in(HIGH, 0, SECOND + RECENT - 1)
    assert low.lets_in(HIGH, 0, SECOND + RECENT)
    assert low.entered(HIGH) == ME


def test_a_call_to_an_address_learns_whom_it_met_and_needs_no_second_link_to_it() -> None:
    high = Crossings(HIGH)
    before = high.begin(None, None)
    assert high.lets_in(LOW, 0, 1)
    assert high.entered(LOW) is None, "whoever listens hears of it"
    assert not high.reached(before, LOW, 2)
    assert not high.end(before, made=False)
    after = high.begin(None, None)
    assert high.reached(after, LOW, 3), "a link that stood before the call is no outcome of it"
    assert high.end(after, made=True)


def test_of_two_calls_one_has_the_link_and_the_other_goes_on() -> None:
    high = Crossings(HIGH)
    first, second = high.begin(LOW, ME), high.begin(LOW, Address("other"))
    assert high.lets_in(LOW, 0, 1)
    assert high.entered(LOW) == ME
    assert (high.is_settled(first), high.is_settled(second)) == (True, False)
    assert high.reached(second, LOW, 2)


# ---------------------------------------------------------------- over sockets


class AtOnce(Open):
    """Holds a node's first call until the other node's is under way too."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self._barrier = barrier
        self._first = threading.Lock()

    def refusal_of_host(self, host: str) -> str:
        """Nobody is refused; asked before a host is called, and before one that calls is heard, which cannot come first."""
        if self._first.acquire(blocking=False):
            self._barrier.wait(PATIENCE)
        return super().refusal_of_host(host)


def two(make: Maker, system: ThreadsSystem, name: str) -> tuple[Node, Node]:
    """Make two nodes that know each other, and whose first calls begin at the same time."""
    a, b = make(f"{name}-a"), make(f"{name}-b")
    barrier = threading.Barrier(2)
    for node in (a, b):
        node.network.shutdown()
        node.network = P2PNetwork(system, node.signer, gate=AtOnce(barrier))
        node.network.listen(node.address)
    a.knows(b)
    b.knows(a)
    return a, b


def test_one_link_stands_the_same_at_both_ends_and_each_message_arrives_once(
    make: Maker, system: ThreadsSystem, listen: Callable[[str], Heard]
) -> None:
    for number in range(ROUNDS):
        pair = two(make, system, f"n{number}")
        askers = [listen(f"{node.address}/asker") for node in pair]
        for node, other in zip(pair, reversed(pair), strict=True):
            node.network.connect(other.id, Address(f"{node.address}/asker"))
        ups: list[LinkUp] = [asker.first(LinkUp) for asker in askers]
        for node, up in zip(pair, ups, strict=True):
            node.network.attach(up.link, node.address)
            for word in (b"queued by ", node.address.encode(), b"!"):
                node.network.send(up.link, word)
        for node, other, up in zip(pair, reversed(pair), ups, strict=True):
            expected = b"queued by " + other.address.encode() + b"!"
            assert node.received(up.link, len(expected)) == expected
        assert {up.incoming for up in ups} == {True, False}, "one end called, and the other was called: it is one link"
        for node, other, asker in zip(pair, reversed(pair), askers, strict=True):
            assert [link.peer for link in node.network._roll.serving()] == [other.id]
            assert len(asker.messages) == 1
            assert not node.heard.all(LinkUp) + node.heard.all(LinkDown)
            assert node.network.recent_refusals() == []
        for node in pair:
            node.network.shutdown()


def test_two_that_dial_an_address_have_one_link_and_their_listeners_hear_of_it_once(make: Maker, system: ThreadsSystem) -> None:
    for number in range(10):
        pair = two(make, system, f"n{number}")
        told = (Heard(), Heard())
        for node, other, outcome in zip(pair, reversed(pair), told, strict=True):
            node.network.dial("127.0.0.1", other.network.port, failed=outcome.add, linked=outcome.add)
        for other, outcome in zip(reversed(pair), told, strict=True):
            assert outcome.count(1) == [other.id]
        assert pair[0].up().incoming is not pair[1].up().incoming
        for node in pair:
            assert len(node.heard.all(LinkUp)) == len(node.network._roll.serving()) == 1
        for node in pair:
            node.network.shutdown()


def test_a_call_to_a_dead_address_is_over_when_the_other_node_calls(make: Maker, listen: Callable[[str], Heard]) -> None:
    a, b = sorted((make("a"), make("b")), key=lambda node: node.id)
    asker = listen("asker")
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes the connection and says nothing
        a.network.learn(b.id, "127.0.0.1", mute.getsockname()[1])
        a.network.connect(b.id, Address("asker"))
        b.knows(a).network.connect(a.id, b.address)
        assert asker.first(LinkUp) == LinkUp(asker.first(LinkUp).link, b.id, True)
        a.network.attach(asker.first(LinkUp).link, a.address)
        b.network.send(b.up().link, b"hello")
        assert a.received(asker.first(LinkUp).link, 5) == b"hello"
        a.network.shutdown()
    assert asker.all(LinkFailed) == []
    assert len(asker.messages) == 1


def test_who_comes_back_after_a_dead_link_is_let_in_at_once(make: Maker, system: ThreadsSystem) -> None:
    """The old link stands at one end only: its connection is open, and nothing comes on it any more."""
    b, signer = make("b"), new_signer()
    with RawCaller(b.network.port) as dead:
        dead.prove(b.id, signer)
        stale = b.up()
        b.network.attach(stale.link, b.address)
        b.network.send(stale.link, b"into the void")
        again = P2PNetwork(system, signer, limits=dataclasses.replace(LIMITS, handshake=3_000 * MILLISECOND))
        again.learn(b.id, "127.0.0.1", b.network.port)
        told = make("told")
        again.listen(told.address)
        again.connect(b.id, told.address)
        fresh = b.up(2)
        assert (fresh.peer, fresh.incoming) == (signer.node_id, True)
        b.network.attach(fresh.link, b.address)
        again.send(told.up().link, b"back")
        assert b.received(fresh.link, 4) == b"back"
        assert b.heard.all(LinkDown) == []
        again.shutdown()


def test_each_of_several_calls_at_once_has_a_link_of_its_own(make: Maker, listen: Callable[[str], Heard]) -> None:
    a, b = make("a"), make("b")
    a.knows(b)
    b.knows(a)
    askers = [(node, other, listen(f"{node.address}/{number}"), number) for number in range(3) for node, other in ((a, b), (b, a))]
    for node, other, _, number in askers:
        node.network.connect(other.id, Address(f"{node.address}/{number}"))
    links: dict[str, set[LinkId]] = {a.address: set(), b.address: set()}
    for node, _, heard, _ in askers:
        links[node.address].add(heard.first(LinkUp).link)
        assert len(heard.messages) == 1
    assert {name: len(found) for name, found in links.items()} == {a.address: 3, b.address: 3}


# ---------------------------------------------------------------- with the actors that use links


class Nothing:
    """Ports that no session of these tests needs."""

    def emit(self, kind: str, **fields: object) -> None:
        """Nobody listens."""


def test_sessions_that_call_each_other_at_once_share_the_link_and_all_that_was_queued_arrives_once(
    make: Maker, system: ThreadsSystem, tmp_path: Path
) -> None:
    clock = WallClock(system)
    for number in range(5):
        pair = two(make, system, f"n{number}")
        told = []
        for node in pair:
            asks, works = Heard(), Heard()
            told.append((asks, works))
            parts = [Address(f"{node.address}/{part}") for part in ("parent", "manager", "computer", "switchboard")]
            for address, heard in zip(parts[:3], (Heard(), asks, works), strict=True):
                system.spawn(Listener, heard, address=address)
            ports: Any = SimpleNamespace(
                system=system,
                clock=clock,
                network=node.network,
                signer=node.signer,
                blobs=DiskBlobs(tmp_path / node.address),
                sink=Nothing(),
            )
            parent, manager, computer, board = parts
            system.spawn(Switchboard, board, parent, ports, manager, computer, address=board)
        for node, other in (pair, pair[::-1]):
            for nth in range(20):
                body = seal(Cancel(f"{node.address}-{nth}", "not needed"), node.signer.sign)
                system.tell(Address(f"{node.address}/switchboard"), SendTo(other.id, body))
        for _, works in told:
            works.count(20)
        for (_, works), sender in zip(told, reversed(pair), strict=True):
            assert [message.frame.record.subtask_id for message in works.all(FromPeer)] == [f"{sender.address}-{nth}" for nth in range(20)]
            assert len(sender.network._roll.serving()) == 1
        # Who was called asks for headers, though it was calling itself; and only that one.
        (link,) = pair[0].network._roll.serving()
        told[1 if link.incoming else 0][0].until(lambda messages: any(message.frame.tag == "wanted" for message in messages))
        assert sum(message.frame.tag == "wanted" for asks, _ in told for message in asks.messages) == 1
        for node in pair:
            system.stop(Address(f"{node.address}/switchboard"))
            node.network.shutdown()
    clock.close()
