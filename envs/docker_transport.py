"""docker-py's way to a unix socket, mended: a call that finds nobody closes its socket.

Knows requests' adapters and docker-py's transport. Must not know what is asked. docker-py 7 makes the socket, connects it and notes it
in that order, so that one which could not be connected stays open until Python collects it; an engine that comes and goes leaks them.
"""

from __future__ import annotations

import socket
from typing import Any

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool
from docker.utils import parse_host


class _Connection(UnixHTTPConnection):  # type: ignore[misc]
    def connect(self) -> None:
        """Connect. Raises OSError, and nothing is open then."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(self.timeout)
            made.connect(self.unix_socket)
        except BaseException:
            made.close()
            raise
        self.sock = made


class _Pool(UnixHTTPConnectionPool):  # type: ignore[misc]
    def _new_conn(self) -> _Connection:
        return _Connection(self.base_url, self.socket_path, self.timeout)


class SocketAdapter(UnixHTTPAdapter):  # type: ignore[misc]
    """For `mount` at the scheme `http+docker`."""

    def get_connection(self, url: str, _proxies: Any = None) -> _Pool:
        """Return the pool of connections to the socket, one of each url, whose host means nothing."""
        with self.pools.lock:
            pool: _Pool | None = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
            return pool


def mend(client: Any, base_url: str | None, timeout: float) -> Any:
    """Let a client of docker-py's use it, when its engine is behind a unix socket; return the client."""
    place = parse_host(base_url)
    if place.startswith("http+unix://"):
        client.mount("http+docker://", SocketAdapter(place, timeout))
    return client
