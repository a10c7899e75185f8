"""Numbers of the product that are no fields of ``Limits``: limits that are fixed, and constants that are no limits.

A place is the file below ``meshgate`` and what ``tools/numbers.py`` calls the number in it. ``tools/limits.py`` writes
both tables of docs/limits.md from here, and fails on a number that has no place here, or a place without a number.
"""

from __future__ import annotations

FIXED: tuple[tuple[str, str, str], ...] = (
    # what a caller sends
    ("a2a/selector.py: MAX_SELECTOR", "", ""),
    ("a2a/version_syntax.py: _LONGEST_VERSION", "", "Longest version, in characters."),
    ("a2a/codec/transcode.py: _DEEPEST", "", ""),
    ("a2a/bindings/json_details.py: MAX_ERROR", "bytes", ""),
    ("a2a/bindings/http_json/query.py: _MOST", "", ""),
    ("a2a/mesh/context_ids.py: CARRIED", "bytes", ""),
    ("a2a/lists/task_list.py: MOST_TASKS", "", ""),
    ("a2a/lists/task_list.py: USUAL_TASKS", "", ""),
    ("a2a/lists/task_list.py: MOST_TOKEN", "characters", ""),
    ("a2a/messages/base.py: MAX_ID", "bytes", ""),
    ("a2a/messages/push_config.py: MOST_CONFIGS", "", ""),
    ("a2a/messages/push_config.py: _MOST_URL", "bytes", ""),
    ("a2a/messages/push_config.py: _MOST_SECRET", "bytes", ""),
    (
        "a2a/messages/push_config.py: ListTaskPushNotificationConfigsRequest.__post_init__: 2147483648",
        "",
        "Push configurations that may be asked for are fewer.",
    ),
    ("gateway/push/destination.py: _PATIENCE", "s", ""),
    ("gateway/push/feeds.py: _FIRST_WAIT", "s", ""),
    ("gateway/push/feeds.py: _LONGEST_WAIT", "s", ""),
    ("gateway/push/feeds.py: _EARLY", "", ""),
    ("gateway/routing/push_callbacks.py: _PATIENCE", "s", ""),
    ("a2a/types.py: _REFERENCES", "", ""),
    ("a2a/types.py: check_history: 2147483648", "", "Messages of a task's history that may be asked for are fewer."),
    ("a2a/codec/strict_json.py: _LISTED", "", ""),
    ("a2a/v0_3/cards.py: _LISTED", "", ""),
    ("a2a/mesh/lineage_tokens.py: MAX_TOKEN", "", ""),
    ("sdk/client/usage.py: Budget.__post_init__: 1000000000", "s", "Time that a client's budget may name is shorter."),
    (
        "gateway/contracts/transform/typed_parts/media.py: _LONGEST",
        "",
        "Longest media type that is parsed, in characters.",
    ),
    ("gateway/contracts/call_release.py: LOOKED_AT", "", ""),
    ("gateway/contracts/transform/validation/constraints.py: _ALL", "bytes", ""),
    ("gateway/contracts/negotiation.py: _OTHERS", "", ""),
    ("gateway/routing/resolve.py: _OTHERS", "", ""),
    ("gateway/routing/agent_choice.py: _KEPT", "", ""),
    ("gateway/answers.py: _MOST_ENDING", "", ""),
    ("gateway/discovery/requests.py: MAX_BODY", "bytes", ""),
    ("gateway/discovery/requests.py: _MOST_TEXT", "", ""),
    ("gateway/discovery/requests.py: _MOST_PAGE", "", ""),
    ("gateway/discovery/requests.py: _SEARCH_PAGE, _LIST_PAGE", "", ""),
    ("gateway/discovery/requests.py: _MOST_QUERY", "", ""),
    ("gateway/discovery/requests.py: _MOST_FIELDS", "", ""),
    ("gateway/discovery/word_index.py: _MOST_WORDS", "", ""),
    ("sdk/skills/skill_question.py: _ASKED", "", ""),
    # what an agent sends, and what it is registered with
    ("gateway/discovery/agent_entry.py: _TEXT", "", ""),
    ("gateway/discovery/agent_entry.py: _SHORT", "", ""),
    ("gateway/discovery/agent_entry.py: _TAGS", "", ""),
    ("gateway/discovery/agent_entry.py: _SKILLS", "", ""),
    ("gateway/discovery/agent_entry.py: _EXAMPLES", "", ""),
    ("gateway/discovery/word_index.py: _INDEXED", "", ""),
    ("gateway/discovery/answers.py: _MOST_LISTED", "", ""),
    ("a2a/cards.py: MAX_CARD", "bytes", "Largest agent card that is read."),
    ("a2a/signatures/canonical_json.py: _DEEPEST", "", "Most levels of JSON that is signed."),
    ("a2a/signatures/card_verifier.py: _MOST", "", ""),
    ("a2a/signatures/card_verifier.py: _LONGEST", "", ""),
    ("a2a/signatures/public_key.py: _LEAST_BITS, _MOST_BITS", "bits", ""),
    ("registry/foreign/card_provenance.py: _MOST_SETS", "", ""),
    ("gateway/control/foreign/card_trust.py: RECENT", "s", ""),
    ("registry/foreign/card_changes.py: _LISTED", "", ""),
    ("registry/foreign/card_changes.py: _LONGEST", "", ""),
    ("registry/foreign/card_provenance.py: _MOST_KEYS", "", ""),
    ("registry/foreign/card_provenance.py: _LARGEST", "bytes", ""),
    ("gateway/identity/card_keys.py: _LARGEST", "bytes", "Largest file of a key for cards."),
    ("gateway/ingress/card_signatures.py: _KEPT", "", ""),
    ("net/asgi.py: _SKIPPED", "bytes", ""),
    ("net/coalesced_writes.py: _FRAMING", "bytes", ""),
    ("net/documents.py: _KEPT", "", ""),
    ("sdk/tasks/artifact_chunks.py: _SHARE", "", ""),
    ("net/connection.py: _HEADER_BYTES", "bytes", ""),
    ("net/connection.py: _INTERIM", "", ""),
    ("a2a/bindings/sse.py: MAX_LINES", "", ""),
    ("a2a/codec/timestamps.py: _LONGEST", "", "Longest timestamp of an agent's that is read, in characters."),
    ("sdk/agent.py: Agent.__init__: 1000", "", "Largest weight of an agent."),
    ("registry/join/messages.py: registration_from_proto: 1000", "", "Largest weight that the join port takes."),
    ("registry/model.py: HealthCheck.interval", "s", "Pause between health checks if a registration names none."),
    ("registry/foreign/foreign_agent.py: foreign_instance(interval)", "s", "The same for a foreign agent."),
    ("registry/join/messages.py: _check: 0.5", "s", "Shortest such pause that a registration may name."),
    ("registry/join/messages.py: _check: 3600", "s", "Longest such pause."),
    ("registry/join/messages.py: lease_from_proto: 86400", "s", "Longest lease that is read."),
    ("registry/foreign/agent_credential.py: _MOST_HEADERS", "", "Most headers of a foreign agent's credential."),
    (
        "registry/foreign/agent_credential.py: _MOST_CA",
        "bytes",
        "Largest certificates of a foreign agent's authorities.",
    ),
    ("registry/foreign/card_fetcher.py: _LONGEST", "", ""),
    ("registry/secret_text.py: _LARGEST", "bytes", "Largest file of a secret."),
    ("gateway/observe/usage_report.py: _REASONS", "", ""),
    ("gateway/upstream/agent_access.py: _SHORT", "s", ""),
    ("gateway/upstream/reply_head.py: _LONGEST", "", ""),
    ("gateway/upstream/agent_access.py: _EARLY", "", ""),
    ("gateway/upstream/agent_access.py: _LARGEST", "bytes", ""),
    ("registry/limits.py: MAX_ID", "", ""),
    ("registry/limits.py: MAX_INSTANCE", "bytes", ""),
    ("registry/limits.py: MAX_BLOB", "bytes", ""),
    ("registry/schemas/image.py: _files: 255", "", "Longest name of a .proto file, in characters."),
    ("registry/schemas/rules/comparison.py: _MOST_PAIRS", "", ""),
    ("registry/schemas/admission.py: _MOST_TEXT", "", "Longest owner, steward or notice of a release, in characters."),
    ("registry/schemas/admission.py: _MOST_MIGRATIONS", "", "Most migrations of a release."),
    ("registry/schemas/admission.py: _MOST_TARGETS", "", "Most fields that one migration sets each way."),
    (
        "sdk/schemas/derive/annotations.py: _DEEPEST",
        "",
        "Aliases, ``Annotated`` and ``| None`` around a type that are looked through.",
    ),
    ("sdk/schemas/lock/lockfile.py: _LARGEST", "bytes", "Largest lock file of contracts."),
    # what an operator runs and asks
    ("gateway/config.py: _check: 64", "", "Most workers of ``meshgate up``."),
    ("gateway/identity/mesh_key.py: _check_strength: 32", "bytes", "Shortest mesh key."),
    ("gateway/identity/mesh_key.py: _check_strength: 12", "", "Fewest different bytes of a mesh key."),
    ("gateway/answers.py: _MOST_JOBS", "", ""),
    ("gateway/answers.py: _MOST_TASKS", "", ""),
    ("gateway/routing/task_list.py: _AT_ONCE", "", ""),
    ("gateway/routing/agent_lists.py: _AT_ONCE", "", ""),
    ("gateway/routing/agent_lists.py: _LEAST", "", ""),
    ("gateway/routing/agent_lists.py: _EMPTY", "", ""),
    ("gateway/control/admin/job_routes.py: add_job_routes.jobs: 1000", "", "Most jobs that the admin API lists."),
    (
        "gateway/control/admin/job_routes.py: add_job_routes.jobs(limit)",
        "",
        "Jobs that it lists if no number is named.",
    ),
    ("gateway/control/admin/schema_routes.py: _add_reading.subjects: 1000", "", "Most contracts on one page of it."),
    ("gateway/control/admin/schema_routes.py: _add_reading.subjects(limit)", "", "Contracts on a page otherwise."),
    ("gateway/control/admin/requests.py: ContractBody.type: 512", "", "Longest name of a message, in characters."),
    ("gateway/control/admin/requests.py: ContractBody.hash: 64", "", "Longest digest that it is sent, in characters."),
    ("gateway/control/admin/requests.py: CheckBody.version: 100", "", "Longest version in a check, in characters."),
    ("gateway/control/admin/requests.py: CheckBody.migrations: 32", "", "Most migrations in a check."),
    ("gateway/control/admin/requests.py: ProposeBody.owner: 1024", "", "Longest owner in a proposal, in characters."),
    ("gateway/control/admin/requests.py: ProposeBody.steward: 1024", "", "Longest steward in it, in characters."),
    (
        "gateway/control/admin/requests.py: PromoteBody.version: 100",
        "",
        "Longest version in a promotion, in characters.",
    ),
    ("gateway/control/admin/requests.py: PromoteBody.notice: 1024", "", "Longest notice in it, in characters."),
    ("gateway/control/admin/requests.py: KillRequest.name: 200", "", "Longest name in a kill switch, in characters."),
    ("gateway/control/admin/requests.py: KillRequest.reason: 500", "", "Longest reason in it, in characters."),
    (
        "gateway/control/admin/requests.py: AcceptRequest.agent: 128",
        "",
        "Longest name of an agent whose card is accepted.",
    ),
    ("gateway/control/admin/requests.py: AcceptRequest.tenant: 128", "", "Longest name of its tenant."),
    ("gateway/control/admin/requests.py: AcceptRequest.candidate: 64", "", "Longest hash of its card, in characters."),
    ("gateway/control/admin/requests.py: DrainRequest.gateway: 100", "", "Longest id of a gateway, in characters."),
    ("gateway/control/admin/requests.py: KeyRequest.roles: 64", "", "Most roles, and most patterns, of a key."),
    ("gateway/control/admin/requests.py: KeyRequest.expires: 100000000000", "s", "Latest end of a key, since 1970."),
    ("gateway/control/admin/requests.py: RotateRequest.keep: 2592000", "s", "Longest a rotated key stays valid."),
    ("gateway/identity/key_list.py: MAX_KEYS", "", ""),
    ("gateway/identity/key_list.py: MAX_BYTES", "bytes", ""),
    ("gateway/identity/shared_keys.py: OLD", "s", ""),
    ("gateway/identity/key_places.py: LOOK", "s", ""),
    ("gateway/identity/secrets.py: _PATIENCE", "s", ""),
    ("registry/limits.py: check_switch: 128", "bytes", "Longest name in a kill switch of the registry."),
    ("registry/limits.py: check_switch: 1024", "", "Longest reason in it, in characters."),
    ("registry/home.py: _MAX", "bytes", "Most of ``run.json`` that is read."),
    ("registry/backends/sqlite.py: _SHRINK", "bytes", ""),
    (
        "registry/backends/sqlite.py: connect: 5",
        "s",
        "Longest wait for a registry in a file that another process writes.",
    ),
    ("registry/backends/file.py: POLL", "s", ""),
    ("registry/backends/file.py: REAP_AFTER", "s", ""),
    ("registry/backends/consul/address.py: check_address: 32", "", "Longest prefix of keys in Consul, in characters."),
    ("registry/backends/consul/entry.py: MAX_ENTRY", "bytes", ""),
    ("registry/backends/consul/entry.py: REAP_AFTER", "s", ""),
    ("registry/backends/consul/entry.py: check_of: 5", "s", "Longest time that Consul gives a health check."),
    ("registry/backends/consul/health.py: NODE_GRACE", "s", ""),
    (
        "registry/backends/consul/registry.py: ConsulRegistry.__init__(wait)",
        "s",
        "Time that a blocking query of Consul waits: how late a Consul that hangs is noticed.",
    ),
    ("registry/backends/consul/registry.py: ConsulRegistry.__init__(timeout)", "s", "Longest any other request takes."),
    (
        "registry/backends/consul/registry.py: ConsulRegistry.__init__(settle)",
        "s",
        "Time that a Consul agent gets to bring its catalogue up to date after a restart.",
    ),
    ("registry/backends/consul/value.py: ConsulValue.__init__(wait)", "s", "The same for the list of keys."),
    (
        "registry/backends/consul/value.py: ConsulValue.__init__(timeout)",
        "s",
        "Longest any other request for it takes.",
    ),
    # the command line
    ("cli/admin_client.py: _SECONDS", "s", "Longest the command line waits for the admin API."),
    ("cli/catalogue_client.py: _SECONDS", "s", "Longest ``meshgate search`` waits for a gateway."),
    ("cli/commands/search.py: search(limit)", "", "Agents that it lists if no number is named."),
    ("cli/commands/search.py: search: 100", "", "Most agents that it lists."),
    ("cli/commands/call.py: _MAX_INPUT", "bytes", "Largest input of ``meshgate call``."),
    ("cli/commands/call.py: _CANCEL", "s", "Longest it waits for the cancel of a task after Ctrl-C."),
    ("cli/commands/call.py: call: 0.001", "s", "Shortest deadline that it takes."),
    ("cli/commands/down.py: down(wait)", "s", "Longest ``meshgate down`` waits if no time is named."),
    ("cli/commands/down.py: down: 0.1", "s", "Shortest time that it takes."),
    ("cli/commands/jobs.py: jobs(limit)", "", "Jobs that ``meshgate jobs`` lists if no number is named."),
    ("cli/commands/jobs.py: jobs: 1000", "", "Most jobs that it lists."),
    ("cli/doctor/findings.py: PROBE_SECONDS", "s", "Longest a check of ``meshgate doctor`` waits for an answer."),
    ("cli/doctor/gateway_checks.py: _SKEW", "s", "Difference of two clocks from which it warns."),
    ("cli/doctor/mesh_checks.py: _STALE", "s", "Age of the registry's last answer from which it warns."),
    ("cli/doctor/mesh_checks.py: _SKEW", "s", "Difference of two gateways' clocks from which it warns."),
    ("cli/launch/launch.py: _READY", "s", "Longest ``meshgate up --detach`` waits until it is ready."),
    ("cli/schema/api.py: _PAGE", "", "Contracts that ``meshgate schema`` fetches at once."),
    ("cli/schema/api.py: _MOST_PAGES", "", "Most such pages."),
    ("cli/schema/files.py: _LARGEST", "bytes", "Largest file that ``meshgate schema`` reads."),
    ("cli/schema/git.py: _GIT_SECONDS", "s", "Longest it waits for git."),
    ("cli/schema/structure.py: _MOST_PAIRS", "", "Pairs of messages that ``meshgate schema diff`` looks at."),
)
"""Place, unit (bytes, s or none) and meaning; without one, the docstring below the constant says it."""

