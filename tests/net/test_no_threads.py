"""Where the system has no room for another thread a node turns callers away, its calls fail, and all is well once there is room again."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from claynet.actors.config import NodeConfig
from claynet.actors.messages import SendTo
from claynet.actors.ports import SECOND, ActorFailed, Address, JobDone, LinkDown, LinkFailed, LinkId, NodeId, Outcome
from claynet.actors.shell import Shell, spawn_child
from claynet.actors.world import Ports
from claynet.net.link.calling import Calling
from claynet.net.link.gate import Open
from claynet.net.link.handshake import HandshakeError
from claynet.net.link.meeting import Meetings
from claynet.net.link.peer_link import PeerLink
from claynet.net.link.places import Way
from claynet.net.link.relay import Relay, RelayLimits, _Pair, _Side
from claynet.net.link.relay_records import Wanted
from claynet.net.link.relayed import RelayedSocket
from claynet.net.link.running import Running
from claynet.net.link.tls import TlsStream
from claynet.net.live import LiveNode
from claynet.net.threads.thread_jobs import ThreadJobs
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import PATIENCE, Heard
from tests.net.p2p_nodes import LIMITS, Node, linked

Maker = Callable[..., Node]
PEER = NodeId("ab" * 32)
FROM = Way(("192.0.2.1", 40_102), PEER)


@contextlib.contextmanager
def no_threads() -> Iterator[None]:
    """Every thread wants a larger stack than there are addresses, so the system makes none."""
    before = threading.stack_size(1 << 47)
    try:
        yield
    finally:
        threading.stack_size(before)


class Silent:
    """A stream whose peer has said so much and hung up."""

    local_host = "192.0.2.9"

    def __init__(self, *said: bytes) -> None:
        self._said = [*said, b""]
        self.done: list[str] = []

    def receive(self) -> bytes:
        return self._said.pop(0)

    def send(self, *_: object) -> None:
        pass

    def set_timeout(self, _: int) -> None:
        pass

    def finish(self) -> None:
        pass

    def abort(self) -> None:
        self.done.append("abort")

    def close(self) -> None:
        self.done.append("close")


def a_link(stream: Silent, system: ThreadsSystem, told: Callable[..., None]) -> PeerLink:
    return PeerLink(LinkId(1), PEER, FROM, False, cast(TlsStream, stream), system, LIMITS, lambda _: None, told, system.waiting)


def test_a_thread_that_was_not_started_is_not_waited_for() -> None:
    running = Running()
    with no_threads(), pytest.raises(OSError, match="thread") as caught:
        running.start(lambda: None, "never")
    assert caught.value.errno == errno.EAGAIN
    assert not running._threads
    running.join(1 << 62)


def test_a_caller_is_hung_up_on_and_the_next_one_is_let_in(make: Maker) -> None:
    b = make("b")
    with no_threads(), socket.create_connection(("127.0.0.1", b.network.port), PATIENCE) as caller:
        assert caller.recv(1) == b""
    assert not b.network._door._callers
    linked(make("a"), b)


def test_a_call_fails_and_the_next_one_is_made(make: Maker) -> None:
    a, b = make("a"), make("b")
    why: list[str] = []
    a.knows(b)
    with no_threads():
        a.network.connect(b.id, a.address)
        a.network.dial("127.0.0.1", b.network.port, why.append)
        a.network.reach(b.id, lambda _: None, why.append)
    assert "thread" in a.heard.first(LinkFailed).reason
    assert len(why) == 2
    assert not a.network._crossings._calls
    linked(a, b)


def test_a_link_without_a_writer_ends_as_any_link_does(system: ThreadsSystem, listen: Callable[[str], Heard]) -> None:
    heard, stream = listen("session"), Silent()
    link = a_link(stream, system, lambda *_: None)
    link.attach(cast(Any, "session"))
    with no_threads():
        link.serve()
    assert "thread" in heard.first(LinkDown).reason
    assert stream.done[-1] == "close"
    assert "abort" in stream.done


def test_a_meeting_gives_its_place_back() -> None:
    declined: list[str] = []

    def never(_conduit: RelayedSocket, _way: Way, _node: NodeId) -> Callable[[], None]:
        raise HandshakeError("nobody comes")

    meetings = Meetings(cast(Calling, None), Running(), Open(), never, lambda *_: None)
    with no_threads():
        for _ in range(20):
            meetings.wanted(FROM, Wanted(b"t" * 16, b"n" * 32), declined.append)
    assert declined == ["it has no thread left to come"] * 20


def test_a_relay_that_cannot_say_goodbye_hangs_up() -> None:
    running = Running()
    relay = Relay(RelayLimits(), lambda *_: True, running.start)
    one, other = Silent(), Silent()
    pair = _Pair(_Side(PEER, "192.0.2.1", cast(TlsStream, one)), NodeId("cd" * 32), cast(Any, None), 0)
    pair.guest = _Side(pair.wanted, "192.0.2.2", cast(TlsStream, other))
    relay._pairs.add(pair)
    with no_threads():
        relay.close()
    assert one.done == other.done == ["abort"]


def test_a_shell_that_cannot_be_started_is_told_of_to_its_parent(system: ThreadsSystem, listen: Callable[[str], Heard]) -> None:
    parent = listen("parent")
    ports = cast(Ports, SimpleNamespace(system=system))
    with no_threads():
        spawn_child(ports, Address("parent"), Shell, address=Address("parent/child"))
    failed = parent.first(ActorFailed)
    assert failed.address == "parent/child"
    assert "thread" in failed.error
    spawn_child(ports, Address("parent"), Shell, address=Address("parent/child"))
    system.stop(Address("parent/child"))


class Done:
    """Work that is done at once."""

    def run(self) -> Outcome:
        return Outcome("ok")

    def kill(self) -> None:
        pass


@pytest.mark.parametrize("kind", ["compute", "probe", "stop"])
def test_a_job_without_a_thread_ends_and_the_next_one_runs(system: ThreadsSystem, listen: Callable[[str], Heard], kind: str) -> None:
    heard = listen("boss")
    jobs = ThreadJobs(system, workers=2)
    with no_threads():
        jobs.submit("a/1", kind, Done(), 60 * SECOND, Address("boss"))
    assert heard.first(JobDone).outcome.code == "no_thread"
    jobs.submit("a/2", kind, Done(), 60 * SECOND, Address("boss"))
    assert [done.outcome.code for done in heard.count(2)] == ["no_thread", ""]
    jobs.close()


class Told:
    """An event sink that can be waited for."""

    def __init__(self) -> None:
        self.heard = Heard()

    def emit(self, kind: str, **fields: object) -> None:
        self.heard.add((kind, fields))

    def first(self, kind: str) -> dict[str, object]:
        return cast(dict[str, object], self.heard.until(lambda told: next((fields for name, fields in told if name == kind), None)))


def test_a_node_whose_sessions_cannot_be_started_deals_with_peers_later(tmp_path: Path) -> None:
    told, other = Told(), Told()
    nodes = [
        LiveNode(tmp_path / name, NodeConfig(name=name), lambda _folder, _blobs: {}, sink) for name, sink in (("a", told), ("b", other))
    ]
    with nodes[0] as a, nodes[1] as b:
        system, switchboard = a.node.ports.system, a.node.switchboard
        with no_threads():
            system.tell(switchboard, SendTo(b.node_id, b"lost"))
            assert "could not be started" in str(told.first("actor_failed")["error"])
        up = threading.Event()
        a.network.dial("127.0.0.1", b.port, linked=lambda _: up.set())
        assert up.wait(PATIENCE)
        system.tell(switchboard, SendTo(b.node_id, b"no frame"))
        assert other.first("misuse")["peer"] == a.node_id
