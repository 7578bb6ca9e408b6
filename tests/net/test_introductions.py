"""Others are told of a peer once in a while, however often it links: else one host could spend a node's word with its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from claynet.actors.node import EFFECT_TYPES
from claynet.actors.ports import SECOND, Address, LinkUp, NodeId
from claynet.net.link.address_book import AddressBook, BookRecord
from claynet.net.link.introductions import Introductions
from claynet.net.link.outer import ANNOUNCE, PEERS, OuterReader
from claynet.net.link.p2p import P2PNetwork
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import Heard
from tests.net.p2p_nodes import Node, RawCaller, linked, new_signer

HERE, THERE = ("198.51.100.7", 40_102), ("198.51.100.7", 40_103)


class Time:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_a_peer_is_told_of_again_after_ten_minutes_or_when_it_is_elsewhere() -> None:
    time = Time()
    introductions = Introductions(time)
    one, other = NodeId("ab" * 32), NodeId("cd" * 32)
    assert introductions.are_due(one, {HERE}, HERE[0])
    assert not introductions.are_due(one, {HERE}, HERE[0])
    assert introductions.are_due(other, {HERE}, HERE[0])
    assert introductions.are_due(one, {THERE}, HERE[0])
    assert not introductions.are_due(one, {HERE}, HERE[0]), "to and fro is nothing new"
    time.now += 600 * SECOND
    assert introductions.are_due(one, {HERE}, HERE[0])


def test_invented_ids_are_told_of_up_to_a_bound_and_keep_nobody_elses_out() -> None:
    time = Time()
    introductions = Introductions(time)
    told = [introductions.are_due(NodeId(f"{number:064x}"), {HERE}, HERE[0]) for number in range(1000)]
    assert sum(told) == 128
    assert introductions.are_due(NodeId("ab" * 32), {("203.0.113.1", 40_102)}, "203.0.113.1")
    for number in range(5000):
        introductions.are_due(NodeId(f"{number:064x}"), (), f"203.0.{number // 250}.{number % 250}")
    assert len(introductions._told) <= 1024


def test_a_neighbour_hears_once_of_a_peer_that_links_again_and_again(
    make: Callable[..., Node], system: ThreadsSystem, listen: Callable[[str], Heard], tmp_path: Path
) -> None:
    heard, signer = listen("b"), new_signer()
    store = SqliteStore(tmp_path / "node.sqlite", BookRecord, EFFECT_TYPES)
    b = make("of b")
    b.network.shutdown()
    b.signer, b.address, b.heard = signer, Address("b"), heard
    b.network = P2PNetwork(system, signer, hearsay=AddressBook(signer.node_id, store))
    b.network.listen(b.address)
    c = make("c")
    with RawCaller(b.network.port) as neighbour:
        neighbour.prove(b.id, new_signer())
        heard.first(LinkUp)
        for _ in range(5):
            there, here = linked(c, b)
            c.network.send(there, b"x")
            assert b.received(here, 1) == b"x", "all was told before"
        b.network.announce(b"the end")
        reader, kinds = OuterReader(), list[int]()
        while ANNOUNCE not in kinds:
            kinds += [kind for kind, _ in reader.feed(neighbour.sock.recv(65_536))]
    assert kinds.count(PEERS) == 1
    b.network.shutdown()
    store.close()
