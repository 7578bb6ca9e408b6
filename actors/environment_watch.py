"""EnvironmentWatch: whether a shell's environment works. Probes it at the start, after a fault, and again while it is broken.

Knows the environment machine and the Jobs port. Must not know what the shell does meanwhile, nor what the environment is.
"""

from __future__ import annotations

from claynet.actors.core import environment as machine
from claynet.actors.environment import Environment
from claynet.actors.messages import TimerFired
from claynet.actors.ports import SECOND, Address, Outcome, Side
from claynet.actors.world import Ports

PATIENCE = 60 * SECOND
"""So long an environment that worked may take to come back before its work is refused, in real time: an engine that restarts."""
PROBE_LIMIT = PATIENCE + 60 * SECOND
PROBE_FIRST = 2 * SECOND
PROBE_MOST = 30 * SECOND
"""Gap between probes of a broken environment: the first one; it doubles up to the other."""
SETTLE = 5 * SECOND
"""An environment that fails so soon after a probe said that it works is given this time before the next one."""
FAULT = "engine"
"""Outcome code which says that the environment failed, not what it ran."""
TIMER = TimerFired("", "probe")
"""What the shell is told when a probe is `due`."""


class EnvironmentWatch:
    """One shell's view of one environment. The shell hands it its timer and the JobDone of its probes."""

    def __init__(self, ports: Ports, address: Address, name: str, side: Side) -> None:
        self._ports = ports
        self._address = address
        self._side = side
        self._state = machine.EnvironmentState(status=machine.INITIAL, name=name)
        self._worked_at: int | None = None
        self._probes = 0
        self._gap = PROBE_FIRST

    @property
    def environment(self) -> Environment | None:
        """The environment itself; None when this node has none of that name."""
        return self._ports.environments.get(self._state.name)

    @property
    def ready(self) -> bool:
        """Tell whether it works, as far as is known."""
        return self._state.status == "ready"

    @property
    def problem(self) -> str | None:
        """Return why it does not work; None when it does and while that is being found out."""
        return self._state.reason if self._state.status == "broken" else None

    def due(self) -> None:
        """Find out whether it works."""
        if self._state.status != "probing":
            self._step("probe")
        environment = self.environment
        if environment is None:
            self._step("fault", f"this node has no environment {self._state.name}")
            return
        self._probes += 1
        work = environment.probe(0 if self._worked_at is None else PATIENCE)
        self._ports.jobs.submit(f"{self._address}/probe/{self._probes}", "probe", work, PROBE_LIMIT, self._address)

    def probed(self, outcome: Outcome) -> None:
        """A probe is done."""
        now = self._ports.clock.monotonic()
        if outcome.ok:
            self._worked_at = now
            self._gap = PROBE_FIRST
            self._step("ok")
            return
        reason = outcome.detail or outcome.code or outcome.status
        self._step("fault", f"the environment {self._state.name} does not work here: {reason}")
        self._ports.clock.call_at(now + self._gap, self._address, TIMER)
        self._gap = min(PROBE_MOST, 2 * self._gap)

    def fault(self, reason: str) -> None:
        """Something that ran here found that the environment does not work: it is probed, with patience."""
        if not self.ready:
            return
        self._step("fault", reason)
        self._step("probe")
        assert self._worked_at is not None  # it was ready
        settled = self._worked_at + SETTLE
        if self._ports.clock.monotonic() < settled:
            self._ports.clock.call_at(settled, self._address, TIMER)
        else:
            self.due()

    def _step(self, name: str, reason: str = "") -> None:
        self._state = state = machine.step(self._state, name, reason)
        self._ports.sink.emit("environment", name=state.name, side=self._side, state=state.status, reason=state.reason)
