"""The vocabulary of `EventSink.emit`: every kind a node emits, with its fields.

Checks, reports, traces and progress displays rely on these names; shells emit nothing else.
Ids are strings, amounts integers of 10^-9 token, reasons one line for people. `node` (the emitter's name) is added by the sink.

| kind | fields |
| --- | --- |
| `node` | `state` (started, stopped), `id` (the node id) |
| `task` | `id`, `name`, `app` (app id), `before` (null when made), `state`, `reason` |
| `results` | `id`, `name`: a finished task's; `files`: its final results, each `[name, digest, size]`, stored as blobs of the node; `problem`: why they could not be (else empty) |
| `delivered` | `id` (a task's), `folder`: its final results were copied there; `problem`: why they could not be (else empty) |
| `subtask` | `id`, `task`, `name` (the task's), `provider` (node id), `before`, `state`, `reason`: the requestor's view |
| `offer` | `task`, `name`, `provider`, `price`, `score`: the requestor pooled it |
| `decline` | `task`, `provider`, `rule`, `detail`, `by` (`provider`: it says why it does not offer or take; `requestor`: why an offer is not used) |
| `evidence` | `tag` (offer, assignment, report, acceptance, rejection, payment), `id` (subtask id; offer id for offers), `digest` (hex BLAKE2b-256 of the frame), `frame` (base64 of the whole signed frame; for payments only, else absent) |
| `payment` | `id` (subtask id), `payer`, `payee`, `amount`, `state`: due, sent, acknowledged (the payer's view), received (the payee's) |
| `slot` | `id` (subtask id), `task`, `requestor`, `before`, `state`, `reason`: the provider's view of one assignment |
| `runtime` | `id`, `app` (image), `side`, `before`, `state`, `reason` |
| `untidy` | `id` (a runtime's), `app` (image), `side`, `problem`: why files of its work dir could not be removed and stay on the disk |
| `environment` | `name`, `side`, `state`, `reason` |
| `benchmark` | `env`, `image` (empty: the environment itself was measured), `state` (scored, failed), `score`, `reason` |
| `lending` | `state` (open, draining: takes no more work; drained: and none is left), `reason` |
| `deleted` | `id` (a task's), `problem`: why it could not be forgotten yet (else empty) |
| `source` | `source`, `state` (asked: it is not allowed here; allowed, forbidden: by the operator), `image` (asked for), `peer` (who asked first) |
| `misuse` | `peer`, `rule`, `detail`: a peer broke a rule, for which its session ended or what it said was dropped; `count`: so often since the last such event of that peer and rule, of which there is one a minute at most |
| `ignored` | `peer`, `rule` (unknown_tag: perhaps a newer node's; flood: more was announced than an honest node does; too_many_tasks: more than are remembered), `detail`, `count` (as above) |
| `actor_failed` | `address`, `error`, `trace` (the traceback, for logs only): a shell raised; a bug of ours |
| `descriptor` | `file`, `problem`: a descriptor was skipped |
| `tampered` | `id` (subtask id): a wrapper of a dishonest node changed this result (ground truth for checks) |

Task states: creating, failed_to_create*, waiting, computing, finished*, failed*, aborted*, timed_out* (* final).
Subtask states: requested, assigned, computing, fetching, verifying, awaiting_data, finished*, failed*, timed_out*, cancelled*, restarted*, refused*
(`refused`: the provider would not take the assignment, or the app had no part for it; it never ran).
"""

TASK_FINAL = frozenset({"failed_to_create", "finished", "failed", "aborted", "timed_out"})
SUBTASK_FINAL = frozenset({"finished", "failed", "timed_out", "cancelled", "restarted", "refused"})
KINDS = frozenset(
    {
        "actor_failed",
        "benchmark",
        "decline",
        "deleted",
        "delivered",
        "descriptor",
        "environment",
        "evidence",
        "ignored",
        "lending",
        "misuse",
        "node",
        "offer",
        "payment",
        "results",
        "runtime",
        "slot",
        "source",
        "subtask",
        "tampered",
        "task",
        "untidy",
    }
)
"""Every kind of the table."""
