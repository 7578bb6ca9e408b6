"""The tape: the outcomes of all outside work of one run, so that it can be run again without any.

Knows how outcomes are written and read (a MessagePack stream: a header map, then one array a job, before it one for the bytes of each file
that is new), and refuses a tape of another run. Must not know what jobs do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple, Self

import msgpack

from claynet.actors.ports import Blobs, Digest, Entropy, FileRef, Outcome
from claynet.sim.durations import Durations
from claynet.sim.virtual.jobs import JobObserver, Pending, VirtualJobs
from claynet.sim.virtual.system import VirtualSystem

FORMAT: Final = "claynet-tape-1"

BlobsOf = Callable[[str], Blobs]
"""Finds the blobs of the node whose job has this id."""

_END: Final = b"\xc0"
"""A nil, put behind what is read: in place of a record it proves that the last one was whole (the unpacker says nothing of a rest)."""


class TapeError(Exception):
    """A tape cannot be used: damaged, or of another run. The text says which."""


class DivergenceError(Exception):
    """A replay asked for something the recorded run never did: the two are not the same run."""


class TapeHeader(NamedTuple):
    """What a tape belongs to."""

    scenario: str
    """Digest of the scenario."""
    seed: int
    version: str
    """Version of claynet."""


class TapeWriter:
    """Writes a tape, job by job; a file that was not closed is readable up to its last whole record."""

    def __init__(self, path: Path, header: TapeHeader) -> None:
        """Open the file (replacing one). Raises OSError."""
        self._file: BinaryIO = path.open("wb")
        self._packer = msgpack.Packer(use_bin_type=True)
        self._written: set[Digest] = set()
        self._write({"format": FORMAT, **header._asdict()})

    def record(self, job_id: str, kind: str, outcome: Outcome, blobs: Blobs | None = None) -> None:
        """Write one outcome, and the bytes of its files from where the job put them. Raises OSError."""
        for file in outcome.files:
            if blobs is not None and file.digest not in self._written:
                self._written.add(file.digest)
                self._write([file.digest, blobs.read(file.digest, 0, file.size)])
        files = [[file.name, file.digest, file.size] for file in outcome.files]
        self._write([job_id, kind, outcome.status, outcome.reply, outcome.code, outcome.detail, files])

    def close(self) -> None:
        """Finish the file. Idempotent."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, record: Any) -> None:
        self._file.write(self._packer.pack(record))


class Tape:
    """A tape that was read: outcomes by job id."""

    def __init__(self, header: TapeHeader, outcomes: dict[str, tuple[str, Outcome]], contents: dict[str, bytes] | None = None) -> None:
        self.header = header
        self._outcomes = outcomes
        self._contents = contents or {}

    @classmethod
    def read(cls, path: Path) -> Tape:
        """Read a whole tape. Raises TapeError when it is damaged or no tape at all, OSError when it cannot be read."""
        data = path.read_bytes()
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=len(data) + 1)
        unpacker.feed(data + _END)
        try:
            first = next(unpacker, None)
            if not isinstance(first, dict) or first.get("format") != FORMAT:
                raise TapeError(f"{path}: not a tape of this format ({FORMAT})")
            header = TapeHeader(str(first["scenario"]), int(first["seed"]), str(first["version"]))
            contents: dict[str, bytes] = {}
            outcomes = dict(_records(unpacker, contents))
        except TapeError:
            raise
        except EOFError:
            raise TapeError(f"{path}: cut short: its run did not end") from None
        except Exception as error:  # msgpack raises ValueError, UnicodeDecodeError and its own kinds; records may have any shape
            raise TapeError(f"{path}: damaged ({type(error).__name__}: {error})") from error
        if unpacker.tell() != len(data) + len(_END):
            raise TapeError(f"{path}: damaged after {len(outcomes)} outcomes")
        return cls(header, outcomes, contents)

    def check(self, expected: TapeHeader) -> None:
        """Raises TapeError, naming what differs, unless this tape is of the run described."""
        for field, ours, theirs in zip(TapeHeader._fields, expected, self.header, strict=True):
            if ours != theirs:
                raise TapeError(f"this tape is of another run: its {field} is {theirs}, this run's is {ours}")

    def outcome(self, job_id: str, kind: str) -> Outcome:
        """Look up. Raises DivergenceError when the recorded run had no such job, or one of another kind."""
        found = self._outcomes.get(job_id)
        if found is None:
            raise DivergenceError(f"the replay diverged: the tape has no outcome of job {job_id!r} ({kind})")
        if found[0] != kind:
            raise DivergenceError(f"the replay diverged: job {job_id!r} is {kind} now and was {found[0]} on the tape")
        return found[1]

    def content(self, file: FileRef) -> bytes:
        """Return the bytes of an outcome's file. Raises DivergenceError when the tape has none."""
        data = self._contents.get(file.digest)
        if data is None:
            raise DivergenceError(f"the tape has no bytes of {file.name!r} ({file.digest})")
        return data

    def __len__(self) -> int:
        return len(self._outcomes)


def _records(unpacker: Any, contents: dict[str, bytes]) -> Iterator[tuple[str, tuple[str, Outcome]]]:
    for record in unpacker:
        if record is None:
            return
        if len(record) == 2:
            contents[record[0]] = record[1]
            continue
        job_id, kind, status, reply, code, detail, files = record
        refs = tuple(FileRef(name, Digest(digest), size) for name, digest, size in files)
        yield job_id, (kind, Outcome(status=status, reply=reply, code=code, detail=detail, files=refs))
    raise EOFError("cut short")


class ReplayJobs(VirtualJobs):
    """The Jobs port of a replay: every outcome comes from the tape, at the same virtual times; no work is run or killed.

    Raises TapeError when the tape is of another run. A job missing in it ends the run with DivergenceError.
    """

    def __init__(
        self,
        system: VirtualSystem,
        durations: Durations,
        entropy: Entropy,
        tape: Tape,
        header: TapeHeader,
        observer: JobObserver | None = None,
        blobs_of: BlobsOf | None = None,
    ) -> None:
        tape.check(header)
        super().__init__(system, durations, entropy, observer)
        self._tape = tape
        self._blobs_of = blobs_of

    def _begin(self, job: Pending) -> None:
        pass

    def _outcome(self, job: Pending) -> Outcome:
        # Looked up at the end only: the recorded run may have ended, or its node crashed, before this job did.
        outcome = self._tape.outcome(job.job_id, job.kind)
        if self._blobs_of is not None:
            for file in outcome.files:
                self._blobs_of(job.job_id).put(self._tape.content(file))
        return outcome

    def _abandon(self, job: Pending) -> None:
        pass
