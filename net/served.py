"""A live node as its operator's service: its data dir held, its log written, its control socket open, its chores done.

Knows in which order these begin and end. Must not know the command line, nor signals.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from claynet import __version__
from claynet.actors.ports import EventSink
from claynet.net.chores import Chores
from claynet.net.configured import Blueprint, link_options
from claynet.net.control.control_api import ControlServer
from claynet.net.live import LiveNode
from claynet.net.node_log import NodeLog
from claynet.net.settings.node_settings import NodeSettings
from claynet.net.storage.data_dir import DataDir

_LOOK = 0.5
"""Seconds in which a signal is answered at the latest."""


class ServedNode:
    """Use it as a context: entered, the node is ready. Raises DataDirError, StoreError, KeyFileError, ControlSocketError or OSError."""

    def __init__(self, data_dir: DataDir, settings: NodeSettings, plan: Blueprint) -> None:
        self._data_dir = data_dir
        self._settings = settings
        self._plan = plan
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self._why = ""
        self.live: LiveNode

    def __enter__(self) -> Self:
        settings = self._settings
        with ExitStack() as stack:
            stack.enter_context(self._data_dir)
            log = stack.enter_context(
                NodeLog(self._data_dir.logs, settings.log_level, settings.log_format, settings.log_size, settings.log_keep)
            )
            plan = self._plan
            config = plan.config
            log.say("starting", version=__version__, name=config.name, roles=list(settings.roles))
            sink = log if plan.sink is None else _Both(log, plan.sink)
            self.live = LiveNode(
                self._data_dir.path,
                config,
                plan.environments,
                sink,
                link_options(settings),
                plan.balance,
            )
            stack.enter_context(self.live)
            control = ControlServer(self.live, self.stop)
            control.start()
            stack.callback(control.stop)
            chores = Chores(self.live, settings)
            chores.start()
            stack.callback(chores.stop)
            log.say("ready", id=self.live.node_id, port=self.live.port)
            stack.callback(lambda: log.say("stopping", reason=self._why))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def stop(self, reason: str) -> None:
        """Have `wait` return. From any thread."""
        if not self._stopping.is_set():
            self._why = reason
            self._stopping.set()

    def wait(self) -> str:
        """Wait until somebody wants the node to stop; return why."""
        # Looking again and again: another thread may be given a signal (as when the process was stopped), and Python calls its handler in
        # this one, which must not be asleep for ever.
        while not self._stopping.wait(_LOOK):
            pass
        return self._why


class _Both:
    """Two sinks as one."""

    def __init__(self, first: EventSink, second: EventSink) -> None:
        self._first, self._second = first, second

    def emit(self, kind: str, **fields: object) -> None:
        """Tell both."""
        self._first.emit(kind, **fields)
        self._second.emit(kind, **fields)
