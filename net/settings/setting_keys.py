"""Every key of a node's settings: its kind, its default, what it means. The configuration file, the checks and the manual are made of it.

Knows the values that keys take. Must not know files, environment variables or flags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from claynet.actors import units
from claynet.actors.nearest import nearest
from claynet.actors.units import UnitError
from claynet.net.settings.hours import Hours, parse_hours

ROLES = ("requestor", "provider")
NOWHERE = "none"
"""As `listen.host`: it does not listen."""
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

Show = Callable[[Any], str]
Read = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting."""

    name: str
    """Section and name: `lend.memory`."""
    read: Read
    """Makes the value of what YAML, a variable or a flag gives. Raises UnitError."""
    show: Show
    """Writes a value as the file has it."""
    default: Any
    kind: str
    """What it takes, for people."""
    meaning: str

    @property
    def section(self) -> str:
        """`lend` of `lend.memory`; empty for a key without one."""
        return self.name.rpartition(".")[0]

    @property
    def field(self) -> str:
        """Its name in NodeSettings."""
        return self.name.replace(".", "_")

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return "CLAYNET_" + self.field.upper()


# ---------------------------------------------------------------- kinds


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise UnitError("expected a text of at most 200 printable characters")
    return value.strip()


def _name(value: object) -> str:
    text = _text(value)
    if text and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise UnitError("expected a name of letters, digits, dots and dashes, at most 63")
    return text


def _host(value: object) -> str:
    host = _text(value)
    if not host:
        raise UnitError("expected an address, not an empty text", f"write {NOWHERE} for a node that does not listen")
    try:
        host.encode("idna")  # as a socket does, which otherwise raises this only when the node starts
    except UnicodeError as error:
        raise UnitError(f"{host[:40]!r} can be no host's name: {error}", "write an address such as 127.0.0.1") from None
    return host


def _network(value: object) -> str:
    name = _name(value)
    if not name:
        raise UnitError("a network needs a name")
    return name


