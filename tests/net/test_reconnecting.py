"""Links that are kept and looked for: who is called when; a call that takes long is in nobody's way."""

from __future__ import annotations

from collections.abc import Callable, Collection

from claynet.actors.ports import SECOND, NodeId
from claynet.net.link.places import Place
from claynet.net.link.reconnecting import Reconnecting

HERE, THERE = ("192.0.2.1", 40_102), ("192.0.2.2", 40_102)
PEER = NodeId("aa" * 32)


class Line:
    """Calls that end when the test says so."""

    def __init__(self) -> None:
        self.standing: set[NodeId] = set()
        self.ringing: list[tuple[Place | NodeId, Callable[[NodeId], None], Callable[[str], None]]] = []

    def linked(self) -> Collection[NodeId]:
        return self.standing

    def call(self, whom: Place | NodeId, linked: Callable[[NodeId], None], failed: Callable[[str], None]) -> None:
        self.ringing.append((whom, linked, failed))

    @property
    def called(self) -> list[Place | NodeId]:
        return [whom for whom, _, _ in self.ringing]

    def in_vain(self, nth: int = 0) -> None:
        self.ringing.pop(nth)[2]("no answer in time")

    def answered(self, peer: NodeId, nth: int = 0) -> None:
        self.standing.add(peer)
        self.ringing.pop(nth)[1](peer)


class Nodes:
    """A book of nodes that are all to be called."""

    def __init__(self, count: int) -> None:
        self.nodes = [NodeId(f"{number:064x}") for number in range(count)]
        self.outcomes: list[tuple[NodeId, bool]] = []

    def to_call(self, linked: Collection[str], count: int) -> list[NodeId]:
        assert count > 0
        return [node for node in self.nodes if node not in linked][:count]

    def reached(self, node: NodeId) -> None:
        self.outcomes.append((node, True))

    def failed(self, node: NodeId) -> None:
        self.outcomes.append((node, False))


class Time:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_a_peer_of_the_settings_is_called_again_ever_later_and_soon_again_once_it_was_there() -> None:
    line, time = Line(), Time()
    calls = Reconnecting(line, None, [HERE, THERE], time, lambda: 0.0)
    calls.look()
    assert line.called == [HERE, THERE]
    calls.look()
    assert line.called == [HERE, THERE], "not twice at once, and one that takes long holds up nobody"
    waits = []
    for _ in range(8):
        line.in_vain()
        begun = time.now
        while line.called == [THERE]:
            time.now += SECOND // 2
            calls.look()
        line.ringing.reverse()
        waits.append((time.now - begun) / SECOND)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    line.answered(PEER)
    calls.look()
    assert line.called == [THERE]
    line.standing.clear()
    calls.look()
    assert line.called == [THERE, HERE], "its link ended: it is called at once"
    line.in_vain(1)
    time.now += SECOND
    calls.look()
    assert line.called == [THERE, HERE], "and the wait is the first again"


def test_so_many_nodes_are_looked_for_and_so_many_called_at_once() -> None:
    line, nodes = Line(), Nodes(20)
    calls = Reconnecting(line, nodes, [], Time(), lambda: 0.0)
    for _ in range(3):
        calls.look()
        assert line.called == nodes.nodes[:4]
    line.in_vain(1)
    line.answered(nodes.nodes[0])
    assert nodes.outcomes == [(nodes.nodes[1], False), (nodes.nodes[0], True)]
    calls.look()
    assert line.called[:2] == nodes.nodes[2:4]
    assert len(line.ringing) == 4
    for _ in range(20):
        while line.ringing:
            line.answered(NodeId(str(line.called[0])))
        calls.look()
    assert len(line.standing) == 8
    assert line.ringing == []
