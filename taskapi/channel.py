"""gRPC channels to apps, and gRPC's statuses as this library's errors, translated here once.

Knows gRPC. Must not know the Task API's messages.
"""

from __future__ import annotations

import grpc

from claynet.taskapi.errors import AppFailed, CallCancelled, DeadlineExceeded, NotOffered, ServiceUnavailable, TaskApiError

_OPTIONS = (
    # gRPC waits a second and more between attempts to connect; an app is on this machine and starts in less.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel really is a new attempt
    ("grpc.enable_http_proxy", 0),  # a proxy of the user's is none of an app's business
    ("grpc.default_authority", "localhost"),  # of a unix socket it would be its path, which servers of other languages refuse
)

_ERRORS: dict[grpc.StatusCode, type[TaskApiError]] = {
    grpc.StatusCode.INTERNAL: AppFailed,
    grpc.StatusCode.UNKNOWN: AppFailed,  # what gRPC servers answer by themselves for an exception in a handler
    grpc.StatusCode.UNAVAILABLE: ServiceUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: CallCancelled,
    grpc.StatusCode.UNIMPLEMENTED: NotOffered,
    grpc.StatusCode.FAILED_PRECONDITION: NotOffered,
}


def open_channel(target: str) -> grpc.Channel:
    """Return a new channel; it connects on its first call."""
    return grpc.insecure_channel(target, options=_OPTIONS)


def translate(error: grpc.RpcError) -> TaskApiError:
    """Return this library's error for one of gRPC's, which keeps the status' name and text."""
    code: grpc.StatusCode = error.code()
    return _ERRORS.get(code, TaskApiError)(error.details() or code.value[1], code.name)
