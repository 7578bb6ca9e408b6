"""What tests of peers without manners share: a provider that cheats, a requestor that does not pay, and what must hold all the same."""

from __future__ import annotations

import msgspec

from claynet.actors.blob_names import digest_of
from claynet.actors.core.records import Assignment, Chunk, Header, Offer, Record, Report, Want, amount_due
from claynet.actors.ports import SECOND, FileRef
from tests.actors.harness import OPENING, PRICE, TOKEN, World
from tests.actors.stranger import Stranger

NO_DIGESTS = ["", "../../etc/passwd", "0" * 63, "G" * 64, "A" * 64]
DUE = amount_due(PRICE, 30 * SECOND)
RESULT = b"anything"
FILE = FileRef("x.out", digest_of(RESULT), len(RESULT))
HOUR = 3600 * SECOND


def no_bug(world: World) -> None:
    assert not world.seen("actor_failed"), world.seen("actor_failed")[0].fields["trace"]
    assert world.system.failures == 0


def rules(world: World) -> list[str]:
    return [event["rule"] for event in world.seen("misuse")]


def honest_task_ends_well(world: World) -> None:
    """The world goes on: a decent provider comes and does what there is to do."""
    world.provider("decent")
    task_id = world.create(subtasks=2)
    assert world.finish(task_id).status == "finished"
    no_bug(world)


def replace_record(record: Record, **changes: object) -> Record:
    return msgspec.structs.replace(record, **changes)


class Cheat:
    """A stranger that offers for a task and was given a subtask."""

    def __init__(self, world: World, **task: object) -> None:
        self.world = world
        self.stranger = Stranger(world, "cheat")
        self.task_id = world.create(**{"subtasks": 1, **task})
        world.run(1)
        self.header = self.stranger.body(Header)
        self.stranger.call("r0")

    def offer(self, **changes: object) -> None:
        offer = Offer("offer-1", self.task_id, self.stranger.id, PRICE, 100.0, 60 * SECOND, self.header)
        self.stranger.say(replace_record(offer, **changes))
        self.world.run(2)

    def given(self) -> Assignment:
        self.offer()
        (assignment,) = self.stranger.records(Assignment)
        self.subtask_id = assignment.subtask_id
        return assignment

    def report(self, **changes: object) -> None:
        report = Report(self.subtask_id, self.stranger.id, FILE, self.stranger.body(Assignment))
        self.stranger.say(replace_record(report, **changes))
        self.world.run(0.5)

    def serve(self, data: bytes = RESULT, **changes: object) -> None:
        """Answer the last Want."""
        want = self.stranger.records(Want)[-1]
        self.stranger.say(replace_record(Chunk(want.digest, 0, len(data), data), **changes))
        self.world.run(0.5)

    @property
    def status(self) -> str:
        return self.world.places["r0"].store.state("subtask", self.subtask_id).status

    @property
    def rule(self) -> str:
        return self.world.places["r0"].store.state("subtask", self.subtask_id).rule

    def ends_well(self) -> None:
        """The task is finished by somebody decent, and the cheat has no token of it."""
        self.world.provider("decent")
        assert self.world.finish(self.task_id).status == "finished"
        assert not [frame for frame in self.world.frames("r0", "payment") if frame.record.payee == self.stranger.id]
        assert self.world.balance("r0") == OPENING - amount_due(PRICE, 30 * SECOND)
        no_bug(self.world)


def cheated(**task: object) -> Cheat:
    world = World()
    world.requestor(config={"give_up_after": 3})
    return Cheat(world, **task)


class Miser:
    """A stranger that announces a task to `p0` and was offered."""

    def __init__(self, world: World, **header: object) -> None:
        self.world = world
        self.stranger = Stranger(world, "miser")
        utc = world.clock.utc()
        base = Header("task-1", self.stranger.id, "docker_cpu", '{"image": "test/app", "tag": "1"}', 0.0, TOKEN, 30 * SECOND, utc + HOUR)
        self.stranger.announce(replace_record(base, **header))
        world.run(3)

    def assignment(self, **changes: object) -> Assignment:
        record = Assignment(
            subtask_id="subtask-1",
            task_id="task-1",
            requestor=self.stranger.id,
            provider=self.world.id("p0"),
            params_json='{"part": 0}',
            params_digest="",
            inputs=(),
            price=PRICE,
            amount=DUE,
            timeout=30 * SECOND,
            offer=self.stranger.body(Offer),
        )
        return msgspec.structs.replace(record, **changes)

    def give(self, **changes: object) -> None:
        self.stranger.say(self.assignment(**changes))
        self.world.run(0.3)


def provided(**header: object) -> Miser:
    world = World()
    world.provider()
    return Miser(world, **header)


def computed() -> Miser:
    """The slot has reported: the part's input was served on demand."""
    miser = provided()
    data = b"input"
    miser.give(inputs=(FileRef("part-0.in", digest_of(data), len(data)),))
    miser.stranger.say(Chunk(digest_of(data), 0, len(data), data))
    miser.world.run_until(lambda: bool(miser.stranger.records(Report)), 20)
    return miser
