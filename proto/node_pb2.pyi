from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("node_id", "name", "version", "pid", "started", "roles", "data_dir", "listens", "reachable", "peers", "lending", "lending_reason", "slots", "busy", "price", "money", "tasks", "work", "environments", "declined", "problems", "relayed", "relaying")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    DATA_DIR_FIELD_NUMBER: _ClassVar[int]
    LISTENS_FIELD_NUMBER: _ClassVar[int]
    REACHABLE_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    LENDING_FIELD_NUMBER: _ClassVar[int]
    LENDING_REASON_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    DECLINED_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    RELAYED_FIELD_NUMBER: _ClassVar[int]
    RELAYING_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    name: str
    version: str
    pid: int
    started: int
    roles: _containers.RepeatedScalarFieldContainer[str]
    data_dir: str
    listens: str
    reachable: str
    peers: int
    lending: str
    lending_reason: str
    slots: int
    busy: int
    price: int
    money: Money
    tasks: _containers.RepeatedCompositeFieldContainer[Count]
    work: _containers.RepeatedCompositeFieldContainer[Count]
    environments: _containers.RepeatedCompositeFieldContainer[Environment]
    declined: _containers.RepeatedCompositeFieldContainer[Reason]
    problems: _containers.RepeatedScalarFieldContainer[str]
    relayed: _containers.RepeatedCompositeFieldContainer[Relayed]
    relaying: Relaying
    def __init__(self, node_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., pid: _Optional[int] = ..., started: _Optional[int] = ..., roles: _Optional[_Iterable[str]] = ..., data_dir: _Optional[str] = ..., listens: _Optional[str] = ..., reachable: _Optional[str] = ..., peers: _Optional[int] = ..., lending: _Optional[str] = ..., lending_reason: _Optional[str] = ..., slots: _Optional[int] = ..., busy: _Optional[int] = ..., price: _Optional[int] = ..., money: _Optional[_Union[Money, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[Count, _Mapping]]] = ..., work: _Optional[_Iterable[_Union[Count, _Mapping]]] = ..., environments: _Optional[_Iterable[_Union[Environment, _Mapping]]] = ..., declined: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., problems: _Optional[_Iterable[str]] = ..., relayed: _Optional[_Iterable[_Union[Relayed, _Mapping]]] = ..., relaying: _Optional[_Union[Relaying, _Mapping]] = ...) -> None: ...

class Relayed(_message.Message):
    __slots__ = ("peer", "relay")
    PEER_FIELD_NUMBER: _ClassVar[int]
    RELAY_FIELD_NUMBER: _ClassVar[int]
    peer: str
    relay: str
    def __init__(self, peer: _Optional[str] = ..., relay: _Optional[str] = ...) -> None: ...

class Relaying(_message.Message):
    __slots__ = ("serves", "pairs", "pairs_in_all", "carried", "carried_in_hour")
    SERVES_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_IN_ALL_FIELD_NUMBER: _ClassVar[int]
    CARRIED_FIELD_NUMBER: _ClassVar[int]
    CARRIED_IN_HOUR_FIELD_NUMBER: _ClassVar[int]
    serves: bool
    pairs: int
    pairs_in_all: int
    carried: int
    carried_in_hour: int
    def __init__(self, serves: bool = ..., pairs: _Optional[int] = ..., pairs_in_all: _Optional[int] = ..., carried: _Optional[int] = ..., carried_in_hour: _Optional[int] = ...) -> None: ...

class Money(_message.Message):
    __slots__ = ("balance", "reserved", "earned", "spent", "awaited")
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    EARNED_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    AWAITED_FIELD_NUMBER: _ClassVar[int]
    balance: int
    reserved: int
    earned: int
    spent: int
    awaited: int
    def __init__(self, balance: _Optional[int] = ..., reserved: _Optional[int] = ..., earned: _Optional[int] = ..., spent: _Optional[int] = ..., awaited: _Optional[int] = ...) -> None: ...

