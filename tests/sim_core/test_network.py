"""The simulated network's times: latency, order, queues, loss, partitions, crashes."""

from __future__ import annotations

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, Address, Announced, LinkBytes, LinkDown, LinkFailed, LinkUp, NodeId
from claynet.sim.durations import Distribution
from claynet.sim.scenario.plan import LinkQuality
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.system import VirtualSystem
from claynet.sim.wire.network import SimNetwork
from claynet.sim.wire.scheduler import VirtualScheduler
from claynet.sim.wire.wires import MOST_RETRANSMITS, RETRANSMIT
from tests.contracts.driver import Box, Probe

MS = MILLISECOND
PLAIN = LinkQuality(Distribution.constant(10 * MS), None, 0.0)


class Timed(Probe):
    def __init__(self, box, system):
        super().__init__(box)
        self.system = system

    def on_receive(self, message):
        self.box.add((self.system.now, message))


class Node:
    def __init__(self, world, name, node_id):
        self.name, self.id, self.box = name, node_id, Box()
        self.address = Address(f"{name}/{len(world.nodes)}")
        self.net = world.network.handle(name, node_id)
        world.system.spawn(Timed, self.box, world.system, address=self.address)
        self.net.listen(self.address)

    def heard(self, kind):
        return [(at, message) for at, message in self.box.heard if isinstance(message, kind)]

    def arrivals(self):
        return [(at, message.data) for at, message in self.heard(LinkBytes)]


class World:
    def __init__(self, quality=PLAIN, seed=1):
        self.quality = quality
        self.pairs = {}
        self.seen = []
        self.nodes = []
        self.system = VirtualSystem()
        self.network = SimNetwork(
            VirtualScheduler(self.system),
            self.system,
            lambda source, target: self.pairs.get((source, target), self.quality),
            SeededEntropy(seed),
            self,
        )

    def arrived(self, at, kind, source, target, data):
        self.seen.append((at, kind, source, target, data))

    def node(self, name):
        node = Node(self, name, NodeId(f"{ord(name[0]):064x}"))
        self.nodes.append(node)
        return node

    def link(self, caller, listener):
        caller.net.connect(listener.id, caller.address)
        self.system.run(until=self.system.now + 60 * SECOND)
        ours, theirs = caller.heard(LinkUp)[-1][1].link, listener.heard(LinkUp)[-1][1].link
        caller.net.attach(ours, caller.address)
        listener.net.attach(theirs, listener.address)
        return ours, theirs


def since(start, arrivals):
    return [(at - start, data) for at, data in arrivals]


def test_a_connect_takes_one_and_a_half_round_trips():
    world = World()
    a, b = world.node("a"), world.node("b")
    a.net.connect(b.id, a.address)
    world.system.run()
    assert [at for at, _ in a.heard(LinkUp)] == [at for at, _ in b.heard(LinkUp)] == [30 * MS]


def test_order_is_kept_though_latencies_vary():
    world = World(LinkQuality(Distribution.uniform(0, 100 * MS), None, 0.0))
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    for number in range(200):
        a.net.send(near, bytes([number]))
        world.system.run(until=world.system.now + MS)
    world.system.run()
    assert [data for _, data in b.arrivals()] == [bytes([number]) for number in range(200)]
    assert len({at for at, _ in b.arrivals()}) > 5


def test_an_uplink_is_shared_by_all_links_of_the_sender():
    world = World(LinkQuality(Distribution.constant(10 * MS), 8_000_000, 0.0))  # a megabyte a second
    a, b, c = world.node("a"), world.node("b"), world.node("c")
    (to_b, _), (to_c, _) = world.link(a, b), world.link(a, c)
    start = world.system.now
    a.net.send(to_b, bytes(100_000))
    a.net.send(to_c, b"x" * 1_000)
    world.system.run()
    assert [at - start for at, _ in b.arrivals()] == [110 * MS]
    assert [at - start for at, _ in c.arrivals()] == [111 * MS]


def test_a_downlink_is_shared_by_all_links_to_the_receiver():
    world = World(LinkQuality(Distribution.constant(10 * MS), 8_000_000, 0.0))
    a, b, c = world.node("a"), world.node("b"), world.node("c")
    (from_a, _), (from_b, _) = world.link(a, c), world.link(b, c)
    start = world.system.now
    a.net.send(from_a, bytes(100_000))
    b.net.send(from_b, bytes(100_000))
    world.system.run()
    assert [at - start for at, _ in c.arrivals()] == [110 * MS, 210 * MS]


