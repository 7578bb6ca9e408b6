"""AppManager: which apps this node can request, and one requestor service per app in use.

Knows descriptors, the enabled flag and the services. Must not know tasks beyond their ids, nor what is said to an app.
"""

from __future__ import annotations

from collections.abc import Sequence

from claynet.actors.descriptors import load
from claynet.actors.environment import Refusal
from claynet.actors.environment_watch import FAULT, TIMER, EnvironmentWatch
from claynet.actors.messages import (
    AppRequest,
    Bounced,
    LeaveApp,
    OpDone,
    RuntimeEnded,
    RuntimeOp,
    SetApps,
    StopService,
    TimerFired,
    UseApp,
)
from claynet.actors.ports import ActorFailed, Address, JobDone, Outcome
from claynet.actors.runtime import start_runtime
from claynet.actors.shell import Shell, handles
from claynet.actors.world import Ports

RESTARTS = 3
"""So many services of an app may end in a row without having done anything well; then what waits for it fails."""


class _Service:
    """One app's service and who uses it."""

    def __init__(self) -> None:
        self.address: Address | None = None
        self.ending: Address | None = None
        self.users: set[str] = set()
        self.waiting: list[RuntimeOp] = []
        self.made = 0
        self.useless = 0
        """Lives in a row that did nothing well."""


class AppManager(Shell):
    """The requestor side of apps."""

    def __init__(
        self,
        address: Address,
        parent: Address,
        ports: Ports,
        env: str,
        files: tuple[tuple[str, str], ...],
        disabled: frozenset[str],
        start_limit: int,
    ) -> None:
        super().__init__(address, parent, ports)
        self._watch = EnvironmentWatch(ports, address, env, "requestor")
        self._descriptors, self._problems = load(files)
        self._disabled = disabled
        self._start_limit = start_limit
        self._services: dict[str, _Service] = {}
        self._apps: dict[Address, str] = {}
        """Which app each service of this life served."""
        self._prefix = address.rpartition("/")[0]

    def on_start(self) -> None:
        """Name the files that were skipped; find out whether the environment works."""
        for file, problem in self._problems:
            self.ports.sink.emit("descriptor", file=file, problem=problem)
        self._watch.due()

    @handles(JobDone)
    def on_probed(self, message: JobDone) -> None:
        """It is known whether the environment works: go on with what waited for that."""
        self._watch.probed(message.outcome)
        for app_id, service in self._services.items():
            if service.ending is None and service.address is None:
                self._hand_on(app_id, service, [])

    @handles(TimerFired)
    def on_timer(self, message: TimerFired) -> None:
        """Time passed."""
        assert message == TIMER
        self._watch.due()

    def on_stop(self) -> None:
        """Services end with their parent; the environment is closed by whoever stops the node."""
        for service in self._services.values():
            for address in (service.address, service.ending):
                if address is not None:
                    self.ports.system.stop(address)

    @handles(SetApps)
    def on_set_apps(self, message: SetApps) -> None:
        """Other descriptors count from now on; services that run go on."""
        self._descriptors, problems = load(message.files)
        self._disabled = message.disabled
        for file, problem in problems:
            if (file, problem) not in self._problems:
                self.ports.sink.emit("descriptor", file=file, problem=problem)
        self._problems = problems

    @handles(UseApp)
    def on_use(self, message: UseApp) -> None:
        """A task needs this app's service from now on."""
        self._services.setdefault(message.app_id, _Service()).users.add(message.task_id)

    @handles(LeaveApp)
    def on_leave(self, message: LeaveApp) -> None:
        """Stop the service of an app that nobody uses."""
        service = self._services.get(message.app_id)
        if service is None:
            return
        service.users.discard(message.task_id)
        if not service.users and service.address is not None:
            self.tell(service.address, StopService("no task uses it"))
            service.ending, service.address = service.address, None

    @handles(AppRequest)
    def on_request(self, message: AppRequest) -> None:
        """Pass to the app's service; start it on first need."""
        app_id, request = message.app_id, message.request
        service = self._services.setdefault(app_id, _Service())
        if service.ending is not None or (service.address is None and not self._watch.ready and self._watch.problem is None):
            # One service per app: the next begins when the last is gone, and the first when the environment is known to work.
            service.waiting.append(request)
            return
        if service.address is None:
            problem = self._spawn(app_id, service)
            if problem is not None:
                self._refuse([request], problem)
                return
        assert service.address is not None
        self.tell(service.address, request)

    @handles(RuntimeEnded)
    def on_ended(self, message: RuntimeEnded) -> None:
        """A service is over: what it did not begin goes to the next one, a few times."""
        self.ports.system.stop(message.address)
        for app_id, service in self._services.items():
            if message.address in (service.address, service.ending):
                self._over(app_id, service, message)
                return

    @handles(Bounced)
    def on_bounced(self, message: Bounced) -> None:
        """Told to a service just when it ended."""
        self.on_request(AppRequest(self._apps[message.address], message.request))

    @handles(ActorFailed)
    def on_runtime_failed(self, message: ActorFailed) -> None:
        """A Runtime raised: a bug of ours, told upwards; its app gets a new service."""
        self.tell(self.parent, message)
        for app_id, service in self._services.items():
            if message.address in (service.address, service.ending):
                self._over(app_id, service, RuntimeEnded(message.address, message.address, message.error, (), 0))
                return

    def _over(self, app_id: str, service: _Service, ended: RuntimeEnded) -> None:
        if ended.code == FAULT:
            self._watch.fault(ended.reason)  # no fault of the app's: its next service begins when the environment is back
        else:
            service.useless = 0 if ended.served or service.ending is not None else service.useless + 1
        service.address = service.ending = None
        if service.useless >= RESTARTS:
            service.useless = 0
            waiting, service.waiting = [*ended.unsent, *service.waiting], []
            detail = f"its service ended {RESTARTS} times: {ended.reason}"
            self._refuse(waiting, Outcome("error", code=ended.code or "not_serving", detail=detail))
            return
        self._hand_on(app_id, service, ended.unsent)

    def _hand_on(self, app_id: str, service: _Service, unsent: Sequence[RuntimeOp]) -> None:
        waiting, service.waiting = [*unsent, *service.waiting], []
        for request in waiting:
            self.on_request(AppRequest(app_id, request))

    def _spawn(self, app_id: str, service: _Service) -> Outcome | None:
        descriptor = self._descriptors.get(app_id)
        if descriptor is None:
            return Outcome("error", code="unknown_app", detail=f"no descriptor of app {app_id} is here")
        if app_id in self._disabled:
            return Outcome("error", code="disabled_app", detail=f"{descriptor.name} is not enabled on this node")
        environment = self._watch.environment
        if self._watch.problem is not None or environment is None:
            return Outcome("error", code="environment", detail=self._watch.problem or "it is not here")
        runnable = environment.resolve(descriptor.requestor_env, descriptor.requestor_prereq_json)
        if isinstance(runnable, Refusal):
            return Outcome("error", code=runnable.rule, detail=runnable.detail)
        service.made += 1
        runtime_id = f"{self._prefix}/app/{app_id}/{service.made}"
        # Before the service is spawned: it may fail at once.
        self._apps[Address(runtime_id)] = app_id
        service.address = start_runtime(
            self.ports, self.address, runnable, "requestor", runtime_id, f"requestor/{app_id}", self._start_limit
        )
        return None

    def _refuse(self, requests: list[RuntimeOp], outcome: Outcome) -> None:
        for request in requests:
            self.tell(request.reply_to, OpDone(request.call_id, outcome))
