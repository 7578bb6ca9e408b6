"""Whom a node deals with: blocks by id and by address, for a time or for good, kept over restarts; and networks of other names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from claynet.actors.node import EFFECT_TYPES
from claynet.actors.ports import SECOND, LinkDown, LinkFailed
from claynet.net.link.access import KEY, Access, AccessError, AccessRecord, Block, origin_of
from claynet.net.link.p2p import P2PNetwork
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.p2p_nodes import Node, linked, new_signer

HOUR = 3600 * SECOND


class Utc:
    now = 1_000 * HOUR

    def __call__(self) -> int:
        return self.now


def open_store(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "node.sqlite", AccessRecord, EFFECT_TYPES)


def test_blocks_by_id_and_by_address_end_when_they_are_to(tmp_path: Path) -> None:
    utc, node = Utc(), new_signer().node_id
    store = open_store(tmp_path)
    access = Access(store, utc)
    access.block(node, HOUR, "it lies")
    access.block("192.0.2.7")
    access.block("2001:db8::/32", 2 * HOUR)
    access.block("::ffff:198.51.100.0/120")
    assert access.refusal_of_node(node) == "it is blocked here: it lies"
    assert access.refusal_of_node(new_signer().node_id) == ""
    for host in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "2001:db8::1%eth0", "198.51.100.9", "::ffff:198.51.100.9"):
        assert access.refusal_of_host(host) == "it is blocked here", host
    for host in ("192.0.2.8", "2001:db9::1", "example.org"):
        assert access.refusal_of_host(host) == "", host
    store.close()
    again = Access(open_store(tmp_path), utc)
    assert {one.subject for one in again.blocks()} == {node, "192.0.2.7/32", "2001:db8::/32", "198.51.100.0/24"}
    utc.now += HOUR + 1
    assert again.refusal_of_node(node) == ""
    assert {one.subject for one in again.blocks()} == {"192.0.2.7/32", "2001:db8::/32", "198.51.100.0/24"}
    assert again.allow("::ffff:192.0.2.7")
    assert not again.allow("192.0.2.7")
    assert again.refusal_of_host("192.0.2.7") == ""
    again._store.close()  # type: ignore[attr-defined]


def test_an_address_that_an_older_version_wrote_down_as_it_was_given_blocks_too(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append(KEY, AccessRecord(addresses=(Block("::ffff:192.0.2.7/128", 0),)))
    access = Access(store, Utc())
    assert access.refusal_of_host("192.0.2.7") == "it is blocked here"
    assert access.allow("192.0.2.7")
    store.close()


def test_what_is_neither_an_id_nor_an_address_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for wrong in ("", "alice", "ab" * 31, "192.0.2.300", "192.0.2.0/40"):
        with pytest.raises(AccessError, match="neither a node id"):
            Access(store).block(wrong)
    store.close()


def test_callers_are_counted_by_address_and_of_ipv6_by_customer() -> None:
    assert origin_of("192.0.2.7") == origin_of("::ffff:192.0.2.7") != origin_of("192.0.2.8")
    assert origin_of("2001:db8::1") == origin_of("2001:db8::2:1") != origin_of("2001:db8:0:1::1")


def gated(system: ThreadsSystem, name: str, folder: Path, network: str = "") -> tuple[Node, Access, SqliteStore]:
    node = Node(system, name)
    node.network.shutdown()
    store = open_store(folder)
    access = Access(store)
    node.network = P2PNetwork(system, node.signer, gate=access, network=network)
    node.network.listen(node.address)
    return node, access, store


def test_a_blocked_node_loses_its_links_and_is_told_why_when_it_comes_again(
    make: Callable[..., Node], system: ThreadsSystem, tmp_path: Path
) -> None:
    a, (b, access, store) = make("a"), gated(system, "b", tmp_path)
    linked(a, b)
    access.block(a.id, 0, "enough")
    b.network.part_with()
    assert a.heard.first(LinkDown)
    a.network.connect(b.id, a.address)
    assert a.heard.first(LinkFailed).reason.endswith("refused: it is blocked here: enough")
    b.knows(a).network.connect(a.id, b.address)
    assert b.heard.first(LinkFailed).reason.endswith("it is blocked here: enough")
    access.allow(a.id)
    linked(a, b)
    access.block("127.0.0.0/8")
    b.network.connect(a.id, b.address)
    b.heard.until(lambda told: len([one for one in told if isinstance(one, LinkFailed)]) == 2)
    b.network.shutdown()
    store.close()


def test_nodes_of_another_network_are_not_talked_to(make: Callable[..., Node], system: ThreadsSystem, tmp_path: Path) -> None:
    b, _, store = gated(system, "b", tmp_path, network="blue")
    a = make("a")
    a.knows(b).network.connect(b.id, a.address)
    assert a.heard.first(LinkFailed).reason.endswith("belongs to the network 'blue', this node to ''")
    b.knows(a).network.connect(a.id, b.address)
    assert b.heard.first(LinkFailed).reason.endswith("belongs to the network '', this node to 'blue'")
    b.network.shutdown()
    store.close()
