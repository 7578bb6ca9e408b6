"""Who is let in, who is believed, and that whoever misbehaves loses only their own link."""

from __future__ import annotations

import dataclasses
import os
import socket
import ssl
from collections.abc import Callable

import msgpack  # type: ignore[import-untyped]
import pytest

from claynet.actors.ports import MILLISECOND, LinkDown, LinkFailed, LinkUp
from claynet.net.threads.threads_system import ThreadsSystem
from tests.net.conftest import PATIENCE
from tests.net.p2p_nodes import HASTY, LIMITS, Node, RawCaller, RawListener, linked, new_signer

Maker = Callable[..., Node]


def failure(caller: Node, reason: str) -> LinkFailed:
    failed = caller.heard.first(LinkFailed)
    assert reason in failed.reason
    assert "\n" not in failed.reason
    assert caller.heard.all(LinkUp) == []
    return failed  # type: ignore[no-any-return]


def test_both_sides_know_who_the_other_is(make: Maker) -> None:
    a, b = make("a"), make("b")
    a.knows(b).network.connect(b.id, a.address)
    assert (a.up().peer, a.up().incoming) == (b.id, False)
    assert (b.up().peer, b.up().incoming) == (a.id, True)


def test_a_listener_with_another_key_is_not_who_was_dialled(make: Maker) -> None:
    a, b = make("a"), make("b")
    wanted = new_signer().node_id
    a.network.learn(wanted, "127.0.0.1", b.network.port)
    a.network.connect(wanted, a.address)
    told = failure(a, f"127.0.0.1:{b.network.port}: proves to be node {b.id[:12]}, not {wanted[:12]}")
    assert told.peer == wanted
    assert b.refusal("127.0.0.1:")
    assert b.heard.all(LinkUp) == []


def test_a_wrong_signature_is_told_and_closed(make: Maker) -> None:
    b, thief, victim = make("b"), new_signer(), new_signer()
    with RawCaller(b.network.port) as raw:
        kind, major, nonce, _network = raw.record()
        assert (kind, major, len(nonce)) == ("challenge", 1, 32)
        raw.say(["answer", 1, bytes.fromhex(victim.node_id), thief.sign(nonce), 0])
        assert raw.record() == ["refused", 1, "the caller's signature is not that of the id it claims"]
        assert raw.to_the_end() == b""
    assert b.refusal("signature")
    assert b.heard.all(LinkUp) == []


def test_an_answer_replayed_to_another_challenge_proves_nothing(make: Maker) -> None:
    b, caller = make("b"), new_signer()
    with RawCaller(b.network.port) as first:
        answer = first.prove(b.id, caller)
        assert b.up().peer == caller.node_id
        with RawCaller(b.network.port) as second:
            assert second.record()[0] == "challenge"
            second.say(answer)
            assert second.record()[0] == "refused"
    assert len(b.heard.all(LinkUp)) == 1


def test_a_node_in_the_middle_cannot_pass_a_caller_on(make: Maker) -> None:
    """The middle shows its own certificate and hands the real listener's challenge to the caller."""
    a, b, middle = make("a"), make("b"), new_signer()

    def part(sock: ssl.SSLSocket) -> None:
        with RawCaller(b.network.port) as raw:
            challenge = msgpack.packb(raw.record())
            sock.sendall(len(challenge).to_bytes(4, "big") + challenge)
            raw.sock.sendall(sock.recv(4096))
            assert raw.record()[0] == "refused"

    with RawListener(middle, part) as listener:
        a.network.dial("127.0.0.1", listener.port)
        assert b.refusal("signature")
    assert b.heard.all(LinkUp) == []


def test_another_major_version_is_told_so_on_either_side(make: Maker) -> None:
    a, b = make("a"), make("b")
    with RawCaller(b.network.port) as raw:
        raw.record()
        raw.say(["answer", 2, "anything", "else"])
        assert raw.record() == ["refused", 1, "speaks protocol version 2, this node speaks 1"]
        assert raw.to_the_end() == b""

    heard: list[bytes] = []

    def part(sock: ssl.SSLSocket) -> None:
        body = msgpack.packb(["challenge", 9, {"new": "shape"}])
        sock.sendall(len(body).to_bytes(4, "big") + body)
        heard.append(sock.recv(4096)[4:])

    signer = new_signer()
    with RawListener(signer, part) as listener:
        a.network.learn(signer.node_id, "127.0.0.1", listener.port)
        a.network.connect(signer.node_id, a.address)
        failure(a, f"127.0.0.1:{listener.port}: speaks protocol version 9, this node speaks 1")
    assert msgpack.unpackb(heard[0])[0] == "refused"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x00\x00\x05hello", b"\x00\x00\x10\x01" + b"x" * 50, b"\xff" * 64, b"\x00\x00\x00\x00"],
    ids=["text", "long", "ff", "empty"],
)
def test_garbage_in_the_handshake_ends_that_connection_only(make: Maker, garbage: bytes) -> None:
    a, b = make("a"), make("b")
    links = linked(a, b)
    with RawCaller(b.network.port) as raw:
        raw.record()
        raw.sock.sendall(garbage)
        assert raw.record()[0] == "refused"
        raw.to_the_end()
    a.network.send(links[0], b"still here")
    assert b.received(links[1], 10) == b"still here"
    assert len(b.heard.all(LinkUp)) == 1