def _truth(value: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise UnitError(f"expected true or false, not {str(value)[:40]!r}")


def _whole(low: int, high: int) -> Read:
    def read(value: object) -> int:
        text = str(value).strip()
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise UnitError(f"expected a whole number from {low} to {high}, not {text[:40]!r}")
        return int(text)

    return read


def _cores(value: object) -> float:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or float(text) <= 0:
        raise UnitError(f"expected a number of processors above 0 such as 2 or 0.5, not {text[:40]!r}")
    return float(text)


def _positive(read: Read, least: int = 1) -> Read:
    def positive(value: object) -> int:
        found: int = read(value)
        if found < least:
            raise UnitError(f"{str(value)[:40]!r} is too little")
        return found

    return positive


def _one_of(words: tuple[str, ...]) -> Read:
    def read(value: object) -> str:
        if value not in words:
            raise UnitError(f"{str(value)[:40]!r} is none of {', '.join(words)}", nearest(str(value), words))
        return str(value)

    return read


def _list(read: Read) -> Read:
    def read_all(value: object) -> tuple[Any, ...]:
        items = [item for item in (piece.strip() for piece in value.split(",")) if item] if isinstance(value, str) else value
        if items is None:
            items = []
        if not isinstance(items, list):
            raise UnitError(f"expected a list, not {str(value)[:40]!r}")
        return tuple(dict.fromkeys(read(item) for item in items))

    return read_all


def _hours(value: object) -> Hours:
    try:
        return parse_hours(_text(value))
    except ValueError as error:
        raise UnitError(f"{error}; expected parts of the day such as 22:00-07:00") from None


def _place(value: object) -> tuple[str, int]:
    host, colon, port = _text(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65_535):
        raise UnitError(f"expected HOST:PORT such as 192.0.2.7:40102 or [2001:db8::7]:40102, not {str(value)[:60]!r}")
    return host, int(port)


def _show_place(place: tuple[str, int]) -> str:
    return f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"


def _show_truth(value: bool) -> str:
    return "true" if value else "false"


def _show_cores(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""What YAML, in one version or another, does not read as text."""


def _quoted(text: str) -> str:
    # What YAML would read as something else, or as the end of the value, stands in quotes.
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in _WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _show_list(show: Show) -> Show:
    return lambda items: "[" + ", ".join(_quoted(show(item)) for item in items) + "]"


# ---------------------------------------------------------------- keys

_A_TEXT, _A_TRUTH, _A_LIST = "text", "true or false", "a list of"
_MIB = 2**20
_SECOND = units.DURATIONS["s"]

_DECLARED = (
    Key("name", _name, _quoted, "", "a name", "How this node is called in logs and by its peers; empty: the machine's name."),
    Key("roles", _list(_one_of(ROLES)), _show_list(str), ("requestor",), f"{_A_LIST} {', '.join(ROLES)}",
        "What it does: a requestor rents computing power, a provider lends it."),
    Key("network", _network, _quoted, "claynet", "a name", "Which network it belongs to: nodes of another name are not talked to."),
    Key("peers", _list(_place), _show_list(_show_place), (), f"{_A_LIST} HOST:PORT", "Nodes that it keeps a link to."),
    Key("discover", _truth, _show_truth, True, _A_TRUTH, "Links to nodes that it has met before or was told of, besides its peers."),
    Key("listen.host", _host, _quoted, "127.0.0.1", "an address",
        "Where it listens for peers: 127.0.0.1 for this machine only, 0.0.0.0 or :: for everybody, none: it calls others only."),
    Key("listen.port", _whole(0, 65_535), str, 40_102, "a port", "Its TCP port; 0 takes a free one each time."),
    Key("relay.use", _truth, _show_truth, True, _A_TRUTH,
        "Meets nodes at a relay that it is linked to, where no call gets through; the relay sees who meets, and nothing of what they say."),
    Key("relay.serve", _truth, _show_truth, False, _A_TRUTH,
        "Lets nodes that cannot call each other meet here, and passes their bytes on, within the bounds below."),
    Key("relay.pairs", _whole(1, 256), str, 8, "a whole number", "Pairs of nodes that it passes bytes on for at once."),
    Key("relay.rate", _positive(units.size, 16 * 1024), units.format_size, _MIB, "a size",
        "So much it passes on for one pair each second, both directions together."),
    Key("relay.hourly", _positive(units.size, _MIB), units.format_size, 1024 * _MIB, "a size",
        "So much it passes on for all pairs in an hour; then they end."),
    Key("relay.idle", _positive(units.duration, 30 * _SECOND), units.format_duration, 120 * _SECOND, "a duration",
        "A pair on which nothing moves for so long is ended."),
    Key("run.requestor", _text, _quoted, "docker_cpu", "an environment", "What runs the requestor side of apps here."),
    Key("run.provider", _text, _quoted, "docker_cpu", "an environment", "What runs the work of others here."),
    Key("run.on_host", _truth, _show_truth, False, _A_TRUTH,
        "Allows environments that run apps on this machine without a container (process, inproc): only apps installed here,"
        " never code of a peer. Then run.requestor and run.provider can name one of them."),
    Key("lend.cores", _cores, _show_cores, 1.0, "processors", "Processors lent, shared evenly by the slots."),
    Key("lend.memory", _positive(units.size, 64 * _MIB), units.format_size, 2048 * _MIB, "a size",
        "Memory lent, shared evenly by the slots."),
    Key("lend.disk", _positive(units.size, _MIB), units.format_size, 10_240 * _MIB, "a size",
        "Disk lent: the files of one service, and all results of one subtask, are at most a slot's share of it."),
    Key("lend.slots", _whole(1, 256), str, 1, "a whole number", "Subtasks of others computed at once."),
    Key("lend.price", units.tokens, units.format_tokens, 0, "an amount", "Asked price per hour."),
    Key("lend.hours", _hours, lambda hours: f'"{hours}"', Hours(), "parts of the day",
        "When it takes work, in local time, such as 22:00-07:00; several with commas; empty: always. Work under way goes on to its end."),
    Key("lend.idle_only", _truth, _show_truth, False, _A_TRUTH, "Take work only while nobody else uses this machine's processors."),
    Key("lend.sources", _list(_text), _show_list(str), (), f"{_A_LIST} sources",
        "Whose images may run here (golem for golem/blender:1.0), besides those allowed by command."),
    Key("log.level", _one_of(LEVELS), str, "info", ", ".join(LEVELS), "The least that is written to the log."),
    Key("log.format", _one_of(FORMATS), str, "text", ", ".join(FORMATS), "Lines for people, or one JSON object a line."),
    Key("log.size", _positive(units.size, 4096), units.format_size, 10 * _MIB, "a size",
        "A log file of this size is put aside and a new one begun."),
    Key("log.keep", _whole(1, 100), str, 5, "a whole number", "So many files put aside are kept."),
    Key("stop.limit", _positive(units.duration), units.format_duration, 30 * _SECOND, "a duration",
        "So long a stop waits for services to end before it ends them."),
)  # fmt: skip

KEYS: Mapping[str, Key] = {key.name: key for key in _DECLARED}
"""In the order of the file."""
SECTIONS = tuple(dict.fromkeys(key.section for key in _DECLARED if key.section))
