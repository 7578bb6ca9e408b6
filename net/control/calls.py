"""How a service of the control API is called: methods by the names in `proto/node.proto`, refusals as gRPC statuses, values as messages.

Knows gRPC and protobuf's descriptors. Must not know any service.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

logger = logging.getLogger(__name__)

_M = TypeVar("_M", bound=Message)
_LONGEST_DETAIL = 2000
"""Characters of a refusal: gRPC carries it in a header."""


class Refused(Exception):  # noqa: N818 - it is what the caller is told, as a rule no error here
    """A call is not done, and why; one line for people."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class NotFound(Refused):
    """There is no such thing."""

    code = grpc.StatusCode.NOT_FOUND


class WrongUse(Refused):
    """It cannot be asked for like that."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class Crowded(Refused):
    """Too many ask at once."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Call:
    """One call under way, as far as a method need know."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    @property
    def active(self) -> bool:
        """Whether the caller is still there."""
        return bool(self._context.is_active())

    def at_end(self, do: Callable[[], None]) -> None:
        """Do this when the caller has gone or was answered; at once when that is so already."""
        if not self._context.add_callback(do):
            do()


def handler_of(service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler:
    """Bind a service's methods to those of an object: `GetStatus` to `on_get_status(request, call)`. Raises AttributeError."""
    handlers = {}
    for method in service.methods:
        call = getattr(servicer, "on" + re.sub(r"(?=[A-Z])", "_", method.name).lower())
        serializers = (GetMessageClass(method.input_type).FromString, GetMessageClass(method.output_type).SerializeToString)
        if method.server_streaming:
            handlers[method.name] = grpc.unary_stream_rpc_method_handler(_streaming(call), *serializers)
        else:
            handlers[method.name] = grpc.unary_unary_rpc_method_handler(_answering(call), *serializers)
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def fill(message: type[_M], value: object, **more: Any) -> _M:
    """Make a message of the fields of a dataclass that it has too, and of `more`."""
    assert is_dataclass(value)
    names = set(message.DESCRIPTOR.fields_by_name) - set(more)
    return message(**{field.name: getattr(value, field.name) for field in fields(value) if field.name in names}, **more)


def _answering(call: Callable[[Any, Call], Message]) -> Callable[[Any, grpc.ServicerContext], Message]:
    def answer(request: Any, context: grpc.ServicerContext) -> Message:
        try:
            return call(request, Call(context))
        except Exception as error:
            _abort(context, error)
            raise

    return answer


def _streaming(call: Callable[[Any, Call], Iterable[Message]]) -> Callable[[Any, grpc.ServicerContext], Iterator[Message]]:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Message]:
        try:
            yield from call(request, Call(context))
        except Exception as error:
            _abort(context, error)

    return answer


def _abort(context: grpc.ServicerContext, error: Exception) -> None:
    if isinstance(error, Refused):
        context.abort(error.code, str(error)[:_LONGEST_DETAIL])
    logger.error("a control call failed", exc_info=error)
    context.abort(grpc.StatusCode.INTERNAL, f"a bug of claynet: {type(error).__name__}: {error}"[:_LONGEST_DETAIL])
