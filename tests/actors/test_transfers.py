"""Blobs over one link: windows are asked for ahead, in order, resumed where a partial ends, and asked anew when something is lost."""

from __future__ import annotations

import os

from claynet.actors.core.records import Chunk, Missing, Record, Want
from claynet.actors.messages import BlobsFailed, BlobsFetched, FetchBlobs
from claynet.actors.ports import Address, Digest, FileRef, NodeId
from claynet.actors.transfers import AHEAD, CHUNK, FILES_AHEAD, WINDOW, Downloads, serve
from claynet.sim.wire.memory import MemoryBlobs

DATA = os.urandom(2 * WINDOW + 3 * CHUNK + 17) + bytes(3 * WINDOW)


class Link:
    """A giver and a taker; what each says waits until it is carried over."""

    def __init__(self) -> None:
        self.giver, self.taker = MemoryBlobs(), MemoryBlobs()
        self.wants: list[Want] = []
        self.chunks: list[Chunk] = []
        self.downloads = Downloads(self.taker, self._asked)
        digest = self.giver.put(DATA)
        self.file = FileRef("data", digest, len(DATA))

    def _asked(self, record: Record) -> None:
        assert isinstance(record, Want)
        self.wants.append(record)

    def begin(self) -> None:
        assert self.downloads.begin(FetchBlobs("fetch", NodeId("0" * 64), (self.file,), Address("asker"))) == []

    def give(self) -> None:
        """Carry one Want over and its chunks back."""
        serve(self.wants.pop(0), self.giver, True, lambda record: self.chunks.append(record))  # type: ignore[arg-type]

    def take(self) -> list[tuple[Address, object]]:
        return self.downloads.chunk(self.chunks.pop(0))


def test_windows_are_asked_for_ahead_and_never_too_many() -> None:
    link = Link()
    link.begin()
    assert [want.offset for want in link.wants] == [number * WINDOW for number in range(AHEAD)]
    answers: list[tuple[Address, object]] = []
    asked = AHEAD
    while not answers:
        if not link.chunks:
            link.give()
        before = len(link.wants)
        answers = link.take()
        asked += len(link.wants) - before
        assert len(link.wants) <= AHEAD
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]
    assert asked == -(-len(DATA) // WINDOW), "each window is asked for once"
    assert link.taker.read(link.file.digest, 0, len(DATA)) == DATA
    assert not link.downloads.busy


def test_a_partial_blob_goes_on_where_it_ends() -> None:
    link = Link()
    link.taker.extend(link.file.digest, 0, DATA[: CHUNK + 5], len(DATA))
    link.begin()
    assert [want.offset for want in link.wants] == [CHUNK + 5 + number * WINDOW for number in range(AHEAD)]


def test_what_another_link_brought_meanwhile_is_not_asked_for_again() -> None:
    link = Link()
    link.begin()
    link.give()
    link.taker.extend(link.file.digest, 0, DATA[: 2 * WINDOW], len(DATA))
    while link.chunks:
        link.take()
    while link.wants:
        link.give()
        while link.chunks:
            answers = link.take()
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]


class Overtaken(MemoryBlobs):
    """Another link's piece comes in between the look at how much is here and the writing."""

    def __init__(self) -> None:
        super().__init__()
        self.other: Chunk | None = None

    def partial(self, digest: Digest) -> int:
        here, other, self.other = super().partial(digest), self.other, None
        if other is not None:
            self.extend(digest, other.offset, other.data, other.total)
        return here


def test_a_link_that_is_overtaken_in_the_middle_of_a_chunk_goes_on() -> None:
    link = Link()
    link.taker = Overtaken()
    link.downloads = Downloads(link.taker, link._asked)
    link.begin()
    link.give()
    link.taker.other = link.chunks[0]
    answers = link.take()
    while not answers:
        if not link.chunks:
            link.give()
        answers = link.take()
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]


def test_a_partial_that_vanished_is_asked_for_from_its_beginning() -> None:
    link = Link()
    link.begin()
    link.give()
    link.take()
    link.taker.delete(link.file.digest)
    answers: list[tuple[Address, object]] = []
    rounds = 0
    while not answers and rounds < 100:
        rounds += 1
        if not link.chunks:
            link.give()
        answers = link.take()
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]


