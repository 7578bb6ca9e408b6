"""Floods of every kind: the peer is told and its session ends, or what it says is dropped; its neighbour's work goes on and is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from claynet.actors.core.allowance import ALLOWANCES
from claynet.actors.core.frames import framed
from claynet.actors.core.pool import MOST_OF_ONE
from claynet.actors.core.records import (
    Acceptance,
    Bye,
    Cancel,
    CancelSeen,
    Chunk,
    Decline,
    Failed,
    Header,
    HeaderGone,
    HeadersWanted,
    Hello,
    Missing,
    Offer,
    Payment,
    PaymentSeen,
    Received,
    Record,
    Refused,
    Rejection,
    Report,
    Taken,
    VerdictSeen,
    Want,
)
from claynet.actors.ports import SECOND, Address, Digest, FileRef, NodeId
from claynet.actors.switchboard import COOL_DOWN, MOST_SESSIONS
from claynet.actors.transfers import MOST_HELD, MOST_IN_FLIGHT, WINDOW
from claynet.sim.durations import Distribution
from tests.actors.harness import PRICE, TOKEN, Quality, World, descriptor
from tests.actors.strangeness import Cheat, no_bug
from tests.actors.stranger import Stranger

NONE = Digest("0" * 64)
HOUR = 3600 * SECOND
Make = Callable[[NodeId, NodeId], Record]
FLOODS: dict[str, Make] = {
    "hello": lambda me, it: Hello(1, 0, "again"),
    "offer": lambda me, it: Offer("o", "no such task", me, PRICE, 1.0, 30 * SECOND, b""),
    "decline": lambda me, it: Decline("t", "", "price", "too little"),
    "taken": lambda me, it: Taken("s"),
    "refused": lambda me, it: Refused("s", "r", "d"),
    "report": lambda me, it: Report("s", me, FileRef("x", NONE, 1), b""),
    "failed": lambda me, it: Failed("s", "r", "d"),
    "received": lambda me, it: Received("s"),
    "acceptance": lambda me, it: Acceptance("s", me, 1, b""),
    "rejection": lambda me, it: Rejection("s", me, "r", "d", b""),
    "verdict_seen": lambda me, it: VerdictSeen("s"),
    "payment": lambda me, it: Payment("s", me, it, 1, b""),
    "payment_seen": lambda me, it: PaymentSeen("s"),
    "cancel": lambda me, it: Cancel("s", "r"),
    "cancel_seen": lambda me, it: CancelSeen("s"),
    "want not granted": lambda me, it: Want(NONE, 0, 1),
    "chunk not asked for": lambda me, it: Chunk(NONE, 0, 1, memoryview(b"x")),
    "missing": lambda me, it: Missing(NONE),
}
BOTH = {"decline", "hello", "want not granted", "chunk not asked for", "missing"}
PROVIDERS = {"received", "acceptance", "rejection", "payment", "cancel"}


def ends() -> Iterator[tuple[str, str]]:
    for kind in FLOODS:
        if kind in BOTH or kind in PROVIDERS:
            yield kind, "p0"
        if kind in BOTH or kind not in PROVIDERS:
            yield kind, "r0"


def market(world: World) -> str:
    """A requestor, a provider, and work between them."""
    world.requestor()
    world.provider()
    task_id = world.create(subtasks=2)
    world.run(1)
    return task_id


def goes_on(world: World, task_id: str, name: str) -> None:
    """The work between honest nodes ended well, and nobody of them was taken for a flooder."""
    assert world.finish(task_id).status == "finished"
    assert world.balance("p0") > world.places["p0"].opening
    no_bug(world)
    honest = {world.id("r0"), world.id("p0")}
    for kind in ("misuse", "ignored"):
        events = world.seen(kind)
        assert not honest & {event["peer"] for event in events}
        assert len(events) <= 3, f"a line per peer and rule, not one per message of {name}"


@pytest.mark.parametrize(("kind", "node"), list(ends()))
def test_a_flood_of_frames_ends_its_session_and_nothing_else(kind: str, node: str) -> None:
    with World() as world:
        task_id = market(world)
        stranger = Stranger(world, "stranger")
        stranger.call(node)
        frame = framed(stranger.seal(FLOODS[kind](stranger.id, world.id(node))))
        stranger.raw(frame * (ALLOWANCES[kind].burst + 2))
        world.run(1)
        (event,) = world.seen("misuse", rule="flood")
        assert event["peer"] == stranger.id
        assert event["detail"] == f"{kind}: more than {ALLOWANCES[kind].burst} at once and {ALLOWANCES[kind].rate} a second"
        bye = stranger.records(Bye)[-1]
        assert (bye.rule, bye.detail) == ("flood", event["detail"])
        assert stranger.downs
        goes_on(world, task_id, kind)


def test_a_flood_of_tags_that_nobody_knows_ends_its_session() -> None:
    with World() as world:
        task_id = market(world)
        stranger = Stranger(world, "stranger")
        stranger.call("r0")
        stranger.raw(framed(msgspec.msgpack.encode(("from_the_future", b"\x90", b""))) * 100)
        world.run(1)
        assert stranger.records(Bye)[-1].rule == "flood"
        (ignored,) = world.seen("ignored")
        assert (ignored["rule"], ignored["count"]) == ("unknown_tag", 1)
        goes_on(world, task_id, "unknown tags")


@pytest.mark.parametrize(
    "make",
    [
        lambda me, n, utc: Header(f"t{n}", me, "docker_cpu", "{}", 0.0, TOKEN, SECOND, utc + HOUR),
        lambda me, n, utc: Header("t", me, "docker_cpu", "{}", 0.0, TOKEN, SECOND, utc + HOUR),
        lambda me, n, utc: HeaderGone(f"t{n}", me),
        lambda me, n, utc: HeadersWanted(me),
    ],
    ids=["headers", "one header", "gone", "wanted"],
)
def test_a_flood_of_announcements_is_dropped_and_counted(make: Callable[[NodeId, int, int], Record]) -> None:
    with World() as world:
        task_id = market(world)
        stranger = Stranger(world, "stranger")
        before = len(world.frames("r0", "header"))
        for number in range(3000):
            stranger.announce(make(stranger.id, number, world.clock.utc()))
        world.run(1)
        (event,) = world.seen("ignored", rule="flood")
        assert event["peer"] == stranger.id
        assert len(world.frames("r0", "header")) - before < 100
        goes_on(world, task_id, "announcements")


def test_who_flooded_is_kept_out_for_a_while_and_may_then_come_back() -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger")
        stranger.call("r0")
        stranger.raw(framed(stranger.seal(Taken("s"))) * 2000)
        world.run(1)
        stranger.net.connect(world.id("r0"), stranger.address)
        world.run(1)
        assert stranger.records(Bye)[-1].rule == "flood"
        assert "come back in" in stranger.records(Bye)[-1].detail
        assert not stranger.links
        world.run(COOL_DOWN / SECOND)
        stranger.call("r0")
        stranger.say(Taken("s"))
        world.run(1)
        assert stranger.links
        other = Stranger(world, "other")
        other.call("r0")
        assert other.links
        no_bug(world)


def test_one_peer_has_only_so_many_sessions() -> None:
    with World() as world:
        task_id = market(world)
        stranger = Stranger(world, "stranger")
        for _ in range(MOST_SESSIONS + 3):
            stranger.net.connect(world.id("r0"), stranger.address)
        world.run(1)
        assert len(stranger.links) == MOST_SESSIONS
        assert [bye.rule for bye in stranger.records(Bye)] == ["sessions"] * 3
        goes_on(world, task_id, "sessions")


def test_one_who_keeps_within_the_rate_is_never_told_anything() -> None:
    with World() as world:
        world.requestor()
        stranger = Stranger(world, "stranger")
        stranger.call("r0")
        rate = ALLOWANCES["decline"].rate
        for _ in range(20):
            for _ in range(rate):
                stranger.say(Decline("t", "", "price", "too little"))
            world.run(1)
        assert not world.seen("misuse")
        assert stranger.links


# ---------------------------------------------------------------- open offers


def test_a_provider_has_only_so_many_offers_open_on_a_node() -> None:
    with World() as world:
        world.requestor(config={"pool_time": 600 * SECOND})
        stranger = Stranger(world, "stranger")
        more = 3
        for _ in range(MOST_OF_ONE + more):
            world.create(subtasks=1)
        world.run_until(lambda: len({record.task_id for record in stranger.records(Header)}) == MOST_OF_ONE + more, 120)
        headers = {record.task_id: body for record, body in zip(stranger.heard, stranger.bodies, strict=True) if isinstance(record, Header)}
        stranger.call("r0")
        for task_id, body in headers.items():
            stranger.say(Offer(f"offer-{task_id}", task_id, stranger.id, PRICE, 100.0, 600 * SECOND, body))
        world.run(2)
        declines = stranger.records(Decline)
        assert [decline.rule for decline in declines] == ["too_many"] * more
        task_id = next(iter(headers))
        stranger.say(Offer("newer", task_id, stranger.id, PRICE, 100.0, 600 * SECOND, headers[task_id]))
        world.run(2)
        assert stranger.records(Decline)[-1].rule == "replaced", "a newer one for the same task takes the older one's place"
        assert stranger.links
        no_bug(world)


# ---------------------------------------------------------------- bytes in flight


def slow_cheat(data: bytes) -> tuple[Cheat, Digest]:
    """A stranger that was given a subtask, and may read a large blob over a link of 80 Mbit/s."""
    world = World()
    world.quality = Quality(Distribution.constant(10_000_000), 80_000_000)
    world.requestor(files=(descriptor(),))
    cheat = Cheat(world)
    assignment = cheat.given()
    digest = assignment.inputs[0].digest
    blobs = world.places["r0"].blobs
    blobs._whole[digest] = data  # its content is of no interest here: nobody looks at the digest
    return cheat, digest


def test_one_who_wants_much_at_once_gets_it_a_few_windows_at_a_time() -> None:
    size = 10 * WINDOW
    cheat, digest = slow_cheat(bytes(size))
    with cheat.world as world:
        most = 0
        wire = next(iter(world.places["r0"].node.ports.network._inner._ends.values())).out  # type: ignore[union-attr]
        for offset in range(0, size, WINDOW):
            cheat.stranger.say(Want(digest, offset, WINDOW))

        def watch() -> bool:
            nonlocal most
            most = max(most, wire.waiting)
            return sum(len(chunk.data) for chunk in cheat.stranger.records(Chunk)) >= size

        world.run_until(watch, 60)
        assert MOST_IN_FLIGHT / 2 < most < MOST_IN_FLIGHT + WINDOW
        chunks = cheat.stranger.records(Chunk)
        assert [chunk.offset for chunk in chunks] == sorted(chunk.offset for chunk in chunks), "in the order in which they were wanted"
        no_bug(world)


def test_wants_that_wait_are_bounded_and_one_taken_back_meanwhile_is_not_answered() -> None:
    cheat, digest = slow_cheat(bytes(20 * WINDOW))
    with cheat.world as world:
        for number in range(20):
            cheat.stranger.say(Want(digest, number * WINDOW, WINDOW))
        world.run(0.1)
        cheat.stranger.say(Failed(cheat.subtask_id, "lazy", "no"))
        world.run(60)
        given = sum(len(chunk.data) for chunk in cheat.stranger.records(Chunk))
        assert MOST_IN_FLIGHT <= given < 20 * WINDOW
        assert cheat.stranger.records(Missing)
        assert not world.seen("misuse")
    cheat, digest = slow_cheat(bytes(WINDOW))
    with cheat.world as world:
        frame = framed(cheat.stranger.seal(Want(digest, 0, WINDOW)))
        cheat.stranger.raw(frame * (MOST_HELD + 100))
        world.run(1)
        (event,) = world.seen("misuse", rule="flood")
        assert "wait already" in event["detail"]
        no_bug(world)


def test_a_flood_between_two_providers_costs_the_requestor_nothing() -> None:
    """The flooder has a subtask of the task; it is taken from it by its time alone, and the other provider does the work."""
    world = World()
    with world:
        world.requestor(config={"give_up_after": 3})
        cheat = Cheat(world)
        cheat.given()
        cheat.stranger.raw(framed(cheat.stranger.seal(Taken("s"))) * 2000)
        world.run(1)
        assert cheat.stranger.records(Bye)[-1].rule == "flood"
        assert world.system.is_alive(Address(f"{world.places['r0'].node.prefix}/manager"))  # type: ignore[union-attr]
        cheat.ends_well()
