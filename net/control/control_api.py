"""ControlServer: the control API of a live node on a unix socket that only its own user may open.

Knows which services there are, and the socket's life. Must not know what any of them answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from claynet.net.control.apps import AppsService
from claynet.net.control.calls import handler_of
from claynet.net.control.control_socket import ControlSocketError, make_place, publish, withdraw
from claynet.net.control.environments import EnvironmentsService
from claynet.net.control.host import Host
from claynet.net.control.node import NodeService
from claynet.net.control.peers import PeersService
from claynet.net.control.subtasks import SubtasksService
from claynet.net.control.tasks import TasksService
from claynet.net.view.event_hub import Listeners
from claynet.proto import node_pb2 as api

CALLS = 48
"""Calls under way at once, streams among them; of more, the newest are told that the node is crowded."""
GRACE = 2.0
"""Seconds that calls under way may take when the server stops."""
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 16 * 2**20),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


class ControlServer:
    """Serves one live node; made once, started once, stopped once."""

    def __init__(self, host: Host, on_stop: Callable[[str], None] | None = None) -> None:
        """`on_stop` is called, with the reason, when an operator asks the node to stop; it must return soon."""
        self._host = host
        self._place: Path | None = None
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(CALLS, thread_name_prefix="control")
        self._server = grpc.server(self._pool, options=_OPTIONS, maximum_concurrent_rpcs=CALLS)
        self._listeners = listeners = Listeners(host.hub)
        services: dict[str, object] = {
            "Node": NodeService(host, listeners, time.time_ns(), on_stop),
            "Tasks": TasksService(host, listeners),
            "Subtasks": SubtasksService(host),
            "Peers": PeersService(host),
            "Apps": AppsService(host),
            "Environments": EnvironmentsService(host, listeners),
        }
        described = api.DESCRIPTOR.services_by_name
        self._server.add_generic_rpc_handlers(tuple(handler_of(described[name], service) for name, service in services.items()))

    @property
    def place(self) -> Path | None:
        """The socket; None when it is not open."""
        return self._place

    def start(self, place: Path | None = None) -> Path:
        """Open the socket (by default in the runtime dir) and link the data dir to it; return its path. Raises ControlSocketError."""
        place = place or make_place(self._host.node_id)
        try:
            self._server.add_insecure_port(f"unix:{place}")
        except RuntimeError as error:
            raise ControlSocketError(f"no socket can be opened at {place}: {error}") from error
        publish(place, self._host.data_dir.control)
        self._server.start()
        self._place = place
        return place

    def stop(self) -> None:
        """Close: streams end, calls under way get a moment. Idempotent, from any thread but one of its own."""
        with self._lock:
            place, self._place = self._place, None
        self._listeners.close()
        self._server.stop(GRACE).wait()
        self._pool.shutdown()
        if place is not None:
            withdraw(place, self._host.data_dir.control)
