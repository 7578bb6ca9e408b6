"""A service that was not made with our server: it answers rightly, but does not know when to end, or never says that it serves."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from claynet.proto import layout
from claynet.taskapi.app import App
from claynet.taskapi.client import TaskApiClient
from claynet.taskapi.dispatch import ProviderDispatcher, RequestorDispatcher
from claynet.taskapi.launchers import Service
from claynet.taskapi.listening import socket_target


class ForeignLauncher:
    def __init__(self, app: App, serving: bool = True) -> None:
        self._app = app
        self._serving = serving

    def start(self, side: str, work_dir: Path) -> Service:
        return ForeignService(self._app, side, work_dir, self._serving)


class ForeignService:
    def __init__(self, app: App, side: str, work_dir: Path, serving: bool) -> None:
        requestor = side == layout.REQUESTOR
        dispatcher = RequestorDispatcher(app.requestor(), work_dir) if requestor else ProviderDispatcher(app.provider(), work_dir)
        self._dispatcher = dispatcher
        self._ended = threading.Event()
        self._folder = tempfile.TemporaryDirectory()
        self._server = grpc.server(ThreadPoolExecutor(4))
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(lambda request, context, name=name: dispatcher.call(name, request))
            for name in layout.METHODS[side]
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(layout.SERVICES[side], handlers),))
        servicer = health.HealthServicer()
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        servicer.set("", status)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        target = socket_target(f"{self._folder.name}/s")
        self._server.add_insecure_port(target)
        self._server.start()
        self.client = TaskApiClient(target)

    def wait_ended(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    def stop(self) -> None:
        self._dispatcher.interrupt("stopped")
        self._server.stop(None).wait()
        self.client.close()
        self._ended.set()
        self._folder.cleanup()

    def log(self) -> str:
        return "what it said\n"
