"""Blobs over one link: windows are asked for ahead, in order, resumed where a partial ends, and asked anew when something is lost."""

from __future__ import annotations

import os

from claynet.actors.core.records import Chunk, Record, Want
from claynet.actors.messages import BlobsFetched, FetchBlobs
from claynet.actors.ports import Address, Digest, FileRef, NodeId
from claynet.actors.transfers import AHEAD, CHUNK, WINDOW, Downloads, serve
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
