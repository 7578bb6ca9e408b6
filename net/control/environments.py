"""The control API's service `Environments`: what runs apps here, how fast, for whom, and whose images.

Knows the view and the environments' names. Must not know what an environment does.
"""

from __future__ import annotations

from collections.abc import Iterator

from claynet.actors.nearest import nearest
from claynet.envs import registry
from claynet.net.control.calls import Call, NotFound, Refused, WrongUse, fill
from claynet.net.control.host import Host
from claynet.net.lending import reason as disabled_reason
from claynet.net.view.event_hub import Listeners
from claynet.proto import node_pb2 as api

ANSWER = 5.0
"""Seconds that an actor may take to do what it was told."""
_RANK = ("broken", "probing", "unknown", "ready")
"""Of an environment's states on the two sides of a node, the first of these counts."""


class EnvironmentsService:
    """Environments and whose images they run."""

    def __init__(self, host: Host, listeners: Listeners) -> None:
        self._host = host
        self._listeners = listeners

    def on_list(self, _request: api.EnvironmentsRequest, _call: Call) -> api.EnvironmentsReply:
        """All of them."""
        return api.EnvironmentsReply(environments=environments(self._host))

    def on_show(self, request: api.EnvironmentName, _call: Call) -> api.Environment:
        """One of them."""
        known = {one.name: one for one in environments(self._host)}
        if request.name not in known:
            raise NotFound(f"this node has no environment {request.name!r}; {nearest(request.name, known)}")
        return known[request.name]

    def on_enable(self, request: api.EnvironmentName, call: Call) -> api.Environment:
        """Lend in it again."""
        self._lent(request.name)
        self._host.lending.enable(request.name)
        return self.on_show(request, call)

    def on_disable(self, request: api.EnvironmentName, call: Call) -> api.Environment:
        """Take no more work in it, also after a restart."""
        self._lent(request.name)
        self._host.lending.disable(request.name)
        return self.on_show(request, call)

    def on_benchmark(self, request: api.EnvironmentName, call: Call) -> Iterator[api.Score]:
        """Measure again, and tell each score until that of the environment itself."""
        self._lent(request.name)
        with self._listeners.listen(["benchmark", "environment"]) as events:
            call.at_end(events.close)
            for seen in self._host.view.environments():  # what comes later is an event
                _works(seen.name, seen.side, seen.state, seen.reason, request.name)
            self._host.node.remeasure()
            while (event := events.next()) is not None:
                fields = event.fields
                if event.kind == "environment":
                    _works(fields["name"], fields["side"], fields["state"], fields["reason"], request.name)
                elif fields["env"] == request.name:
                    yield api.Score(image=fields["image"], state=fields["state"], score=fields["score"], reason=fields["reason"])
                    if not fields["image"]:
                        return
        raise Refused("the node stops")

    def on_whitelist(self, _request: api.WhitelistRequest, _call: Call) -> api.WhitelistReply:
        """Say whose images run here."""
        host, consent = self._host, self._host.view.consent()
        provider = host.node.config.provider
        configured = [] if provider is None else [name for name in provider.whitelist if name not in consent.forbidden]
        return api.WhitelistReply(
            sources=[api.Source(name=name, by="configuration") for name in configured]
            + [api.Source(name=name, by="command") for name in consent.allowed if name not in configured],
            seen=[api.SeenSource(name=one.source, image=one.image, since=one.since, asked_by=one.asked_by) for one in consent.seen],
        )

    def on_allow_source(self, request: api.Source, call: Call) -> api.WhitelistReply:
        """Let a source's images run here."""
        self._change(request.name, "allowed")
        return self.on_whitelist(api.WhitelistRequest(), call)

    def on_forbid_source(self, request: api.Source, call: Call) -> api.WhitelistReply:
        """Take no more work of a source's images."""
        known = [source.name for source in self.on_whitelist(api.WhitelistRequest(), call).sources]
        if request.name not in known:
            raise NotFound(f"{request.name!r} is not on the whitelist; {nearest(request.name, known)}")
        self._change(request.name, "forbidden")
        return self.on_whitelist(api.WhitelistRequest(), call)

    def _change(self, source: str, state: str) -> None:
        """Tell the node, and wait until it has kept it: its own event says so."""
        if self._host.node.config.provider is None:
            raise Refused("this node is no provider: it runs no images of others")
        if not source or len(source) > 256 or not source.isprintable() or source.isspace():
            raise WrongUse("a source is the part of an image's name before its last /, such as golem for golem/blender:1.0")
        with self._listeners.listen(["source"]) as events:
            (self._host.node.allow_source if state == "allowed" else self._host.node.forbid_source)(source)
            while (event := events.next(seconds=ANSWER)) is not None:
                if event.fields["source"] == source and event.fields["state"] == state:
                    return
        raise Refused("the node did not answer; look at its log")

    def _lent(self, name: str) -> None:
        provider = self._host.node.config.provider
        if provider is None:
            raise Refused("this node is no provider: it lends no environment")
        if name != provider.env:
            raise NotFound(f"this node lends {provider.env}, not {name!r}; run.provider of its settings says which")


def _works(name: str, side: str, state: str, reason: str, wanted: str) -> None:
    """Raise Refused when it is the one that is to be measured, and it is broken: nothing would come until it is mended."""
    if (name, side, state) == (wanted, "provider", "broken"):
        raise Refused(f"nothing can be measured: {reason}")


def environments(host: Host) -> list[api.Environment]:
    """Return what is known of each environment."""
    scores = host.view.scores()
    disabled = host.view.lending_record().disabled
    found = {}
    for name in host.environments:
        seen = [one for one in host.view.environments() if one.name == name]
        worst = min(seen, key=lambda one: _RANK.index(one.state) if one.state in _RANK else 0, default=None)
        own = [one for one in scores if one.environment == name]
        found[name] = api.Environment(
            name=name,
            sides=sorted(one.side for one in seen),
            state="disabled" if name in disabled else worst.state if worst else "unknown",
            reason=disabled_reason(name) if name in disabled else worst.reason if worst else "",
            score=next((one.score for one in own if not one.image), 0.0),
            runs_on_host=_runs_on_host(name),
            scores=[fill(api.Score, one) for one in own if one.image],
        )
    return list(found.values())


def _runs_on_host(name: str) -> bool:
    try:
        return registry.find(name).runs_on_host
    except (registry.UnknownEnvironmentError, TypeError):
        return False  # an environment that the registry does not know was made by whoever runs this node