class Count(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: str
    count: int
    def __init__(self, state: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class StopReply(_message.Message):
    __slots__ = ("pid",)
    PID_FIELD_NUMBER: _ClassVar[int]
    pid: int
    def __init__(self, pid: _Optional[int] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("on", "reason")
    ON_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    on: bool
    reason: str
    def __init__(self, on: bool = ..., reason: _Optional[str] = ...) -> None: ...

class DrainReply(_message.Message):
    __slots__ = ("lending", "busy", "reason")
    LENDING_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lending: str
    busy: int
    reason: str
    def __init__(self, lending: _Optional[str] = ..., busy: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class LogsRequest(_message.Message):
    __slots__ = ("last", "follow", "task")
    LAST_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    last: int
    follow: bool
    task: str
    def __init__(self, last: _Optional[int] = ..., follow: bool = ..., task: _Optional[str] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class EventsRequest(_message.Message):
    __slots__ = ("kinds", "about")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    about: str
    def __init__(self, kinds: _Optional[_Iterable[str]] = ..., about: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("number", "at", "kind", "fields_json", "dropped")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FIELDS_JSON_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    number: int
    at: int
    kind: str
    fields_json: str
    dropped: int
    def __init__(self, number: _Optional[int] = ..., at: _Optional[int] = ..., kind: _Optional[str] = ..., fields_json: _Optional[str] = ..., dropped: _Optional[int] = ...) -> None: ...

class TaskRequest(_message.Message):
    __slots__ = ("app", "name", "params_json", "resources", "max_price", "max_subtasks", "task_timeout", "subtask_timeout", "output_directory")
    APP_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
    MAX_SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    TASK_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SUBTASK_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    app: str
    name: str
    params_json: str
    resources: _containers.RepeatedCompositeFieldContainer[Resource]
    max_price: int
    max_subtasks: int
    task_timeout: int
    subtask_timeout: int
    output_directory: str
    def __init__(self, app: _Optional[str] = ..., name: _Optional[str] = ..., params_json: _Optional[str] = ..., resources: _Optional[_Iterable[_Union[Resource, _Mapping]]] = ..., max_price: _Optional[int] = ..., max_subtasks: _Optional[int] = ..., task_timeout: _Optional[int] = ..., subtask_timeout: _Optional[int] = ..., output_directory: _Optional[str] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("name", "path")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("key", "message", "suggestion")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    key: str
    message: str
    suggestion: str
    def __init__(self, key: _Optional[str] = ..., message: _Optional[str] = ..., suggestion: _Optional[str] = ...) -> None: ...

class EstimateReply(_message.Message):
    __slots__ = ("problems", "subtask_cost", "cost", "money", "candidates", "app")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    SUBTASK_COST_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    subtask_cost: int
    cost: int
    money: Money
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    app: App
    def __init__(self, problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., subtask_cost: _Optional[int] = ..., cost: _Optional[int] = ..., money: _Optional[_Union[Money, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., app: _Optional[_Union[App, _Mapping]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("provider", "could", "price", "score", "heard", "reason")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    COULD_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    provider: str
    could: str
    price: int
    score: float
    heard: int
    reason: Reason
    def __init__(self, provider: _Optional[str] = ..., could: _Optional[str] = ..., price: _Optional[int] = ..., score: _Optional[float] = ..., heard: _Optional[int] = ..., reason: _Optional[_Union[Reason, _Mapping]] = ...) -> None: ...

class CreateReply(_message.Message):
    __slots__ = ("problems", "task")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    task: Task
    def __init__(self, problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., task: _Optional[_Union[Task, _Mapping]] = ...) -> None: ...

class TaskId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class TasksRequest(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, states: _Optional[_Iterable[str]] = ...) -> None: ...

class TasksReply(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    def __init__(self, tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "name", "app_id", "app", "state", "reason", "created", "ended", "deadline", "max_subtasks", "task_timeout", "subtask_timeout", "max_price", "params_json", "output_directory", "subtasks", "spent", "offers", "results", "delivery", "delivered_to", "delivery_problem", "is_over")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    MAX_SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    TASK_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SUBTASK_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_TO_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    IS_OVER_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    app_id: str
    app: str
    state: str
    reason: str
    created: int
    ended: int
    deadline: int
    max_subtasks: int
    task_timeout: int
    subtask_timeout: int
    max_price: int
    params_json: str
    output_directory: str
    subtasks: _containers.RepeatedCompositeFieldContainer[Count]
    spent: int
    offers: int
    results: _containers.RepeatedCompositeFieldContainer[File]
    delivery: str
    delivered_to: str
    delivery_problem: str
    is_over: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., app_id: _Optional[str] = ..., app: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., created: _Optional[int] = ..., ended: _Optional[int] = ..., deadline: _Optional[int] = ..., max_subtasks: _Optional[int] = ..., task_timeout: _Optional[int] = ..., subtask_timeout: _Optional[int] = ..., max_price: _Optional[int] = ..., params_json: _Optional[str] = ..., output_directory: _Optional[str] = ..., subtasks: _Optional[_Iterable[_Union[Count, _Mapping]]] = ..., spent: _Optional[int] = ..., offers: _Optional[int] = ..., results: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., delivery: _Optional[str] = ..., delivered_to: _Optional[str] = ..., delivery_problem: _Optional[str] = ..., is_over: bool = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("name", "digest", "size")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    size: int
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class TaskChange(_message.Message):
    __slots__ = ("task", "subtasks")
    TASK_FIELD_NUMBER: _ClassVar[int]
    SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    task: Task
    subtasks: _containers.RepeatedCompositeFieldContainer[Subtask]
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., subtasks: _Optional[_Iterable[_Union[Subtask, _Mapping]]] = ...) -> None: ...

class WhyReply(_message.Message):
    __slots__ = ("task", "summary", "reasons")
    TASK_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    task: Task
    summary: str
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., summary: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("rule", "side", "peer", "detail", "value", "limit", "fix", "count", "at")
    RULE_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    rule: str
    side: str
    peer: str
    detail: str
    value: str
    limit: str
    fix: str
    count: int
    at: int
    def __init__(self, rule: _Optional[str] = ..., side: _Optional[str] = ..., peer: _Optional[str] = ..., detail: _Optional[str] = ..., value: _Optional[str] = ..., limit: _Optional[str] = ..., fix: _Optional[str] = ..., count: _Optional[int] = ..., at: _Optional[int] = ...) -> None: ...

class DeleteReply(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ResultsRequest(_message.Message):
    __slots__ = ("id", "to")
    ID_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    id: str
    to: str
    def __init__(self, id: _Optional[str] = ..., to: _Optional[str] = ...) -> None: ...

class ResultsReply(_message.Message):
    __slots__ = ("task", "folder")
    TASK_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    task: Task
    folder: str
    def __init__(self, task: _Optional[_Union[Task, _Mapping]] = ..., folder: _Optional[str] = ...) -> None: ...

class SubtasksRequest(_message.Message):
    __slots__ = ("task", "work")
    TASK_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    task: str
    work: bool
    def __init__(self, task: _Optional[str] = ..., work: bool = ...) -> None: ...

class SubtasksReply(_message.Message):
    __slots__ = ("subtasks",)
    SUBTASKS_FIELD_NUMBER: _ClassVar[int]
    subtasks: _containers.RepeatedCompositeFieldContainer[Subtask]
    def __init__(self, subtasks: _Optional[_Iterable[_Union[Subtask, _Mapping]]] = ...) -> None: ...

class SubtaskId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Subtask(_message.Message):
    __slots__ = ("id", "task", "task_name", "side", "peer", "state", "rule", "reason", "price", "amount", "payment", "since", "params_json", "inputs", "result")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    id: str
    task: str
    task_name: str
    side: str
    peer: str
    state: str
    rule: str
    reason: str
    price: int
    amount: int
    payment: str
    since: int
    params_json: str
    inputs: _containers.RepeatedCompositeFieldContainer[File]
    result: File
    def __init__(self, id: _Optional[str] = ..., task: _Optional[str] = ..., task_name: _Optional[str] = ..., side: _Optional[str] = ..., peer: _Optional[str] = ..., state: _Optional[str] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ..., price: _Optional[int] = ..., amount: _Optional[int] = ..., payment: _Optional[str] = ..., since: _Optional[int] = ..., params_json: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., result: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class PeersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PeersReply(_message.Message):
    __slots__ = ("peers", "blocked", "turned_away", "refusals")
    PEERS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    TURNED_AWAY_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[Peer]
    blocked: _containers.RepeatedCompositeFieldContainer[Blocked]
    turned_away: int
    refusals: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, peers: _Optional[_Iterable[_Union[Peer, _Mapping]]] = ..., blocked: _Optional[_Iterable[_Union[Blocked, _Mapping]]] = ..., turned_away: _Optional[int] = ..., refusals: _Optional[_Iterable[str]] = ...) -> None: ...

class Blocked(_message.Message):
    __slots__ = ("subject", "since", "until", "reason")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    subject: str
    since: int
    until: int
    reason: str
    def __init__(self, subject: _Optional[str] = ..., since: _Optional[int] = ..., until: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class BlockRequest(_message.Message):
    __slots__ = ("subject", "duration", "reason")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    subject: str
    duration: int
    reason: str
    def __init__(self, subject: _Optional[str] = ..., duration: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class AllowRequest(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    def __init__(self, subject: _Optional[str] = ...) -> None: ...

class BlockReply(_message.Message):
    __slots__ = ("blocked",)
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    blocked: _containers.RepeatedCompositeFieldContainer[Blocked]
    def __init__(self, blocked: _Optional[_Iterable[_Union[Blocked, _Mapping]]] = ...) -> None: ...

class PeerId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("id", "linked", "addresses", "offers", "finished", "failed", "earned", "spent", "declines", "price", "score", "relay")
    ID_FIELD_NUMBER: _ClassVar[int]
    LINKED_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    EARNED_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    DECLINES_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RELAY_FIELD_NUMBER: _ClassVar[int]
    id: str
    linked: bool
    addresses: _containers.RepeatedScalarFieldContainer[str]
    offers: int
    finished: int
    failed: int
    earned: int
    spent: int
    declines: _containers.RepeatedCompositeFieldContainer[Reason]
    price: int
    score: float
    relay: str
    def __init__(self, id: _Optional[str] = ..., linked: bool = ..., addresses: _Optional[_Iterable[str]] = ..., offers: _Optional[int] = ..., finished: _Optional[int] = ..., failed: _Optional[int] = ..., earned: _Optional[int] = ..., spent: _Optional[int] = ..., declines: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., price: _Optional[int] = ..., score: _Optional[float] = ..., relay: _Optional[str] = ...) -> None: ...

class ConnectRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class ConnectReply(_message.Message):
    __slots__ = ("peer",)
    PEER_FIELD_NUMBER: _ClassVar[int]
    peer: str
    def __init__(self, peer: _Optional[str] = ...) -> None: ...

class AppsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AppsReply(_message.Message):
    __slots__ = ("apps", "problems")
    APPS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    apps: _containers.RepeatedCompositeFieldContainer[App]
    problems: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, apps: _Optional[_Iterable[_Union[App, _Mapping]]] = ..., problems: _Optional[_Iterable[str]] = ...) -> None: ...

class AppId(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class AddAppRequest(_message.Message):
    __slots__ = ("file", "text")
    FILE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    file: str
    text: str
    def __init__(self, file: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class App(_message.Message):
    __slots__ = ("id", "name", "version", "author", "license", "description", "enabled", "environment", "image", "file", "max_benchmark_score", "market_strategy", "tasks", "parameters", "example_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    MAX_BENCHMARK_SCORE_FIELD_NUMBER: _ClassVar[int]
    MARKET_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    version: str
    author: str
    license: str
    description: str
    enabled: bool
    environment: str
    image: str
    file: str
    max_benchmark_score: float
    market_strategy: str
    tasks: int
    parameters: _containers.RepeatedCompositeFieldContainer[Parameter]
    example_json: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., author: _Optional[str] = ..., license: _Optional[str] = ..., description: _Optional[str] = ..., enabled: bool = ..., environment: _Optional[str] = ..., image: _Optional[str] = ..., file: _Optional[str] = ..., max_benchmark_score: _Optional[float] = ..., market_strategy: _Optional[str] = ..., tasks: _Optional[int] = ..., parameters: _Optional[_Iterable[_Union[Parameter, _Mapping]]] = ..., example_json: _Optional[str] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("name", "about")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    about: str
    def __init__(self, name: _Optional[str] = ..., about: _Optional[str] = ...) -> None: ...

class EnvironmentsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EnvironmentsReply(_message.Message):
    __slots__ = ("environments",)
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    environments: _containers.RepeatedCompositeFieldContainer[Environment]
    def __init__(self, environments: _Optional[_Iterable[_Union[Environment, _Mapping]]] = ...) -> None: ...

class EnvironmentName(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("name", "sides", "state", "reason", "score", "runs_on_host", "scores")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIDES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RUNS_ON_HOST_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    name: str
    sides: _containers.RepeatedScalarFieldContainer[str]
    state: str
    reason: str
    score: float
    runs_on_host: bool
    scores: _containers.RepeatedCompositeFieldContainer[Score]
    def __init__(self, name: _Optional[str] = ..., sides: _Optional[_Iterable[str]] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., score: _Optional[float] = ..., runs_on_host: bool = ..., scores: _Optional[_Iterable[_Union[Score, _Mapping]]] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("image", "state", "score", "reason")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    image: str
    state: str
    score: float
    reason: str
    def __init__(self, image: _Optional[str] = ..., state: _Optional[str] = ..., score: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class WhitelistRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhitelistReply(_message.Message):
    __slots__ = ("sources", "seen")
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    seen: _containers.RepeatedCompositeFieldContainer[SeenSource]
    def __init__(self, sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., seen: _Optional[_Iterable[_Union[SeenSource, _Mapping]]] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("name", "by")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    name: str
    by: str
    def __init__(self, name: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class SeenSource(_message.Message):
    __slots__ = ("name", "image", "since", "asked_by")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ASKED_BY_FIELD_NUMBER: _ClassVar[int]
    name: str
    image: str
    since: int
    asked_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., image: _Optional[str] = ..., since: _Optional[int] = ..., asked_by: _Optional[_Iterable[str]] = ...) -> None: ...
