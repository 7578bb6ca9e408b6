"""Links that stand: bytes, closing, breaking, announcements, and peers that do not read."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
from collections.abc import Callable

import pytest

from claynet.actors.ports import MILLISECOND, Address, Announced, LinkBytes, LinkDown, LinkFailed, LinkId, LinkUp, Network
from claynet.net.link.calling import Calling
from claynet.net.link.gate import Open
from claynet.net.link.introduce import Own
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.places import Way, where_is
from claynet.net.link.running import Running
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import Heard, Listener
from tests.net.p2p_nodes import LIMITS, Node, RawCaller, linked, new_signer

Maker = Callable[..., Node]


def test_bytes_of_any_size_arrive_whole_and_in_order_both_ways(make: Maker) -> None:
    a, b = make("a"), make("b")
    one, other = linked(a, b)
    data = os.urandom(6_000_000)
    for cut in (0, 1, 2, 500, 100_000, 2_500_000):
        a.network.send(one, data[cut : cut * 2])
    a.network.send(one, data)
    expected = b"".join(data[cut : cut * 2] for cut in (1, 2, 500, 100_000, 2_500_000)) + data
    b.network.send(other, b"back")
    assert b.received(other, len(expected)) == expected
    assert a.received(one, 4) == b"back"


def test_many_small_messages_come_in_fewer_pieces(make: Maker) -> None:
    a, b = make("a"), make("b")
    one, other = linked(a, b)
    pieces = [str(number).encode() + b"\n" for number in range(20_000)]
    for piece in pieces:
        a.network.send(one, piece)
    assert b.received(other, sum(map(len, pieces))) == b"".join(pieces)
    assert len(b.heard.all(LinkBytes)) < 10_000


def test_what_comes_before_attach_is_kept_and_comes_first(make: Maker, listen: Callable[[str], Heard]) -> None:
    a, b, session = make("a"), make("b"), listen("session")
    a.knows(b).network.connect(b.id, a.address)
    b.network.send(b.up().link, b"early")
    b.network.close(b.up().link)
    link = a.up().link
    a.network.attach(link, Address("session"))
    first, last = session.count(2)
    assert (first, last.link) == (LinkBytes(link, b"early"), link)
    assert isinstance(last, LinkDown)
    a.network.attach(link, Address("session"))
    a.network.send(link, b"late")
    a.network.close(link)
    assert len(session.messages) == 2


def test_a_flood_before_attach_waits_in_the_peer(make: Maker) -> None:
    a, b = make("a"), make("b", dataclasses.replace(LIMITS, kept=100_000))
    a.knows(b).network.connect(b.id, a.address)
    data = os.urandom(20_000_000)
    a.network.send(a.up().link, data)
    link = b.up().link
    inner = b.network._roll.find(link)
    with inner._condition:
        assert inner._kept_size < 1_000_000
    b.network.attach(link, b.address)
    assert b.received(link, len(data)) == data


def test_bytes_sent_before_close_arrive_and_only_the_peer_hears_of_the_end(make: Maker) -> None:
    a, b = make("a"), make("b")
    one, other = linked(a, b)
    data = os.urandom(3_000_000)
    b.network.send(other, b"x" * 500_000)  # unread when the other side closes: must not cost it its last bytes
    a.network.send(one, data)
    a.network.close(one)
    a.network.close(one)
    a.network.send(one, b"never")
    assert b.received(other, len(data)) == data
    down = b.heard.first(LinkDown)
    assert down == LinkDown(other, down.reason)
    assert down.reason.endswith("closed by the peer")
    assert b.heard.messages[-1] is down
    a.network.shutdown()
    assert a.heard.all(LinkDown) == []
    b.network.send(other, b"into the void")
    b.network.close(LinkId(999))


def test_a_connection_that_vanishes_is_heard_of(make: Maker) -> None:
    b = make("b")
    with RawCaller(b.network.port) as raw:
        raw.prove(b.id, new_signer())
        b.network.attach(b.up().link, b.address)
    assert b.heard.first(LinkDown).reason.endswith("the connection was lost")


def test_a_shutdown_of_one_node_is_heard_by_the_others(make: Maker) -> None:
    a, b = make("a"), make("b")
    links = linked(a, b)
    a.network.shutdown()
    assert b.heard.first(LinkDown).link == links[1]
    a.network.connect(b.id, a.address)
    assert "shut down" in a.heard.first(LinkFailed).reason
    b.network.connect(a.id, b.address)
    assert "refused" in b.heard.first(LinkFailed).reason


def test_a_peer_that_does_not_read_blocks_nobody_and_loses_its_link(make: Maker) -> None:
    b = make("b", dataclasses.replace(LIMITS, queued=8 << 20))
    with RawCaller(b.network.port) as raw:
        raw.prove(b.id, new_signer())
        link = b.up().link
        b.network.attach(link, b.address)
        for _ in range(400):
            b.network.send(link, b"x" * 100_000)
        down = b.heard.first(LinkDown)
        assert down.link == link
        assert "does not read" in down.reason


def test_a_peer_that_reads_nothing_of_a_small_queue_is_given_up_in_time(make: Maker) -> None:
    b = make("b", dataclasses.replace(LIMITS, dead_after=400 * MILLISECOND))
    with RawCaller(b.network.port) as raw:
        raw.prove(b.id, new_signer())
        b.network.attach(b.up().link, b.address)
        b.network.send(b.up().link, b"x" * 30_000_000)
        reason = b.heard.first(LinkDown).reason
        assert "did not read" in reason or "no sign of life" in reason


def test_signs_of_life_keep_a_quiet_link_and_their_absence_ends_it(make: Maker) -> None:
    lively = dataclasses.replace(LIMITS, keep_alive=50 * MILLISECOND, dead_after=400 * MILLISECOND)
    a, b = make("a", lively), make("b", lively)
    one, other = linked(a, b)
    with RawCaller(b.network.port) as raw:
        raw.prove(b.id, new_signer())
        mute = b.up(2).link
        b.network.attach(mute, b.address)
        assert b.heard.first(LinkDown) == LinkDown(mute, b.heard.first(LinkDown).reason)
        assert "no sign of life for 0.4 s" in b.heard.first(LinkDown).reason
        assert b"\x02\x00\x00\x00\x00" in raw.to_the_end()
    a.network.send(one, b"alive")
    assert b.received(other, 5) == b"alive"


def test_an_unknown_id_is_learned_by_dialling_and_a_callers_address_by_its_call(make: Maker) -> None:
    a, b = make("a"), make("b")
    a.network.dial("127.0.0.1", b.network.port)
    assert (a.up().peer, a.up().incoming) == (b.id, False)
    b.up()
    b.network.connect(a.id, b.address)
    assert (b.up(2).peer, b.up(2).incoming) == (a.id, False)


def test_announcements_reach_every_linked_node_once_or_the_one_named(make: Maker) -> None:
    a, b, c = make("a"), make("b"), make("c")
    linked(a, b)
    linked(a, b)
    linked(c, a)
    a.network.announce(b"to all")
    a.network.announce(b"to c", c.id)
    a.network.announce(b"to nobody", new_signer().node_id)
    a.network.announce(b"x" * 3_000_000)
    a.network.announce(b"last")
    b.heard.until(lambda told: Announced(b"last") in told)
    c.heard.until(lambda told: Announced(b"last") in told)
    assert [announced.data for announced in b.heard.all(Announced)] == [b"to all", b"last"]
    assert [announced.data for announced in c.heard.all(Announced)] == [b"to all", b"to c", b"last"]
    assert a.heard.all(Announced) == []


def test_shutdown_ends_a_dial_that_hangs(make: Maker) -> None:
    a = make("a")
    server = make("server").network
    signer = new_signer()
    silent = P2PNetwork(a.network._system, signer)  # never listens: callers wait in its queue
    a.network.learn(signer.node_id, "127.0.0.1", silent.port)
    a.network.connect(signer.node_id, a.address)
    a.network.shutdown()
    a.network.shutdown()
    assert a.heard.first(LinkFailed).peer == signer.node_id
    silent.shutdown()
    server.shutdown()


def test_ipv6_and_names_work(make: Maker) -> None:
    a = make("a")
    try:
        b = make("b", host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    a.network.learn(b.id, "::1", b.network.port)
    a.network.connect(b.id, a.address)
    assert a.up().peer == b.id
    c = make("c")
    a.network.dial("localhost", c.network.port)
    assert a.up(2).peer == c.id
    b.network.close(b.up().link)
    a.network.attach(a.up().link, a.address)
    assert a.heard.first(LinkDown).reason.startswith(f"[::1]:{b.network.port}: ")


def test_a_node_for_everybody_is_called_by_ipv4_and_ipv6(make: Maker) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    b = make("b", host="::")
    for number, host in enumerate(("127.0.0.1", "::1"), 1):
        a = make(f"a{number}")
        a.network.dial(host, b.network.port)
        assert a.up().peer == b.id
        assert b.network._roll.find(b.up(number).link).local_host == host
        where = b.network.linked()[b.up(number).peer]
        assert where.startswith(where_is((host, 0))[:-1]), "as everybody else writes it"


def test_an_address_of_a_family_that_the_system_does_not_know_is_passed_over(make: Maker) -> None:
    a, b = make("a"), make("b")

    def look_up(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        unknown = (200, socket.SOCK_STREAM, 6, "", ("2001:db8::1", port, 0, 0))
        return [unknown, *socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)]

    calling = Calling(Own(a.signer, "", 0), LIMITS, Open(), Running(), "", look_up)
    peer, stream = calling.call(Way(("a.name", b.network.port)), b.id, lambda _: True)
    assert peer == b.id
    stream.close()


def test_a_dozen_nodes_all_linked_to_each_other(make: Maker) -> None:
    nodes = [make(f"n{number}") for number in range(12)]
    for number, node in enumerate(nodes):
        for other in nodes[:number]:
            node.knows(other).network.connect(other.id, node.address)
    for node in nodes:
        node.up(11)
        for up in node.heard.all(LinkUp):
            node.network.attach(up.link, node.address)
            node.network.send(up.link, node.id.encode())
    for node in nodes:
        for up in node.heard.all(LinkUp):
            assert node.received(up.link, 64).decode() == up.peer


def test_the_port_is_met_and_many_links_leave_nothing_behind(make: Maker, system: ThreadsSystem) -> None:
    a, b = make("a"), make("b")
    port: Network = a.network
    system.spawn(Listener, Heard(), address=Address("quiet"))
    for number in range(20):
        one, _ = linked(a, b)
        port.close(one)
        ended = LinkId(number + 1)
        b.heard.until(lambda told, ended=ended: any(isinstance(message, LinkDown) and message.link == ended for message in told))  # type: ignore[misc]
    b.network.shutdown()
    assert not b.network._roll.latest()
    assert not b.network._roll.serving()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(f"p2p-{b.network.port}")]
