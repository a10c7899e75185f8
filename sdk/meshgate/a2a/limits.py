"""Every limit and default in one place. Times are in seconds, sizes in bytes. docs/limits.md is made from this file."""

from __future__ import annotations

import math

import msgspec

__all__ = ["DEFAULTS", "Limits", "check_limits"]


class Limits(msgspec.Struct, frozen=True):
    """The limits of a gateway or an agent. A setting's name in ``meshgate.toml`` is its name here.

    Raises:
        ValueError: a limit is not a finite number above 0; the message names the limit and its default.
    """

    deadline: float = 60.0
    """Longest a call takes when its caller names no deadline."""
    max_deadline: float = 900.0
    """Longest deadline a caller may name."""
    job_seconds: float = 900.0
    """Longest a job takes, all its calls together."""
    job_calls: int = 256
    """Most calls of a job."""
    job_concurrency: int = 64
    """Most calls of a job that are open at once, over all gateways; each gateway has an equal share of them."""
    depth: int = 8
    """Longest chain of calls."""
    body: int = 4 * 1024 * 1024
    """Largest request body."""
    event: int = 1024 * 1024
    """Largest event of a stream, its line breaks and field names included."""
    answer: int = 16 * 1024 * 1024
    """Largest unary answer."""
    json_depth: int = 64
    """Deepest nesting of a JSON document."""
    json_nodes: int = 50_000
    """Most values in a JSON document."""
    header_bytes: int = 32 * 1024
    """Largest sum of a request's headers."""
    header_count: int = 100
    """Most headers of a request."""
    body_seconds: float = 30.0
    """Longest wait for a request body."""
    heartbeat: float = 15.0
    """Pause after which a gateway sends a comment on a quiet stream."""
    agent_heartbeat: float = 10.0
    """Pause after which an SDK agent does."""
    stream_silence: float = 30.0
    """Silence after which a client takes its stream from a gateway for broken: a gateway sends comments meanwhile."""
    stream_linger: float = 1.0
    """Time in which an agent may end its stream after the task's last state, so that its connection is kept."""
    drain: float = 30.0
    """Longest wait for open calls after SIGTERM; a second signal ends the wait."""
    drain_last: float = 1.0
    """The end of that wait, in which calls that are still open are told to go on elsewhere, and are ended."""
    drain_idle: float = 0.25
    """Time a caller's idle connection stays open after SIGTERM, so that its next call is answered as its last."""
    drain_notice: float = 1.0
    """Time in which an agent that leaves still takes new calls, until every gateway knows."""
    retry_after: float = 300.0
    """Longest pause before another try that is taken from an agent."""
    streams: int = 100
    """Most open calls on one HTTP/2 connection."""
    connections: int = 10_000
    """Most open connections of a listener."""
    backlog: int = 2048
    """Connections of a listener that may wait to be accepted."""
    idle: int = 75
    """Time a listener keeps a connection that carries no request."""
    client_idle: float = 10.0
    """Time a client keeps such a connection to a gateway."""
    agent_idle: float = 4.0
    """Time a gateway keeps such a connection to an agent: less than the 5 s after which many servers close theirs."""
    agent_lost: int = 30
    """Time after which a connection to an agent breaks whose other end is gone without a word."""
    agent_connect: float = 1.0
    """Longest a gateway waits for a connection to an agent."""
    grpc_channels: int = 1000
    """Addresses of agents to which a gateway has gRPC channels open at once; each has threads of gRPC's own."""
    retry_attempts: int = 3
    """Most tries of one call."""
    retry_ratio: float = 0.2
    """Retries that one gateway allows, as a share of its calls in the window; ``retry_floor`` is added."""
    retry_floor: float = 5.0
    """Retries per second that one gateway allows beyond that share, also when there are few calls."""
    retry_window: int = 10
    """Length of that window."""
    retry_pause: float = 0.025
    """Longest pause before a retry, doubled for each try so far; a random part of it is waited."""
    rate: float = 500.0
    """Calls per second of one principal to one agent, over all gateways."""
    burst: int = 1000
    """Calls of one principal to one agent that may come at once, over all gateways."""
    rate_keys: int = 100_000
    """Pairs of a principal and an agent whose rate a gateway keeps; the one used longest ago goes first."""
    search_rate: float = 10.0
    """Searches, lists and manifests of the catalogue per second for one caller, over all gateways."""
    search_burst: int = 50
    """Such requests of one caller that may come at once, over all gateways."""
    concurrency: int = 256
    """Most open calls to one instance from one gateway."""
    lease: float = 10.0
    """Time an instance stays listed without a renewal."""
    join_rate: float = 20.0
    """Registrations per second under one join key at one join port."""
    join_burst: int = 200
    """Registrations under one join key that may come at once."""
    orphan_seconds: float = 3600.0
    """Time for which the registry keeps manifests and schemas that no instance and no contract names."""
    orphan_look: float = 600.0
    """Pause between two looks for such, and for agents that are away."""
    lasting_absent: float = 86_400.0
    """Time after which an agent that an operator registered, and that no gateway finds well, is taken off the list."""
    join_wait: float = 1.0
    """Longest a registration waits until the join port sees it itself, so that a call right after it is routed."""
    switch_wait: float = 2.0
    """Longest a kill switch waits for the registry to take it, and then for this process to see it there."""
    join_retry: float = 0.25
    """First pause after the join port did not answer; it doubles with each further failure."""
    join_retry_max: float = 2.0
    """Longest such pause."""
    hold_down: float = 30.0
    """Time for which instances stay listed that the registry lost suddenly."""
    hold_down_share: float = 0.5
    """Share of all instances whose loss counts as sudden."""
    hold_down_window: float = 10.0
    """Time over which losses are added up."""
    hold_down_floor: int = 3
    """Fewest losses that count as sudden."""
    hold_down_grace: float = 10.0
    """Time for which instances stay listed that are missing when a registry is back."""
    card_seconds: float = 5.0
    """Longest a gateway waits for the card of an agent of its settings."""
    card_refresh: float = 60.0
    """Pause before it fetches the card again."""
    card_retry: float = 2.0
    """Pause before it does so after a failure."""
    worker_start: float = 30.0
    """Longest that ``meshgate up --workers`` waits for its workers to come up."""
    worker_restart: float = 0.1
    """Pause before a worker that died after a long life is started again; it doubles with each short life."""
    worker_restart_max: float = 5.0
    """Longest such pause."""
    worker_deaths: int = 5
    """Deaths of workers that end ``meshgate up``: starting them again does not help."""
    worker_deaths_window: float = 60.0
    """Time in which they end it; a longer life of a worker is a long one."""
    connect: float = 5.0
    """Longest a client waits for a connection."""
    grace: float = 2.0
    """Time beyond a call's deadline that a client waits for the gateway to report that it has passed."""
    tasks: int = 10_000
    """Ended tasks that an agent keeps."""
    task_seconds: float = 3600.0
    """Time it keeps one after its end."""
    tasks_open: int = 1000
    """Tasks that an agent has open at once; more are refused."""
    skill_threads: int = 16
    """Skills of an agent that are plain functions and work at once; further calls wait."""
    task_turns: int = 100
    """Messages that a task's history keeps, the latest ones."""
    task_wait: float = 900.0
    """Longest a task waits for the answer to a question, or works after its caller was answered."""
    task_backlog: int = 1000
    """Events that a reader may be behind before its stream is ended."""
    cancel_seconds: float = 5.0
    """Time that cancelled work has to end by itself, and an agent to answer a gateway that cancels its task."""
    cancel_poll: float = 0.2
    """Pause between two looks whether another instance wants a task of this one cancelled."""
    task_poll: float = 0.1
    """Pause between two looks for the events of a task that another instance works on."""
    task_lock: float = 5.0
    """Longest wait for the file of ``FileTasks`` while another instance writes it."""
    silence: float = 0.5
    """Silence of an open call or stream after which the agent's health is asked."""
    silence_max: float = 5.0
    """Longest pause between such questions: it doubles as long as they are answered."""
    loop_stall: float = 0.5
    """Time for which the event loop of an SDK agent may stand still before the agent warns of it."""
    patience: float = 5.0
    """Longest a call waits where no instance is ready, and one does nothing worse than not to answer its health."""
    health_timeout: float = 0.25
    """Time a health question may take."""
    health_misses: int = 2
    """Health questions in a row without an answer that open the breaker, or take a foreign agent out."""
    foreign_health: float = 2.0
    """Time the health question to a foreign agent may take."""
    breaker_failures: int = 5
    """Failures in a row that open a breaker."""
    breaker_ratio: float = 0.8
    """Share of successes in the window below which a breaker opens."""
    breaker_window: float = 10.0
    """Length of that window."""
    breaker_volume: int = 5
    """Fewest calls in the window for the share to count."""
    breaker_backoff: float = 1.0
    """First time a breaker stays open; it doubles with each failed probe."""
    breaker_backoff_max: float = 30.0
    """Longest such time, before the random share is added."""
    breaker_jitter: float = 0.5
    """Random share added to that time."""
    peer_patience: float = 0.02
    """Longest a call waits for what other gateways know of its parent."""
    lease_patience: float = 0.25
    """Longest a call waits for its job's home to hand out calls."""
    lease_calls: int = 4
    """Calls that another gateway takes from a job's home at a time."""
    peer_answer: float = 2.0
    """Longest the admin API waits for what other gateways answer."""
    known_tasks: int = 10_000
    """Tasks that a gateway remembers, for ListTasks; those it heard of longest ago go first."""
    known_task_seconds: float = 3600.0
    """Time for which it remembers a task of which it hears nothing more."""
    task_read: float = 5.0
    """Longest ListTasks waits for one agent to say where a task stands; else what is known of it is shown."""
    task_page: int = 4 * 1024 * 1024
    """Size at which a page of ListTasks ends early, in bytes."""
    extended_cards: int = 64
    """Extended cards of agents that a gateway keeps."""
    extended_card_seconds: float = 30.0
    """Longest time for which it keeps one; an agent may say less."""
    watch_backlog: int = 256
    """Events that a watcher of a task may be behind others; who is further behind is told to subscribe again."""
    push_tasks: int = 1000
    """Tasks whose push notifications a gateway sends."""
    push_own_tasks: int = 200
    """Tasks of one caller among them."""
    push_seconds: float = 86_400.0
    """Longest it sends those of one task."""
    push_timeout: float = 10.0
    """Longest one notification may take."""
    push_connections: int = 64
    """Notifications that are sent at the same time."""
    records: int = 10_000
    """Jobs whose records a gateway keeps."""
    record_seconds: float = 3600.0
    """Time it keeps them."""
    job_records: int = 1000
    """Calls of one job that it keeps a record of; further ones are counted by how they ended."""
    agent_tasks: int = 1000
    """Calls of one agent that stay possible parents because their tasks go on."""
    agent_recent: int = 64
    """Calls of one agent that stay possible parents after their answers, the latest ones."""
    recent_calls: int = 10_000
    """Calls of all agents that do."""
    agent_roots: float = 10.0
    """Calls per second of one agent that no open call of its own explains, over all gateways."""
    agent_roots_burst: int = 600
    """Such calls that may come at once."""
    clock_skew: float = 5.0
    """Most that the clocks of two gateways may differ: a lineage token is taken for so long after its time."""
    traces: float = 20.0
    """Jobs per second that are all traced."""
    traces_beyond: int = 100
    """Beyond these, one job in so many is traced."""
    tracestate: int = 512
    """Longest ``traceparent`` that is read, and longest ``tracestate`` that is passed on, in characters."""
    span_items: int = 64
    """Most attributes, and most links, of a span."""
    span_text: int = 256
    """Longest text in a span, in characters; what is longer is cut."""
    span_queue: int = 4096
    """Ended spans that wait to be sent; more are dropped."""
    span_close: float = 1.0
    """Longest wait for them at the end."""
    metric_agents: int = 200
    """Agents that have metrics of their own; further ones share the name "other"."""
    schema_bytes: int = 256 * 1024
    """Largest descriptor set of a skill's schema."""
    schema_files: int = 64
    """Most .proto files in it, well-known ones not counted."""
    schema_types: int = 2000
    """Most messages and enums in it, together."""
    schema_depth: int = 32
    """Deepest nesting of message declarations."""
    schema_fields: int = 1000
    """Most fields of a message, and most values of an enum."""
    schema_pattern: int = 256
    """Longest regular expression in a constraint, in characters."""
    schema_patterns: int = 200_000
    """Characters of all regular expressions in a descriptor set, counted repetitions written out; ``.`` and negated
    classes count 8, Unicode classes 1,000.
    """
    schema_cel: int = 2048
    """Longest CEL expression in a constraint or a migration, in characters."""
    schema_releases: int = 200
    """Most releases of a skill that are kept."""
    schema_images: int = 256
    """Most descriptor sets that one registration brings."""
    schema_reasons: int = 500
    """Reasons that the refusal of a release lists; its message has their number."""
    schema_json: int = 128 * 1024
    """JSON Schemas, together, that an agent's card has of its skills; what is beyond is left out."""
    schema_memory: int = 64 * 1024 * 1024
    """Memory for schemas that a gateway keeps loaded; beyond it, those used longest ago go."""
    schema_disk: int = 256 * 1024 * 1024
    """Disk space for the schemas that a gateway keeps for when its registry is away."""
    mediation_depth: int = 32
    """Deepest nesting of a value that is read or written by its contract."""
    mediation_violations: int = 16
    """Breaches of a contract that one error tells; they are all counted."""
    mediation_cost: int = 1024 * 1024 * 1024
    """Most bytes that one CEL expression touches at worst: a bound computed from its text and the message's size."""
    mediation_values: int = 20_000
    """Most messages in a message whose constraints are checked; an element of a list of texts or numbers is less."""
    mediation_inline: int = 8 * 1024
    """Largest message, in bytes, that is mediated on the event loop itself; larger ones go to a thread."""
    mediation_threads: int = 2
    """Threads in which large messages are mediated."""
    mediation_result: int = 1024 * 1024
    """Largest result of a migration's expression: characters, bytes, and eight for each value."""
    mediation_steps: int = 16
    """Most migrations between two releases."""
    mediation_ways: int = 4096
    """Ways between releases that a gateway keeps compiled, and contracts."""
    mediation_wait: float = 2.0
    """Longest a call waits for the contract of a release that has just joined."""
    usage_rows: int = 10_000
    """Rows of usage (caller, version, skill, direction) that a gateway counts; the one seen longest ago goes first."""
    usage_fields: int = 500
    """Fields counted in one row of usage."""

    def __post_init__(self) -> None:
        check_limits(self)


def check_limits(limits: Limits) -> None:
    """Refuse limits that would switch a limit off: each is a finite number above 0.

    Raises:
        ValueError: one is not; the message names it and its default.
    """
    for name, default in zip(Limits.__struct_fields__, Limits.__struct_defaults__, strict=True):
        value = getattr(limits, name)
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(
                f"limits.{name} must be a finite number above 0, not {value}: "
                f"nothing here is unlimited; leave it out for the default, {default}"
            )


DEFAULTS = Limits()
