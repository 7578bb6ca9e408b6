"""An app's gRPC server: either side, with the standard health service, from start to end.

Knows gRPC and the life of a service: the requestor side serves until Shutdown, the provider side serves one request. Must not know what
an app does, nor who started it.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from claynet.proto import layout
from claynet.taskapi.app import App
from claynet.taskapi.dispatch import AppError, ProviderDispatcher, RequestorDispatcher
from claynet.taskapi.listening import Listening
from claynet.taskapi.signals import Interrupted

logger = logging.getLogger(__name__)

GRACE_SECONDS = 2.0
"""How long calls in progress may still take once the service is to end; then they are cancelled."""

_LAST_CALLS = 0.1
"""Seconds until calls are cancelled that arrived too late to be answered."""

_WORKERS = 16
_URGENT_WORKERS = 4
_URGENT = (layout.ABORT_TASK, layout.ABORT_SUBTASK, layout.SHUTDOWN)
"""Never wait for a worker behind calls that take long; nor does a health check."""

_LONGEST_ERROR = 2000
"""Bytes of an error's text that travel: gRPC carries it in a header, where a byte may take three of 8192."""

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # two services on one port are a mistake to be told, not a lottery
)


class _Method:
    """One method's behaviour, as gRPC calls it."""

    def __init__(self, server: AppServer, method: str, pool: ThreadPoolExecutor) -> None:
        self._server = server
        self._method = method
        self.experimental_thread_pool = pool  # gRPC looks for this name; without it all calls would share one pool

    def __call__(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return self._server.answer(self._method, request, context)


class AppServer:
    """Serves one side of an app; made once, started once, ended once. Safe to use from any thread."""

    def __init__(self, app: App, side: str, work_dir: Path, listening: Listening, grace: float = GRACE_SECONDS) -> None:
        """Take `grace` in seconds. Raises KeyError for an unknown side, CannotListen when the system refuses the address."""
        self._side = side
        self._grace = grace
        self._changed = threading.Condition()
        self._taken = False
        self._busy = 0  # handlers at work
        self._calls = 0  # calls not yet answered
        self._end_asked = threading.Event()
        self._ended = threading.Event()
        self._dispatcher: RequestorDispatcher | ProviderDispatcher
        if side == layout.REQUESTOR:
            self._dispatcher = RequestorDispatcher(app.requestor(), work_dir)
        else:
            self._dispatcher = ProviderDispatcher(app.provider(), work_dir)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"app-{side}")
        self._urgent = ThreadPoolExecutor(_URGENT_WORKERS, thread_name_prefix=f"app-{side}-urgent")
        self._health = health.HealthServicer()
        self._server = grpc.server(self._urgent, options=_OPTIONS)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        handlers = {name: self._handler(name) for name in layout.METHODS[side]}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(layout.SERVICES[side], handlers),))
        listening.bind(self._server)

    def start(self) -> None:
        """Begin to serve."""
        self._health.set(layout.HEALTH_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        self._server.start()
        threading.Thread(target=self._live, name=f"app-{self._side}-end", daemon=True).start()

    def ask_to_end(self) -> None:
        """Interrupt what is in progress and end, soon; asking again does no harm. Safe in a signal handler."""
        self._end_asked.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the service has ended, at most so many seconds; return whether it has."""
        return self._ended.wait(seconds)

    @property
    def idle(self) -> bool:
        """Whether no handler is running; one that does not heed its signal may run on after the service has ended."""
        return not self._busy

    def answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one call on a thread of gRPC's."""
        self._enter(method, context)
        try:
            return self._dispatcher.call(method, request)
        except AppError as error:
            if isinstance(error.__cause__, Interrupted):
                logger.info("%s was interrupted: %s", method, error.text)
            else:
                logger.warning("%s failed", method, exc_info=error.__cause__)
            _abort(context, error)
        finally:
            with self._changed:
                self._busy -= 1

    def _enter(self, method: str, context: grpc.ServicerContext) -> None:
        """Admit a call, or refuse it by raising; count it until its reply has been sent, or its caller has gone."""
        shutdown = method == layout.SHUTDOWN
        once = self._side == layout.PROVIDER and not shutdown
        with self._changed:
            late = self._end_asked.is_set() and not shutdown
            second = once and self._taken
            if not (late or second):
                self._taken = self._taken or once
                self._busy += 1
                self._calls += 1
        if late:
            context.abort(grpc.StatusCode.UNAVAILABLE, "this service is about to end")
        if second:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this service serves one request, and has had it")

        def leave() -> None:
            if shutdown or once:
                self.ask_to_end()
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

        if not context.add_callback(leave):
            leave()

    def _handler(self, method: str) -> grpc.RpcMethodHandler:
        pool = self._urgent if method in _URGENT else self._workers
        return grpc.unary_unary_rpc_method_handler(_Method(self, method, pool))

    def _live(self) -> None:
        self._end_asked.wait()
        self._health.enter_graceful_shutdown()
        self._dispatcher.interrupt("shut down")
        with self._changed:
            self._changed.wait_for(lambda: not self._calls, self._grace)
        # Only now, and shortly: calls that arrive once gRPC is stopping, such as a second Shutdown, hang until they are cancelled. Not at
        # once, for connections that end without a call being cut off end quietly on the other side.
        self._server.stop(_LAST_CALLS).wait()
        self._workers.shutdown(wait=False)
        self._urgent.shutdown(wait=False)
        logger.info("the %s side has ended", self._side)
        self._ended.set()


def _abort(context: grpc.ServicerContext, error: AppError) -> NoReturn:
    text = str(error).encode("utf-8", "backslashreplace")
    if len(text) > _LONGEST_ERROR:
        text = text[:_LONGEST_ERROR] + b" ..."
    context.abort(grpc.StatusCode.INTERNAL, text.decode("utf-8", "ignore"))  # ignored: half a character where it was cut
    raise AssertionError("abort raises")
