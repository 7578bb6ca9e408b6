"""What a caller of an app may have to deal with, free of any transport's own exceptions.

Knows the kinds of failure. Must not know what a caller does about them.
"""

# ruff: noqa: N818 - the names say what happened, as gRPC's statuses do
from __future__ import annotations


class TaskApiError(Exception):
    """A call to an app did not end in a reply."""

    status = "UNKNOWN"
    """The name of the gRPC status that stands for it."""

    def __init__(self, text: str, status: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        if status is not None:
            self.status = status


class AppFailed(TaskApiError):
    """The app's handler raised; the text has the exception's type and text."""

    status = "INTERNAL"


class ServiceUnavailable(TaskApiError):
    """Nobody answers at the address: not started yet, gone, or shutting down."""

    status = "UNAVAILABLE"


class DeadlineExceeded(TaskApiError):
    """No reply in time; whether the app did the work is not known."""

    status = "DEADLINE_EXCEEDED"


class CallCancelled(TaskApiError):
    """The call was given up on either side: the client was closed, or the service stopped while the call was running."""

    status = "CANCELLED"


class NotOffered(TaskApiError):
    """The service does not have this method, or refuses it now (a provider side serves one request only)."""

    status = "UNIMPLEMENTED"


class BadReply(TaskApiError):
    """The app's reply is not what the Task API agreed on."""

    status = "DATA_LOSS"


class NotServing(ServiceUnavailable):
    """A service did not begin to serve in time; the text says what was seen last."""
