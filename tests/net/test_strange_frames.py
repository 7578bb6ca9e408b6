"""Frames between nodes that cannot be read are passed over, and a link ends in order whatever happens on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from claynet.actors.node import EFFECT_TYPES
from claynet.actors.ports import Address, LinkDown, LinkUp, NodeId
from claynet.net.link import handshake, relay_records
from claynet.net.link.address_book import AddressBook, BookRecord
from claynet.net.link.handshake import HandshakeError, Welcome
from claynet.net.link.outer import GOODBYE, LINK, MEET, PEERS, outer_frame
from claynet.net.link.p2p import P2PNetwork
from claynet.net.storage.sqlite_store import SqliteStore
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import Heard
from tests.net.p2p_nodes import LIMITS, Node, RawCaller, new_signer

Maker = Callable[..., Node]
DEEP = b"\x91" * 5_000 + b"\xc0"
NO_TEXT = b"\xa2\xff\xff"
TOLD = b"\x91\x95" + msgspec.msgpack.encode(b"k" * 32) + b"%s\x50\xc4\x00%s"
NONSENSE = {
    "no text": TOLD % (NO_TEXT, b"\xc0"),
    "deep": TOLD % (b"\xa9192.0.2.1", DEEP),
    "no text as a tag": b"\x92" + NO_TEXT + b"\xc4\x00",
    "no text as a reason": b"\x93\xa8declined" + msgspec.msgpack.encode(b"t" * 16) + NO_TEXT,
    "a deep reason": b"\x93\xa8declined" + msgspec.msgpack.encode(b"t" * 16) + DEEP,
    "nothing": b"",
}


def open_store(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "node.sqlite", BookRecord, EFFECT_TYPES)


@pytest.mark.parametrize("name", NONSENSE)
def test_hearsay_that_cannot_be_read_is_passed_over(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path)
    book = AddressBook(new_signer().node_id, store)
    book.hear(new_signer().node_id, "192.0.2.2", NONSENSE[name])
    assert book.known() == ()
    store.close()


@pytest.mark.parametrize("name", NONSENSE)
def test_errands_questions_and_records_of_the_handshake_that_cannot_be_read(name: str) -> None:
    assert relay_records.read_errand(NONSENSE[name]) is None
    assert relay_records.read_message(NONSENSE[name]) is None
    with pytest.raises(HandshakeError):
        handshake.decode(NONSENSE[name], Welcome)


def test_a_peer_that_asks_nonsense_keeps_its_link(make: Maker) -> None:
    b = make("b")
    with RawCaller(b.network.port) as caller:
        caller.prove(b.id, new_signer())
        asked = b"".join(outer_frame(MEET, nonsense) for nonsense in NONSENSE.values() if len(nonsense) <= 1024)
        caller.sock.sendall(asked + outer_frame(LINK, b"still here"))
        link = b.up().link
        b.network.attach(link, b.address)
        assert b.received(link, 10) == b"still here"


class Failing(AddressBook):
    def hear(self, peer: NodeId, host: str, data: bytes) -> None:
        raise ZeroDivisionError("a bug")


def test_a_link_on_which_this_node_fails_ends_in_order(
    system: ThreadsSystem, listen: Callable[[str], Heard], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard, signer, store = listen("b"), new_signer(), open_store(tmp_path)
    b = P2PNetwork(system, signer, limits=LIMITS, hearsay=Failing(signer.node_id, store))
    b.listen(Address("b"))
    with RawCaller(b.port) as caller:
        caller.prove(signer.node_id, new_signer())
        caller.sock.sendall(outer_frame(PEERS, b"x"))
        b.attach(heard.first(LinkUp).link, Address("b"))
        assert "failed" in heard.first(LinkDown).reason
        assert caller.to_the_end()[:1] == bytes([GOODBYE])
    b.shutdown()
    store.close()
    assert not b._roll.serving()
    assert "ZeroDivisionError" in caplog.text
