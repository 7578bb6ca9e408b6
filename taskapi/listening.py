"""Where an app listens: a TCP port, a unix socket, or both.

Knows gRPC's addresses and the kernel's limits. Must not know what is served there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import grpc

from claynet.proto import layout

_HOSTS = ("[::]", "0.0.0.0", "127.0.0.1")
"""Tried in this order: everything of both families, of one, or at least this machine's own."""


class CannotListen(Exception):  # noqa: N818 - says what is the matter
    """The app cannot listen where it was told to; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen. Raises CannotListen when that is nowhere, or not possible at all."""

    port: int = 0
    """TCP port, 0 for none."""
    socket: str = ""
    """Absolute path of a unix socket, empty for none."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise CannotListen(f"port {self.port} is not between 1 and 65535, nor 0 for none")
        if not self.port and not self.socket:
            raise CannotListen(f"nowhere to listen: the port is 0 and {layout.SOCKET_VARIABLE} is not set")
        if self.socket:
            _check_socket(self.socket)

    def bind(self, server: grpc.Server) -> None:
        """Make the server listen there; raises CannotListen when the system refuses."""
        if self.port:
            _bind_port(server, self.port)
        if self.socket:
            try:
                server.add_insecure_port(socket_target(self.socket))
            except RuntimeError as error:
                raise CannotListen(f"cannot listen on socket {self.socket}: {error}") from error


def socket_target(path: str) -> str:
    """Return gRPC's address of a unix socket."""
    return f"unix:{quote(path)}"


def _check_socket(path: str) -> None:
    size = len(os.fsencode(path))
    if size > layout.SOCKET_PATH_LIMIT:
        raise CannotListen(f"socket path of {size} bytes; at most {layout.SOCKET_PATH_LIMIT} are possible: {path}")
    if not Path(path).is_absolute():
        raise CannotListen(f"socket path {path!r} is not absolute")
    if not Path(path).parent.is_dir():
        raise CannotListen(f"no folder for socket {path}")


def _bind_port(server: grpc.Server, port: int) -> None:
    for host in _HOSTS:
        try:
            server.add_insecure_port(f"{host}:{port}")
        except RuntimeError:
            continue
        return
    raise CannotListen(f"cannot listen on port {port}; is something else listening there?")
