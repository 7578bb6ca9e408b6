"""Whom a node deals with: node ids and addresses that its operator blocked, for a time or for good.

Knows the record in the Store. Must not know connections: whoever makes or takes one asks. Ids and addresses are two lists: what is
blocked of the one says nothing of the other.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import threading
import time
from collections.abc import Callable

import msgspec

from claynet.actors.ports import NodeId, Store

KEY = "access"
_ID = re.compile(r"[0-9a-f]{64}")


class AccessError(Exception):
    """What is to be blocked or allowed is neither an id nor an address; the text says what is wanted."""


class Block(msgspec.Struct, frozen=True):
    """One that is blocked."""

    subject: str
    """A node id, or a network in CIDR form."""
    since: int
    """UTC ns."""
    until: int = 0
    """UTC ns; 0: for good."""
    reason: str = ""


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True, tag="access_record"):
    """What the operator said. Stored under `access`."""

    nodes: tuple[Block, ...] = ()
    addresses: tuple[Block, ...] = ()


class Access:
    """The two lists of one node. Every method may be called from any thread."""

    def __init__(self, store: Store, utc: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._utc = utc
        self._lock = threading.Lock()
        found: AccessRecord = next((state for key, state, _ in store.load() if key == KEY), AccessRecord())
        # Written by an older version an address may have a form that blocks nobody.
        addresses = tuple(msgspec.structs.replace(one, subject=_read(one.subject)[0]) for one in found.addresses)
        self._record = msgspec.structs.replace(found, addresses=addresses)

    def blocks(self) -> tuple[Block, ...]:
        """Return what is blocked now, nodes first."""
        now = self._utc()
        with self._lock:
            return tuple(one for one in (*self._record.nodes, *self._record.addresses) if not one.until or one.until > now)

    def refusal_of_node(self, node: NodeId) -> str:
        """Return why a node is not dealt with; empty when it is."""
        return self._refusal(self._record.nodes, lambda subject: subject == node)

    def refusal_of_host(self, host: str) -> str:
        """Return why an IP address is not dealt with; empty when it is."""
        if not self._record.addresses:
            return ""
        try:
            address = plain(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            return ""  # a name: what it stands for is asked about when it is known
        return self._refusal(self._record.addresses, lambda subject: address in ipaddress.ip_network(subject))

    def block(self, subject: str, duration: int = 0, reason: str = "") -> Block:
        """Block a node id, an address or a network; `duration` in ns, 0 is for good. Raises AccessError, StoreError."""
        now = self._utc()
        name, is_node = _read(subject)
        made = Block(name, now, now + duration if duration else 0, reason)
        with self._lock:
            self._keep(is_node, (*(one for one in self._list(is_node) if one.subject != name), made))
        return made

    def allow(self, subject: str) -> bool:
        """Take a block back; tell whether there was one. Raises AccessError, StoreError."""
        name, is_node = _read(subject)
        with self._lock:
            before = self._list(is_node)
            left = tuple(one for one in before if one.subject != name)
            if len(left) == len(before):
                return False
            self._keep(is_node, left)
        return True

    def _refusal(self, blocks: tuple[Block, ...], meant: Callable[[str], bool]) -> str:
        for one in blocks:
            if meant(one.subject) and (not one.until or one.until > self._utc()):
                return "it is blocked here" + (f": {one.reason}" if one.reason else "")
        return ""

    def _list(self, is_node: bool) -> tuple[Block, ...]:
        now = self._utc()
        return tuple(one for one in (self._record.nodes if is_node else self._record.addresses) if not one.until or one.until > now)

    def _keep(self, is_node: bool, blocks: tuple[Block, ...]) -> None:
        changed = {"nodes": blocks} if is_node else {"addresses": blocks}
        record = msgspec.structs.replace(self._record, **changed)
        self._store.append(KEY, record)
        self._record = record


@functools.lru_cache(maxsize=4096)  # a new caller is compared with all that are known
def origin_of(host: str) -> str:
    """Return what connections from an address are counted under: the address, of IPv6 its first 64 bits, which are one customer's."""
    try:
        address = plain(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return host
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def plain_host(host: str) -> str:
    """Return an address as everybody else writes it; a name as it is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    found = plain(address)
    return host if found is address else str(found)


def plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, or what was given: a socket for both families gives IPv4 as IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _read(subject: str) -> tuple[str, bool]:
    text = subject.strip().lower()
    if _ID.fullmatch(text):
        return text, True
    try:
        network = ipaddress.ip_network(text, strict=False)
        address = plain(network.network_address)
        if address.version != network.version:  # callers are looked at in the same way
            network = ipaddress.ip_network((address, network.prefixlen - 96))
        return str(network), False
    except ValueError:
        raise AccessError(
            f"{subject[:80]!r} is neither a node id (64 hex digits) nor an address such as 192.0.2.7 or 2001:db8::/32"
        ) from None