def test_chunks_of_one_sender_pass_uplink_and_downlink_side_by_side():
    world = World(LinkQuality(Distribution.constant(10 * MS), 8_000_000, 0.0))
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    start = world.system.now
    for _ in range(10):
        a.net.send(near, bytes(10_000))
    world.system.run()
    assert [at - start for at, _ in b.arrivals()] == [(10 * n + 10) * MS for n in range(1, 11)]


def test_loss_delays_what_a_link_carries_and_takes_announcements():
    world = World(LinkQuality(Distribution.constant(10 * MS), None, 0.4))
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    delays = []
    for number in range(300):
        start = world.system.now
        a.net.send(near, bytes([number % 256]))
        a.net.announce(b"hello")
        world.system.run(until=start + 1_000 * SECOND)
        delays.append(b.arrivals()[-1][0] - start - 10 * MS)
    assert len(b.arrivals()) == 300
    steps = {RETRANSMIT * (2**losses - 1) for losses in range(MOST_RETRANSMITS + 1)}
    assert set(delays) <= steps
    assert 0.5 < delays.count(0) / 300 < 0.7
    assert 0.5 < len(b.heard(Announced)) / 300 < 0.7


def test_a_loss_of_one_is_no_hole_in_time():
    world = World(LinkQuality(Distribution.constant(10 * MS), None, 0.0))
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    world.quality = LinkQuality(Distribution.constant(10 * MS), None, 1.0)
    world.network.refresh()
    a.net.send(near, b"at last")
    world.system.run()
    assert [data for _, data in b.arrivals()] == [b"at last"]


def test_a_partition_holds_links_fails_connects_and_loses_announcements():
    world = World()
    a, b, c = world.node("a"), world.node("b"), world.node("c")
    near, far = world.link(a, b)
    start = world.system.now
    a.net.send(near, b"in flight")
    world.system.run(until=start + 5 * MS)
    world.network.partition([{"a"}, {"b"}], True)
    for at in (6, 7, 500):
        world.system.run(until=start + at * MS)
        a.net.send(near, b"%d" % at)
        b.net.send(far, b"back %d" % at)
    a.net.announce(b"lost")
    a.net.connect(b.id, a.address)
    a.net.connect(c.id, a.address)
    world.system.run(until=start + 20 * SECOND)
    assert b.arrivals() == []
    assert since(start, [(at, message.reason) for at, message in a.heard(LinkFailed)]) == [(5_500 * MS, "timed out")]
    assert since(start, [(at, message.peer) for at, message in a.heard(LinkUp)])[1:] == [(530 * MS, c.id)]
    assert [at for at, message in b.heard(Announced)] == []
    assert since(start, [(at, message.data) for at, message in c.heard(Announced)]) == [(510 * MS, b"lost")]

    a.net.send(near, b"just before")
    world.network.partition([{"a"}, {"b"}], False)
    a.net.send(near, b"after")
    world.system.run()
    healed = 20_010 * MS
    assert since(start, b.arrivals()) == [(healed, data) for data in (b"in flight", b"6", b"7", b"500", b"just before", b"after")]
    assert since(start, a.arrivals()) == [(healed, data) for data in (b"back 6", b"back 7", b"back 500")]


def test_order_survives_a_short_partition_with_slow_messages_under_way():
    world = World(LinkQuality(Distribution.uniform(1 * MS, 100 * MS), None, 0.0))
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    for number in range(60):
        if number in (10, 30):
            world.network.partition([["a"], ["b"]], True)
        if number in (15, 50):
            world.network.partition([["a"], ["b"]], False)
        a.net.send(near, bytes([number]))
        world.system.run(until=world.system.now + 3 * MS)
    world.system.run()
    assert [data for _, data in b.arrivals()] == [bytes([number]) for number in range(60)]


def test_partitions_add_up_and_who_is_in_no_group_reaches_everybody():
    world = World()
    for name in "abc":
        world.node(name)
    parted = world.network.is_parted
    world.network.partition([["a"], ["b"]], True)
    world.network.partition([["a", "c"], ["b"]], True)
    assert (parted("a", "b"), parted("b", "c"), parted("a", "c")) == (True, True, False)
    world.network.partition([["a"], ["b"]], False)
    assert parted("a", "b")
    world.network.partition([["a", "c"], ["b"]], False)
    assert not parted("a", "b")
    with pytest.raises(ValueError, match="no such partition"):
        world.network.partition([["a"], ["b"]], False)
    with pytest.raises(ValueError, match="two sides"):
        world.network.partition([["a"], ["a", "b"]], True)


