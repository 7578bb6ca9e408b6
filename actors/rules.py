"""The rules by which a task is not taken or an offer not used: what each means, and what helps.

Knows the codes that `decline` events carry and what people can do. Must not know who shows it: reports, a live node's `why`, the manual
are made of this one table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from claynet.actors.units import format_tokens


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one side."""

    side: str
    """`provider`: it makes no offer; `requestor`: it does not use one; `node`: what a live node knows by itself."""
    name: str
    means: str
    fix: str


_PROVIDER = {
    "price": ("the task pays less than it asks", "raise the task's `max_price` (`max_price_per_hour` in a task file), or lower `price`"),
    "memory": ("the task needs more memory", "raise the provider's `memory`"),
    "deadline": ("the task's deadline has passed, by this node's clock", "set the clocks right, or give a longer `task_timeout`"),
    "timeout": ("the task or a subtask of it may take more than ten years, or no time at all", "give other timeouts"),
    "environment": ("its environment does not work, or cannot stand for the app's", "read the detail: it has the remedy"),
    "prerequisites": ("the app's prerequisites name no image, or none that docker could have", "mend the app's CreateTask"),
    "unknown_app": ("no installed app stands for the image", "install it there; in a scenario: give `module:`"),
    "benchmark": ("the app's benchmark failed there; the same image is not measured again", "check the app"),
    "whitelist": (
        "its operator did not allow images of that source",
        "ask him; on a node of yours: `claynet env whitelist add`; in a scenario: `whitelist` of the group",
    ),
    "image_missing": ("the image is not there, and nothing is pulled because a stranger names it", "bring the image there"),
    "identify": ("what the image's name stands for could not be found out", "read the detail"),
    "drained": ("its operator takes no more work", "wait, or find other providers; on a node of yours: `claynet node drain --off`"),
}
_REQUESTOR = {
    "price": ("the offer asks more than `max_price`", "raise it, or wait for a cheaper provider"),
    "score": ("the benchmark score is above the app's `max_benchmark_score`", "mend the descriptor, or distrust the node"),
    "expired": ("the offer's time was over before it was chosen", "a longer `offer_lifetime` there"),
    "lifetime": ("the offer holds for no time, or for more than an hour", "nothing: that provider does not keep the rules"),
    "funds": ("too few tokens are free", "earn or get tokens, or end other tasks; in a scenario: raise `balance`"),
    "no_work": ("nothing is pending now", "nothing: it is asked again when something is"),
    "too_many": ("it has as many offers open here as one provider may have", "nothing: it offers again when some were answered"),
    "replaced": ("the same provider made a newer offer", "nothing"),
    "app_refused": ("the app gives this node no subtask now", "ask the app's author"),
    "app_error": ("NextSubtask or its files failed", "read the detail"),
    "unreliable": ("it refused or failed what it was given, three times in a row or more", "nothing: it is asked again later"),
    "too_long": ("it, or the subtask's assignment with it, has more bytes than the answers to it could carry", "read the detail"),
    "wrong_evidence": ("it answers another header", "nothing: it offers again when it hears this task's"),
    "unknown_task": ("there is no such task", "nothing"),
    "task_over": ("the task takes no offers any more", "nothing"),
}
_NODE = {
    "not_started": ("the app's service is being started, or has not answered CreateTask yet", "wait; `claynet events` shows it"),
    "disabled_app": ("the app is not enabled on this node", "`claynet app enable`"),
    "no_peers": ("no link to another node stands", "`claynet peer connect HOST:PORT`, or look at the other node's address and firewall"),
    "no_answer": (
        "nodes are linked, and none of them has offered or said why not",
        "wait a minute; they may not know the app, or not lend",
    ),
    "busy": ("all work that is pending is handed out", "wait; `claynet subtask list` shows who has it"),
    "not_chosen": ("its offer was there, and no subtask went to it", "nothing: others were cheaper or faster"),
}
RULES: tuple[Rule, ...] = tuple(
    Rule(side, name, *texts)
    for side, table in (("provider", _PROVIDER), ("requestor", _REQUESTOR), ("node", _NODE))
    for name, texts in table.items()
)

_BY_NAME = {(rule.side, rule.name): rule for rule in RULES}


def rule_of(side: str, name: str) -> Rule | None:
    """Return a rule; None for one that this version does not know: a newer peer's, perhaps."""
    return _BY_NAME.get((side, name))


# ---------------------------------------------------------------- what was met with, and the limit


def _price(text: str) -> str:
    return f"{format_tokens(int(text))}/h"


def _mebibytes(text: str) -> str:
    return f"{text}MiB"


def _as_is(text: str) -> str:
    return text


_FIGURES: Mapping[tuple[str, str], tuple[re.Pattern[str], Callable[[str], str]]] = {
    ("provider", "price"): (re.compile(r"pays at most (?P<limit>\d{1,19}) per hour, this provider asks (?P<value>\d{1,19})"), _price),
    ("provider", "memory"): (
        re.compile(r"needs (?P<value>[\d.e+]{1,20}) MiB of memory, this provider has (?P<limit>[\d.e+]{1,20})"),
        _mebibytes,
    ),
    ("requestor", "price"): (re.compile(r"(?P<value>\d{1,19}) per hour was asked, at most (?P<limit>\d{1,19}) is paid"), _price),
    ("requestor", "score"): (re.compile(r"score of (?P<value>[\d.e+-]{1,20}) .* allows 0 to (?P<limit>[\d.e+-]{1,20})"), _as_is),
}


def figures(side: str, name: str, detail: str) -> tuple[str, str]:
    """Return (value, limit) that a detail tells; both empty when it tells none, as another version's may."""
    pattern, show = _FIGURES.get((side, name), (None, _as_is))
    found = pattern.search(detail) if pattern else None
    return (show(found["value"]), show(found["limit"])) if found else ("", "")
