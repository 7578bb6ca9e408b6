"""Quantities as people write them: `250ms`, `1m30s`, `64MiB`, `10Mbit`, `12.5tok`, `0.5%`.

Knows decimal text and exact integers; floats are used for fractions only. Must not know scenarios, settings or files.
Every parser takes what YAML gives (text or a number) and raises UnitError saying what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from claynet.actors.ports import SECOND

DURATIONS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND}
"""Nanoseconds of each unit."""
SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
"""Bytes of each unit."""
RATES = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9}
"""Bits per second of each unit; `/s` may follow."""
TOKENS = {"tok": 10**9}
"""10^-9 tokens of each unit."""
MOST = 2**63 - 1
"""Largest quantity, so that every sum fits the 64 bits of the wire."""

_PART = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)([A-Za-zµ%]+)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_LONGEST = 64
"""Characters of the longest text looked at."""


class UnitError(ValueError):
    """A text is not a quantity of the kind asked for; the message says what is."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion
        """The nearest valid spelling; may be empty."""


def duration(value: object, *, signed: bool = False) -> int:
    """Parse a duration into ns: `250ms`, `10s`, `1m30s`, `0`; with `signed` also `-2s`. Raises UnitError."""
    return _quantity(value, DURATIONS, "a duration such as 250ms, 10s, 5m or 1m30s", several=True, signed=signed)


def size(value: object) -> int:
    """Parse a size into bytes: `64MiB`, `10kB`, `0`. Raises UnitError."""
    return _quantity(value, SIZES, "a size such as 64MiB or 10kB")


def rate(value: object) -> int:
    """Parse a bandwidth into bits per second: `10Mbit`, `50Mbit/s`. Raises UnitError."""
    text = value.removesuffix("/s") if isinstance(value, str) else value
    return _quantity(text, RATES, "a bandwidth such as 10Mbit or 50Mbit/s")


def tokens(value: object) -> int:
    """Parse an amount into 10^-9 token: `12.5tok`, `0`. Raises UnitError."""
    return _quantity(value, TOKENS, "an amount such as 12.5tok")


def fraction(value: object) -> float:
    """Parse a chance from 0 to 1: `0.5%`, `0.005`, `1`. Raises UnitError."""
    allowed = "a fraction such as 0.5% or 0.005, from 0 to 1"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnitError(f"expected {allowed}, not {_shown(value)}")
    text = str(value).strip()
    percent = text.endswith("%")
    number = text[:-1].rstrip() if percent else text
    if isinstance(value, float) and 0.0 <= value <= 1.0:
        return value
    if len(text) > _LONGEST or not _NUMBER.fullmatch(number):
        raise UnitError(f"expected {allowed}, not {_shown(value)}")
    parsed = float(Decimal(number) / 100 if percent else Decimal(number))
    if not 0.0 <= parsed <= 1.0:
        raise UnitError(f"expected {allowed}, not {_shown(value)}")
    return parsed


def _quantity(value: object, units: Mapping[str, int], allowed: str, *, several: bool = False, signed: bool = False) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise UnitError(f"{_shown(value)} has no unit; write {allowed}")
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise UnitError(f"expected {allowed}, not {_shown(value)}")
    text = value.replace(" ", "")
    sign = 1
    if signed and text[0] in "+-":
        sign = -1 if text[0] == "-" else 1
        text = text[1:]
    total = _sum(text, units, allowed, several, shown=value)
    if total.denominator != 1:
        raise UnitError(f"{_shown(value)} is finer than the smallest step there is")
    if total > MOST:
        raise UnitError(f"{_shown(value)} is too large")
    return sign * int(total)


def _sum(text: str, units: Mapping[str, int], allowed: str, several: bool, shown: object) -> Fraction:
    if _NUMBER.fullmatch(text):
        if not text.startswith(("-", "+")) and Fraction(text) == 0:
            return Fraction(0)
        if not text.startswith("-"):
            raise UnitError(f"{_shown(shown)} has no unit; write {allowed}")
    total, end, least = Fraction(0), 0, max(units.values()) + 1
    for part in _PART.finditer(text):
        unit = part[2].replace("µ", "u")
        if part.start() != end:
            break
        if unit not in units:
            raise UnitError(f"unknown unit {part[2]!r} in {_shown(shown)}; allowed are {', '.join(units)}")
        if least <= units[unit]:
            raise UnitError(f"{_shown(shown)}: units go from large to small, each once")
        total += Fraction(part[1]) * units[unit]
        end, least = part.end(), units[unit] if several else 0
    if end == 0 or end != len(text):
        raise UnitError(f"expected {allowed}, not {_shown(shown)}")
    return total


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


# ---------------------------------------------------------------- back to text


def format_duration(ns: int) -> str:
    """Write a duration: `1m30s`, `250ms`, `1.5ms`, `0s`."""
    if ns < 0:
        return "-" + format_duration(-ns)
    if ns == 0:
        return "0s"
    if ns < SECOND:
        unit = next(name for name in ("ms", "us", "ns") if ns >= DURATIONS[name])
        return _decimal(ns, DURATIONS[unit]) + unit
    minutes, rest = divmod(ns, DURATIONS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, SECOND) + "s" if rest else ""
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "") + seconds


def format_tokens(amount: int) -> str:
    """Write an amount: `12.5tok`."""
    return ("-" if amount < 0 else "") + _decimal(abs(amount), TOKENS["tok"]) + "tok"


def format_size(count: int) -> str:
    """Write a size in the largest binary unit that keeps it whole: `64MiB`, `1000B`."""
    for unit in ("GiB", "MiB", "KiB"):
        if count and count % SIZES[unit] == 0:
            return f"{count // SIZES[unit]}{unit}"
    return f"{count}B"


def format_rate(bits: int) -> str:
    """Write a bandwidth: `50Mbit`, `1.5Gbit`."""
    unit = next((name for name in ("Gbit", "Mbit", "kbit") if bits >= RATES[name]), "bit")
    return _decimal(bits, RATES[unit]) + unit


def format_fraction(part: float) -> str:
    """Write a chance in percent: `0.5%`."""
    text = f"{Decimal(repr(part)) * 100:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).zfill(len(str(unit)) - 1).rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
