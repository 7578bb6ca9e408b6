"""What a relay lends is bounded, to whom it lends it is the operator's choice, and who is refused is told why."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, LinkDown
from claynet.net.link.relay import Relay
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.p2p_nodes import LIMITS
from tests.net.relay_nodes import LENT, Desk, desk, down, gather, meet, three, why_not

SIZE = 4 << 20


@pytest.fixture
def make(system: ThreadsSystem, tmp_path: Path) -> Iterator[Desk]:
    with desk(system, tmp_path) as made:
        yield made


def test_a_relay_without_opt_in_says_so(make: Desk) -> None:
    relay, y, x = three(make, lent=None)
    assert why_not(y, x) == f"no address is known of node {x.id[:12]}", "it tells of nobody"
    y.heard_of(x, relay)
    assert why_not(y, x).endswith("refused: this node relays for nobody (relay.serve is off)")
    assert relay.refusal("relays for nobody")
    assert not relay.network.relaying.serves


def test_who_does_not_want_to_be_met_says_so_and_who_is_not_there_is_not_met(make: Desk) -> None:
    relay, y, x = three(make)
    shy = make("shy", meets=False)
    gather(relay, shy)
    y.heard_of(shy, relay)
    assert f"node {shy.id[:12]} does not come: it meets nobody at relays" in why_not(y, shy)
    shy.heard_of(x, relay)
    assert why_not(shy, x) == f"no address is known of node {x.id[:12]}"
    x.network.shutdown()
    relay.heard.first(LinkDown)
    assert f"node {x.id[:12]} has no link to this relay" in why_not(y, x)


def test_who_does_not_come_is_waited_for_so_long_only(make: Desk) -> None:
    relay, y, x = three(make, dataclasses.replace(LENT, meet=200 * MILLISECOND))
    relay.cheats(lambda limits, _, start: Relay(limits, lambda node, data: True, start))
    assert f"node {x.id[:12]} did not come within 0.2 s" in why_not(y, x)
    assert relay.counts(lambda now: now.pairs == 0).pairs_in_all == 0


def test_so_many_pairs_at_once_and_so_many_of_one_node(make: Desk) -> None:
    relay, y, x = three(make, dataclasses.replace(LENT, pairs=2, of_one=1))
    here, _ = meet(y, x)
    z, v, w = make("z"), make("v"), make("w")
    gather(relay, z, v, w)
    y.heard_of(v, relay)
    assert f"node {y.id[:12]} has asked for 1 pairs at this relay already" in why_not(y, v)
    z.heard_of(v, relay)
    meet(z, v)
    u = make("u")
    gather(relay, u)
    w.heard_of(u, relay)
    assert "this relay has all the 2 pairs that it carries" in why_not(w, u)
    y.network.close(here)
    relay.counts(lambda now: now.pairs == 1)
    meet(w, u)


def test_who_is_wanted_often_can_be_met_all_the_same(make: Desk) -> None:
    relay, y, x = three(make, dataclasses.replace(LENT, of_one=1))
    meet(y, x)
    for name in ("z", "v"):
        node = make(name)
        gather(relay, node)
        node.heard_of(x, relay)
        meet(node, x)
    assert relay.counts(lambda now: now.pairs == 3).pairs_in_all == 3


def test_so_many_pairs_from_one_address_whatever_the_ids(make: Desk) -> None:
    relay, y, x = three(make, dataclasses.replace(LENT, of_one_address=1))
    here, _ = meet(y, x)
    z = make("z")
    gather(relay, z)
    z.heard_of(x, relay)
    assert "1 pairs were asked for from this address at this relay already" in why_not(z, x)
    y.network.close(here)
    relay.counts(lambda now: now.pairs == 0)
    meet(z, x)


def test_two_have_one_pair_until_the_asker_is_silent_for_long(make: Desk) -> None:
    relay, y, x = three(make)
    here, _ = meet(y, x)
    assert f"has a pair with node {x.id[:12]} at this relay already" in why_not(y, x)
    relays = relay.network._relaying.relay
    (pair,) = relays._pairs
    pair.heard -= 30 * SECOND
    meet(y, x)
    assert "asked anew" in down(y, here)
    relay.counts(lambda now: now.pairs == 1)


def test_what_is_lent_for_an_hour_is_all_that_passes_and_both_are_told(make: Desk) -> None:
    relay, y, x = three(make, dataclasses.replace(LENT, hourly=1 << 20))
    here, there = meet(y, x)
    y.network.send(here, os.urandom(SIZE))
    words = "the relay ended it: this relay has passed on the 1048576 bytes that it lends an hour"
    assert words in down(x, there)
    assert words in down(y, here)
    assert relay.counts(lambda now: now.pairs == 0).carried <= 1 << 20
    x.heard_of(y, relay)
    assert "refused: this relay has passed on the 1048576 bytes that it lends an hour" in why_not(x, y)


def test_a_pair_passes_no_faster_than_is_lent(make: Desk) -> None:
    """Three seconds' worth: one at once, and two that are waited for."""
    relay, y, x = three(make, dataclasses.replace(LENT, rate=400_000))
    here, there = meet(y, x)
    begun = relay.network._relaying.relay._pairs.copy().pop().moved
    y.network.send(here, os.urandom(1_200_000))
    x.received(there, 1_200_000)
    pair = relay.network._relaying.relay._pairs.copy().pop()
    assert pair.moved - begun >= 1.0 * SECOND, "its last piece came when the ones before were paid for"


def test_a_pair_on_which_nothing_moves_is_ended_with_a_reason(make: Desk) -> None:
    relay, y, x = three(make, dataclasses.replace(LENT, idle=300 * MILLISECOND))
    here, there = meet(y, x)
    for node, link in ((y, here), (x, there)):
        assert "the relay ended it: nothing moved for 0.3 s" in down(node, link)
    relay.counts(lambda now: now.pairs == 0)


def test_a_side_that_does_not_read_slows_the_other_down_and_fills_no_memory(make: Desk) -> None:
    relay, y = make("relay", host="127.0.0.1", relay=LENT), make("y")
    x = make("x", limits=dataclasses.replace(LIMITS, kept=100_000))
    gather(relay, y, x)
    y.network.connect(x.id, y.address)
    here, there = y.up(2).link, x.up(2).link
    y.network.attach(here, y.address)
    data = os.urandom(48 << 20)
    y.network.send(here, data)
    x.network.send(there, b"but I speak")
    assert y.received(here, 11) == b"but I speak"
    inner = y.network._roll.find(here)
    assert inner is not None
    with inner._condition:
        waits = inner._queued
    assert waits > len(data) // 4, "most of it is still with the sender"
    assert relay.network.relaying.carried < len(data) - waits + (1 << 20)
    x.network.attach(there, x.address)
    assert x.received(there, len(data)) == data
