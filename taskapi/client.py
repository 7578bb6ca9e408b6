"""A client of an app's service: waits until it serves, calls it, shuts it down.

Knows addresses, deadlines and the health service. Must not know what calls mean (`calls` does). All methods may be called from any
thread; `close` ends calls that are running on others.
"""

from __future__ import annotations

import threading
import time
from typing import Final, Self

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from claynet.proto import layout
from claynet.taskapi.channel import open_channel, translate
from claynet.taskapi.errors import CallCancelled, NotServing, ServiceUnavailable, TaskApiError

_HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.2
_LONGEST_CHECK = 2.0
"""Seconds that one health check may take: a relay may accept a connection long before its app does."""


class TaskApiClient:
    """Talks to one service of an app at `target`: `unix:/path`, `host:port`, or any other address of gRPC's."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._channel = open_channel(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def target(self) -> str:
        """The service's address."""
        return self._target

    def wait_until_serving(self, timeout: float = layout.START_TIMEOUT_SECONDS) -> None:
        """Wait until the health service says SERVING, at most `timeout` seconds.

        Raises NotServing with what was seen last, CallCancelled when the client is closed meanwhile.
        """
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while (seen := self.check_health(min(_LONGEST_CHECK, max(deadline - time.monotonic(), _FIRST_PAUSE)))) != "SERVING":
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotServing(f"not serving after {timeout:g} s; last seen: {seen}")
            if self._closed.wait(min(pause, left)):
                raise CallCancelled("the client was closed")
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            self._reconnect()

    def check_health(self, timeout: float = _LONGEST_CHECK) -> str:
        """Return what the health service says now (`SERVING`, ...), or why it does not; waits at most `timeout` seconds."""
        request = health_pb2.HealthCheckRequest(service=layout.HEALTH_SERVICE).SerializeToString()
        try:
            reply = health_pb2.HealthCheckResponse.FromString(self.call(_HEALTH_CHECK, request, timeout))
        except TaskApiError as error:
            return f"{error.status}: {error.text}"
        except DecodeError:
            return "an answer that is none of the health service's"
        try:
            return str(health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status))
        except ValueError:
            return f"status {reply.status}, which the health service does not have"

    def call(self, method: str, request: bytes, timeout: float | None = None) -> bytes:
        """Call a method by its full name (`/package.Service/Method`) and return the reply's bytes.

        Waits at most `timeout` seconds, for ever without one. Raises AppFailed, ServiceUnavailable, DeadlineExceeded, CallCancelled,
        NotOffered, or TaskApiError for any other status.
        """
        try:
            reply: bytes = self._channel.unary_unary(method)(request, timeout=timeout)
        except grpc.RpcError as error:
            raise translate(error) from error
        except ValueError as error:  # so gRPC says that a channel is closed
            raise CallCancelled("the client was closed") from error
        return reply

    def shutdown(self, side: str, timeout: float = 5.0) -> None:
        """Ask the service to end; one that has ended already, or ends before it answers, is as good. Waits at most `timeout` seconds.

        Raises DeadlineExceeded when it neither answers nor ends, and what else `call` raises.
        """
        try:
            self.call(layout.method_path(side, layout.SHUTDOWN), b"", timeout)
        except (ServiceUnavailable, CallCancelled):
            return

    def close(self) -> None:
        """End running calls, on whatever thread, with CallCancelled; closing again does no harm."""
        self._closed.set()
        with self._lock:
            self._channel.close()

    def _reconnect(self) -> None:
        # A channel that failed to connect pauses before it tries again, for 100 ms at the least; a new one tries at once.
        with self._lock:
            if not self._closed.is_set():
                self._channel.close()
                self._channel = open_channel(self._target)
