"""What a live node looks after again and again: descriptors that changed, files that nothing needs, hours in which it lends, peers to call.

Knows when each is due. Must not know how any of it is done. One thread, which none of them may hold up; a chore that fails is logged and
comes again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from claynet.net.link.reconnecting import Reconnecting
from claynet.net.live import LiveNode
from claynet.net.machine import this_machine
from claynet.net.settings.hours import reason_to_rest
from claynet.net.settings.node_settings import NodeSettings

logger = logging.getLogger(__name__)

_TICK = 1.0
_FILES_EVERY = 2.0
_HOURS_EVERY = 10.0
_BLOBS_EVERY = 300.0
_CALLS_EVERY = 1.0
_LAST = 1.0
"""Seconds, all of them."""
_HOURS = "hours"


@dataclass(slots=True)
class _Chore:
    work: Callable[[], float]
    """Does it, and says in how many seconds it comes again."""
    due: float = 0.0


class Chores:
    """Those of one node; started once, stopped once."""

    def __init__(self, live: LiveNode, settings: NodeSettings) -> None:
        self._live = live
        self._settings = settings
        self._over = threading.Event()
        self._chores = [_Chore(self._look_at_files), _Chore(self._sweep_blobs)]
        if "provider" in settings.roles and (settings.lend_hours.ranges or settings.lend_idle_only):
            self._cores = this_machine(live.data_dir.path).cores
            self._chores.append(_Chore(self._mind_hours))
        self._calls = Reconnecting(live.peers, live.book if settings.discover else None, settings.peers)
        self._chores.append(_Chore(self._call_peers))
        self._thread = threading.Thread(target=self._go_round, name="chores", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join(_LAST)

    def _go_round(self) -> None:
        while not self._over.wait(_TICK):
            for chore in self._chores:
                if time.monotonic() >= chore.due:
                    try:
                        wait = chore.work()
                    except Exception:  # of a folder that is gone, say: the node goes on, and so does this
                        logger.exception("a chore failed")
                        wait = _HOURS_EVERY
                    chore.due = time.monotonic() + wait

    def _look_at_files(self) -> float:
        apps = self._live.apps
        if apps.refresh():
            self._live.node.set_apps(apps.files, apps.disabled)
        return _FILES_EVERY

    def _sweep_blobs(self) -> float:
        count, freed = self._live.sweep.look()
        if count:
            logger.info("%d files that no task needs any more were removed, %d bytes", count, freed)
        return _BLOBS_EVERY

    def _call_peers(self) -> float:
        self._calls.look()
        return _CALLS_EVERY

    def _mind_hours(self) -> float:
        settings, now = self._settings, datetime.now()
        own = sum(slot.is_busy for slot in self._live.view.slots()) * settings.lend_cores / settings.lend_slots
        minute = now.hour * 60 + now.minute
        why = reason_to_rest(settings.lend_hours, settings.lend_idle_only, minute, os.getloadavg()[0], own, self._cores)
        if why:
            self._live.lending.hold(_HOURS, why)
        else:
            self._live.lending.let(_HOURS)
        return _HOURS_EVERY
