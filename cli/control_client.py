"""A client of the control API: finds the socket of a data dir's node, calls it with a deadline, and says what went wrong in one line.

Knows the data dir's link, gRPC and its statuses. Must not know any command.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from claynet.cli.data_dir_option import data_dir_flag
from claynet.cli.output import BROKEN, UNMET, WRONG, Output
from claynet.net.storage.data_dir import DataDir
from claynet.proto import node_pb2 as api

DEADLINE = 15.0
"""Seconds for an answer."""
_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),  # a node that hangs is found out in the middle of a stream too
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 64 * 2**20),
)


class NodeTrouble(Exception):  # noqa: N818 - it is what the user is told
    """A call was not done; the text says why and what helps."""

    def __init__(self, kind: str, text: str, code: int = UNMET) -> None:
        super().__init__(text)
        self.kind = kind
        self.code = code


class NodeClient:
    """Talks to the node of a data dir; use it as a context. Raises NodeTrouble when none runs."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._way_out = f"claynet node start{data_dir_flag(data_dir)}"
        place = self._place(DataDir(data_dir).control)
        self._channel = grpc.insecure_channel(f"unix:{place}", options=_OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._channel.close()

    def call(self, method: str, request: Message, seconds: float = DEADLINE) -> Any:
        """Call `Service.Method` and return its reply. Raises NodeTrouble."""
        path, read = _method(method)
        try:
            return self._channel.unary_unary(path, request_serializer=_write, response_deserializer=read)(request, timeout=seconds)
        except grpc.RpcError as error:
            raise self._trouble(error) from None

    def stream(self, method: str, request: Message, seconds: float | None = None) -> Iterator[Any]:
        """Call `Service.Method` and give its replies as they come. Raises NodeTrouble, also in the middle."""
        path, read = _method(method)
        replies = self._channel.unary_stream(path, request_serializer=_write, response_deserializer=read)(request, timeout=seconds)
        try:
            yield from replies
        except grpc.RpcError as error:
            raise self._trouble(error) from None
        finally:
            replies.cancel()

    def _place(self, link: Path) -> Path:
        try:
            place = link.resolve(strict=True)
            found = place.lstat()
        except OSError:
            raise self._no_node() from None
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
            raise NodeTrouble("no_node", f"{link} leads to {place}, which is no socket of this user; run the command as the node's user")
        return place

    def _no_node(self) -> NodeTrouble:
        return NodeTrouble("no_node", f"no node runs with the data dir {self._data_dir}; start one: {self._way_out}")

    def _trouble(self, error: grpc.RpcError) -> NodeTrouble:
        code, text = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAVAILABLE:
            if DataDir(self._data_dir).holder() is None:
                return NodeTrouble("no_node", f"the node is gone: it stopped or was killed; start it again: {self._way_out}")
            return NodeTrouble("no_answer", "the node does not answer on its socket; look at its log, or stop and start it")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return NodeTrouble("no_answer", "the node did not answer in time; it may be very busy or hang: look at its log")
        if code is grpc.StatusCode.CANCELLED:
            return NodeTrouble("stopped", "the node stopped while it answered")
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:  # gRPC's own words, of either side
            return NodeTrouble("refused", f"what was asked, or its answer, is too large for the control API ({text}); ask for less at once")
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return NodeTrouble("crowded", "too many commands talk to the node at once; end a `watch` or `events`")
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return NodeTrouble("version", "the node is of another version and does not know this command; restart it")
        if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
            return NodeTrouble("internal", f"the node failed at it: {text}; look at its log", BROKEN)
        kinds = {grpc.StatusCode.NOT_FOUND: "not_found", grpc.StatusCode.INVALID_ARGUMENT: "usage"}
        return NodeTrouble(kinds.get(code, "refused"), text, WRONG if code is grpc.StatusCode.INVALID_ARGUMENT else UNMET)


def with_node(data_dir: Path, output: Output, work: Callable[[NodeClient], int]) -> int:
    """Do something with the node of a data dir and return the exit code."""
    try:
        with NodeClient(data_dir) as client:
            return work(client)
    except NodeTrouble as trouble:
        return output.error(trouble.kind, str(trouble), code=trouble.code)


def _method(name: str) -> tuple[str, Callable[[bytes], Any]]:
    service_name, _, method_name = name.partition(".")
    service = api.DESCRIPTOR.services_by_name[service_name]
    method = service.methods_by_name[method_name]
    return f"/{service.full_name}/{method_name}", GetMessageClass(method.output_type).FromString


def _write(message: Message) -> bytes:
    return message.SerializeToString()
