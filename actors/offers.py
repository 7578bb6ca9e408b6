"""The provider's side of the market: headers, whether we are fit for them, offers and their cap.

Knows the offering machine, environments' resolve, whose images may run and how fast they are. Must not know assignments (`computing.py`).
"""

from __future__ import annotations

import msgspec

from claynet.actors.benchmarks import Benchmarks
from claynet.actors.core import offering as machine
from claynet.actors.core.frames import Frame
from claynet.actors.core.records import MOST_HEADER, Decline, Header, Offer
from claynet.actors.environment import Refusal, Runnable
from claynet.actors.messages import SendTo
from claynet.actors.ports import SECOND, NodeId, TimerId
from claynet.actors.provider_base import ProviderBase

COOL_MOST = 60 * SECOND
MOST_TASKS = 256
"""Announced tasks of one requestor that are remembered; further ones are passed over until some of them end."""
MOST_ALL = 2048
"""Announced tasks that are remembered of everybody together: of more, the one longest not heard of is forgotten. A requestor costs nothing
to invent; an honest one announces its task again, and is heard then.
"""


class Offers(ProviderBase):
    """Headers heard and offers made."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._benchmarks = Benchmarks(self.ports, self.address, self._watch, self._config.start_limit, self._consider_all)
        self._candidates: dict[str, None] = {}
        """Offerings (by name) that may be offered for now."""
        self._open_offers: dict[str, str] = {}
        """Offer id -> the offering's name."""
        self._deadlines: dict[str, TimerId] = {}
        """Per offering: the timer of its end. In the order in which their headers came last."""
        self._announcers: dict[NodeId, int] = {}
        """Per requestor: how many of its tasks are remembered."""
        self._declined: dict[str, int] = {}
        """Per task: when we last said why we do not take it."""

    # ---------------------------------------------------------------- headers

    def _heard(self, header: Header, frame: Frame) -> None:
        name = machine.name_of(header)
        known = self._offerings.get(name)
        if known is not None:
            self._deadlines[name] = self._deadlines.pop(name)
            if known.closing:
                self._offerings[name] = msgspec.structs.replace(known, closing=False)
            elif known.status == "cooling" and known.reason == "no_work":
                self._cooled(name)
            elif known.status == "unfit":
                self._consider(self._step(known, "reconsidered"))
                self._make_offers()
            return
        if len(frame.body) > MOST_HEADER or self._announcers.get(header.requestor, 0) >= MOST_TASKS:
            detail = f"tasks of at most {MOST_HEADER} bytes each are remembered, {MOST_TASKS} of one requestor"
            self.ports.sink.emit("ignored", peer=header.requestor, rule="too_many_tasks", detail=detail)
            return
        self._make_room()
        self._announcers[header.requestor] = self._announcers.get(header.requestor, 0) + 1
        state = machine.OfferingState(status=machine.INITIAL, header=header, body=frame.body)
        self._offerings[name] = state
        left = min(header.deadline - self.ports.clock.utc(), machine.LONGEST)
        self._deadlines[name] = self._keeper.call_after(left, f"offering/{name}", "deadline")
        self._consider(state)
        self._make_offers()

    def _make_room(self) -> None:
        """Forget the task longest not heard of, when there are too many; not one that we have an offer for."""
        if len(self._offerings) >= MOST_ALL:
            self._gone(next((name for name in self._deadlines if self._offerings[name].status != "offered"), next(iter(self._deadlines))))

    def _closed(self, name: str) -> None:
        """Its requestor takes no more offers. An open one may have been chosen already: that one ends by itself."""
        state = self._offerings[name]
        if state.status == "offered":
            self._offerings[name] = msgspec.structs.replace(state, closing=True)
        else:
            self._gone(name)

    def _gone(self, name: str) -> None:
        state = self._offerings.pop(name, None)
        if state is None:
            return
        machine.step(state, "ended")
        self.ports.clock.cancel(self._deadlines.pop(name))
        left = self._announcers[state.requestor] - 1
        if left:
            self._announcers[state.requestor] = left
        else:
            del self._announcers[state.requestor]
        self._candidates.pop(name, None)
        self._declined.pop(name, None)
        if self._open_offers.pop(state.offer_id, None) is not None:
            self._make_offers()

    def _consider(self, state: machine.OfferingState) -> None:
        """Decide whether a task fits this node: the one way to be offered for."""
        self._candidates.pop(state.name, None)
        header = state.header
        runnable = self._runnable(header.env_id, header.prerequisites_json)
        problem = machine.unfit_reason(header, self.ports.clock.utc(), self._provider.price, self._provider.memory_mib)
        if isinstance(runnable, tuple):
            problem = problem or runnable
        elif problem is None:
            problem = self._refusal(runnable, header)
        if problem is not None:
            self._unfit(state, *problem)
        elif isinstance(runnable, Runnable) and self._watch.ready:  # else considered again when it was probed
            pair = self._benchmarks.look(runnable)
            if pair.status == "scored":
                self._candidates[state.name] = None
            elif pair.status == "failed":
                self._unfit(state, pair.rule, pair.reason)

    def _refusal(self, runnable: Runnable, header: Header) -> tuple[str, str] | None:
        """Return why this node does not run an image now; what nobody allowed is remembered with who asked."""
        if self._closed_for:
            return "drained", f"this provider takes no work now: {self._closed_for}"
        source = runnable.source
        if not self._whitelist.allows(source):
            self._whitelist.asked(source, runnable.image, header.requestor)
            return "whitelist", f"this provider does not run images of {source}: {runnable.image}"
        if self._watch.problem is not None:
            return "environment", self._watch.problem
        return None

    def _unfit(self, state: machine.OfferingState, rule: str, detail: str) -> None:
        self._step(state, "unfit", reason=detail)
        header = state.header
        now = self.ports.clock.monotonic()
        last = self._declined.get(machine.name_of(header))
        if last is not None and now - last < self._provider.decline_gap:
            return
        self._declined[machine.name_of(header)] = now
        self.ports.sink.emit("decline", task=header.task_id, provider=self.ports.signer.node_id, rule=rule, detail=detail, by="provider")
        self._say(header.requestor, Decline(header.task_id, "", rule, detail))

    def _consider_all(self) -> None:
        """Something that counts for all of them changed."""
        for state in list(self._offerings.values()):
            if state.status == "unfit":
                self._consider(self._step(state, "reconsidered"))
            elif state.status == "heard":
                self._consider(state)
        self._make_offers()

    def _runnable(self, env_id: str, prerequisites_json: str) -> Runnable | tuple[str, str]:
        environment = self.ports.environments.get(self._provider.env)
        if environment is None:
            return "environment", f"this node has no environment {self._provider.env}"
        found = environment.resolve(env_id, prerequisites_json)
        return (found.rule, found.detail) if isinstance(found, Refusal) else found

    # ---------------------------------------------------------------- offers

    def _make_offers(self) -> None:
        """Offer for tasks chosen by chance, up to the cap: so requestors share providers without a word about it."""
        if self._closed_for:
            self._tell_drained()
            return
        if not self._watch.ready:
            return
        free = self._provider.slots - self._occupied()
        room = free * self._provider.offers_per_slot - len(self._open_offers)
        while room > 0 and self._candidates:
            name = self._entropy.choice(list(self._candidates))
            self._offer(self._offerings[name])
            room -= 1

    def _offer(self, state: machine.OfferingState) -> None:
        header = state.header
        del self._candidates[state.name]
        runnable = self._runnable(header.env_id, header.prerequisites_json)
        assert isinstance(runnable, Runnable)  # else it would be no candidate
        pair = self._benchmarks.look(runnable)
        offer = Offer(
            offer_id=self._entropy.new_id(),
            task_id=header.task_id,
            provider=self.ports.signer.node_id,
            price=self._provider.price,
            score=pair.score,
            lifetime=self._provider.offer_lifetime,
            header=state.body,
            digest=pair.digest,
        )
        body = self._seal(offer)
        self._step(state, "offered", offer_id=offer.offer_id, offer_body=body, digest=pair.digest)
        self._open_offers[offer.offer_id] = state.name
        self._evidence("offer", offer.offer_id, body)
        self.tell(self._switchboard, SendTo(header.requestor, body))
        self._keeper.call_after(self._provider.offer_lifetime + self._config.start_limit, f"offer/{offer.offer_id}", "lapse")

    def _offer_ended(self, offer_id: str, move: str, rule: str) -> None:
        """An offer was declined or lapsed: leave that task alone for a while."""
        name = self._open_offers.pop(offer_id, None)
        if name is None:
            return
        state = self._offerings[name]
        if state.closing or rule in ("task_over", "unknown_task"):
            self._gone(name)
        else:
            if rule == "no_work":
                wait = self._provider.idle_cool_down
                self._step(state, move, reason=rule)
            else:
                wait = min(COOL_MOST, state.cool_down * 2 or self._provider.cool_down)
                self._step(state, move, reason=rule, cool_down=wait)
            self._keeper.call_after(wait, f"cool/{name}", offer_id)
        self._make_offers()

    def _offers_lost(self, peer: NodeId) -> None:
        """The link is gone, and perhaps our offers with it."""
        for offer_id, name in list(self._open_offers.items()):
            if self._offerings[name].requestor == peer:
                self._offer_ended(offer_id, "lapsed", "link_lost")

    def _offer_taken(self, state: machine.OfferingState) -> None:
        """It became an assignment: the task may be offered for again."""
        del self._open_offers[state.offer_id]
        after = self._step(state, "assigned", cool_down=0)
        if after.closing:
            self._gone(state.name)
        else:
            self._consider(after)

    def _cooled(self, name: str) -> None:
        state = self._offerings.get(name)
        if state is not None and state.status == "cooling":
            self._consider(self._step(state, "cooled", reason=""))
            self._make_offers()

    def _step(self, state: machine.OfferingState, name: str, **changes: object) -> machine.OfferingState:
        after = machine.step(state, name, **changes)
        self._offerings[state.name] = after
        return after
