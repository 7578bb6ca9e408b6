"""The tape: the outcomes of all outside work of one run, so that it can be run again without any.

Knows how outcomes are written and read (a MessagePack stream: a header map, then one array a job, before it one for the bytes of each file
that is new, and last a seal), and refuses a tape of another run. Must not know what jobs do, nor how they are replayed.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple, Self

import msgpack

from claynet.actors.ports import Blobs, Digest, FileRef, Outcome

FORMAT: Final = "claynet-tape-2"
SEAL: Final = "end"

BlobsOf = Callable[[str], Blobs]
"""Finds the blobs of the node whose job has this id."""


class TapeError(Exception):
    """A tape cannot be used: damaged, or of another run. The text says which."""


class DivergenceError(Exception):
    """A replay did something else than the recorded run: the two are not the same run. The text names the first difference."""


def this_platform() -> str:
    """Return what of this machine can show in a trace: system, processor and Python."""
    return f"{sys.platform} {platform.machine()} Python {sys.version_info.major}.{sys.version_info.minor}"


class TapeHeader(NamedTuple):
    """What a tape belongs to."""

    scenario: str
    """Digest of the scenario."""
    seed: int
    version: str
    """Version of claynet."""
    platform: str
    calibration: Mapping[str, Mapping[str, object]]
    """The durations that the run was given by `--calibrate`, by kind of job; a replay has them from here."""


_MEANS: Final = {
    "scenario": "the scenario (its file, a file it names, the mode or an environment) is another",
    "seed": "the seed is another",
    "version": "it was recorded by another version of claynet",
    "platform": "it was recorded on another platform",
    "calibration": "it was recorded with other durations",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One job's end."""

    job_id: str
    kind: str
    outcome: Outcome
    at: int
    """Virtual ns at which the outcome was told."""


class TapeWriter:
    """Writes a tape, job by job. One that was not sealed, because its run never ended, is recognised as such."""

    def __init__(self, path: Path, header: TapeHeader) -> None:
        """Open the file (replacing one). Raises OSError."""
        self._file: BinaryIO = path.open("wb")
        self._packer = msgpack.Packer(use_bin_type=True)
        self._written: set[Digest] = set()
        self._digest = blake2b(digest_size=32)
        self._count = 0
        self._write({"format": FORMAT, **header._asdict()})

    def record(self, job_id: str, kind: str, outcome: Outcome, at: int, blobs: Blobs | None = None) -> None:
        """Write one outcome, told at `at`, and the bytes of its files from where the job put them. Raises OSError."""
        for file in outcome.files:
            if blobs is not None and file.digest not in self._written:
                self._written.add(file.digest)
                self._write([file.digest, blobs.read(file.digest, 0, file.size)])
        files = [[file.name, file.digest, file.size] for file in outcome.files]
        self._count += 1
        self._write([job_id, kind, outcome.status, outcome.reply, outcome.code, outcome.detail, files, at])

    def seal(self) -> None:
        """Write that the run ended here, and what the tape comes to; then close it."""
        self._write([SEAL, self._count, self._digest.hexdigest()])
        self.close()

    def close(self) -> None:
        """Finish the file. Idempotent."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.seal()
        else:
            self.close()

    def _write(self, record: Any) -> None:
        data = self._packer.pack(record)
        self._digest.update(data)
        self._file.write(data)
        self._file.flush()  # what a run that is killed had recorded is there, and shows that it was cut short


class Tape:
    """A tape that was read: how jobs ended, in the order in which it was told."""

    def __init__(self, header: TapeHeader, entries: Sequence[Entry], contents: Mapping[str, bytes] | None = None) -> None:
        self.header = header
        self.entries = tuple(entries)
        self._by_id = {entry.job_id: entry for entry in entries}
        self._contents = contents or {}

    @classmethod
    def read(cls, path: Path) -> Tape:
        """Read a whole tape. Raises TapeError when it is damaged, incomplete or no tape at all, OSError when it cannot be read."""
        data = path.read_bytes()
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=len(data) + 1)
        unpacker.feed(data)
        try:
            first = next(unpacker, None)
            if not isinstance(first, dict) or first.get("format") != FORMAT:
                raise TapeError(f"{path}: not a tape of this format ({FORMAT}){_format_of(first)}")
            header = TapeHeader(
                str(first["scenario"]), int(first["seed"]), str(first["version"]), str(first["platform"]), dict(first["calibration"])
            )
            contents: dict[str, bytes] = {}
            entries = _entries(path, unpacker, data, contents)
        except TapeError:
            raise
        except Exception as error:  # msgpack raises ValueError, UnicodeDecodeError and its own kinds; records may have any shape
            raise TapeError(f"{path}: damaged ({type(error).__name__}: {error})") from error
        return cls(header, entries, contents)

    def check(self, expected: TapeHeader) -> None:
        """Raises TapeError, naming all that differs, unless this tape is of the run described."""
        pairs = zip(TapeHeader._fields, expected, self.header, strict=True)
        differing = [f"{_MEANS[field]} (on the tape {theirs}, now {ours})" for field, ours, theirs in pairs if ours != theirs]
        if differing:
            raise TapeError(f"this tape is of another run: {'; '.join(differing)}")

    def find(self, job_id: str) -> Entry | None:
        """Return how a job ended; None when the recorded run told nobody."""
        return self._by_id.get(job_id)

    def content(self, file: FileRef) -> bytes:
        """Return the bytes of an outcome's file. Raises DivergenceError when the tape has none."""
        data = self._contents.get(file.digest)
        if data is None:
            raise DivergenceError(f"the tape has no bytes of {file.name!r} ({file.digest})")
        return data

    def __len__(self) -> int:
        return len(self.entries)


def _format_of(first: object) -> str:
    found = first.get("format") if isinstance(first, dict) else None
    return f" but {found}, of another version of claynet" if isinstance(found, str) and found.startswith("claynet-tape-") else ""


def _entries(path: Path, unpacker: Any, data: bytes, contents: dict[str, bytes]) -> list[Entry]:
    """Read every record behind the header. Raises TapeError unless a seal that fits ends the file."""
    entries: list[Entry] = []
    before = unpacker.tell()
    for record in unpacker:
        if len(record) == 3:
            digest = blake2b(data[:before], digest_size=32).hexdigest()
            if record != [SEAL, len(entries), digest] or unpacker.tell() != len(data):
                raise TapeError(f"{path}: damaged: its {len(entries)} outcomes are not those that were recorded")
            return entries
        before = unpacker.tell()
        if len(record) == 2:
            contents[record[0]] = record[1]
            continue
        job_id, kind, status, reply, code, detail, files, at = record
        refs = tuple(FileRef(name, Digest(digest), size) for name, digest, size in files)
        outcome = Outcome(status=status, reply=reply, code=code, detail=detail, files=refs)
        entries.append(Entry(job_id, kind, outcome, at))
    raise TapeError(f"{path}: incomplete after {len(entries)} outcomes: its run was interrupted or killed, or the file was cut short")