def carried(link: Link, *files: FileRef) -> tuple[list[tuple[Address, object]], int, int]:
    """Fetch files to the end; return the answers, and how many bytes and blobs were asked for at once at most."""
    answers = link.downloads.begin(FetchBlobs("fetch", NodeId("0" * 64), files, Address("asker")))
    most = blobs = rounds = 0
    while (link.wants or link.chunks) and rounds < 10_000:
        rounds += 1
        asked = {(want.digest, want.offset): min(WINDOW, link.giver.size(want.digest) - want.offset) for want in link.wants}
        most = max(most, sum(asked.values()) + sum(len(chunk.data) for chunk in link.chunks))
        blobs = max(blobs, len({digest for digest, _ in asked}))
        if link.chunks:
            answers += link.take()
        else:
            link.give()
    return answers, most, blobs


def test_many_large_blobs_come_without_more_under_way_than_one_has() -> None:
    link = Link()
    files = [FileRef(f"f{number}", link.giver.put(bytes([number]) * (2 * WINDOW + number)), 2 * WINDOW + number) for number in range(6)]
    answers, most, _ = carried(link, *files)
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]
    assert most <= AHEAD * WINDOW
    assert all(link.taker.has(file.digest) for file in files)


def test_many_small_blobs_are_asked_for_together_and_not_all_at_once() -> None:
    link = Link()
    files = [FileRef(f"f{number}", link.giver.put(b"%d" % number), len(b"%d" % number)) for number in range(500)]
    answers, _, blobs = carried(link, *files, FileRef("empty", link.giver.put(b""), 0))
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]
    assert FILES_AHEAD / 2 < blobs <= FILES_AHEAD


def test_one_blob_that_is_missing_fails_its_fetch_and_what_nobody_waits_for_is_not_asked_for() -> None:
    link = Link()
    missing = FileRef("missing", MemoryBlobs().put(b"elsewhere"), 9)
    rest = [FileRef(f"f{number}", link.giver.put(b"%d" % number * 10), 10) for number in range(10, 99 + FILES_AHEAD)]
    rest = [FileRef(file.name, file.digest, link.giver.size(file.digest)) for file in rest]
    assert link.downloads.begin(FetchBlobs("fetch", NodeId("0" * 64), (missing, *rest), Address("asker"))) == []
    asked = len(link.wants)
    ((_, answer),) = link.downloads.missing(Missing(missing.digest))
    assert isinstance(answer, BlobsFailed)
    assert answer.rule == "missing"
    assert len(link.wants) == asked == FILES_AHEAD


def test_a_partial_that_is_all_there_is_looked_at_without_asking() -> None:
    """A crash came between the last piece and the look at its digest."""
    link = Link()
    link.taker._partial[link.file.digest] = bytearray(DATA)
    answers, most, _ = carried(link, link.file)
    assert answers == [(Address("asker"), BlobsFetched("fetch"))]
    assert most == 0


def test_a_damaged_partial_is_fetched_again_and_the_peer_is_not_blamed() -> None:
    for damaged in (bytearray(WINDOW), bytearray(len(DATA)), bytearray(len(DATA) + 1)):
        link = Link()
        link.taker._partial[link.file.digest] = damaged
        answers, _, _ = carried(link, link.file)
        assert answers == [(Address("asker"), BlobsFetched("fetch"))]
        assert link.taker.read(link.file.digest, 0, len(DATA)) == DATA


def test_a_peer_that_gives_other_bytes_than_it_said_is_blamed() -> None:
    link = Link()
    link.giver._whole[link.file.digest] = bytes(len(DATA))
    answers, _, _ = carried(link, link.file)
    ((_, answer),) = answers
    assert isinstance(answer, BlobsFailed)
    assert answer.rule == "wrong_digest"


def test_a_want_at_the_end_is_answered() -> None:
    link = Link()
    for offset in (len(DATA), len(DATA) + 5):
        link.wants.append(Want(link.file.digest, offset, WINDOW))
        link.give()
        assert link.chunks.pop() == Chunk(link.file.digest, len(DATA), len(DATA), memoryview(b""))
    assert not link.chunks