NO_LIMITS: dict[str, str] = {
    "A number of a protocol, a format or a language": """
        a2a/bindings/json_details.py: INTERNAL; _FAILED
        a2a/bindings/http_json/errors.py: _ABOUT_KEYS; _FAILED; http_status: 3
        a2a/bindings/jsonrpc_errors.py: _FIRST, _LAST
        a2a/codec/protobuf_size.py: _VARINT, _FIXED64, _BYTES, _FIXED32; _LEAST
        a2a/codec/strict_json.py: _ONE, _LIST, _MAP
        a2a/codec/transcode.py: _EXACT
        a2a/mesh/lineage_tokens.py: verify: 4
        a2a/mesh/context_ids.py: _MAC
        gateway/tasks/page_token.py: _MAC
        gateway/push/callback_token.py: _MAC
        gateway/push/destination.py: _FREE_PORT
        sdk/tasks/task_list.py: _SEAL
        a2a/mesh/task_ids.py: _AGENT, _INSTANCE, _OWNER, _MAC
        a2a/mesh/task_labels.py: _MAC
        gateway/tasks/known_task.py: _AGENT
        net/addresses.py: _can_be_public: 253
        net/asgi.py: _LENGTH_DIGITS
        sdk/schemas/derive/bounds.py: _LEAST, _MOST
        sdk/schemas/derive/kinds.py: _MOST
        sdk/schemas/descriptors.py: _IGNORE_ALWAYS
        sdk/schemas/lock/format.py: FORMAT
        sdk/schemas/lock/numbers.py: LAST
        telemetry/traceparent.py: _LENGTH; _MEMBERS
        registry/backends/consul/address.py: ConsulAddress.port; check_address: 65536
        registry/backends/consul/entry.py: meta_of: 512
        registry/backends/consul/health.py: SHORTEST_INTERVAL
        registry/backends/sqlite.py: FORMAT
        registry/schemas/descriptor_checks.py: _LAST
        registry/schemas/rules/constraint_values.py: _IF_ZERO, _ALWAYS
        registry/schemas/rules/scalars.py: _EXACT
        registry/snapshot.py: FORMAT
        gateway/config.py: _check: 65535
        gateway/discovery/agent_entry.py: _FEWEST_QUERIES, _MOST_QUERIES
        gateway/discovery/word_index.py: _FULL
        gateway/discovery/requests.py: _LONGEST_POSITION
        gateway/contracts/transform/fields/scalar_readers.py: _FLOAT_EDGE
        gateway/contracts/transform/fields/scalars.py: FLOAT_MAX
        gateway/contracts/transform/fields/times.py: _FIRST, _LAST; _LONGEST; _GIGA
        gateway/contracts/transform/fields/value_writers.py: _EXACT
        gateway/control/admin/requests.py: PromoteBody.sunset: 10
        gateway/control/admin/responses.py: response(status)
        gateway/identity/mesh_key.py: _check_strength: 64
        gateway/identity/card_keys.py: _ORDER; _OTHERS
        a2a/signatures/canonical_json.py: _LARGEST; _PLAIN_DIGITS, _PLAIN_ZEROS
        a2a/signatures/card_signer.py: _HALF
        a2a/signatures/jwk.py: _COORDINATE
        a2a/signatures/public_key.py: _MOST_EXPONENT_BITS
        gateway/upstream/transports/http.py: _FAILED
    """,
    "How much of a text, or how many reasons, an error or a log repeats": """
        a2a/bindings/grpc_errors.py: _TEXT; _DETAILS; _HEARD
        a2a/bindings/json_details.py: MAX_REASON; _TEXT
        a2a/codec/strict_json.py: _QUOTED, _PLACE, _WHAT
        a2a/codec/short_text.py: first_sentence(most)
        registry/selection.py: _listed: 4
        gateway/routing/known_names.py: _COMPARED, _LISTED
        a2a/codec/type_fault.py: _NAMED
        a2a/mesh/cause.py: _LONGEST
        sdk/skills/deprecation.py: _MOST_WARNED
        sdk/option_check.py: _shown: 40
        registry/join/errors.py: MAX_MESSAGE; MAX_VIOLATIONS
        registry/backends/consul/blocking_queries.py: ConsulFeed._once: 1000
        gateway/contracts/catalogue.py: _AT_MOST
        gateway/contracts/transform/locations.py: _SEGMENT; _SEGMENTS
        gateway/contracts/transform/validation/constraints.py: _TEXT
    """,
    "The size of a cache: what it forgets is made again": """
        a2a/bindings/table.py: key_of: 1024
        a2a/mesh/task_ids.py: TaskTags.__init__: 16384
        a2a/mesh/task_labels.py: TaskLabels.__init__: 4096
        a2a/call.py: _subject: 4096
        a2a/mesh/headers.py: name_text: 4096
        a2a/selector.py: parse_selector: 4096
        a2a/version_syntax.py: parse_version: 4096
        net/client.py: parse_url: 4096
        telemetry/otlp.py: _state: 256
        registry/backends/consul/registry.py: KNOWN
        registry/index.py: version_of: 4096
        registry/schemas/rules/constraint_values.py: _read: 4096
        gateway/contracts/admission/gate.py: _REGISTERED
        gateway/contracts/store.py: _DOCUMENTS
        gateway/contracts/transform/typed_parts/media.py: _parse: 4096
        gateway/contracts/transform/typed_parts/part_conversion.py: _media: 4096
        gateway/contracts/transform/validation/validators.py: _MOST; _SMALL
        gateway/discovery/agent_list.py: _KEPT
        gateway/discovery/word_index.py: _KEPT
        gateway/discovery/words.py: _stem: 65536
        gateway/ingress/http.py: _named: 1024
        gateway/routing/routes.py: _CACHE; _NAMES
    """,
    "A step of background work, of waiting or of backing off: the limit above it is set, or nobody waits": """
        sdk/client/gather.py: _PAUSE, _LONGEST; Gathers.gather(at_once)
        cli/commands/call.py: _ASKED
        sdk/client/follow.py: _PAUSE, _LONGEST
        sdk/server/listener.py: Listener.stop: 1
        sdk/server/membership.py: Membership._step: 16
        gateway/control/foreign/settings_agents.py: SettingsAgents._keep: 16
        sdk/tasks/task_file.py: _SWEEP
        registry/backends/consul/blocking_queries.py: LACKING_WAIT; ConsulFeed._poll: 4; ConsulFeed._patience: 0.05
        registry/backends/consul/registry.py: ConsulRegistry.__init__: 64; ConsulRegistry.__init__: 16
        registry/watcher.py: FIRST_PAUSE, LONGEST_PAUSE; SAVE_EVERY
        registry/backends/consul/value.py: ConsulValue.watch: 4
        gateway/identity/shared_keys.py: FIRST_PAUSE, LONGEST_PAUSE; TRIES
        sdk/server/loop_watch.py: _AGAIN
        cli/commands/down.py: _STEP
        cli/launch/launch.py: _STEP
        cli/launch/process.py: _SECONDS
        gateway/discovery/word_index.py: _AT_ONCE
        gateway/contracts/catalogue.py: _AT_ONCE; _SWEEP_AFTER; _FIRST_PAUSE, _LONGEST_PAUSE
        gateway/contracts/store.py: _TRIES; SchemaStore.change: 0.05
        gateway/control/acknowledgement.py: _LOOK
        gateway/ingress/credentials.py: _LOG_EVERY
        gateway/ingress/cors.py: _MAX_AGE
        gateway/process/server.py: _FIRST_ANSWER; DataPlane._idle: 0.05; DataPlane.drain: 1; DataPlane.stop: 0.5
        gateway/process/supervisor.py: all_up: 0.05
        gateway/upstream/task_stream.py: _AT_ONCE
        gateway/upstream/health.py: _AT_ONCE; HealthChecks.run: 0.5
    """,
    "A tolerance of clocks and timers, or the shortest time that is told": """
        net/coalesced_writes.py: _LINGER
        net/connection.py: _PROBES
        net/endpoint.py: _WATCH_AFTER
        sdk/client/rpc.py: RpcClient._headers: 0.001
        cli/exits.py: from_mesh: 0.1
        gateway/jobs/rates.py: _ROUNDING
        gateway/policies/attempt/breaker.py: BreakerGate.__call__: 0.1
        gateway/policies/attempt/hang_detection.py: _EARLY
        gateway/policies/call/budget.py: _TICK
        gateway/routing/balance.py: Balance._pick: 0.1
        gateway/upstream/transports/grpc.py: _SLACK; GrpcTransport._ask: 0.001
    """,
    "A weight or a part of an estimate; what it leads to has its limit above": """
        registry/schemas/patterns.py: _CLASS, _WIDE
        gateway/discovery/word_index.py: _NAME, _TAG, _EXAMPLE, _DESCRIPTION; _SATURATION, _LENGTH
        gateway/discovery/words.py: _LEFT
        gateway/contracts/message_shape.py: _DEPTH; _ELEMENTS; _KEYS
        gateway/contracts/store.py: _INLINE; _IMAGE_BASE, _IMAGE_FACTOR
        gateway/contracts/transform/cel_scan.py: _LITERAL
        gateway/contracts/transform/cost.py: Cost.bound: 3
        gateway/contracts/transform/size.py: _VALUE
        gateway/contracts/transform/validation/constraints.py: _LEAST; _LIGHT
        gateway/contracts/usage.py: _SHAPES
        gateway/upstream/instance.py: _DECAY
        gateway/upstream/transports/http.py: _SMALL
    """,
    "A form in which something is shown": """
        cli/console.py: _UNBROKEN
        sdk/schemas/lock/format.py: _WIDTH; _FLAT_BELOW
        sdk/schemas/lock/releases.py: _READABLE
        gateway/observe/metrics.py: BOUNDS
        gateway/observe/records.py: Records.jobs(limit); Records.others(limit)
    """,
    "The size of an answer of Meshgate's own processes to each other, far above what they send": """
        sdk/server/membership.py: _MAX_ANSWER
        registry/join/errors.py: MAX_TEXT
        gateway/__main__.py: _main: 16777216
    """,
}
"""The reason why each of some numbers is no limit: a file a line, and its numbers, separated by semicolons."""