def test_a_crash_breaks_links_one_latency_later_and_what_had_left_arrives():
    world = World(LinkQuality(Distribution.constant(10 * MS), 8_000_000, 0.0))
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    start = world.system.now
    a.net.send(near, b"sent")
    a.net.send(near, bytes(1_000_000))  # takes a second to leave
    world.system.run(until=start + 2 * MS)
    world.network.cut("a")
    world.network.cut("a")
    world.system.run()
    assert [data for _, data in b.arrivals()] == [b"sent"]
    assert since(start, b.heard(LinkDown))[0][0] == 12 * MS
    assert len(b.heard(LinkDown)) == 1
    assert a.heard(LinkDown) == []


def test_a_dead_node_is_not_reached_and_does_nothing():
    world = World()
    a, b = world.node("a"), world.node("b")
    near, far = world.link(a, b)
    world.network.cut("b")
    a.net.send(near, b"nobody")
    a.net.announce(b"nobody")
    for call in (lambda: b.net.send(far, b"x"), lambda: b.net.announce(b"x"), lambda: b.net.connect(a.id, b.address), b.net.shutdown):
        call()
    a.net.connect(b.id, a.address)
    world.system.run()
    assert [type(message) for _, message in a.box.heard] == [LinkUp, LinkDown, LinkFailed]
    assert [type(message) for _, message in b.box.heard] == [LinkUp]
    assert world.seen == []


def test_the_next_life_is_reached_and_the_last_one_is_not():
    world = World()
    a, b = world.node("a"), world.node("b")
    with pytest.raises(ValueError, match="up already"):
        world.node("b")
    world.link(a, b)
    a.net.connect(b.id, a.address)
    world.network.cut("b")
    again = world.node("b")
    world.system.run()
    near, _ = world.link(a, again)
    a.net.send(near, b"hello again")
    world.system.run()
    assert again.arrivals()[-1][1] == b"hello again"
    assert b.arrivals() == []


def test_a_node_does_not_link_to_itself_nor_to_one_that_does_not_listen():
    world = World()
    a = world.node("a")
    deaf = world.network.handle("d", NodeId("d" * 64))
    a.net.connect(a.id, a.address)
    a.net.connect(deaf.node_id, a.address)
    world.system.run()
    assert ["itself" in message.reason or "refused" in message.reason for _, message in a.heard(LinkFailed)] == [True, True]


def test_pairs_may_differ_and_change_and_streams_of_other_pairs_do_not_notice():
    def times(pairs, changed):
        world = World(LinkQuality(Distribution.uniform(5 * MS, 50 * MS), None, 0.1))
        a, b, c = world.node("a"), world.node("b"), world.node("c")
        near, _ = world.link(a, b)
        if pairs:
            far, _ = world.link(a, c)
            for _ in range(5):
                a.net.send(far, b"other traffic")
        world.system.run(until=1_000 * SECOND)
        if changed:
            world.pairs["a", "c"] = PLAIN
            world.network.refresh()
        for number in range(10):
            a.net.send(near, bytes([number]))
            world.system.run(until=world.system.now + 100 * SECOND)
        return b.arrivals()

    assert times(False, False) == times(True, False) == times(True, True)


def test_the_observer_hears_of_every_arrival():
    world = World()
    a, b = world.node("a"), world.node("b")
    near, _ = world.link(a, b)
    start = world.system.now
    a.net.send(near, b"x")
    b.net.announce(b"y")
    world.system.run()
    at = start + 10 * MS
    assert world.seen == [(at, "link", "a", "b", b"x"), (at, "announcement", "b", "a", b"y")]


def test_closed_links_leave_nothing_behind():
    world = World()
    a, b = world.node("a"), world.node("b")
    for number in range(20):
        near, far = world.link(a, b)
        (a.net if number % 2 else b.net).close(near if number % 2 else far)
        if number % 3 == 0:
            a.net.close(near)
            b.net.close(far)
        world.system.run()
    assert not world.network._wires
    assert not a.net._ends
    assert not b.net._ends
