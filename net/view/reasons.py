"""A reason as the control API tells it: the rule, who says so, what was met with and its limit, and what helps.

Knows the table of rules. Must not know where a reason came from.
"""

from __future__ import annotations

from claynet.actors.rules import figures, rule_of
from claynet.net.view.values import DeclineSeen
from claynet.proto import node_pb2 as api


def reason_of(seen: DeclineSeen, peer: str = "") -> api.Reason:
    """Tell what one side said."""
    value, limit = figures(seen.side, seen.rule, seen.detail)
    rule = rule_of(seen.side, seen.rule)
    return api.Reason(
        rule=seen.rule,
        side=seen.side,
        peer=peer,
        detail=seen.detail,
        value=value,
        limit=limit,
        fix=rule.fix if rule else "read the detail; this rule is another version's",
        count=seen.count,
        at=seen.at,
    )


def own_reason(rule: str, detail: str, peer: str = "") -> api.Reason:
    """Tell what this node knows by itself."""
    return reason_of(DeclineSeen(rule, "node", detail, 0), peer)