def test_bytes_that_are_no_tls_and_an_old_tls_are_refused(make: Maker) -> None:
    b = make("b")
    with socket.create_connection(("127.0.0.1", b.network.port), PATIENCE) as plain:
        plain.sendall(os.urandom(400))
        while plain.recv(4096):
            pass
    assert b.refusal("TLS failed")
    with pytest.raises(ssl.SSLError):
        RawCaller(b.network.port, most=ssl.TLSVersion.TLSv1_2)
    assert b.refusal("UNSUPPORTED_PROTOCOL")
    assert b.heard.all(LinkUp) == []


def test_a_listener_that_says_nothing_is_given_up(make: Maker) -> None:
    a = make("a", HASTY)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        a.network.learn(new_signer().node_id, "127.0.0.1", 1)
        peer, port = new_signer().node_id, mute.getsockname()[1]
        a.network.learn(peer, "127.0.0.1", port)
        a.network.connect(peer, a.address)
        failure(a, f"127.0.0.1:{port}: no answer in time")


def test_silent_and_dripping_callers_are_bounded_in_number_and_time(make: Maker) -> None:
    limits = dataclasses.replace(HASTY, unproven=3)
    a, b = make("a"), make("b", limits)
    silent = [socket.create_connection(("127.0.0.1", b.network.port), PATIENCE) for _ in range(5)]
    silent[0].sendall(b"\x16")
    assert len(b.network._door._callers) <= 3
    links = linked(a, b)  # waits its turn, and gets it
    assert b.refusal("no answer in time")
    for sock in silent:
        while sock.recv(4096):
            pass
        sock.close()
    a.network.send(links[0], b"x")
    assert b.received(links[1], 1) == b"x"


def test_an_oversized_frame_cuts_that_link_and_says_why(make: Maker) -> None:
    a, b = make("a"), make("b")
    good = linked(a, b)
    with RawCaller(b.network.port) as raw:
        raw.prove(b.id, new_signer())
        up = b.up(2)
        b.network.attach(up.link, b.address)
        raw.sock.sendall(b"\x00\x00\x00\x00\x05hello" + b"\x00\x7f\xff\xff\xff")
        last_words = raw.to_the_end()
    assert last_words[:1] == b"\x03"
    assert b"at most" in last_words
    down = b.heard.first(LinkDown)
    assert down.link == up.link
    assert down.reason.startswith("127.0.0.1:")
    a.network.send(good[0], b"x")
    assert b.received(good[1], 1) == b"x"


def test_a_node_with_all_its_links_says_so(make: Maker) -> None:
    b = make("b", dataclasses.replace(LIMITS, links=1))
    a, late = make("a"), make("late")
    linked(a, b)
    late.knows(b).network.connect(b.id, late.address)
    failure(late, "refused: this node has all the links it can carry")


def test_unknown_unreachable_and_own_addresses_fail_with_a_reason(make: Maker, system: ThreadsSystem) -> None:
    a = make("a", HASTY)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    peers = [new_signer().node_id for _ in range(3)]
    a.network.learn(peers[1], "127.0.0.1", port)
    a.network.learn(peers[2], "bad..name", 70000)
    for peer in (*peers, a.id):
        a.network.connect(peer, a.address)
    a.heard.count(4)
    reasons = {failed.peer: failed.reason for failed in a.heard.all(LinkFailed)}
    assert reasons[peers[0]] == f"no address is known of node {peers[0][:12]}"
    assert reasons[peers[1]] == f"127.0.0.1:{port}: connection refused"
    assert reasons[peers[2]].startswith("bad..name:70000: ")
    assert "this node itself" in reasons[a.id]
    a.network.dial("127.0.0.1", a.network.port, a.heard.add)
    assert a.heard.first(str) == f"127.0.0.1:{a.network.port}: is this node itself"


def test_the_limits_are_those_decided() -> None:
    seconds = 1000 * MILLISECOND
    assert (LIMITS.handshake, LIMITS.keep_alive, LIMITS.dead_after) == (10 * seconds, 15 * seconds, 45 * seconds)
    assert (LIMITS.unproven, LIMITS.queued) == (64, 64 << 20)
