"""Why a task does not go on, and who could take one: answered only from what this node has heard.

Knows the view and the rules. Must not ask anybody.
"""

from __future__ import annotations

from collections.abc import Iterable

from claynet.actors.core.task import TaskState
from claynet.actors.units import format_tokens
from claynet.net.control.host import Host
from claynet.net.view.reasons import own_reason, reason_of
from claynet.net.view.values import DeclineSeen
from claynet.proto import node_pb2 as api

_SAYS_NOTHING_OF_ANOTHER_TASK = frozenset(
    {"deadline", "no_work", "replaced", "task_over", "unknown_task", "expired", "app_refused", "drained"}
)


def why(host: Host, task: TaskState) -> tuple[str, list[api.Reason]]:
    """Return one line on where a task stands, and the reasons, its own first."""
    view = host.view
    if task.is_final:
        return task.reason or "nothing more comes of it", _of_peers(host, task) if task.status != "finished" else []
    own = _of_this_node(host, task)
    peers = _of_peers(host, task)
    open_ones = [subtask for subtask in view.subtasks(task.id) if subtask.is_open]
    if own:
        return own[0].detail, [*own, *peers]
    if open_ones:
        return f"{len(open_ones)} subtasks are under way: it waits for their results", peers
    if view.offers(task.id):
        return "there are offers: the best are being chosen", peers
    if peers:
        return "nobody has taken it so far", peers
    detail = f"{_linked(host)} nodes are linked, and none of them has offered or said why not"
    return detail, [own_reason("no_answer", detail)]


def candidates(host: Host, app_id: str, max_price: int) -> list[api.Candidate]:
    """Return who could take a task of this app at this price, as far as this node has heard; those who could come first."""
    view = host.view
    offers = view.providers()
    declines = _declines_of_app(host, app_id)
    found = []
    for peer in dict.fromkeys([*offers, *declines, *host.peers.linked()]):
        offer, decline = offers.get(peer), declines.get(peer)
        could, reason = "unknown", None
        if offer is not None and (decline is None or offer.at > decline.at):
            could = "yes"
            if offer.price > max_price:
                could = "no"
                detail = f"{format_tokens(offer.price)} per hour was asked, at most {format_tokens(max_price)} is paid"
                reason = reason_of(DeclineSeen("price", "requestor", detail, offer.at), peer)
        elif decline is not None:
            could, reason = "no", reason_of(decline, peer)
        found.append(
            api.Candidate(
                provider=peer,
                could=could,
                price=offer.price if offer else 0,
                score=offer.score if offer else 0.0,
                heard=max(offer.at if offer else 0, decline.at if decline else 0),
                reason=reason,
            )
        )
    return sorted(found, key=lambda one: (("yes", "unknown", "no").index(one.could), one.price, one.provider))


def _declines_of_app(host: Host, app_id: str) -> dict[str, DeclineSeen]:
    """Return the last thing that each provider said against a task of this app which holds for the next one too."""
    found: dict[str, DeclineSeen] = {}
    for task in host.view.tasks():
        if task.spec.app_id == app_id:
            for peer, seen in host.view.declines(task.id).items():
                lasting = [one for one in seen if one.rule not in _SAYS_NOTHING_OF_ANOTHER_TASK and one.side == "provider"]
                for one in lasting:
                    if peer not in found or found[peer].at < one.at:
                        found[peer] = one
    return found


def _of_this_node(host: Host, task: TaskState) -> list[api.Reason]:
    ill = [one for one in host.view.environments() if one.side == "requestor" and one.state != "ready" and one.reason]
    found = [reason_of(DeclineSeen("environment", "provider", one.reason, 0)) for one in ill]
    app = next((app for app in host.apps.apps if app.descriptor.app_id == task.spec.app_id), None)
    if task.status == "creating":
        if app is not None and not app.enabled:
            found.append(own_reason("disabled_app", f"the app {app.descriptor.name} is not enabled on this node"))
        found.append(own_reason("not_started", "the app's service is being started, or has not answered CreateTask yet"))
    elif not _linked(host) and not any(subtask.is_open for subtask in host.view.subtasks(task.id)):
        found.append(own_reason("no_peers", "no link to another node stands"))
    return found


def _of_peers(host: Host, task: TaskState) -> list[api.Reason]:
    view = host.view
    took = {subtask.provider for subtask in view.subtasks(task.id) if subtask.status != "refused"}
    found = [reason_of(seen[-1], peer) for peer, seen in view.declines(task.id).items() if peer not in took]
    said = {reason.peer for reason in found}
    for peer, offer in view.offers(task.id).items():
        if peer not in took and peer not in said and task.is_final:
            found.append(own_reason("not_chosen", f"it offered for {format_tokens(offer.price)} per hour, and no subtask went to it", peer))
    return [*found, *_failures(host, task)]


def _failures(host: Host, task: TaskState) -> Iterable[api.Reason]:
    """Tell the last failed try of each provider."""
    last = {}
    for subtask in host.view.subtasks(task.id):
        if subtask.status in ("failed", "timed_out", "refused"):
            last[subtask.provider] = subtask
    for subtask in last.values():
        seen = DeclineSeen(subtask.rule, "subtask", subtask.reason, host.view.since(subtask.id))
        reason = reason_of(seen, subtask.provider)
        reason.fix = "`claynet subtask show` and `claynet subtask logs` tell more; another provider gets its part"
        yield reason


def _linked(host: Host) -> int:
    return len(host.peers.linked())
