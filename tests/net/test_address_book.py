"""Where nodes are: told by peers, proven by calls, remembered over restarts; hearsay is bounded and harms nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from claynet.actors.node import EFFECT_TYPES
from claynet.actors.ports import SECOND, NodeId
from claynet.net.link.address_book import TOLD_AT_ONCE, AddressBook, BookRecord, makes_sense
from claynet.net.link.gate import Here
from claynet.net.link.p2p import P2PNetwork
from claynet.net.link.places import Way
from claynet.net.link.whereabouts import Whereabouts
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.p2p_nodes import Node, linked, new_signer


class Utc:
    now = 10**18

    def __call__(self) -> int:
        return self.now


def open_store(folder: Path, name: str = "node") -> SqliteStore:
    folder.mkdir(exist_ok=True)
    return SqliteStore(folder / f"{name}.sqlite", BookRecord, EFFECT_TYPES)


def an_id() -> NodeId:
    return NodeId(os.urandom(32).hex())


def test_what_was_proven_is_remembered_and_comes_first(tmp_path: Path) -> None:
    store, utc, own = open_store(tmp_path), Utc(), an_id()
    book = AddressBook(own, store, utc)
    proven, claimed = an_id(), an_id()
    book.claimed(claimed, "192.0.2.1", 40_102)
    book.proved(proven, "192.0.2.2", 40_102)
    book.hear(proven, "192.0.2.2", msgspec.msgpack.encode([[os.urandom(32), "192.0.2.3", 40_102]]))
    assert len(book.known()) == 3, "hearsay is known, and not remembered"
    assert book.to_call((), 3)[0] == proven
    assert claimed in book.to_call((proven,), 2)
    store.close()
    store = open_store(tmp_path)
    again = AddressBook(own, store, utc)
    assert [(one.node, one.host, one.port) for one in again.known()] == [(proven, "192.0.2.2", 40_102), (claimed, "192.0.2.1", 40_102)]
    store.close()


def rest_over(book: AddressBook, utc: Utc, node: NodeId) -> int:
    """Let time pass until a node may be called again; return how many seconds it rested."""
    for seconds in range(1, 10_000):
        utc.now += SECOND
        if book.to_call((), 1) == [node]:
            return seconds
    raise AssertionError("it rests for ever")


def test_who_does_not_answer_rests_twice_as_long_each_time_up_to_a_bound_and_who_answers_is_called_at_once(tmp_path: Path) -> None:
    store, utc = open_store(tmp_path), Utc()
    book = AddressBook(an_id(), store, utc, chance=lambda: 0.0)
    node = an_id()
    book.proved(node, "192.0.2.2", 40_102)
    rests = []
    for _ in range(9):
        book.failed(node)
        assert book.to_call((), 1) == []
        rests.append(rest_over(book, utc, node))
    assert rests == [15, 30, 60, 120, 240, 480, 600, 600, 600], "who was met once is not forgotten"
    book.failed(node)
    book.reached(node)
    assert book.to_call((), 1) == [node]
    book.failed(node)
    assert rest_over(book, utc, node) == 15
    store.close()


def test_an_address_of_which_was_only_heard_is_forgotten_after_five_calls_in_vain(tmp_path: Path) -> None:
    store, utc = open_store(tmp_path), Utc()
    book = AddressBook(an_id(), store, utc)
    node = an_id()
    book.claimed(node, "192.0.2.2", 40_102)
    for _ in range(4):
        book.failed(node)
        assert rest_over(book, utc, node)
    book.failed(node)
    assert book.known() == ()
    assert book.to_call((), 1) == []
    store.close()


def test_a_relay_says_of_itself_alone_who_is_to_be_met_there(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    own, relay, met, other = (an_id() for _ in range(4))
    book, its = AddressBook(own, store), AddressBook(relay, store)
    told = its.tell("203.0.113.9", None, Here("10.0.0.7", 40_102, {met, own}))
    assert len(msgspec.msgpack.decode(told)) == 2
    book.hear(other, "203.0.113.1", told)
    assert book.ways(met) == [], "not from others"
    book.hear(relay, "203.0.113.2", told)
    assert book.ways(met) == [Way(("203.0.113.2", 40_102), relay)], "where its link is, not where it thinks that it is"
    assert book.ways(own) == []
    assert book.to_call((), 9) == [met]
    book.proved(met, "203.0.113.3", 40_103)
    assert book.ways(met) == [Way(("203.0.113.3", 40_103)), Way(("203.0.113.2", 40_102), relay)], "an own address comes first"
    for _ in range(5):
        book.failed(met)
    assert book.ways(met) == [Way(("203.0.113.3", 40_103))]
    book.reached(met)
    many = [[os.urandom(32), "203.0.113.2", 40_102, bytes.fromhex(relay)] for _ in range(1000)]
    for start in range(0, 1000, TOLD_AT_ONCE):
        book.hear(relay, "203.0.113.2", msgspec.msgpack.encode(many[start : start + TOLD_AT_ONCE]))
    assert len(book.to_call((), 1000)) == 65, "so many of one relay"
    store.close()


def test_an_older_version_reads_what_a_relay_tells_and_takes_it_for_an_address(tmp_path: Path) -> None:
    class Older(msgspec.Struct, array_like=True, frozen=True):
        node: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
        host: Annotated[str, msgspec.Meta(min_length=2, max_length=45)]
        port: Annotated[int, msgspec.Meta(ge=1, le=65535)]

    store, relay, met, known = open_store(tmp_path), an_id(), an_id(), an_id()
    book = AddressBook(relay, store)
    book.proved(known, "203.0.113.5", 40_105)
    told = msgspec.msgpack.decode(book.tell("203.0.113.9", None, Here("203.0.113.2", 40_102, {met})), type=list[Older])
    assert [(one.node.hex(), one.host, one.port) for one in told] == [(known, "203.0.113.5", 40_105), (met, "203.0.113.2", 40_102)]
    again = AddressBook(an_id(), store)
    again.hear(an_id(), "203.0.113.1", msgspec.msgpack.encode([[bytes.fromhex(met), "203.0.113.6", 40_106]]))
    assert again.ways(met) == [Way(("203.0.113.6", 40_106))], "and this version reads what an older one tells"
    store.close()


def test_peers_tell_each_other_and_lies_are_bounded(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    own = an_id()
    book, teller = AddressBook(own, store), an_id()
    told = [[os.urandom(32), f"198.51.{number // 250}.{number % 250 + 1}", 40_102] for number in range(1000)]
    for start in range(0, 1000, TOLD_AT_ONCE):
        book.hear(teller, "203.0.113.1", msgspec.msgpack.encode(told[start : start + TOLD_AT_ONCE]))
    assert len(book.known()) == 64, "so many of one teller"
    for nonsense in (
        b"",
        b"\xc1",
        msgspec.msgpack.encode([["x"]]),
        msgspec.msgpack.encode([[os.urandom(32), "a name", 1]]),
        b"\x91" * 5000,
    ):
        book.hear(an_id(), "203.0.113.2", nonsense)
    book.hear(an_id(), "203.0.113.2", msgspec.msgpack.encode([[bytes.fromhex(own), "198.51.100.1", 40_102]]))
    assert len(book.known()) == 64
    for _ in range(20):
        book.hear(an_id(), "203.0.113.2", msgspec.msgpack.encode([[os.urandom(32), "198.51.100.1", 40_102] for _ in range(TOLD_AT_ONCE)]))
    honest = an_id()
    book.proved(honest, "198.51.100.7", 40_102)
    assert len(book.known()) == 512
    assert honest in {one.node for one in book.known()}, "what was never proven goes first"
    assert len(msgspec.msgpack.decode(book.tell("203.0.113.9"))) == TOLD_AT_ONCE
    store.close()


class Counting(SqliteStore):
    """Counts what is written, and writes nothing."""

    written = 0

    def append(self, key: str, state: Any, *more: Any) -> None:
        self.written += 1


def test_invented_ids_of_one_address_are_bounded_and_not_written_down_in_vain(tmp_path: Path) -> None:
    store = Counting(tmp_path / "node.sqlite", BookRecord, EFFECT_TYPES)
    book = AddressBook(an_id(), store)
    for _ in range(200):
        book.claimed(an_id(), "2a00:1::7", 40_102)
        book.claimed(an_id(), "2a00:1::8", 40_102)
    assert len(book.known()) == store.written == 64, "of one /64"
    honest = an_id()
    book.claimed(honest, "198.51.100.7", 40_102)
    assert honest in {one.node for one in book.known()}
    store.close()


def test_a_full_book_takes_the_word_of_an_address_of_which_it_has_little(tmp_path: Path) -> None:
    store = Counting(tmp_path / "node.sqlite", BookRecord, EFFECT_TYPES)
    book = AddressBook(an_id(), store)
    for number in range(600):
        book.claimed(an_id(), f"198.51.100.{number % 10}", 40_102)
    assert len(book.known()) == 512
    before = store.written
    late = an_id()
    book.claimed(late, "198.51.100.9", 40_102)
    assert late not in {one.node for one in book.known()}
    assert store.written == before, "what is thrown out at once is not written down"
    honest = [an_id() for _ in range(3)]
    for number, node in enumerate(honest):
        book.claimed(node, f"203.0.113.{number}", 40_102)
    assert set(honest) <= {one.node for one in book.known()}
    assert len(book.known()) == 512
    store.close()


def test_where_invented_ids_say_they_are_is_bounded_and_keeps_nobody_elses_place_out() -> None:
    whereabouts = Whereabouts({}, None, True)
    given, honest, proven = an_id(), an_id(), an_id()
    whereabouts.learn(given, ("192.0.2.1", 40_102))
    whereabouts.claimed(honest, ("192.0.2.2", 40_102))
    whereabouts.proved(proven, ("192.0.2.3", 40_102))
    for _ in range(2000):
        whereabouts.claimed(an_id(), ("198.51.100.7", 40_102))
    assert whereabouts.ways(honest) == [Way(("192.0.2.2", 40_102))]
    for number in range(600):
        whereabouts.claimed(an_id(), (f"198.51.{number // 250}.{number % 250}", 40_102))
        whereabouts.proved(an_id(), ("198.51.100.7", 40_102))
    assert whereabouts.ways(given) == [Way(("192.0.2.1", 40_102))], "what the operator says stays"
    assert whereabouts.ways(honest) == whereabouts.ways(proven) == []
    assert len(whereabouts._heard) == len(whereabouts._proven) == 512
    whereabouts.learn(given, ("192.0.2.1", 40_102))
    whereabouts.proved(given, ("192.0.2.9", 40_102))
    assert whereabouts.proven(given) == ("192.0.2.9", 40_102)
    whereabouts.learn(given, ("192.0.2.1", 40_102))
    assert whereabouts.proven(given) == ("192.0.2.1", 40_102), "the latest counts"


@pytest.mark.parametrize(
    ("host", "to", "sense"),
    [
        ("127.0.0.1", "127.0.0.9", True),
        ("127.0.0.1", "192.168.1.2", False),
        ("192.168.1.3", "192.168.1.2", True),
        ("192.168.1.3", "8.8.8.8", False),
        ("8.8.8.8", "192.168.1.2", True),
        ("169.254.0.1", "169.254.0.2", False),
        ("0.0.0.0", "8.8.8.8", False),
        ("224.0.0.1", "8.8.8.8", False),
        ("2a00::1", "8.8.8.8", True),
        ("a.name", "8.8.8.8", False),
        ("::ffff:127.0.0.1", "192.168.1.5", False),
        ("::ffff:192.168.1.3", "::ffff:192.168.1.2", True),
        ("::ffff:192.168.1.3", "8.8.8.8", False),
    ],
)
def test_addresses_are_told_where_they_make_sense(host: str, to: str, sense: bool) -> None:
    assert makes_sense(host, to) is sense


def test_two_callers_of_one_node_hear_of_each_other(make: Callable[..., Node], system: ThreadsSystem, tmp_path: Path) -> None:
    nodes, books, stores = [], [], []
    for name in ("a", "b", "c"):
        node = make(name)
        node.network.shutdown()
        node.signer = new_signer()
        stores.append(open_store(tmp_path, name))
        books.append(AddressBook(node.id, stores[-1]))
        node.network = P2PNetwork(system, node.signer, hearsay=books[-1])
        node.network.listen(node.address)
        nodes.append(node)
    a, b, c = nodes
    linked(a, b)
    here, there = linked(c, b)
    b.network.send(there, b"x")
    assert c.received(here, 1) == b"x", "what was told before has arrived"
    assert {one.node for one in books[2].known()} == {a.id, b.id}
    linked(b, a)  # any word from b to a, after those about c
    assert {one.node for one in books[0].known()} == {b.id, c.id}
    for node, store in zip(nodes, stores, strict=True):
        node.network.shutdown()
        store.close()
