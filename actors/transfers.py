"""Blobs over one link: what the asking and the giving end do with Want, Chunk and Missing.

Pull-based: the asker wants a window, the giver sends it in chunks, and a partial blob is resumed from where it ended.
Knows the Blobs port and a way to say records. Must not know links, sessions' lives or what the blobs are for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from claynet.actors.core.records import Chunk, Missing, Record, Want
from claynet.actors.messages import BlobsFailed, BlobsFetched, FetchBlobs
from claynet.actors.ports import Address, Blobs, CorruptBlobError, Digest, FileRef

CHUNK = 1024 * 1024
WINDOW = 4 * CHUNK
AHEAD = 3
"""Windows asked for and not here yet, so that the giver always has something to send."""
FILES_AHEAD = 64
"""Blobs asked for at once; small ones would else come one for each round trip."""
MOST_IN_FLIGHT = 16 * CHUNK
"""Bytes said to a peer that have not left this node; a Want beyond waits. `Downloads` never has more than three windows under way."""
MOST_HELD = 1024
"""Wants that may wait."""

Answers = list[tuple[Address, object]]


def serve(want: Want, blobs: Blobs, allowed: bool, say: Callable[[Record], None]) -> None:
    """Answer a Want: chunks of the window, or Missing when the blob is not here or not for this peer."""
    if not allowed or want.offset < 0 or not blobs.has(want.digest):
        say(Missing(want.digest))
        return
    total = blobs.size(want.digest)
    end = min(total, want.offset + max(0, min(want.length, WINDOW)))
    if want.offset >= total:
        say(Chunk(want.digest, total, total, memoryview(b"")))  # else the asker would wait for what does not come
    for offset in range(want.offset, end, CHUNK):
        data = blobs.read(want.digest, offset, min(CHUNK, end - offset))
        say(Chunk(want.digest, offset, total, memoryview(data)))


class Uploads:
    """The giving end: no more than some windows are on their way at once, however many are wanted."""

    def __init__(self, blobs: Blobs, say: Callable[[Record], None], granted: Callable[[Digest], bool], waiting: Callable[[], int]) -> None:
        """`granted` tells which blobs the peer may read, `waiting` how many bytes have not left this node yet."""
        self._blobs = blobs
        self._say = say
        self._granted = granted
        self._waiting = waiting
        self._held: deque[Want] = deque()

    @property
    def held(self) -> int:
        """Wants that wait."""
        return len(self._held)

    def want(self, want: Want) -> bool:
        """Answer now or later; False when too many wait already."""
        if len(self._held) >= MOST_HELD:
            return False
        self._held.append(want)
        self.go_on()
        return True

    def go_on(self) -> None:
        """Answer as many as may be on their way."""
        while self._held and self._waiting() < MOST_IN_FLIGHT:
            want = self._held.popleft()
            serve(want, self._blobs, self._granted(want.digest), self._say)


class Downloads:
    """The asking end: which fetches wait for which blobs."""

    def __init__(self, blobs: Blobs, say: Callable[[Record], None]) -> None:
        self._blobs = blobs
        self._say = say
        self._fetches: dict[str, tuple[FetchBlobs, set[Digest]]] = {}
        self._asked: dict[Digest, tuple[FileRef, int]] = {}
        """Per blob under way: what it is, and where the last window asked for ends."""
        self._under_way: dict[Digest, int] = {}
        """Per blob under way: bytes asked for and not here yet."""
        self._queue: dict[Digest, FileRef] = {}
        """Blobs whose turn comes."""
        self._from_here: set[Digest] = set()
        """Blobs under way of which every byte came by this link: when they are wrong, this peer is."""

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
        self._queue.update((digest, file) for digest, file in missing.items() if digest not in self._asked)
        return self._next()

    def fits(self, chunk: Chunk) -> bool:
        """Tell whether these are the next bytes of a blob that was asked for."""
        return chunk.digest in self._asked and chunk.offset == self._blobs.partial(chunk.digest)

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
            if chunk.digest not in self._from_here:  # what an earlier life or another peer left was wrong
                self._ask(file, 0)
                return []
            return self._fail(chunk.digest, "wrong_digest", str(error))
        except ValueError:  # of two links one was faster, between the look above and now
            return self._ask_again(file, until, chunk)
        except OSError as error:
            return self._fail(chunk.digest, "disk", f"{file.name} could not be stored: {error.strerror}")
        if whole:
            return self._have(chunk.digest)
        self._ask_ahead(file, chunk.offset + len(chunk.data), until)
        return self._next() if self._queue else []

    def missing(self, record: Missing) -> Answers:
        """The peer does not give it."""
        asked = self._asked.get(record.digest)
        if asked is None:
            return []
        return self._fail(record.digest, "missing", f"the peer does not give {asked[0].name or record.digest}")

    def forget(self, fetch_id: str) -> Answers:
        """Ask for nothing more of a fetch; what was asked for and comes is passed over, unless another one waits for it."""
        _, missing = self._fetches.pop(fetch_id, (None, set()))
        for digest in sorted(missing):
            if not any(digest in others for _, others in self._fetches.values()):
                self._queue.pop(digest, None)
                if digest in self._asked:
                    self._over(digest)
        return self._next()

    def drop(self) -> list[FetchBlobs]:
        """The link is over: return the fetches that were under way."""
        fetches = [fetch for fetch, _ in self._fetches.values()]
        for kept in (self._fetches, self._asked, self._under_way, self._queue, self._from_here):
            kept.clear()
        return fetches

    def _next(self) -> Answers:
        """Ask for blobs whose turn has come."""
        answers: Answers = []
        while self._queue and len(self._asked) < FILES_AHEAD and sum(self._under_way.values()) <= (AHEAD - 1) * WINDOW:
            digest = next(iter(self._queue))
            file = self._queue.pop(digest)
            if not any(digest in missing for _, missing in self._fetches.values()):
                continue  # its fetch has failed
            if self._blobs.has(digest):
                answers += self._waited_for(digest)
                continue
            here = self._blobs.partial(digest)
            if here > file.size:  # left by one who lied about the size
                self._blobs.delete(digest)
                here = 0
            if here == file.size > 0:  # all is here, and a crash came before it was looked at
                self._asked[digest], self._under_way[digest] = (file, here), 0
                answers += self.chunk(Chunk(digest, here, here, memoryview(b"")))
            else:
                self._ask(file, here)
        return answers

    def _ask(self, file: FileRef, here: int) -> None:
        if not here:
            self._from_here.add(file.digest)
        self._ask_ahead(file, here, here)

    def _ask_ahead(self, file: FileRef, here: int, until: int) -> None:
        """Ask for windows after `until`, as long as not too many are under way; for the first one in any case."""
        until = max(until, here)
        others = sum(self._under_way.values()) - self._under_way.get(file.digest, 0)
        while until == here or (until < file.size and others + until + WINDOW <= here + AHEAD * WINDOW):
            self._say(Want(file.digest, until, WINDOW))
            until += WINDOW
        self._asked[file.digest] = (file, until)
        self._under_way[file.digest] = min(until, file.size) - here

    def _ask_again(self, file: FileRef, until: int, chunk: Chunk) -> Answers:
        """A chunk that does not fit: another link was faster, or something was lost. Ask anew once nothing that fits can come."""
        here = self._blobs.partial(file.digest)
        if here >= until or chunk.offset + len(chunk.data) >= min(until, file.size):
            self._ask_ahead(file, here, here)
        return []

    def _have(self, digest: Digest) -> Answers:
        self._over(digest)
        return [*self._waited_for(digest), *self._next()]

    def _waited_for(self, digest: Digest) -> Answers:
        answers: Answers = []
        for fetch, missing in list(self._fetches.values()):
            missing.discard(digest)
            if not missing:
                del self._fetches[fetch.fetch_id]
                answers.append((fetch.reply_to, BlobsFetched(fetch.fetch_id)))
        return answers

    def _over(self, digest: Digest) -> None:
        del self._asked[digest], self._under_way[digest]
        self._from_here.discard(digest)

    def _fail(self, digest: Digest, rule: str, detail: str) -> Answers:
        self._over(digest)
        answers: Answers = []
        for fetch, missing in list(self._fetches.values()):
            if digest in missing:
                del self._fetches[fetch.fetch_id]
                answers.append((fetch.reply_to, BlobsFailed(fetch.fetch_id, rule, detail, again=False)))
        return [*answers, *self._next()]
