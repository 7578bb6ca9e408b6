"""What a caller of the Task API sees when a call fails: one table for all environments that answer without a gRPC server between.

Knows gRPC's status names and our server's wording. Must not know gRPC itself.
"""

from __future__ import annotations

from claynet.actors.ports import Outcome

_LONGEST = 2000
"""Characters of an error's text that our server lets travel."""


def app_error(type_name: str, text: str) -> Outcome:
    """An exception of an app's handler: INTERNAL with the exception's type and text."""
    detail = f"{type_name}: {text}"
    if len(detail) > _LONGEST:
        detail = f"{detail[:_LONGEST]} ..."
    return Outcome("error", code="INTERNAL", detail=detail.encode("utf-8", "backslashreplace").decode())


def unimplemented() -> Outcome:
    """A method that this side does not have."""
    return Outcome("error", code="UNIMPLEMENTED", detail="Method not found!")
