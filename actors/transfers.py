"""Blobs over one link: what the asking and the giving end do with Want, Chunk and Missing.

Pull-based: the asker wants a window, the giver sends it in chunks, and a partial blob is resumed from where it ended.
Knows the Blobs port and a way to say records. Must not know links, sessions' lives or what the blobs are for.
"""

from __future__ import annotations

from collections.abc import Callable

from claynet.actors.core.records import Chunk, Missing, Record, Want
from claynet.actors.messages import BlobsFailed, BlobsFetched, FetchBlobs
from claynet.actors.ports import Address, Blobs, CorruptBlobError, Digest, FileRef

CHUNK = 1024 * 1024
WINDOW = 4 * CHUNK
AHEAD = 3
"""Windows asked for and not here yet, so that the giver always has something to send."""

Answers = list[tuple[Address, object]]


def serve(want: Want, blobs: Blobs, allowed: bool, say: Callable[[Record], None]) -> None:
    """Answer a Want: chunks of the window, or Missing when the blob is not here or not for this peer."""
    if not allowed or want.offset < 0 or not blobs.has(want.digest):
        say(Missing(want.digest))
        return
    total = blobs.size(want.digest)
    end = min(total, want.offset + max(0, min(want.length, WINDOW)))
    if total == 0:
        say(Chunk(want.digest, 0, 0, memoryview(b"")))
    for offset in range(want.offset, end, CHUNK):
        data = blobs.read(want.digest, offset, min(CHUNK, end - offset))
        say(Chunk(want.digest, offset, total, memoryview(data)))


class Downloads:
    """The asking end: which fetches wait for which blobs."""

    def __init__(self, blobs: Blobs, say: Callable[[Record], None]) -> None:
        self._blobs = blobs
        self._say = say
        self._fetches: dict[str, tuple[FetchBlobs, set[Digest]]] = {}
        self._asked: dict[Digest, tuple[FileRef, int]] = {}
        """Per blob under way: what it is, and where the last window asked for ends."""

    @property
    def busy(self) -> bool:
        """Tell whether a fetch is under way."""
        return bool(self._fetches)

    def begin(self, fetch: FetchBlobs) -> Answers:
        """Ask for what is not here yet."""
        missing = {file.digest: file for file in fetch.files if not self._blobs.has(file.digest)}
        if not missing:
            return [(fetch.reply_to, BlobsFetched(fetch.fetch_id))]
        self._fetches[fetch.fetch_id] = (fetch, set(missing))
        for file in missing.values():
            if file.digest not in self._asked:
                self._ask(file)
        return []

    def chunk(self, chunk: Chunk) -> Answers:
        """Take bytes; ask for the next window, or answer whoever waited for this blob."""
        asked = self._asked.get(chunk.digest)
        if asked is None:
            return []
        file, until = asked
        if chunk.total != file.size:
            return self._fail(chunk.digest, "wrong_size", f"{file.name} was declared as {file.size} bytes and has {chunk.total}")
        if chunk.offset != self._blobs.partial(chunk.digest):
            if self._blobs.has(chunk.digest):
                return self._have(chunk.digest)
            return self._ask_again(file, until, chunk)
        if chunk.offset + len(chunk.data) > chunk.total:
            return self._fail(chunk.digest, "wrong_size", f"{file.name} has more than the {file.size} bytes declared")
        try:
            whole = self._blobs.extend(chunk.digest, chunk.offset, chunk.data, chunk.total)
        except CorruptBlobError as error:
            return self._fail(chunk.digest, "wrong_digest", str(error))
        except ValueError:  # of two links one was faster, between the look above and now
            return self._ask_again(file, until, chunk)
        except OSError as error:
            return self._fail(chunk.digest, "disk", f"{file.name} could not be stored: {error.strerror}")
        if whole:
            return self._have(chunk.digest)
        self._ask_ahead(file, chunk.offset + len(chunk.data), until)
        return []

    def missing(self, record: Missing) -> Answers:
        """The peer does not give it."""
        asked = self._asked.get(record.digest)
        if asked is None:
            return []
        return self._fail(record.digest, "missing", f"the peer does not give {asked[0].name or record.digest}")

    def drop(self) -> list[FetchBlobs]:
        """The link is over: return the fetches that were under way."""
        fetches = [fetch for fetch, _ in self._fetches.values()]
        self._fetches.clear()
        self._asked.clear()
        return fetches

    def _ask(self, file: FileRef) -> None:
        offset = self._blobs.partial(file.digest)
        self._ask_ahead(file, offset, offset)

    def _ask_ahead(self, file: FileRef, here: int, until: int) -> None:
        """Ask for windows after `until`, as long as not too many are under way; for the first one of an empty blob too."""
        while until == 0 or (until < file.size and until + WINDOW <= here + AHEAD * WINDOW):
            self._say(Want(file.digest, until, WINDOW))
            until += WINDOW
        self._asked[file.digest] = (file, until)

    def _ask_again(self, file: FileRef, until: int, chunk: Chunk) -> Answers:
        """A chunk that does not fit: another link was faster, or something was lost. Ask anew once nothing that fits can come."""
        here = self._blobs.partial(file.digest)
        if here >= until or chunk.offset + len(chunk.data) >= min(until, file.size):
            self._ask_ahead(file, here, here)
        return []

    def _have(self, digest: Digest) -> Answers:
        del self._asked[digest]
        answers: Answers = []
        for fetch, missing in list(self._fetches.values()):
            missing.discard(digest)
            if not missing:
                del self._fetches[fetch.fetch_id]
                answers.append((fetch.reply_to, BlobsFetched(fetch.fetch_id)))
        return answers

    def _fail(self, digest: Digest, rule: str, detail: str) -> Answers:
        del self._asked[digest]
        answers: Answers = []
        for fetch, missing in list(self._fetches.values()):
            if digest in missing:
                del self._fetches[fetch.fetch_id]
                answers.append((fetch.reply_to, BlobsFailed(fetch.fetch_id, rule, detail, again=False)))
        return answers
