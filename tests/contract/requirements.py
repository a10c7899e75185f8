"""The requirements ledger: each promise of the project, where it comes from, and what may be taken out to break it.

A test says which promises it keeps with ``@pytest.mark.requirement("id", ...)``. ``test_ledger.py`` holds both
directions: no promise without a test, no test of a promise that is not here. ``make mutants`` drops each policy and
each ``guard`` in turn and expects one of the tests tied to it to fail.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEDGER", "Requirement"]


@dataclass(frozen=True)
class Requirement:
    """One promise.

    Args:
        id: area and short name, ``area.name``.
        source: where it comes from: a section of A2A 1.0.1, an RFC, a fault's number, or the area of the product.
        text: what must hold, in one sentence.
        guard: what ``make mutants`` takes out: the name of a policy (``policy:rate_limit``) or of a drop in
            ``tests/mutants/drops.py`` (``drop:depth``). Empty for what is no guard.
    """

    id: str
    source: str
    text: str
    guard: str = ""


_ROWS: tuple[Requirement, ...] = (
    # -- A2A 0.3
    Requirement(
        "door.all_pairs",
        "A2A 5.1",
        "A caller of any version and binding reaches an agent of any other, and what both have a place for is not lost",
    ),
    Requirement(
        "door.no_conversion",
        "A2A 5.1",
        "A message is parsed once, and what leaves in the form it came in is not written in another one",
    ),
    Requirement(
        "legacy.snapshot",
        "A2A 1.0 3.1.6",
        "A stream begins with its task or a message, also where an agent of 0.3 does not",
    ),
    Requirement("legacy.lossless", "A2A 0.3", "What goes from 1.0 to 0.3 and back loses what is named, and no more"),
    Requirement(
        "legacy.stock", "A2A 0.3", "Messages of 0.3 mean the same to a2a-sdk and to the mesh, in both directions"
    ),
    Requirement("legacy.methods", "A2A 0.3 3.5.6", "Each method of 0.3 is the operation that 1.0 calls otherwise"),
    Requirement(
        "legacy.dispatch", "A2A 1.0 3.6.2", "The method and the version say which A2A a request on one URL is in"
    ),
    Requirement("legacy.strict", "F5", "A message of 0.3 has one meaning, or is refused by the field that is wrong"),
    Requirement("legacy.history", "A2A 1.0 3.2.4", "Of a task of a 0.3 agent a caller gets the history it asked for"),
    Requirement("legacy.errors", "A2A 0.3 8", "Errors have the numbers of 0.3, and their reason in the data"),
    Requirement(
        "legacy.rest",
        "A2A 0.3 3.2.3",
        "HTTP+JSON of 0.3 is served and spoken, in the style of ProtoJSON and of JSON-RPC, with /v1 and without",
    ),
    Requirement(
        "legacy.rest_errors",
        "A2A 0.3 8",
        "Over HTTP+JSON an error of 0.3 has a status, its number, and its name for each SDK",
    ),
    Requirement("legacy.tables", "A2A 0.3", "Each row of the tables between 0.3 and 1.0 is as the two versions say"),
    # -- the path of a call
    Requirement("path.record", "call path", "Every call is on record, refusals included", "policy:record"),
    Requirement("path.attempts", "call path", "Each attempt of a call is on its record", "policy:record_attempt"),
    Requirement("path.names", "call path", "A reply names its call, its job and its instance", "policy:names"),
    Requirement("path.in_flight", "call path", "A call in flight may be another call's parent", "policy:in_flight"),
    Requirement(
        "path.authentication", "A2A 7.4", "A call without a valid key is refused with 401", "policy:authentication"
    ),
    Requirement(
        "path.scope",
        "A2A 13.1",
        "What a key does not cover looks like what does not exist, byte for byte",
        "drop:scope",
    ),
    Requirement(
        "path.lineage", "call path", "A call made while serving another is its child, by token", "policy:lineage"
    ),
    Requirement(
        "path.inferred",
        "F73",
        "A call whose agent dropped its headers is attributed to a call in flight to that agent",
        "drop:inference",
    ),
    Requirement(
        "path.after",
        "F98",
        "A call that an agent makes after its answer belongs to the job it answered, so that a loop ends there too",
        "drop:after",
    ),
    Requirement(
        "path.onward",
        "F99",
        "Whoever looks at a task is not the parent of the calls that its agent makes meanwhile",
        "drop:onward",
    ),
    Requirement(
        "path.roots",
        "F98",
        "What no token and no open call explains has a rate of its own for each agent",
        "drop:roots",
    ),
    Requirement(
        "lineage.minted",
        "lineage",
        "A lineage token is refused once its parent's time is over, at any gateway",
        "drop:minted",
    ),
    Requirement(
        "path.trace",
        "W3C Trace Context",
        "One job is one trace, also through an agent that drops headers",
        "policy:trace",
    ),
    Requirement(
        "path.deadline",
        "F3",
        "Every call has a deadline, and a child never a later one than its parent",
        "policy:deadline",
    ),
    Requirement(
        "path.loop",
        "F73",
        "A path that would visit an agent's skill again is refused, and the error names path and price",
        "policy:lineage_guard",
    ),
    Requirement(
        "path.depth",
        "F75",
        "A chain deeper than the limit is refused, and the error names path and price",
        "drop:depth",
    ),
    Requirement(
        "bounds.ids",
        "F105",
        "Ids of tasks, contexts, messages and artifacts, and references, are bounded from either end",
        "drop:ids",
    ),
    Requirement("bounds.deadline", "deadlines", "A caller that asks for more time than there is is told what it got"),
    Requirement(
        "sdk.direct", "A2A 8.3", "The client speaks to an A2A server without a gateway, in what its card offers"
    ),
    Requirement(
        "sdk.direct_key",
        "A2A 7.3",
        "Without a gateway a key goes to the origin it was given for alone",
        "drop:direct_key",
    ),
    Requirement(
        "routing.skill_named",
        "A2A 3.2.6",
        "A message's skill selects, at an agent's URL and where nothing else names a target, on each binding",
    ),
    Requirement(
        "routing.skill_agrees",
        "A2A 3.2.6",
        "A message's skill that is not the URL's is refused; an unknown one is told with those that the caller may use",
        "drop:skill_agrees",
    ),
    Requirement(
        "routing.agent_decides",
        "call path",
        "Called by its name alone, an agent with several skills decides by what the message holds, or asks",
        "drop:any_skill_kill",
    ),
    Requirement("routing.near", "issue I8", "A name that nobody answers to is told with what was meant, or is there"),
    Requirement(
        "routing.agents_alike",
        "call path",
        "Agents that offer a skill alike share its calls, and keep their conversations",
        "drop:conversations",
    ),
    Requirement("path.kill", "call path", "What a kill switch matches is refused at every gateway", "policy:kill"),
    Requirement(
        "path.budget", "F74", "A job's calls, time and open calls are bounded, over all gateways", "policy:budget"
    ),
    Requirement(
        "path.rate",
        "call path",
        "Calls of one key to one agent are bounded per second, shared among gateways",
        "policy:rate_limit",
    ),
    Requirement(
        "path.retry", "F31", "Safe calls and failed connects are tried elsewhere, within a budget", "policy:retry"
    ),
    Requirement(
        "path.failover",
        "call path",
        "Another release of the agent answers when none of the first can be asked",
        "policy:failover",
    ),
    Requirement(
        "path.retry_unsafe", "F49", "A call that may have reached an agent is never sent again", "drop:retry_unsafe"
    ),
    Requirement("path.retry_budget", "F34", "Retries never amplify an outage beyond their share", "drop:retry_budget"),
    Requirement("path.concurrency", "call path", "Open calls to one instance are bounded", "policy:concurrency"),
    Requirement(
        "path.breaker", "F31", "An instance that fails leaves rotation fast and returns by one probe", "policy:breaker"
    ),
    Requirement("errors.cause", "product", "A failed job tells the cause at its root, once, with its path"),
    Requirement("errors.origin", "product", "An error answer names its call and its job"),
    Requirement("errors.words", "product", "An error says in plain words what is wrong, why, and what to do"),
    Requirement(
        "errors.codes",
        "product",
        "Each error of the mesh's own has a number of its own in JSON-RPC, which repeats the reason and never decides",
        "drop:own_numbers",
    ),
    Requirement(
        "errors.agents",
        "F105, F112",
        "What an agent says in an error reaches its caller as the agent's, bounded, and never as the mesh's word",
        "drop:agents_reasons",
    ),
    Requirement(
        "instance.own_errors",
        "F112",
        "Errors of an agent's own open no breaker, and an instance that fails at once draws no more calls than others",
        "drop:own_errors",
    ),
    Requirement(
        "instance.weight",
        "balance",
        "An instance of weight 0 takes calls only when no other of the route is ready",
        "drop:weight",
    ),
    Requirement(
        "instance.limits",
        "F112",
        "An answer that one of our own limits refuses does not count against its instance",
        "drop:beyond",
    ),
    Requirement(
        "path.hang",
        "F36",
        "An instance that hangs leaves rotation; safe calls that wait there go elsewhere",
        "policy:hang_detection",
    ),
    Requirement(
        "stream.quiet",
        "9.B3, F110",
        "A quiet stream goes on while its agent answers for its health, and ends as unknown when it does not",
        "drop:quiet",
    ),
    Requirement(
        "stream.end",
        "9.C1, 9.C2, F111",
        "A stream ends where A2A lets it end; any other end is an error that names the task",
        "drop:stream_end",
    ),
    Requirement(
        "stream.done",
        "9.C3",
        "What was delivered is done, whoever leaves afterwards, and a task that failed is shown as failed",
        "drop:delivered",
    ),
    Requirement(
        "agent.bounds",
        "9.C5, F105",
        "What an agent sends costs a gateway a bounded time: interim answers, lines without an event, brackets",
        "drop:agent_bounds",
    ),
    Requirement(
        "agent.values",
        "9.C6",
        "A value that one of the bindings has no form for never costs a finished task",
        "drop:agent_values",
    ),
    Requirement(
        "stream.drain",
        "9.C4, F109",
        "A gateway that stops tells the callers of open streams where to go on",
        "drop:drain",
    ),
    Requirement(
        "instance.silent",
        "9.B6",
        "Where an instance is only silent, calls wait for it; when it answers, it is back at once",
        "drop:silent",
    ),
    Requirement("path.task_owner", "F67", "A task is its owner's alone; another's looks absent", "drop:task_owner"),
    # -- the edge
    Requirement("edge.paths", "F19", "No path but the gateway's own leads to an agent", "drop:paths"),
    Requirement(
        "edge.rest",
        "A2A 5.3, 11",
        "HTTP+JSON is served below every address, and an id in a path is decoded once",
        "drop:rest_ids",
    ),
    Requirement(
        "errors.rest",
        "A2A 11.6",
        "Over HTTP+JSON the reason that an agent's error names goes before its status",
        "drop:rest_reasons",
    ),
    Requirement("cors.off", "Fetch 3.3", "Without cors_origins no answer changes, and nothing looks at origins"),
    Requirement(
        "cors.origins",
        "Fetch 3.3",
        "Pages of the listed origins alone may read answers, and never with what a browser adds by itself",
        "drop:cors_origins",
    ),
    Requirement("cors.preflight", "Fetch 3.3", "A preflight is answered alike for every path, without a key"),
    Requirement(
        "cors.answers",
        "Fetch 3.3",
        "A page reads answers, streams, refusals, cards and health, and caches keep its answers apart",
        "drop:cors_vary",
    ),
    Requirement("cors.headers", "Fetch 3.3", "A page may send and read each header that callers send and get"),
    Requirement(
        "cors.setting",
        "configuration",
        "An origin that no browser sends is refused with the form, and '*' where calls need no key",
        "drop:cors_setting",
    ),
    Requirement("cors.browser", "Fetch 3.3", "A page in a real browser calls, reads a stream, and reads a refusal"),
    Requirement(
        "edge.key_first",
        "D1, F102, issue E7 and E10",
        "Without a genuine key no body and no message is read, whatever the method",
        "drop:key_first",
    ),
    Requirement(
        "edge.key_counted", "F102", "Who shows no genuine key is counted, and logged once a second", "drop:key_counted"
    ),
    Requirement("edge.tracestate", "W3C Trace Context 3.3", "What others carry in tracestate reaches the agent"),
    Requirement("edge.skipped", "F102", "A connection with more of a refused body to come is closed", "drop:skipped"),
    Requirement("edge.card_scope", "issue E8", "A key shows what it may call, and what is public", "drop:public_too"),
    Requirement("edge.body", "F5", "A body over its limit is refused before it is read whole", "drop:body"),
    Requirement("edge.shape", "F6, F7", "JSON too deep or too wide is refused before it is parsed", "drop:shape"),
    Requirement(
        "edge.spelling",
        "F8",
        "A known key is spelled as A2A or its .proto spells it; others are refused, not guessed",
        "drop:spelling",
    ),
    Requirement(
        "edge.version", "A2A 3.6", "Only version 1.0 is served, and the error shows the header", "drop:version"
    ),
    Requirement(
        "foreign.credential",
        "operation",
        "A foreign agent is shown the credential that an operator gave, and nobody else is",
        "drop:join_credential",
    ),
    Requirement(
        "foreign.credential_host",
        "threats",
        "A credential goes to the host of the agent's card, or where the operator says",
        "drop:credential_host",
    ),
    Requirement(
        "foreign.secret_file", "threats", "A secret in a file that others can read is refused", "drop:secret_file"
    ),
    Requirement("sdk.large_artifacts", "use", "An answer that is too large for one event is streamed in several"),
    Requirement("sdk.not_streaming", "use", "An agent that does not stream is called all the same"),
    Requirement(
        "cards.variants", "A2A 8.3", "A card lists gRPC where that is asked for, at an address that can be reached"
    ),
    Requirement(
        "cards.versions",
        "A2A 8.3",
        "A card is written for readers of each version that is served, or in one version where that is asked for",
    ),
    Requirement(
        "cards.extended",
        "A2A 3.1.11",
        "A caller with a key reads an extended card on each binding: the agent's own, or what its key shows beside",
    ),
    Requirement(
        "cards.extended_scope",
        "A2A 13.3",
        "An extended card shows nothing beyond its caller's scope, whatever the agent put into it",
        "drop:extended_scope",
    ),
    Requirement(
        "cards.extended_kept",
        "A2A 8.6",
        "An extended card is kept for a short time, and for one caller alone where the agent may answer by the caller",
        "drop:extended_private",
    ),
    Requirement("cards.places", "A2A 8.2", "A card is at the base of an agent too, and where A2A 0.2 had it"),
    Requirement(
        "foreign.versions",
        "A2A 3.6",
        "A foreign agent is called in each binding and version that both speak, or in the one that its operator pins",
    ),
    Requirement("cards.check", "operation", "A command says which SDKs can read a card, and why others cannot"),
    Requirement(
        "cards.canonical", "RFC 8785", "What is signed of a card is one text, and the one that a2a-sdk and the RFC make"
    ),
    Requirement(
        "cards.signed",
        "A2A 8.4",
        "Each card that is served is signed for readers of JSON and of protobuf, with the same bytes at every gateway",
    ),
    Requirement(
        "cards.key",
        "A2A 8.4.2",
        "All gateways have the key of a generation, and a registry that forgets brings no old one back",
        "drop:card_generation",
    ),
    Requirement("cards.key_files", "threats", "A key for cards that others can read is refused", "drop:card_file"),
    Requirement("cards.rotated", "A2A 8.4.3", "A new key for cards takes effect in the whole mesh, and the last stays"),
    Requirement("cards.published", "A2A 8.4.2", "The public keys of cards are for anybody"),
    Requirement("cards.jku", "A2A 8.4.2", "A signature names the keys' place only if that is https", "drop:card_jku"),
    Requirement(
        "foreign.verified",
        "A2A 8.4.3",
        "The signatures of a foreign agent's card are checked; without a key nothing is proved, and nothing refused",
        "drop:card_forged",
    ),
    Requirement("foreign.key_https", "A2A 8.4.2", "Keys of others are fetched over https alone", "drop:card_key_https"),
    Requirement(
        "foreign.provenance",
        "A2A 8.4",
        "A served card says what the agent's own signatures prove, which no agent can say for itself",
        "drop:card_claim",
    ),
    Requirement(
        "trust.held",
        "threats",
        "A suspicious card waits in the registry, and all gateways use the accepted one until an operator takes it",
        "drop:trust_held",
    ),
    Requirement("trust.name", "threats", "A card that changes its name is suspicious", "drop:trust_name"),
    Requirement(
        "trust.signature",
        "A2A 8.4.3",
        "A card whose signature goes, is wrong or has another key is suspicious",
        "drop:trust_signature",
    ),
    Requirement(
        "trust.skills", "threats", "A card that lacks a skill that was just called is suspicious", "drop:trust_skills"
    ),
    Requirement("trust.shown", "operation", "A card that waits is shown, with the reason and what changed on it"),
    Requirement("foreign.settings", "use", "What settings list no longer, or call otherwise, is taken off the list"),
    Requirement("usage.read", "use", "What agents and ADK say of tokens and cost is read, and what cannot be is told"),
    Requirement("foreign.kept", "use", "A registered agent's card is read again, under its operator's terms"),
    Requirement("cards.found", "A2A 8.2", "One rule says where a card is: as given, below it, at the origin"),
    Requirement("cards.refused", "operation", "An agent of the settings that is refused is shown, with the reason"),
    Requirement("cards.v0_3", "A2A 0.3", "A card of A2A 0.3, or with the keys of both versions, is read as one of 1.0"),
    Requirement("cards.protojson", "ProtoJSON", "A card is read as ProtoJSON is read; what was put right is told"),
    Requirement("edge.cards", "A2A 8", "A card says exactly what is served, and only what its reader may use"),
    Requirement("edge.headers", "F17", "An agent sees only headers of the gateway's making", "drop:underscores"),
    # -- the catalogue
    Requirement(
        "catalogue.entries",
        "ARD 0.91 4",
        "The catalogue lists each agent as its card says, in documents that keep the schemas of ARD",
    ),
    Requirement(
        "catalogue.ranked",
        "ARD 0.91 5.3.2",
        "A search finds the agents whose words fit, best first, each with a score of 1 to 100",
    ),
    Requirement(
        "catalogue.scope",
        "catalogue",
        "What a caller may not use changes no byte of what the catalogue answers to it",
        "drop:catalogue_scope",
    ),
    Requirement(
        "catalogue.rate",
        "catalogue",
        "Each caller may search and list so often, and is told when it may again before its body is read",
        "drop:catalogue_rate",
    ),
    Requirement(
        "catalogue.bounds",
        "catalogue",
        "Requests, entries, pages and what is kept of the catalogue are bounded, and agents are prepared once",
        "drop:catalogue_body",
    ),
    Requirement(
        "catalogue.wire",
        "ARD 0.91 5.1, 5.3",
        "A client of ARD searches, lists and fetches entries, pages through them, and is told errors in ARD's form",
    ),
    # -- keys, the join port, settings
    Requirement("keys.weak", "F70", "A weak mesh key is refused with the remedy", "drop:weak_secret"),
    Requirement("keys.hashed", "keys", "Keys are kept as hashes, in files of their owner alone"),
    Requirement("keys.kind", "keys", "A key of one kind opens nothing of another", "drop:key_kind"),
    Requirement("keys.call_key", "keys", "A call key cannot be altered", "drop:call_key"),
    Requirement("sdk.restart", "F50", "An agent follows a mesh that was started again, and its keys still hold"),
    Requirement("metrics.mesh", "metrics", "The metrics of all gateways are one exposition that tells them apart"),
    Requirement("package.releases", "VERSIONING", "The wheel of each release is kept, for tests of compatibility"),
    Requirement("compat.golden", "VERSIONING", "What an earlier release wrote to disk is read as it meant it"),
    Requirement("compat.newer", "VERSIONING", "Fields that a later release adds are passed over"),
    Requirement("compat.callers", "VERSIONING", "Callers with the SDK or the command of an earlier release are served"),
    Requirement("compat.rolling", "VERSIONING", "Gateways are replaced one by one without a failed call"),
    Requirement("join.key", "F59", "Only a join key joins", "drop:join_key"),
    Requirement("join.scope", "F59", "A join key registers, renews and ends only what it is for", "drop:join_scope"),
    Requirement(
        "join.gateways",
        "F106, issue E1",
        "No agent has a gateway's name or id, and no join key touches a gateway's row",
        "drop:join_gateways",
    ),
    Requirement(
        "join.id",
        "F106, issue E1",
        "An instance's id is of its agent and its tenant, and nobody else's",
        "drop:join_id",
    ),
    Requirement(
        "join.taken",
        "F106, issue E2",
        "An SDK agent whose id another agent took over registers under another id",
        "drop:renamed",
    ),
    Requirement("join.secret", "F106, issue E2", "The inbound secret is its agent's, not its id's", "drop:join_secret"),
    Requirement(
        "join.card_name", "F106, issue E2", "A card takes no other agent's name, now or later", "drop:card_name"
    ),
    Requirement(
        "join.lasting", "issue E6", "Only an operator lists foreign agents that renew nothing", "drop:join_lasting"
    ),
    Requirement(
        "registry.unsigned",
        "F106, issue E1",
        "A gateway that no holder of the mesh key listed is passed over and counted",
        "drop:unsigned",
    ),
    Requirement(
        "registry.older", "VERSIONING", "A gateway does not start beside one of 0.1, and says why", "drop:older"
    ),
    Requirement("join.tenant", "F68", "The tenant comes from the credential", "drop:join_tenant"),
    Requirement("join.address", "F59, F64", "Agents listen only in the operator's networks", "drop:address"),
    Requirement(
        "join.own_ports",
        "issue E6",
        "No agent listens at a port of the mesh, however its address is spelt",
        "drop:own_ports",
    ),
    Requirement(
        "registry.departure",
        "issue F8",
        "An instance that is deregistered on purpose is seen leaving first, so that no gateway takes it for lost",
        "drop:departure",
    ),
    Requirement("join.rate", "F108", "Registrations under one join key have a rate", "drop:join_rate"),
    Requirement(
        "tenants.apart",
        "F107, issue E3",
        "Tenants share no contract, rate, kill switch, usage row or lineage, whatever is called alike",
    ),
    Requirement(
        "references.own",
        "F107, issue E4",
        "A message refers to tasks of its caller alone, unless its agent takes any",
        "drop:references",
    ),
    Requirement(
        "contexts.own",
        "A2A 3.4.1, A2A 3.4.3",
        "A context id is its owner's: each end reads its own, in every place, and no two callers meet in one",
        "drop:contexts",
    ),
    Requirement(
        "contexts.agents",
        "A2A 3.4.1",
        "A context id that an agent made is its caller's alone, and leads back to that agent",
        "drop:contexts_of_agents",
    ),
    Requirement(
        "contexts.task",
        "A2A 3.4.3",
        "A task goes by the context id that its caller gave it, at every gateway, and takes no message of another one",
        "drop:context_of_task",
    ),
    Requirement(
        "tasks.listed",
        "A2A 3.1.4",
        "A caller finds its own tasks, and no others, at every gateway, as they are now",
        "policy:task_index",
    ),
    Requirement(
        "tasks.from_agents",
        "048",
        "Agents of the SDK are asked for their callers' tasks: each gateway lists them under the ids that were given, "
        "and none with a label of somebody else's",
        "drop:task_label",
    ),
    Requirement(
        "tasks.page_token",
        "A2A 3.1.4",
        "A page token is good for the question and the caller that it was made for",
        "drop:page_token",
    ),
    # -- push notifications
    Requirement(
        "push.inline",
        "A2A 3.2.2",
        "The push configuration of a message is kept for the task that answers it, or the message is not sent",
        "policy:push",
    ),
    Requirement(
        "push.operations",
        "A2A 3.1.7 to 3.1.10",
        "A caller makes, reads, lists and deletes the configurations of its task, whatever the agent can",
    ),
    Requirement(
        "push.unseen",
        "F71",
        "No agent sees where its callers are notified, with which token and which credentials",
        "drop:push_unseen",
    ),
    Requirement(
        "push.owner",
        "F67",
        "The configurations of another's task look as if there were no task, to the byte",
        "drop:push_owner",
    ),
    Requirement(
        "push.room",
        "F105",
        "The configurations of a task and the tasks that a gateway notifies of are bounded",
        "drop:push_room",
    ),
    Requirement(
        "push.gateways",
        "A2A 3.1.8",
        "Each gateway of a mesh knows the configurations that were made at the others",
        "drop:push_gateways",
    ),
    Requirement(
        "push.destination",
        "F64, A2A 13.2",
        "Notifications go over https to public hosts, and else where the operator says; all else gets one answer",
        "drop:push_address",
    ),
    Requirement("push.created", "F64", "A URL that may not be called is refused when it is given", "drop:push_created"),
    Requirement(
        "push.dispatched",
        "F64, F65",
        "Where a URL leads is judged again before each notification",
        "drop:push_dispatched",
    ),
    Requirement(
        "push.pinned",
        "F65",
        "A notification goes to the address that was judged, under the name that its URL has",
        "drop:push_pinned",
    ),
    Requirement(
        "push.attempt",
        "F66",
        "A notification is one attempt of bounded time, which follows no redirect and reads no answer",
        "drop:push_redirects",
    ),
    Requirement(
        "push.fed",
        "A2A 4.3.3",
        "Events are told in order and once, also where the agent's stream breaks, until the task is over",
        "drop:push_snapshot",
    ),
    Requirement(
        "push.legacy",
        "A2A 0.3 9.5",
        "Who made a configuration in A2A 0.3 is sent tasks of 0.3",
        "drop:push_legacy",
    ),
    Requirement(
        "push.fields",
        "F18",
        "What becomes a header or a part of a URL holds nothing that could end it, and is bounded",
        "drop:push_fields",
    ),
    Requirement(
        "push.setting",
        "configuration",
        "A network in push_networks that is none is refused with its place and the form",
        "drop:push_setting",
    ),
    Requirement("push.secrets", "F71", "What is told of a notification holds no token, no credentials and no URL"),
    Requirement(
        "push.callbacks",
        "threats",
        "An agent that notifies is given the gateway's address; what it sends counts there, and for that task alone",
        "drop:push_mac",
    ),
    Requirement(
        "caller.told",
        "issue E5",
        "An SDK agent is told who calls, a foreign one where the operator says so, and nobody by the caller",
        "drop:told",
    ),
    Requirement(
        "caller.memory", "issue E5", "What an agent remembers is of one tenant, caller and conversation", "drop:memory"
    ),
    Requirement("tenants.contracts", "issue E3", "A contract is its tenant's agent's", "drop:tenants_contracts"),
    Requirement(
        "tenants.kill", "issue E3", "A kill switch names the agent, skill or key of one tenant", "drop:tenants_kill"
    ),
    Requirement("tenants.lineage", "issue E3", "A lineage token is its tenant's agent's", "drop:tenants_lineage"),
    Requirement("join.body", "join", "Garbage at the join port is refused and registers nothing"),
    Requirement(
        "config.unknown", "settings", "An unknown setting is refused with the nearest known one", "drop:config_keys"
    ),
    Requirement("config.loopback", "settings", "Nothing beyond loopback is bound unless told", "drop:loopback"),
    Requirement("config.bounded", "settings", "No limit can be switched off", "drop:bounded"),
    # -- what every layout and every binding keeps alike
    Requirement("contract.by_name", "A2A 5.2", "An agent is called by its name, in any layout, over either binding"),
    Requirement(
        "contract.by_skill", "selectors", "A skill is called at its best version in the range, with labels and tags"
    ),
    Requirement(
        "contract.no_route", "A2A 3.3.2", "What nobody answers to is NO_ROUTE, and so is what the caller may not use"
    ),
    Requirement("contract.message_reply", "A2A 3.1.1", "A plain message comes back as one"),
    Requirement("contract.credentials", "A2A 7.4", "A caller's key never reaches an agent"),
    Requirement("contract.api_key_header", "authentication", "A key may come as Bearer token or as X-API-Key"),
    Requirement("contract.stream_order", "A2A 3.5.2", "A stream keeps the order of its events, the task first"),
    Requirement("contract.heartbeat", "A2A 9.4.2", "A quiet event stream is kept alive by comments"),
    Requirement("contract.tenant_label", "A2A 8.3.2", "A tenant label routes, and must agree with the address"),
    Requirement("contract.record", "call records", "A call's record says binding, selector and instance"),
    Requirement("contract.task_elsewhere", "A2A 3.1", "A task is read, followed and cancelled at any gateway"),
    Requirement("contract.detach", "A2A 3.1.2", "Who leaves a stream detaches, and the task goes on"),
    Requirement("contract.turns", "A2A 3.4.3", "A task's next turn may come to any gateway"),
    Requirement("contract.references", "A2A 3.4", "Referenced tasks are named as their agent knows them"),
    Requirement("contract.task_over", "A2A 3.1.5", "A task that is over is neither cancelled nor followed"),
    Requirement("contract.drain", "operating", "A gateway that is drained says so, and serves on"),
    Requirement("contract.failover", "F31", "A call goes elsewhere when its instance cannot be reached"),
    Requirement(
        "contract.cards", "A2A 8.3", "A card lists exactly the interfaces that are served, and no address of an agent"
    ),
    Requirement("contract.card_cache", "A2A 8.6", "A card has a validator, and is sent again only if it changed"),
    Requirement("contract.version", "A2A 3.6", "A version that is not served is refused with the header to send"),
    Requirement(
        "push.sent",
        "A2A 3.1.7, 4.3",
        "A caller's push configuration gets the events of its task, in their order and in its version, to the end",
        "policy:push",
    ),
    Requirement(
        "push.kept",
        "A2A 3.1.7-10",
        "Push configurations are their task's owner's: made, read, listed and deleted at every gateway",
    ),
    Requirement(
        "push.guarded",
        "A2A 13.2; F64",
        "A push URL that leads elsewhere than to public addresses or push_networks is refused, with one text",
    ),
    Requirement("push.standing", "brief", "Who has no key any more is sent no more push notifications"),
    Requirement(
        "stream.shared",
        "A2A 3.1.6",
        "Many watchers of a task are fed by one subscription at its agent",
        "drop:shared_streams",
    ),
    Requirement("push.bounded", "brief", "A task has ten push configurations at most"),
    Requirement("contract.unbuilt", "A2A 3.3.4", "An operation that is not served says so by the protocol's own error"),
    Requirement("contract.invalid_params", "A2A 5.7", "What is wrong with a request is named by its path"),
    Requirement("contract.http_status", "A2A 9.5", "What is refused before it is read has a status of its own"),
    Requirement("contract.json_rpc", "JSON-RPC 2.0", "Bytes that are no call are answered with JSON-RPC's codes"),
    Requirement("contract.health", "operating", "Whether a gateway lives and is ready is told without a key"),
    Requirement(
        "contract.tree_shown", "F73", "The command line shows a refusal in its job's tree, from any gateway's home"
    ),
    Requirement("contract.nodelay", "call path", "Listening sockets let no answer wait for an acknowledgement"),
    Requirement("contract.instance_gone", "task ids", "A task's owner learns that the instance which kept it is gone"),
    Requirement("contract.shared_tasks", "task ids", "Instances that share their tasks answer for each other"),
    # -- what is written for people
    Requirement(
        "docs.limits", "documentation", "One page lists every limit, setting and default, as the code has them"
    ),
    Requirement(
        "docs.constants",
        "documentation",
        "A number that bounds something is a limit, or stands in a list with its reason",
    ),
    Requirement("docs.tables", "documentation", "Tables and figures that repeat the code say what the code says"),
    Requirement("docs.picture", "documentation", "The picture of the architecture shows the tree as it is"),
    Requirement("docs.links", "documentation", "What a page links to or names as a file is there"),
    Requirement("docs.commands", "documentation", "A command that a page names is one that exists"),
    Requirement(
        "docs.sdk", "documentation", "Every block of the page of the SDK runs, step by step, as a reader types it"
    ),
    Requirement("docs.frameworks", "documentation", "What the page of frameworks tells of a recipe is what it does"),
    Requirement(
        "docs.clashes", "documentation", "What the page says of packages side by side is what a resolver finds"
    ),
    Requirement("docs.errors", "documentation", "Each code that the mesh answers with has its row and its paragraph"),
    Requirement("docs.models", "documentation", "What a contract refuses is told as a run of each case finds it"),
    # -- the examples
    Requirement("example.findings", "example", "The audit names what was planted in an environment, and nothing else"),
    Requirement("example.totals", "example", "The audit's totals equal an independent count"),
    Requirement("example.chaos", "example", "The audit ends well although one of two instances is killed at work"),
    Requirement("example.clean", "example", "The demo leaves no process and no file behind, however it ends"),
    Requirement("example.terminal", "example", "On a terminal the demo stays up, and the next call it prints works"),
    Requirement("example.evolution", "example", "Releases replace each other under load, and no caller notices"),
    Requirement("example.hello", "example", "An agent in five lines joins a mesh and is called by name"),
    Requirement("example.policy", "example", "A policy of one's own is twenty lines and stands where it is placed"),
    Requirement("compat.exports", "VERSIONING", "What packages listed in 0.1.0 can be imported from the same place"),
    Requirement("compat.moved", "VERSIONING", "The changelog says of each module that moved where it is"),
    # -- the shape of the tree
    Requirement("structure.sizes", "brief", "Modules and functions are short"),
    Requirement("structure.folders", "brief", "A folder holds at most sixteen modules and says what it is for"),
    Requirement("structure.names", "brief", "Modules are named by nouns"),
    # -- what is delivered
    Requirement(
        "wheel.clients",
        "delivery",
        "Clients that are not ours and ours get the same answer from the built wheel, by name and by skill",
    ),
    Requirement(
        "interop.all",
        "delivery",
        "Stock clients of several languages say and hear all that an agent has, by its name and by a skill's",
    ),
    Requirement(
        "interop.same", "delivery", "Stock clients get through the gateway what they get from the agent itself"
    ),
    Requirement(
        "interop.kits",
        "delivery",
        "Compatibility kits find nothing through the gateway that they do not find directly, but what is named",
    ),
    Requirement(
        "interop.legacy_agents",
        "delivery",
        "Agents of A2A 0.3 as its SDKs serve them are called through the gateway like those of 1.0",
    ),
    Requirement(
        "wheel.base", "delivery", "The base install has neither grpcio nor a2a-sdk, and serves, calls and commands"
    ),
    Requirement("wheel.commands", "delivery", "The commands run a mesh from the built wheel, from up to down"),
    Requirement("wheel.content", "delivery", "Wheel and source distribution hold every portion, typed, and no tests"),
    Requirement(
        "wheel.readme", "delivery", "What the README says to type works, from the wheel, in an empty environment"
    ),
    # -- the protocol
    Requirement("a2a.base", "packaging", "JSON-RPC needs neither grpcio nor protobuf nor a2a-sdk"),
    Requirement("a2a.any_bytes", "A2A 9, 10", "Whatever bytes come in, a call or an error of the tree comes of them"),
    Requirement(
        "a2a.fuzzed",
        "A2A 9, 10",
        "Each parser has a fuzzer's target, whose kept inputs reach as far into it as they did",
    ),
    Requirement(
        "a2a.transcode", "A2A 5.5", "JSON and protobuf become each other as Google's own json_format makes them"
    ),
    Requirement(
        "a2a.stock_jsonrpc",
        "A2A 9",
        "a2a-sdk's client and server and our JSON-RPC binding understand each other, errors included",
    ),
    Requirement(
        "a2a.stock_grpc",
        "A2A 10",
        "a2a-sdk's client and server and our gRPC binding understand each other, errors included",
    ),
    Requirement(
        "a2a.agents_word", "errors", "An agent that speaks of keys or bytes is never taken to mean the caller's"
    ),
    Requirement(
        "a2a.reply_ends", "replies", "A reply ends once, and everyone who asked is told, even if nobody reads it"
    ),
    Requirement("a2a.token", "lineage", "A lineage token that was altered, or was given to another agent, is none"),
    Requirement(
        "a2a.versions",
        "semver.org 2.0.0",
        "Versions and their ranges are what semver and the callers of package managers expect",
    ),
    # -- the registry
    Requirement(
        "registry.watch", "registry", "A watch begins with everything and misses nothing, on memory, file and Consul"
    ),
    Requirement(
        "registry.absent",
        "registry",
        "An agent that an operator registered and that no gateway finds well for a day is taken off the list",
        "drop:absent",
    ),
    Requirement(
        "registry.replaced",
        "9.D2, F100",
        "A registry file that was deleted, replaced or overwritten acknowledges nothing that nobody reads",
        "drop:replaced",
    ),
    Requirement(
        "registry.acknowledged",
        "9.D2, 9.D4, F101",
        "What is acknowledged is in force; what was written and is not seen is said to be so",
        "drop:acknowledged",
    ),
    Requirement(
        "registry.degraded",
        "9.D1, 9.D3",
        "A gateway with something wrong with its registry says so in readyz, doctor, log and metrics",
        "drop:degraded",
    ),
    Requirement(
        "registry.full",
        "9.D1, F100",
        "A store that nobody can write to evicts nobody",
        "drop:full",
    ),
    Requirement(
        "registry.swept",
        "F108",
        "Manifests and schemas that nothing names go after an hour, on every backend, and the file becomes small again",
        "drop:swept",
    ),
    Requirement("registry.lease", "registry", "A lease that nobody renews runs out, and a renewed one does not"),
    Requirement(
        "registry.file",
        "registry",
        "The file registry survives restarts, is shared by processes, and is its owner's alone",
    ),
    Requirement(
        "registry.stale",
        "F50",
        "While the registry is away its last known content stays in force, and its age is known",
    ),
    Requirement(
        "registry.snapshot", "F52", "A gateway that starts while its registry is away serves from its snapshot"
    ),
    Requirement("registry.hold_down", "F53", "A registry that suddenly lists far less is not believed at once"),
    Requirement("registry.nobody_evicted", "registry", "A restart of a gateway or of Consul evicts no healthy agent"),
    Requirement("registry.index", "Consul's blocking queries", "An index that goes back makes a watch start again"),
    Requirement(
        "registry.few_queries",
        "Consul's blocking queries",
        "However many watch, one process asks Consul four blocking queries",
    ),
    Requirement(
        "registry.subjects",
        "registry",
        "What a skill's contract is points to one digest, seen by every watch, and survives restarts",
    ),
    Requirement(
        "registry.subjects_cas",
        "registry",
        "Of two who change a skill's contract at once one wins, and the other is told",
        "drop:subjects_cas",
    ),
    Requirement(
        "schema.gate",
        "schemas",
        "A release that breaks its skill's contract does not join, and its author reads every reason",
        "drop:schema_gate",
    ),
    Requirement(
        "schema.nothing_stored",
        "schemas",
        "A registration that is refused leaves nothing of any of its skills",
        "drop:schema_stored",
    ),
    Requirement(
        "schema.race",
        "schemas",
        "Of releases that come at once each is judged by what the others left",
        "drop:schema_race",
    ),
    Requirement(
        "schema.catalogue", "schemas", "A gateway knows every skill's contract without asking on a call's path"
    ),
    Requirement(
        "schema.offline",
        "F52",
        "A gateway that starts while its registry is away knows the contracts, from files that are what they say",
        "drop:schema_files",
    ),
    Requirement(
        "schema.wiped", "F53", "A contract that the registry lost is put back with its history", "drop:schema_restore"
    ),
    Requirement("schema.cheap", "schemas", "Registering the same release again writes nothing"),
    Requirement("registry.acl", "Consul's ACLs", "The least token that works is the one that the refusal names"),
    Requirement("registry.tls", "Consul over TLS", "Over TLS Consul is trusted through its authority alone"),
    Requirement(
        "registry.select",
        "selectors",
        "The best match is the highest version that the range, labels, tags and scope allow",
    ),
    Requirement(
        "registry.explain", "selectors", "Where a selector leads is explained, with a reason for each instance"
    ),
    Requirement(
        "registry.home",
        "run.json",
        "The home and its keys are for their owner alone, and are refused where they are not",
    ),
    # -- authors and callers of agents
    Requirement(
        "sdk.forms",
        "SDK",
        "A skill takes and gives text, models, plain data, protobuf messages and parts, by its annotations",
    ),
    Requirement("sdk.early", "SDK", "A skill that cannot be served is refused where it is written"),
    Requirement("sdk.streams", "SDK", "An async generator is a stream, whose chunks leave as they come"),
    Requirement("sdk.asks", "A2A 3.4.3", "A task may ask its caller, and goes on with the answer"),
    Requirement("sdk.cancel", "A2A 3.1.5", "Cancelling a task ends its work, and everyone who watches sees it"),
    Requirement("sdk.shared_tasks", "SDK", "Instances that share a store read, follow and cancel each other's tasks"),
    Requirement(
        "sdk.tasks_listed",
        "A2A 3.1.4",
        "An agent lists its caller's tasks, at work and stored, and no other's",
        "drop:owner_of_stored_tasks",
    ),
    Requirement("sdk.tasks_found", "A2A 3.1.4", "The client finds its key's tasks, page by page as they are needed"),
    Requirement("sdk.guard", "SDK", "An agent tells nothing to who does not show its secret"),
    Requirement("sdk.mounted", "SDK", "An agent is served as part of a larger ASGI app, below a path of it"),
    Requirement(
        "sdk.finds", "run.json", "On one machine agents and clients find the mesh, and its key goes nowhere else"
    ),
    Requirement(
        "sdk.children",
        "lineage",
        "Calls from a skill are children of the call it serves: lineage, trace, key, no more time",
    ),
    Requirement("sdk.logs", "SDK", "Log lines of a skill carry job and call"),
    Requirement("sdk.notice", "SDK", "An agent that leaves takes calls until every gateway has heard of it"),
    Requirement("sdk.signals", "SDK", "On SIGTERM an agent ends its work and leaves, on a second one at once"),
    Requirement(
        "sdk.failover",
        "SDK",
        "A client passes over a gateway that is away, and never sends twice what may have arrived",
    ),
    Requirement("sdk.errors", "SDK", "An error reaches the caller as the class that it was"),
    Requirement(
        "sdk.recipes", "SDK", "A LangGraph graph and an OpenAI Agents SDK agent join in under ten lines, without a key"
    ),
    Requirement(
        "sdk.recipe_children", "SDK", "A call that a tool of a framework makes is a child of the call it serves"
    ),
    # -- contracts
    Requirement("contracts.derived", "contracts", "A model's JSON is that of the message that is derived from it"),
    Requirement("contracts.constraints", "contracts", "A gateway checks a model's constraints, not only the agent"),
    Requirement("contracts.lock", "contracts", "A field's number is never given to another one"),
    Requirement("sdk.tools", "contracts", "A tool that an agent declares has a schema with versions, as a skill has"),
    Requirement("contracts.recursive", "contracts", "Models that hold themselves are messages, nested to a bound"),
    Requirement("contracts.spoilt", "contracts", "A lock file that was spoilt is refused and left as it is"),
    Requirement(
        "contracts.kept",
        "contracts",
        "The next release of a model keeps the numbers of the fields that it keeps",
        "drop:lock_numbers",
    ),
    Requirement(
        "contracts.frozen",
        "contracts",
        "A frozen lock file that is not current starts nothing and is left as it is",
        "drop:lock_frozen",
    ),
    Requirement("contracts.joined", "contracts", "An agent that joins makes its skills' contracts releases"),
    Requirement(
        "contracts.refused",
        "contracts",
        "A refused contract ends the agent at once with every reason and its remedy",
        "drop:refusal_final",
    ),
    Requirement("contracts.notices", "contracts", "What the mesh has to say to an agent's author is in its log"),
    Requirement("contracts.parts", "contracts", "A typed part names its type and version, and comes in JSON and bytes"),
    Requirement("contracts.caller", "contracts", "A value whose class names its contract says its release"),
    Requirement("contracts.deprecated", "contracts", "Who calls a deprecated release is warned, once"),
    Requirement(
        "contracts.card", "contracts", "A card has type, version and JSON Schema of what a skill takes and gives"
    ),
    Requirement(
        "contracts.codegen",
        "contracts",
        "A generated client runs with the base install and speaks the release it names",
    ),
    Requirement("contracts.releases", "contracts", "A lock file holds the schemas that its agent registers"),
    # -- the command line
    Requirement("cli.help", "command line", "Every command teaches by examples"),
    Requirement("cli.exit_codes", "command line", "Each way to fail has its exit code"),
    Requirement("cli.remedy", "command line", "A failure is one line with its remedy"),
    Requirement(
        "cli.first_keys",
        "command line, issue E9",
        "Keys are shown at the first run only, and on a terminal only",
        "drop:keys_shown",
    ),
    Requirement("readme.protection", "README, issue 9", 'Each row of the table "What protects you" holds from outside'),
    Requirement("cli.explain", "command line", "An explanation says what a call would meet now, and exits as it would"),
    Requirement("testing.agents", "SDK", "LocalMesh runs agents of the SDK as they are, also those that call agents"),
    Requirement("sdk.threads", "SDK", "A skill may be a plain function: it holds up nobody, and is told when to stop"),
    Requirement("sdk.gather", "SDK", "Many calls run so many at a time, in order, and end together or each by itself"),
    Requirement("sdk.follow", "issue H7", "A call of an agent that answers before it is done is followed to its end"),
    Requirement("sdk.options", "SDK", "A misspelt option, or a value of the wrong kind, is refused with what is meant"),
    Requirement("cli.disk", "issue I3", "A home that cannot be made, read or written is a sentence with its remedy"),
    Requirement(
        "cli.times", "issue I5", "A call shows the mesh's time beside its own, and jobs how far records go back"
    ),
    Requirement("cli.ids", "issue I4", "Ids are never wrapped, on a narrow terminal or into a pipe"),
    Requirement("cli.own_url", "issue I12", "The gateway's own URL is not registered as an agent"),
    Requirement("config.place", "issue I10", "A bad setting is named with its flag, variable, or file and line"),
    Requirement("cli.preflight", "issue I7", "Ports and extras are checked before keys are made and shown"),
    Requirement("cli.kill", "F113", "The brake ends what runs, says what it ended, and refuses a name that nobody has"),
    Requirement(
        "stream.first", "issue J", "A first call may hold up its agent for seconds: it imports what it works with"
    ),
    Requirement("example.circle", "README", "The first screen of README shows what its example does"),
    Requirement("sdk.loops", "issue J", "One client serves one event loop after the other; two at once are refused"),
    Requirement("cli.pieces", "issue J", "An artifact that comes in pieces and then as a whole is shown once"),
    Requirement("cli.deregister", "issue J", "An agent's one instance is taken off the list by the agent's name"),
    Requirement("cli.key", "issue I6", "Keys are made, listed, shown, rotated and revoked by one command"),
    Requirement(
        "keys.list",
        "MECHANISMS 11.12",
        "The list of keys is signed where others may write, and has bounds",
        "drop:keys_signed",
    ),
    Requirement(
        "keys.live",
        "MECHANISMS 11.12",
        "Keys change while gateways run; the last known ones outlive a fault",
        "drop:keys_older",
    ),
    Requirement("keys.admin", "issue I6", "Keys change over the admin API, and expire", "drop:keys_expiry"),
    Requirement("keys.workers", "MECHANISMS 11.12", "Every worker goes by a changed key within two seconds"),
    Requirement("keys.machines", "MECHANISMS 11.12", "Machines that share a Consul share their keys"),
    Requirement("cli.job", "command line", "A job is shown as a tree: durations, cost, ways, reasons, refusals"),
    Requirement("cli.search", "command line", "Agents are found by what they can do, under the key of a caller"),
    Requirement("cli.foreign", "command line", "A foreign agent joins unchanged by its card"),
    Requirement("cli.doctor", "command line", "The doctor names what is out of reach"),
    Requirement("cli.startup", "command line", "A command imports what it needs, and the help imports no command"),
    Requirement("cli.interrupt", "command line", "Ctrl-C cancels the task of a call"),
    Requirement("cli.terminal", "command line", "Nothing from an agent reaches the terminal as control"),
    Requirement(
        "schema.renamed", "schemas", "A field that is gone is told as that, with who needs it and renamed_from"
    ),
    Requirement("cli.schema.check", "command line", "A check of contracts says what breaks: place, reason, remedy"),
    Requirement("cli.schema.lock", "command line", "The lock file of a program's agents is written without a start"),
    Requirement("contracts.pattern", "schemas", "A pattern takes in a contract what the model takes, or is refused"),
    Requirement(
        "schema.default", "issue H8", "A new major moves no caller that names no release until it is made the default"
    ),
    Requirement("contracts.lock_kept", "schemas", "A release that is refused leaves the lock file as it was"),
    Requirement("cli.schema.git", "command line", "What names a commit is never an option of git"),
    Requirement("cli.schema.mesh", "command line", "A check against the mesh says what registering would"),
    Requirement("cli.schema.life", "command line", "Releases of a contract are shown, compared, promoted and counted"),
    Requirement("cli.schema.propose", "command line", "Releases are proposed together or not at all"),
    Requirement("cli.schema.client", "command line", "A client that is written for a release calls its skill"),
    Requirement(
        "cli.base",
        "packaging",
        "The client commands need no extra, and a gateway without its extra is the line that installs it",
    ),
    Requirement("install.core", "packaging", "The extra gateway-core is half of gateway, and checks or refuses all"),
    Requirement("deploy.files", "packaging", "The files of deploy are sound, name what there is, and start a mesh"),
    # -- traces and metrics
    Requirement("trace.collector", "OTLP", "A collector that hangs or is away holds up no call"),
    Requirement("trace.sampling", "call path", "Jobs are traced up to a rate, and a flood of set bits spends from it"),
    Requirement("trace.jaeger", "Jaeger", "A job read back from Jaeger is one tree"),
    Requirement(
        "metrics.calls", "metrics", "Each call is counted by agent and outcome, on record or not", "policy:metrics"
    ),
    Requirement("metrics.bounded", "metrics", "However many agents there are, metrics have a bounded number of series"),
    # -- schemas: what is one, what breaks between two, what registering one does
    Requirement("schema.image", "schemas", "What is no proper schema is refused with its place and the remedy"),
    Requirement(
        "schema.patterns",
        "schemas",
        "Regular expressions that take much to compile are refused before they are",
        "drop:schema_patterns",
    ),
    Requirement("schema.digest", "schemas", "One schema has one digest, and well-known types are protobuf's own"),
    Requirement(
        "schema.rules",
        "schemas",
        "What breaks between two schemas is found, by direction, form and rule",
        "drop:rule:*",
    ),
    Requirement("schema.buf", "buf breaking", "The rules differ from buf's only in the ways that are listed"),
    Requirement("schema.keeps", "schemas", "What the rules let pass arrives unchanged, in bytes and in JSON"),
    Requirement("schema.modes", "schemas", "A mode says which directions and which releases of a major version count"),
    Requirement("schema.backport", "schemas", "A backport is judged against the releases before it and after it"),
    Requirement("schema.mediated", "schemas", "What a gateway makes up for refuses no release where it converts"),
    Requirement("schema.admit", "schemas", "A version keeps its content, and a release that breaks others is refused"),
    Requirement("schema.stages", "schemas", "A release is proposed, active, deprecated, retired, and back by one step"),
    Requirement("schema.own", "schemas", "The project's own schemas keep the rules that it holds others to"),
    # -- schemas on traffic
    Requirement(
        "path.schema", "call path", "Callers and agents of different releases understand each other", "policy:schema"
    ),
    Requirement("schema.spoken", "schemas", "A caller's release is what it says, else what it asked for"),
    Requirement("schema.route", "schemas", "A caller goes to an agent of its own release where there is one"),
    Requirement("schema.forms", "A2A 3.2.2", "A typed answer comes in a form that its caller accepts"),
    Requirement("schema.tasks", "schemas", "A task is told of in the words of the release in which it began"),
    Requirement("schema.arrival", "schemas", "A call waits for the contract of an agent that has just joined"),
    Requirement("schema.modes-traffic", "schemas", "Observing counts and touches nothing; off does not look"),
    Requirement("schema.output", "schemas", "An answer that breaks its contract is the agent's fault"),
    Requirement("schema.life", "schemas", "A deprecated release is served and says so; a retired one is refused"),
    Requirement("schema.usage", "schemas", "Who uses which version and field is counted per gateway and summed"),
    # -- schemas: what an operator sees and changes
    Requirement("schema.admin", "schemas", "An operator sees every contract: its releases, settings and schemas"),
    Requirement(
        "schema.admin-key", "schemas", "Contracts are shown and changed for an admin's key alone", "drop:admin_key"
    ),
    Requirement(
        "schema.admin-bounded", "schemas", "A request to the admin port takes bounded memory", "drop:admin_body"
    ),
    Requirement(
        "schema.admin-change", "schemas", "Stages and settings are changed in the ways there are, and none is lost"
    ),
    Requirement(
        "schema.check",
        "schemas",
        "A release is judged as its registration would be, and nothing is stored",
        "drop:schema_check",
    ),
    Requirement(
        "schema.trial",
        "schemas",
        "What no gateway could check or convert is refused when it registers, with its place",
        "drop:schema_trial",
    ),
    Requirement(
        "schema.away",
        "F52",
        "While the registry is away what breaks a contract is refused, and traffic checked, by what is known",
        "drop:schema_last",
    ),
    Requirement(
        "schema.bad-input",
        "schemas",
        "A schema that means harm is refused at the join port with its place, leaves nothing, and stops nobody",
        "drop:schema_limits",
    ),
    Requirement(
        "schema.proposed",
        "schemas",
        "A proposal is judged as a registration, and no agent joins with it until it is active",
        "drop:schema_proposed",
    ),
    Requirement(
        "schema.proposed-traffic",
        "schemas",
        "Nobody speaks a proposed release, and a proposal changes nothing on traffic",
        "drop:schema_unspoken",
    ),
    Requirement(
        "schema.review",
        "schemas",
        "Where releases are reviewed, an agent joins with what was promoted alone",
        "drop:schema_review",
    ),
    Requirement(
        "schema.believed",
        "schemas",
        "What a registry holds is a schema only if it is one, and a contract only under its own name",
        "drop:schema_believed",
    ),
    Requirement("schema.usage-mesh", "schemas", "Usage is that of all gateways, and says which did not answer"),
    Requirement(
        "extensions.pages",
        "A2A 4.6",
        "Each header and key of Meshgate's own belongs to an extension with a URI and a page",
    ),
    Requirement(
        "extensions.cards", "A2A 4.4.4", "Cards list the extensions that are followed, and require none of ours"
    ),
    Requirement(
        "extensions.activated",
        "A2A 14.2.2",
        "An answer names those of our extensions that its caller asked for, beside the agent's own",
        "drop:extensions",
    ),
    Requirement(
        "path.extensions", "A2A 14.2.2", "Caller and agent are told of each other's extensions; a card names them"
    ),
    # -- HTTP to agents
    Requirement("http.whole", "RFC 9112 8", "An answer that is cut off is an error, never a shorter answer"),
    Requirement("http.one-answer", "RFC 9112 11.2", "What follows an answer never answers the next request"),
    Requirement("http.bounded", "call path", "A sender that is faster than its reader is slowed down"),
    # -- mediation of schemas
    Requirement(
        "mediation.json",
        "ProtoJSON",
        "A contract takes each spelling that ProtoJSON allows, and no other",
        "drop:mediation_json",
    ),
    Requirement(
        "mediation.enum",
        "ProtoJSON",
        "An enum's number that a reader does not name falls back in JSON, and stays on the wire",
        "drop:mediation_enum",
    ),
    Requirement("mediation.violations", "mediation", "What breaks a contract is told with its place and its rule"),
    Requirement(
        "mediation.bounded",
        "mediation",
        "No part, schema or migration costs a gateway more than a bound",
        "drop:mediation_cost",
    ),
    Requirement(
        "mediation.values",
        "mediation",
        "Constraints of a message with too many values, which would hold up all else, are not begun",
        "drop:mediation_values",
    ),
    Requirement(
        "mediation.beside",
        "mediation",
        "What is large, or may take long, is mediated beside the event loop",
        "drop:mediation_beside",
    ),
    Requirement(
        "mediation.leftovers",
        "mediation",
        "Keys that a contract does not know are kept in their places",
        "drop:mediation_leftovers",
    ),
    Requirement(
        "mediation.constraints",
        "protovalidate",
        "Constraints are checked, and are sound before the first call",
        "drop:mediation_constraints",
    ),
    Requirement(
        "mediation.convert",
        "mediation",
        "What two releases share survives a conversion between them",
        "drop:mediation_convert",
    ),
    Requirement(
        "mediation.migrate",
        "mediation",
        "Declared migrations are walked in order, and their errors are named",
        "drop:mediation_migrate",
    ),
    Requirement("mediation.parts", "A2A 4.1.6", "Typed parts change in place, and everything else passes untouched"),
    # -- packaging
    Requirement("package.namespace", "packaging", "No portion closes the namespace, and each is typed"),
    Requirement(
        "package.lock", "packaging", "The development environment is locked, hashed, made of wheels, and names no place"
    ),
)

LEDGER: dict[str, Requirement] = {row.id: row for row in _ROWS}
assert len(LEDGER) == len(_ROWS), "two rows have one id"
