"""Two nodes that nobody can call meet at a relay: what passes, what the relay sees, and what happens when it cheats, is full, or stops."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from claynet.actors.ports import SECOND, Address, LinkDown, LinkFailed, LinkUp, NodeId
from claynet.net.link.introduce import splice
from claynet.net.link.relay import Relay, RelayLimits, _Pair, _Side
from claynet.net.link.relay_records import Errand
from claynet.net.link.relayed import RelayedSocket
from claynet.net.link.tls import TlsStream
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import Heard, Listener
from tests.net.relay_nodes import LENT, Desk, desk, down, gather, meet, three, why_not

SIZE = 4 << 20


@pytest.fixture
def make(system: ThreadsSystem, tmp_path: Path) -> Iterator[Desk]:
    with desk(system, tmp_path) as made:
        yield made


# ---------------------------------------------------------------- what passes


class Watching(Relay):
    """Keeps what it passes on."""

    seen = b""

    def _pass_on(self, pair: _Pair, sink: _Side, payload: bytes, limits: RelayLimits) -> None:
        self.seen += payload
        super()._pass_on(pair, sink, payload, limits)


def test_megabytes_pass_both_ways_and_the_relay_sees_none_of_it(make: Desk) -> None:
    relay, y, x = three(make)
    relay.cheats(Watching)
    here, there = meet(y, x)
    one, other = os.urandom(SIZE - 16), os.urandom(SIZE - 16)
    marked, answered = b"said by y alone " + one, b"said by x alone " + other
    y.network.send(here, marked)
    x.network.send(there, answered)
    assert x.received(there, SIZE) == marked
    assert y.received(here, SIZE) == answered
    where = f"relay {relay.id[:12]} at 127.0.0.1:{relay.network.port}"
    for node, peer in ((y, x), (x, y)):
        assert node.network.linked()[peer.id] == where
        assert node.network.relayed() == {peer.id: relay.id}
        assert not node.network.was_called()
    assert (x.network.was_met(), y.network.was_met()) == (True, False)
    counts = relay.counts(lambda now: now.carried > 2 * SIZE)
    assert (counts.pairs, counts.pairs_in_all) == (1, 1)
    assert counts.carried_in_hour == counts.carried < 2.1 * SIZE
    seen = relay.network._relaying.relay.seen  # type: ignore[attr-defined]
    assert len(seen) == counts.carried
    assert not any(words in seen for words in (b"said by", one[:32], other[-32:]))
    assert relay.network.linked().keys() == {x.id, y.id}, "it has its own links to them, and no part in theirs"


def test_bytes_sent_before_close_arrive_and_the_pair_is_over(make: Desk) -> None:
    relay, y, x = three(make)
    here, there = meet(y, x)
    data = os.urandom(SIZE)
    x.network.send(there, b"unread when the other side closes" * 1000)
    y.network.send(here, data)
    y.network.close(here)
    assert x.received(there, SIZE) == data
    assert down(x, there).endswith("closed by the peer")
    relay.counts(lambda now: now.pairs == 0)
    assert not y.heard.all(LinkDown)


def test_two_that_want_to_meet_at_once_have_one_link(make: Desk) -> None:
    relay, y, x = three(make)
    x.heard_of(y, relay)
    for node, other in ((y, x), (x, y)):
        node.network.connect(other.id, node.address)
    ups = [node.up(2) for node in (y, x)]
    for node, up in zip((y, x), ups, strict=True):
        node.network.attach(up.link, node.address)
        node.network.send(up.link, node.address.encode())
    assert x.received(ups[1].link, 1) == b"y"
    assert y.received(ups[0].link, 1) == b"x"
    assert not y.heard.all(LinkFailed) + x.heard.all(LinkFailed)
    if len(y.heard.all(LinkUp)) == 2:  # the two calls met each other: the other one had not come to an end before
        relay.counts(lambda now: now.pairs == 1)


def test_an_address_of_its_own_is_tried_first_and_a_relay_where_nobody_answers_there(make: Desk) -> None:
    relay, y = make("relay", host="127.0.0.1", relay=LENT), make("y")
    listens, closed = make("listens", host="127.0.0.1"), make("closed")
    gather(relay, y, listens, closed)
    meet(y, listens)
    assert y.network.relayed() == {}
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    y.network.learn(closed.id, "127.0.0.1", port)
    meet(y, closed)
    assert y.network.relayed() == {closed.id: relay.id}
    relay.network.shutdown()
    meet(y, listens)
    reason = why_not(y, closed)
    assert reason.startswith(f"127.0.0.1:{port}: connection refused; relay {relay.id[:12]} at 127.0.0.1:{relay.network.port}: ")


# ---------------------------------------------------------------- relays that cheat


class Flipping(Relay):
    """Changes one bit of the n-th piece that it passes on."""

    nth = 1

    def _pass_on(self, pair: _Pair, sink: _Side, payload: bytes, limits: RelayLimits) -> None:
        self.nth -= 1
        if not self.nth:
            payload = bytes(payload[:-1]) + bytes([payload[-1] ^ 1])
        super()._pass_on(pair, sink, payload, limits)


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_changed_byte_is_found_out_wherever_it_is(make: Desk, nth: int) -> None:
    relay, y, x = three(make)
    relay.cheats(Flipping)
    relay.network._relaying.relay.nth = nth  # type: ignore[attr-defined]
    y.network.connect(x.id, y.address)
    told = y.heard.until(
        lambda told: [one for one in told if isinstance(one, LinkFailed) or (isinstance(one, LinkUp) and one.peer == x.id)]
    )
    if isinstance(told[0], LinkUp):  # only the last of the handshake: the next word on the link finds it out
        y.network.attach(told[0].link, y.address)
        y.network.send(told[0].link, b"intact?")
        x.heard.until(lambda told: any(isinstance(one, LinkUp) and one.peer == y.id for one in told) or x.network.relayed() == {})
        if x.network.relayed():
            link = x.up(2).link
            x.network.attach(link, x.address)
            x.network.send(link, b"intact?")
        reason = down(y, told[0].link)
    else:
        reason = told[0].reason
    assert f"relay {relay.id[:12]} at " in reason
    assert "intact?" not in repr(y.heard.messages)


def test_a_bit_changed_on_a_link_that_stands_ends_it_and_the_reason_is_said(make: Desk) -> None:
    relay, y, x = three(make)
    relay.cheats(Flipping)
    relay.network._relaying.relay.nth = 0  # type: ignore[attr-defined]
    here, there = meet(y, x)
    y.network.send(here, b"good")
    assert x.received(there, 4) == b"good"
    relay.network._relaying.relay.nth = 1  # type: ignore[attr-defined]
    y.network.send(here, b"changed")
    assert down(x, there).startswith(f"relay {relay.id[:12]} at 127.0.0.1:{relay.network.port}: the connection broke (TLS failed (")
    assert x.received(there, 4) == b"good"
    assert f"relay {relay.id[:12]} at " in down(y, here)


class Repeating(Relay):
    """Says everything twice once there is a link."""

    def _pass_on(self, pair: _Pair, sink: _Side, payload: bytes, limits: RelayLimits) -> None:
        super()._pass_on(pair, sink, payload, limits)
        if len(payload) > 4000:
            super()._pass_on(pair, sink, payload, limits)


def test_what_is_said_again_is_found_out(make: Desk) -> None:
    relay, y, x = three(make)
    relay.cheats(Repeating)
    here, there = meet(y, x)
    y.network.send(here, b"pay " * 2000)
    assert "TLS failed" in down(x, there)
    assert x.received(there, 0) in (b"", b"pay " * 2000), "never twice"


def test_another_node_that_comes_instead_is_not_taken_for_the_one_that_was_wanted(make: Desk) -> None:
    relay, y, x = three(make)
    other = make("other")
    gather(relay, other)
    honest = relay.network._relaying._ask

    class Crooked(Relay):
        """Asks another node than it was asked for, and takes whoever comes."""

        def _come(self, guest: _Side, token: bytes, limits: RelayLimits) -> _Pair:
            self._waiting[token].wanted = guest.node
            return super()._come(guest, token, limits)

    relay.cheats(lambda limits, ask, start: Crooked(limits, lambda node, data: honest(other.id, data), start))
    place = f"relay {relay.id[:12]} at 127.0.0.1:{relay.network.port}"
    assert why_not(y, x) == f"{place}: proves to be node {other.id[:12]}, not {x.id[:12]}"
    assert not other.network.relayed()


def test_a_relay_that_plays_the_wanted_node_is_not_believed(make: Desk) -> None:
    relay, y, x = three(make)

    class Playing(Relay):
        """Is itself whoever is wanted: its own listener answers."""

        def serve(self, stream: TlsStream, node: NodeId, host: str, errand: Errand | None) -> None:
            deadline = time.monotonic_ns() + 10 * SECOND
            splice(stream, deadline)
            inner = TlsStream(RelayedSocket(stream), relay.network._listener_tls, server_side=True)
            with contextlib.suppress(OSError, EOFError):
                inner.handshake(deadline)
                inner.read_exactly(1, deadline)
            inner.close()

    relay.cheats(Playing)
    assert f"proves to be node {relay.id[:12]}, not {x.id[:12]}" in why_not(y, x)


def test_a_relay_that_names_the_wrong_asker_is_found_out_by_the_node_that_comes(make: Desk) -> None:
    relay, y, x = three(make)
    honest, somebody = relay.network._relaying._ask, os.urandom(32)

    def ask(node: NodeId, data: bytes) -> bool:
        return honest(node, data.replace(bytes.fromhex(y.id), somebody))

    relay.cheats(lambda limits, _, start: Relay(limits, ask, start))
    assert f"refused: the relay announced node {somebody.hex()[:12]}, and node {y.id[:12]} came" in why_not(y, x)


# ---------------------------------------------------------------- ends and blocks


def test_a_relay_that_stops_ends_the_links_with_a_reason(make: Desk) -> None:
    relay, y, x = three(make)
    here, there = meet(y, x)
    relay.network.shutdown()
    for node, link in ((y, here), (x, there)):
        reason = down(node, link)
        assert reason.startswith(f"relay {relay.id[:12]} at ")
        assert "the relay ended it: the relay stops" in reason


def test_a_relay_that_is_killed_ends_the_links(make: Desk) -> None:
    relay, y, x = three(make)
    here, there = meet(y, x)
    relay.network.crash()
    for node, link in ((y, here), (x, there)):
        assert down(node, link).startswith(f"relay {relay.id[:12]} at ")


def test_a_node_that_is_killed_is_named_to_the_other(make: Desk) -> None:
    relay, y, x = three(make)
    here, _ = meet(y, x)
    x.network.crash()
    assert down(y, here).startswith(f"relay {relay.id[:12]} at ")
    relay.counts(lambda now: now.pairs == 0)


def test_a_blocked_node_is_not_relayed_and_loses_what_it_has(make: Desk) -> None:
    relay, y, x = three(make)
    here, there = meet(y, x)
    relay.access.block(y.id, reason="a nuisance")
    relay.network.part_with()
    for node, link in ((y, here), (x, there)):
        assert "the relay ended it: one of the two is blocked at the relay" in down(node, link)
    relay.counts(lambda now: now.pairs == 0)
    relay.heard.first(LinkDown)
    assert "refused: it is blocked here: a nuisance" in why_not(y, x)
    x.heard_of(y, relay)
    assert f"node {y.id[:12]} has no link to this relay" in why_not(x, y)


def test_who_is_blocked_by_the_one_it_wants_is_told_and_a_blocked_relay_is_not_used(make: Desk) -> None:
    relay, y, x = three(make)
    here, there = meet(y, x)
    x.access.block(y.id, reason="bad results")
    x.network.part_with()
    down(y, here)
    assert f"node {x.id[:12]} does not come: it is blocked here: bad results" in why_not(y, x)
    x.access.allow(y.id)
    here, there = meet(y, x)
    y.access.block(relay.id)
    y.network.part_with()
    down(x, there)
    assert "it is blocked here" in why_not(y, x)


def test_an_asker_gets_its_link_from_the_relay_and_nobody_else_hears_of_it(make: Desk, system: ThreadsSystem) -> None:
    _, y, x = three(make)
    heard = Heard()
    system.spawn(Listener, heard, address=Address("asker"))
    y.network.connect(x.id, Address("asker"))
    assert heard.first(LinkUp).peer == x.id
    x.up(2)
    assert len(y.heard.all(LinkUp)) == 1, "that to the relay"
