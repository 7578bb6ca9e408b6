"""A docker engine of a few answers on a socket of its own: for what a real one does only when its disk or kernel is in trouble."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

BUSY = "driver failed to remove root filesystem: unlinkat /x/merged: device or resource busy"
UNDER_WAY = "removal of container c1 is already in progress"


class FakeEngine:
    """Makes containers and starts none of them; removes them unless it is told what keeps it from that."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, str]] = {}
        """Id -> labels."""
        self.stuck: dict[str, tuple[int, str]] = {}
        """Id -> status and words of the answer to a removal."""
        self.made = 0
        self.asked: list[str] = []
        self.pulled: list[dict[str, str]] = []
        """What pulls asked for."""
        self.empty = False
        """No image is here before one is pulled."""
        self.over = threading.Event()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and JSON."""
        self.asked.append(f"{method} {path}")
        match [method, *path.strip("/").split("/")]:
            case ["GET", "_ping"]:
                return 200, "OK"
            case ["GET", "version"]:
                return 200, {"ApiVersion": "1.41"}
            case ["GET", _, "info"]:
                return 200, {"OSType": "linux"}
            case ["POST", *_, "images", "create"]:
                self.empty = False
                return 200, {"status": "done"}
            case ["GET", _, "images", *_] if self.empty:
                return 404, {"message": "No such image"}
            case ["GET", _, "images", *_]:
                return 200, {"Id": "sha256:1", "Config": {"Labels": {"claynet.socket": "1"}}}
            case ["GET", *_, "containers", "json"]:
                return 200, [{"Id": name, "Labels": labels} for name, labels in self.containers.items()]
            case ["POST", _, "containers", "create"]:
                self.made += 1
                self.containers[f"c{self.made}"] = body["Labels"]
                return 201, {"Id": f"c{self.made}"}
            case ["POST", _, "containers", _, "wait"]:
                self.over.wait(60)
                return 200, {"StatusCode": 0}
            case ["DELETE", _, "containers", name]:
                return self._remove(name)
        return 500, {"message": "nothing can be attached to"}

    def _remove(self, name: str) -> tuple[int, Any]:
        if name not in self.containers:
            return 404, {"message": f"No such container: {name}"}
        status, words = self.stuck.get(name) or (204, "")
        if status == 204:
            del self.containers[name]
        return status, {"message": words}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    engine: FakeEngine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        assert isinstance(self.server, _Server)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path.endswith("/images/create"):
            self.server.engine.pulled.append(dict(parse_qsl(query)))
        path = path.removeprefix("/v1.24/").removeprefix("/")
        status, reply = self.server.engine.answer(self.command, path, json.loads(body) if body else None)
        data = b"" if status == 204 else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the server's own names

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def fake_engine(folder: Path) -> Iterator[tuple[FakeEngine, str]]:
    """Serve in a folder; give the engine and its url."""
    with _Server(str(folder / "e"), _Handler) as server:
        server.engine = FakeEngine()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.engine, f"unix://{folder}/e"
        finally:
            server.engine.over.set()
            server.shutdown()
            thread.join()
