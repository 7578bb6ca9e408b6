"""Durations fitted to what jobs really took in earlier runs: reads their side logs, makes a distribution of each kind.

Knows the side log (`logs/durations.jsonl` of a run's output folder: one `{"job", "kind", "ns"}` a line). Must not know plans or runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, stdev
from typing import Any, Final

from claynet.actors.units import duration, format_duration
from claynet.sim.durations import DEFAULTS, Distribution
from claynet.sim.scenario.read_distribution import MOST_SIGMA

SIDE_LOG: Final = Path("logs", "durations.jsonl")
"""Where a run's output folder has it."""
ENOUGH: Final = 5
"""From so many samples on a kind gets a lognormal distribution; below, it is the constant median."""
GRAIN: Final = 1_000
"""Fitted medians are whole microseconds: what is below says nothing, and would make long texts."""


class CalibrationError(Exception):
    """A side log cannot be used; the text has file, line, cause and the way out."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was made of one kind's samples."""

    distribution: Distribution
    samples: int

    def to_json(self) -> dict[str, object]:
        """Return it as in a scenario, with the number of samples."""
        first = format_duration(self.distribution.first)
        if self.distribution.shape == "constant":
            return {"constant": first, "samples": self.samples}
        return {"lognormal": {"median": first, "sigma": self.distribution.second}, "samples": self.samples}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted durations by kind of job."""

    fits: Mapping[str, Fit]
    source: Path | None = field(default=None, compare=False)
    """The side log."""

    @classmethod
    def from_json(cls, value: Mapping[str, Mapping[str, Any]]) -> Calibration:
        """Return what `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        fits = {}
        for kind, written in value.items():
            shape = written.get("lognormal")
            if shape is None:
                distribution = Distribution.constant(duration(written["constant"]))
            else:
                distribution = Distribution.lognormal(duration(shape["median"]), float(shape["sigma"]))
            fits[kind] = Fit(distribution, int(written["samples"]))
        return cls(fits)

    def durations(self) -> dict[str, Distribution]:
        """Return the distributions by kind."""
        return {kind: fit.distribution for kind, fit in self.fits.items()}

    def to_json(self) -> dict[str, dict[str, object]]:
        """Return what was fitted, by kind, as JSON values."""
        return {kind: fit.to_json() for kind, fit in self.fits.items()}

    def to_yaml(self) -> str:
        """Return the `durations:` of a scenario."""
        lines = ["durations:"]
        for kind, fit in self.fits.items():
            first = format_duration(fit.distribution.first)
            is_constant = fit.distribution.shape == "constant"
            text = first if is_constant else f"{{lognormal: {{median: {first}, sigma: {fit.distribution.second}}}}}"
            lines.append(f"  {kind}: {text}  # {fit.samples} {'sample' if fit.samples == 1 else 'samples'}")
        return "\n".join(lines)


def read_calibration(place: Path) -> Calibration:
    """Fit durations to a side log: a file, or the output folder of a run that has one. Raises CalibrationError."""
    log = place
    samples: dict[str, list[int]] = {}
    try:
        log = _log_of(place)
        for kind, took in _lines(log):
            samples.setdefault(kind, []).append(took)
    except OSError as error:
        raise CalibrationError(f"{log}: cannot be read: {error.strerror}") from error
    if not samples:
        raise CalibrationError(f"{log}: is empty: no job of that run ended")
    return Calibration({kind: fit(samples[kind]) for kind in DEFAULTS if kind in samples}, log)


def _log_of(place: Path) -> Path:
    """Return the side log that a file or a folder stands for. Raises CalibrationError, or OSError."""
    log = place / SIDE_LOG if place.is_dir() else place
    if log.is_file():
        return log
    if place.is_dir():
        raise CalibrationError(f"{place}: has no {SIDE_LOG}: give the --out folder of a run in mode paced, or a log")
    if place.exists():
        raise CalibrationError(f"{place}: neither a folder nor a regular file: give the --out folder of a run in mode paced, or a log")
    raise CalibrationError(f"{place}: no such file or folder")


def fit(samples: list[int]) -> Fit:
    """Fit one kind's samples (ns, at least one): its median, and how far the logarithms scatter."""
    middle = max(GRAIN, round(median(samples) / GRAIN) * GRAIN)
    sigma = 0.0
    if len(samples) >= ENOUGH:
        sigma = round(min(MOST_SIGMA, stdev(math.log(max(took, GRAIN)) for took in samples)), 4)
    return Fit(Distribution.lognormal(middle, sigma) if sigma else Distribution.constant(middle), len(samples))


def _lines(log: Path) -> Iterator[tuple[str, int]]:
    with log.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _sample(json.loads(line), line)
            except (ValueError, RecursionError) as error:  # of json too; bytes that are no UTF-8 are a ValueError
                cause = "is not JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
                raise CalibrationError(f"{log}: line {number}: {cause}; remove the line, or record the run anew") from error


def _sample(record: Any, line: bytes) -> tuple[str, int]:
    if not line.endswith(b"\n"):
        raise ValueError("is cut short")
    if not isinstance(record, dict):
        raise ValueError(f"is not an object with kind and ns but {type(record).__name__}")
    kind, took = record.get("kind"), record.get("ns")
    if not isinstance(kind, str) or kind not in DEFAULTS:
        raise ValueError(f"kind is {kind!r}, which is no kind of job")
    if not isinstance(took, int) or isinstance(took, bool) or took < 0:
        raise ValueError(f"ns is {took!r}, not a whole number of nanoseconds")
    return kind, took
