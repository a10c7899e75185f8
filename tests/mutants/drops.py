"""What ``make mutants`` takes out, one at a time. The product has no switch for any of this: it is patched from
here.
"""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownParameterType=false
# What is put in place of a guard has its shape by position alone; types would say it all a second time.

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from meshgate.a2a import call as call_values
from meshgate.a2a import cards, types
from meshgate.a2a import limits as limit_checks
from meshgate.a2a.bindings import grpc as grpc_binding
from meshgate.a2a.bindings import grpc_errors, json_answers, jsonrpc, jsonrpc_errors, sse
from meshgate.a2a.bindings.http_json import errors as rest_errors
from meshgate.a2a.bindings.http_json import paths as rest_paths
from meshgate.a2a.bindings.http_json import rest
from meshgate.a2a.codec import strict_json as checking
from meshgate.a2a.errors import InvalidAgentResponse
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.lists.page_token import PageTokens
from meshgate.a2a.mesh import extensions
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.mesh.task_ids import TaskTags, parsed
from meshgate.a2a.mesh.task_labels import TaskLabels
from meshgate.a2a.messages import base
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import parse_selector
from meshgate.a2a.signatures import card_verifier
from meshgate.cli.views import banner
from meshgate.gateway import answers, app, config, origins, parts
from meshgate.gateway.contracts.admission import check as schema_check
from meshgate.gateway.contracts.admission import gate as schema_gate
from meshgate.gateway.contracts.blob_folder import BlobFolder
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.known_contract import KnownContract
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.contracts.sweeper import Sweeper
from meshgate.gateway.control import join, join_rules
from meshgate.gateway.control.absent_agents import AbsentAgents
from meshgate.gateway.control.admin import schema_routes
from meshgate.gateway.control.admin.errors import BoundedBodies
from meshgate.gateway.control.foreign import card_trust, settings_agents
from meshgate.gateway.control.foreign.card_trust import CardTrust
from meshgate.gateway.control.join_rules import JoinRules
from meshgate.gateway.control.switches import Switches
from meshgate.gateway.discovery import endpoint as catalogue_endpoint
from meshgate.gateway.discovery.agent_list import AgentList
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity import card_keys, key_list, key_places, key_record, keys, mesh_key
from meshgate.gateway.identity.card_keys import CardKeys
from meshgate.gateway.identity.shared_keys import SharedKeys
from meshgate.gateway.ingress import cors, kept_cards
from meshgate.gateway.ingress import http as ingress
from meshgate.gateway.ingress.cards import Cards
from meshgate.gateway.ingress.credentials import CredentialCheck
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.jobs.parents import PossibleParents
from meshgate.gateway.jobs.rates import Rates
from meshgate.gateway.parts import Parts
from meshgate.gateway.policies.arrival import lineage as lineage_policy
from meshgate.gateway.policies.arrival import metrics as call_metrics
from meshgate.gateway.policies.arrival.lineage import Lineages
from meshgate.gateway.policies.attempt import breaker as breaker_gate
from meshgate.gateway.policies.attempt import names
from meshgate.gateway.policies.attempt.hang_detection import HangDetection
from meshgate.gateway.policies.call import schema as schema_policy
from meshgate.gateway.policies.call.lineage_guard import LineageGuard
from meshgate.gateway.policies.call.retry import Retry, RetryBudget
from meshgate.gateway.process import server, supervisor
from meshgate.gateway.routing import balance, resolve, switch_match
from meshgate.gateway.routing.agent_choice import AgentChoice
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.silent_instances import SilentInstances
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.gateway.upstream import outcome
from meshgate.gateway.upstream import send as upstream_send
from meshgate.gateway.upstream.ids import AttemptIds
from meshgate.gateway.upstream.shared_streams import SharedStreams
from meshgate.gateway.upstream.task_stream import TaskStream
from meshgate.net import asgi, connection, endpoint
from meshgate.net.addresses import AgentNetworks
from meshgate.registry import limits as registry_limits
from meshgate.registry import secret_text
from meshgate.registry.backends import file as file_registry
from meshgate.registry.backends import sqlite_reader
from meshgate.registry.backends.lease_clock import LeaseClock
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.backends.sqlite import Store
from meshgate.registry.foreign import agent_credential, card_changes, card_provenance
from meshgate.registry.groups import Scope
from meshgate.registry.model import Instance, Manifest
from meshgate.registry.schemas import (
    RULES,
    BadSchema,
    Incompatible,
    Release,
    Stage,
    VersionRetired,
    VersionTaken,
    image,
    options,
)
from meshgate.registry.schemas import admission as subjects
from meshgate.sdk.caller import Caller
from meshgate.sdk.client import direct
from meshgate.sdk.schemas import agent_contracts as keeping
from meshgate.sdk.schemas.derive import derive as deriving
from meshgate.sdk.schemas.lock import assignment, numbers
from meshgate.sdk.server import membership as joining
from meshgate.sdk.tasks import handler as agent_handler
from tests.mutants.mediation_drops import MEDIATION_DROPS
from tests.mutants.push_drops import PUSH_DROPS

__all__ = ["DROPS", "drop_policy", "policy_names"]

LISTS = ("arrival", "call_policies", "attempt")


def policy_names() -> list[str]:
    """Every entry of the three lists, as the running gateway has them."""
    from meshgate.gateway.gateway import Gateway
    from meshgate.gateway.identity.keys import KeyStore
    from meshgate.gateway.identity.mesh_key import MeshKey

    gateway = Gateway(MemoryRegistry(), MeshKey(bytes(range(32))), KeyStore(), wires={}, alone=True)
    return [policy.name for name in LISTS for policy in getattr(app, name)(gateway)]


def drop_policy(name: str) -> None:
    """Take one entry out of the list that holds it."""
    for listed in LISTS:
        whole: Callable[[Any], list[Any]] = getattr(app, listed)

        def without(gateway: Any, whole: Callable[[Any], list[Any]] = whole) -> list[Any]:
            return [policy for policy in whole(gateway) if policy.name != name]

        setattr(app, listed, without)


def _replace(owner: Any, name: str, value: object) -> None:
    """Put ``value`` in place of what ``owner`` calls ``name``; a name that is gone is a drop that drops nothing."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


def _scope() -> None:
    _replace(Scope, "permits", lambda self, agent, skill: True)


def _inference() -> None:
    async def nothing(self: Any, call: Any, agent: str) -> tuple[None, None]:
        return None, None

    _replace(Lineages, "_infer", nothing)


def _after() -> None:
    _replace(PossibleParents, "_answered", lambda self, agent, tenant: [])


def _lineage_with(**changes: Any) -> None:
    build = Lineages.__init__

    def changed(self: Any, *arguments: Any) -> None:
        accounts, parents, roots, mesh, metrics, limits, wall = arguments
        roots = changes.get("roots", roots)
        build(self, accounts, parents, roots, mesh, metrics, msgspec.structs.replace(limits, **changes["limits"]), wall)

    _replace(Lineages, "__init__", changed)


def _ids() -> None:
    _replace(types, "MAX_TASK", 10**9)
    _replace(base, "MAX_TASK", 10**9)
    _replace(base.check_id, "__defaults__", (10**9,))
    _replace(types, "_REFERENCES", 10**9)


def _beyond() -> None:
    def classified(error: Any, *, alone: bool = False) -> bool | None:
        return False if isinstance(error, InvalidAgentResponse) else None

    for module in (outcome, breaker_gate):
        _replace(module, "classify", classified)


def _join_rate() -> None:
    _replace(join, "Rates", lambda *arguments, **named: Rates(1e9, 10**9, lambda: 1, lambda: 0.0))


def _swept() -> None:
    async def nothing(self: Any) -> int:
        return 0

    _replace(Sweeper, "sweep", nothing)


def _absent() -> None:
    async def nothing(self: Any) -> None:
        return None

    _replace(AbsentAgents, "look", nothing)


def _agents_reasons() -> None:
    def as_it_is(error: Any, peer: str, *, named: bool = True) -> Any:
        return error

    for module in (jsonrpc, rest_errors, grpc_errors):
        _replace(module, "error_for_caller", as_it_is)


def _own_numbers() -> None:
    _replace(jsonrpc_errors, "goes_as_it_is", lambda error: error.number is not None)


def _own_errors() -> None:
    def counted(error: Any, *, alone: bool = False) -> bool | None:
        return error is None

    for module in (outcome, breaker_gate):
        _replace(module, "classify", counted)


def _weight() -> None:
    _replace(balance, "_weighted", lambda pool: pool)


def _quiet() -> None:
    whole = HangDetection._quiet
    _replace(HangDetection, "_quiet", lambda self, there: [each for each in whole(self, there) if not each.begun])


def _silent() -> None:
    async def at_once(self: Any, call: Any, instances: Any) -> None:
        pass

    _replace(SilentInstances, "wait", at_once)


def _stream_end() -> None:
    def anything(self: Any, tree: Any) -> bool:
        self.rests = True
        return True

    _replace(TaskStream, "_follow", anything)


def _delivered() -> None:
    _replace(Reply, "finish", lambda self: None)
    _replace(answers, "_UNDONE", frozenset())
    _replace(call_metrics, "task_outcome", lambda state: "")


def _drain() -> None:
    _replace(Gateway, "end_open", lambda self: 0)


def _agent_bounds() -> None:
    _replace(sse, "MAX_LINES", 10**9)
    _replace(connection, "_INTERIM", 10**9)


def _agent_values() -> None:
    _replace(json_answers, "correct_times", lambda tree: tree)
    _replace(grpc_binding, "correct_message", lambda message: False)


def _full() -> None:
    whole = LeaseClock.look

    def look(self: Any, now: float, counters: Any = None) -> None:
        self._still = 0.0
        whole(self, now, counters)

    _replace(LeaseClock, "look", look)


def _replaced() -> None:
    for module in (sqlite_reader, file_registry):
        _replace(module, "check_same", lambda path, inode: None)


def _acknowledged() -> None:
    async def at_once(self: Any, shown: Any) -> None:
        pass

    async def seen(self: Any, instance_id: str) -> bool:
        return True

    _replace(Switches, "_see", at_once)
    _replace(join.JoinApp, "_seen", seen)


def _degraded() -> None:
    _replace(Parts, "degraded", lambda self: ())


def _onward() -> None:
    opened = InFlight.open

    def anyone(self: Any, call: Any) -> Any:
        entry = opened(self, call)
        self._open.setdefault(entry.route.agent, {})[entry.id] = entry
        return entry

    _replace(InFlight, "open", anyone)


def _roots() -> None:
    _lineage_with(roots=Rates(1e9, 10**9, lambda: 1, lambda: 0.0), limits={})


def _minted() -> None:
    _lineage_with(limits={"clock_skew": 1e12})


def _depth() -> None:
    build = LineageGuard.__init__

    def unlimited(self: Any, limits: Any) -> None:
        build(self, msgspec.structs.replace(limits, depth=10**6))

    _replace(LineageGuard, "__init__", unlimited)


def _retry_unsafe() -> None:
    _replace(Retry, "_again", lambda self, call, error, attempt: error.endpoint is not None and attempt < 3)


def _retry_budget() -> None:
    _replace(RetryBudget, "take", lambda self: True)


def _task_owner() -> None:
    _replace(TaskTags, "owns", lambda self, tag, **who: True)


def _paths() -> None:
    def anything(path: str) -> tuple[Any, str]:
        return parse_selector("echo"), ""

    _replace(ingress, "_place", anything)


def _rest_ids() -> None:
    _replace(rest_paths, "unquote", lambda text, **how: unquote(unquote(text)))


def _rest_reasons() -> None:
    _replace(rest, "has_reason", lambda body: False)


def _shared_streams() -> None:
    async def alone(self: Any, key: Any, attempt: Any, begin: Any) -> Any:
        return await begin(attempt)

    _replace(SharedStreams, "watch", alone)


def _cors_origins() -> None:
    _replace(cors.CrossOrigin, "_allows", lambda self, origin: bool(origin))


def _cors_vary() -> None:
    _replace(cors, "_with_vary", lambda headers: headers)


def _cors_setting() -> None:
    for module in (cors, config, origins):
        _replace(module, "fault_of_origins", lambda found, keyed=True: "")


def _extensions() -> None:
    for module in (extensions, names, schema_policy, agent_handler):
        _replace(module, "with_activated", lambda answered, asked, activated: answered)


def _skill_agrees() -> None:
    _replace(resolve, "_asked_skill", lambda call: "")


def _direct_key() -> None:
    _replace(direct, "_origin", lambda url: "")


def _key_first() -> None:
    _replace(CredentialCheck, "admission", lambda self, binding: lambda headers: None)


def _key_counted() -> None:
    _replace(CredentialCheck, "_note", lambda self, error, binding: None)


def _skipped() -> None:
    _replace(asgi, "_SKIPPED", float("inf"))


def _public_too() -> None:
    _replace(Cards, "_usable", lambda self, callers: self._routes.usable(callers[0]))


def _body() -> None:
    read = asgi.read_body

    async def unlimited(headers: Any, receive: Any, limits: Any = DEFAULTS, patience: Any = None) -> bytes:
        return await read(headers, receive, msgspec.structs.replace(limits, body=2**40), patience)

    _replace(endpoint, "read_body", unlimited)


def _shape() -> None:
    _replace(checking, "guard_shape", lambda body, **limits: None)


def _spelling() -> None:
    _replace(checking, "_clean", lambda tree, shape: True)


def _version() -> None:
    for module in (jsonrpc, rest):
        _replace(module, "check_version", lambda headers, query="": None)


def _underscores() -> None:
    read = asgi.read_headers

    def lenient(scope: Any, limits: Any = DEFAULTS) -> dict[str, str]:
        renamed = [(name.replace(b"_", b"-"), value) for name, value in scope["headers"]]
        return read({**scope, "headers": renamed}, limits)

    _replace(ingress, "read_headers", lenient)


def _weak_secret() -> None:
    _replace(mesh_key, "_check_strength", lambda key, source: key)


def _key_kind() -> None:
    def any_kind(self: Any, key: str, kind: str) -> Any:
        return self._records.get(key.split("_")[2]) if key.count("_") > 2 else None

    _replace(keys.KeyStore, "find", any_kind)


def _call_key() -> None:
    _replace(mesh_key.MeshKey, "read_call_key", lambda self, key: ("planner", "acme", "planner-1"))


def _join_key() -> None:
    record = key_record.KeyRecord("x", "join", "", "anybody")
    _replace(keys.KeyStore, "require", lambda self, header, kind: record)


def _join_scope() -> None:
    _replace(JoinRules, "_may_name", lambda self, agent, key: None)


def _join_gateways() -> None:
    _replace(registry_limits, "_RESERVED", re.compile("(?!)"))


def _join_id() -> None:
    _replace(JoinRules, "_own_id", lambda self, instance, key: instance.id)


def _join_secret() -> None:
    secret = mesh_key.MeshKey.inbound_secret
    _replace(mesh_key.MeshKey, "inbound_secret", lambda self, instance: secret(self, Instance(instance.id, "", "")))


def _join_lasting() -> None:
    admit = JoinRules.admit

    def lenient(self: Any, joining: Any, key: Any) -> Any:
        asked = joining.instance.lasting
        plain = msgspec.structs.replace(joining.instance, lasting=False)
        admitted = admit(self, msgspec.structs.replace(joining, instance=plain), key)
        return msgspec.structs.replace(admitted, lasting=asked)

    _replace(JoinRules, "admit", lenient)


def _join_credential() -> None:
    admit = JoinRules.admit

    def lenient(self: Any, joining: Any, key: Any) -> Any:
        return admit(self, msgspec.structs.replace(joining, credential=None), key)

    _replace(JoinRules, "admit", lenient)


def _credential_host() -> None:
    _replace(agent_credential, "_host", lambda url: "")


def _secret_file() -> None:
    read = secret_text.read_secret

    def lenient(text: str, environ: Any, what: str, *, private: bool = True) -> str:
        return read(text, environ, what, private=False)

    for module in (secret_text, agent_credential):
        _replace(module, "read_secret", lenient)


def _catalogue_scope() -> None:
    of = AgentList.of

    def everything(self: Any, principal: Any) -> Any:
        return of(self, msgspec.structs.replace(principal, agents=("*",), skills=("*",)))

    _replace(AgentList, "of", everything)


def _catalogue_rate() -> None:
    class Unlimited:
        def take(self, principal: Any, agent: str) -> None:
            pass

    make = catalogue_endpoint.Discovery.__init__

    def without(self: Any, agents: Any, rates: Any, *more: Any, **named: Any) -> None:
        make(self, agents, Unlimited(), *more, **named)  # type: ignore[arg-type]

    _replace(catalogue_endpoint.Discovery, "__init__", without)


def _catalogue_body() -> None:
    _replace(catalogue_endpoint, "MAX_BODY", DEFAULTS.body)


def _card_name() -> None:
    for module in (join_rules, settings_agents):
        _replace(module, "name_holder", lambda index, instance: None)


def _trust_held() -> None:
    async def trusting(self: Any, before: Any, now: Any, body: bytes) -> None:
        return None

    _replace(CardTrust, "judge", trusting)


def _trust_name() -> None:
    judge = card_changes.suspicions

    def lenient(before: Any, now: Any, called: Any) -> Any:
        named = msgspec.structs.replace(now, card={**now.card, "name": before.card.get("name")})
        return judge(before, named, called)

    for module in (card_changes, card_trust):
        _replace(module, "suspicions", lenient)


def _trust_signature() -> None:
    _replace(card_changes, "_of_signature", lambda before, now: ())


def _trust_skills() -> None:
    _replace(card_changes, "removed_skills", lambda before, now: frozenset())


def _extended_scope() -> None:
    _replace(Routes, "permits", lambda self, principal, entry, skill: True)


def _extended_private() -> None:
    _replace(kept_cards, "_name", lambda agent, caller: (agent.instance.id, "", "", None))


def _card_forged() -> None:
    _replace(card_verifier, "verifies", lambda jwk, algorithm, data, signature: True)


def _card_key_https() -> None:
    _replace(card_provenance, "_SCHEME", "http")


def _card_claim() -> None:
    _replace(cards, "_OWN", cards._OWN - {cards.PROVENANCE_URI})


def _card_jku() -> None:
    _replace(parts, "key_set_url", lambda base_url: base_url + card_keys.KEYS_PATH if base_url else "")


def _card_generation() -> None:
    _replace(CardKeys, "learn", lambda self, delta: self._take(card_keys.generation_of(delta.put)))


def _card_file() -> None:
    _replace(card_keys, "_OTHERS", 0)


def _tenants_contracts() -> None:
    for module in (schema_gate, call_values):
        _replace(module, "in_tenant", lambda tenant, name: name)


def _tenants_kill() -> None:
    _replace(switch_match, "in_tenant", lambda tenant, name: name)


def _tenants_lineage() -> None:
    for module in (lineage_policy, upstream_send):
        _replace(module, "in_tenant", lambda tenant, name: name)


def _any_skill_kill() -> None:
    whole = switch_match.keys_of_skills
    _replace(switch_match, "keys_of_skills", lambda tenant, agent, skill, entries: whole(tenant, agent, skill, ()))


def _conversations() -> None:
    _replace(AgentChoice, "_keep", lambda self, key, agent: None)


def _references() -> None:
    _replace(TaskOwner, "check_references", lambda self, call: None)


def _owner_of_stored_tasks() -> None:
    _replace(Caller, "owner", property(lambda self: ""))


def _task_label() -> None:
    def unchecked(self: Any, label: str, *, tenant: str, owner: bytes, agent: str) -> Any:
        tag = parsed(label, "")
        return msgspec.structs.replace(tag, owner=owner) if tag is not None else None

    _replace(TaskLabels, "read", unchecked)


def _page_token() -> None:
    make = PageTokens.__init__
    _replace(PageTokens, "__init__", lambda self, seal: make(self, lambda place: b"any question"))


def _contexts() -> None:
    _replace(ContextTags, "made_by_caller", lambda self, context, *, tenant, owner: context)


def _contexts_of_agents() -> None:
    _replace(AttemptIds, "_agents_context", lambda self, context: context)


def _context_of_task() -> None:
    _replace(AttemptIds, "_begin_on_task", lambda self, task: None)


def _departure() -> None:
    async def at_once(registry: Any, entry: Any, sleep: Any, notice: Any) -> None:
        await registry.deregister(entry.instance.id)

    _replace(join, "take_off", at_once)


def _told() -> None:
    sent = upstream_send.Send._headers

    def untold(self: Any, call: Any, attempt: Any) -> Any:
        found = sent(self, call, attempt)
        said = {name: call.headers[name] for name in ("meshgate-principal", "meshgate-tenant") if name in call.headers}
        return {name: text for name, text in found.items() if name not in said} | said

    _replace(upstream_send.Send, "_headers", untold)


def _memory() -> None:
    _replace(Caller, "memory_key", lambda self, context_id: context_id)


def _own_ports() -> None:
    _replace(AgentNetworks, "_is_the_meshs", lambda self, host, port: False)


def _keys_shown() -> None:
    line = banner.curl_line
    _replace(banner, "curl_line", lambda run, agent="hello", shown=True: line(run, agent))


def _unsigned() -> None:
    _replace(mesh_key.MeshKey, "is_genuine", lambda self, instance: True)


def _older() -> None:
    async def unchecked(watcher: Any) -> None:
        return None

    for module in (server, supervisor):
        _replace(module, "check_company", unchecked)


def _renamed() -> None:
    _replace(joining.Membership, "_log_failure", lambda self, error: None)
    _replace(joining, "InstanceTaken", type("Never", (Exception,), {}))


def _join_tenant() -> None:
    register = join.JoinApp._register

    async def trusting(self: Any, joining: Any, media: Any, key: Any) -> bytes:
        believed = msgspec.structs.replace(key, tenant=joining.instance.tenant or key.tenant)
        return await register(self, joining, media, believed)

    _replace(join.JoinApp, "_register", trusting)


def _address() -> None:
    _replace(AgentNetworks, "check", lambda self, url: None)


def _subjects_cas() -> None:
    put_in_memory, put_in_file = MemoryRegistry.put_subject, Store.put_subject

    async def overwrite(self: Any, name: str, digest: str, expected: str) -> bool:
        return await put_in_memory(self, name, digest, await self.subject(name))

    _replace(MemoryRegistry, "put_subject", overwrite)
    _replace(
        Store, "put_subject", lambda self, name, digest, expected: put_in_file(self, name, digest, self.subject(name))
    )


def _rule(name: str) -> Callable[[], None]:
    def drop() -> None:
        del RULES[name]

    return drop


def _schema_gate() -> None:
    def anything(subject: Any, release: Any, images: Any, limits: Any) -> Any:
        if subject.release(release.version) is not None:
            return subject
        return msgspec.structs.replace(subject, releases=(*subject.releases, release))

    _replace(schema_gate, "admit", anything)


def _schema_stored() -> None:
    judge = schema_gate.SchemaGate.admit_releases

    async def eager(self: Any, subject: Any, releases: Any, known: Any) -> Any:
        name = f"{subject.agent}/{subject.skill}"
        new = await judge(self, subject, releases, known)
        await self.store.write(name, new, await self.store.registry.subject(name))
        return new

    _replace(schema_gate.SchemaGate, "admit_releases", eager)


def _schema_race() -> None:
    write = SchemaStore.write

    async def overwrite(self: Any, name: str, subject: Any, expected: str) -> bool:
        return await write(self, name, subject, await self.registry.subject(name)) or await overwrite(
            self, name, subject, expected
        )

    _replace(SchemaStore, "write", overwrite)


def _schema_files() -> None:
    def unchecked(self: Any, digest: str) -> bytes | None:
        path = self.path / digest
        return path.read_bytes() if path.exists() else None

    _replace(BlobFolder, "read", unchecked)


def _schema_restore() -> None:
    async def nothing(self: Any, name: str) -> None:
        self._lost.discard(name)

    _replace(Catalogue, "restore", nothing)


def _schema_check() -> None:
    async def thorough(gate: Any, agent: str, skill: Any, images: Any) -> Any:
        await gate.admit(Manifest(agent, skill.version, skills=(skill,)), images)
        return schema_check.CheckResult(compatible=True)

    _replace(schema_routes, "check", thorough)


def _schema_trial() -> None:
    _replace(schema_gate, "compile_release", lambda subject, release, images, limits: None)


def _schema_proposed() -> None:
    _replace(subjects, "_check_joins", lambda subject, release: None)


def _schema_unspoken() -> None:
    _replace(Release, "served", property(lambda self: self.stage is not Stage.RETIRED))
    _replace(KnownContract, "runs", lambda self, version: version in self.releases)


def _schema_review() -> None:
    check = subjects._check_joins

    def lenient(subject: Any, release: Any) -> None:
        if subject.release(release.version) is not None:
            check(subject, release)

    _replace(subjects, "_check_joins", lenient)


def _schema_last() -> None:
    _replace(Catalogue, "last", lambda self, name: None)


def _schema_believed() -> None:
    async def unread(self: Any, digest: str) -> Any:
        return image.Image(await self.blob(digest), digest)

    _replace(SchemaStore, "image", unread)


def _schema_limits() -> None:
    _replace(image, "check_files", lambda files, limits: None)


def _schema_patterns() -> None:
    _replace(options, "weight", lambda pattern: 0)


def _admin_key() -> None:
    require = keys.KeyStore.require

    def lenient(self: Any, header: Any, kind: Any) -> Any:
        return None if kind == "admin" else require(self, header, kind)

    _replace(keys.KeyStore, "require", lenient)


def _keys_expiry() -> None:
    _replace(key_record.KeyRecord, "has_expired", lambda self, now: False)


def _keys_older() -> None:
    _replace(SharedKeys, "_newer", lambda self, keys: True)


def _keys_signed() -> None:
    def read(data: bytes, mesh: Any) -> key_list.KeyList | None:
        return msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(data)["list"]), type=key_list.KeyList)

    _replace(key_places, "read_signed", read)
    _replace(key_list, "read_signed", read)


def _admin_body() -> None:
    async def whole(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    _replace(BoundedBodies, "__call__", whole)


def _config_keys() -> None:
    _replace(config, "_check_keys", lambda tree, cls, source: None)


def _loopback() -> None:
    _replace(config.Config, "loopback", property(bool))


def _bounded() -> None:
    _replace(limit_checks, "check_limits", lambda found: None)


def _lock_numbers() -> None:
    _replace(deriving, "assign", lambda known, shapes: assignment.assign(numbers.Numbering(), shapes))


def _lock_frozen() -> None:
    _replace(keeping.AgentContracts, "_frozen", lambda self: False)


def _refusal_final() -> None:
    _replace(joining, "_FINAL", ())
    _replace(joining, "_AWAY", (*joining._AWAY, Incompatible, VersionTaken, VersionRetired, BadSchema))


DROPS: dict[str, Callable[[], None]] = {
    "scope": _scope,
    "inference": _inference,
    "after": _after,
    "onward": _onward,
    "quiet": _quiet,
    "silent": _silent,
    "replaced": _replaced,
    "acknowledged": _acknowledged,
    "degraded": _degraded,
    "full": _full,
    "agent_values": _agent_values,
    "agent_bounds": _agent_bounds,
    "drain": _drain,
    "stream_end": _stream_end,
    "delivered": _delivered,
    "weight": _weight,
    "agents_reasons": _agents_reasons,
    "own_errors": _own_errors,
    "own_numbers": _own_numbers,
    "absent": _absent,
    "swept": _swept,
    "join_rate": _join_rate,
    "ids": _ids,
    "beyond": _beyond,
    "roots": _roots,
    "minted": _minted,
    "depth": _depth,
    "retry_unsafe": _retry_unsafe,
    "retry_budget": _retry_budget,
    "task_owner": _task_owner,
    "paths": _paths,
    "rest_ids": _rest_ids,
    "rest_reasons": _rest_reasons,
    "cors_origins": _cors_origins,
    "shared_streams": _shared_streams,
    "cors_vary": _cors_vary,
    "cors_setting": _cors_setting,
    "extensions": _extensions,
    "skill_agrees": _skill_agrees,
    "direct_key": _direct_key,
    "key_first": _key_first,
    "key_counted": _key_counted,
    "skipped": _skipped,
    "public_too": _public_too,
    "body": _body,
    "shape": _shape,
    "join_credential": _join_credential,
    "credential_host": _credential_host,
    "secret_file": _secret_file,
    "spelling": _spelling,
    "version": _version,
    "underscores": _underscores,
    "weak_secret": _weak_secret,
    "key_kind": _key_kind,
    "call_key": _call_key,
    "join_key": _join_key,
    "join_scope": _join_scope,
    "join_gateways": _join_gateways,
    "join_id": _join_id,
    "join_secret": _join_secret,
    "join_lasting": _join_lasting,
    "card_name": _card_name,
    "card_jku": _card_jku,
    "trust_held": _trust_held,
    "trust_name": _trust_name,
    "trust_signature": _trust_signature,
    "trust_skills": _trust_skills,
    "extended_scope": _extended_scope,
    "extended_private": _extended_private,
    "card_forged": _card_forged,
    "card_key_https": _card_key_https,
    "card_claim": _card_claim,
    "card_generation": _card_generation,
    "card_file": _card_file,
    "catalogue_scope": _catalogue_scope,
    "catalogue_rate": _catalogue_rate,
    "catalogue_body": _catalogue_body,
    "unsigned": _unsigned,
    "keys_shown": _keys_shown,
    "own_ports": _own_ports,
    "references": _references,
    "owner_of_stored_tasks": _owner_of_stored_tasks,
    "task_label": _task_label,
    "page_token": _page_token,
    "contexts": _contexts,
    "contexts_of_agents": _contexts_of_agents,
    "context_of_task": _context_of_task,
    "departure": _departure,
    "told": _told,
    "memory": _memory,
    "tenants_contracts": _tenants_contracts,
    "tenants_kill": _tenants_kill,
    "any_skill_kill": _any_skill_kill,
    "conversations": _conversations,
    "tenants_lineage": _tenants_lineage,
    "older": _older,
    "renamed": _renamed,
    "join_tenant": _join_tenant,
    "address": _address,
    "subjects_cas": _subjects_cas,
    "schema_gate": _schema_gate,
    "schema_stored": _schema_stored,
    "schema_race": _schema_race,
    "schema_files": _schema_files,
    "schema_restore": _schema_restore,
    "schema_check": _schema_check,
    "schema_trial": _schema_trial,
    "schema_proposed": _schema_proposed,
    "schema_unspoken": _schema_unspoken,
    "schema_review": _schema_review,
    "schema_last": _schema_last,
    "schema_believed": _schema_believed,
    "schema_limits": _schema_limits,
    "schema_patterns": _schema_patterns,
    "admin_key": _admin_key,
    "keys_expiry": _keys_expiry,
    "keys_older": _keys_older,
    "keys_signed": _keys_signed,
    "admin_body": _admin_body,
    "lock_numbers": _lock_numbers,
    "lock_frozen": _lock_frozen,
    "refusal_final": _refusal_final,
    "config_keys": _config_keys,
    "loopback": _loopback,
    "bounded": _bounded,
    **MEDIATION_DROPS,
    **PUSH_DROPS,
    **{f"rule:{name}": _rule(name) for name in RULES},
}
"""By the name that a row of the ledger gives as ``drop:NAME``; ``drop:rule:*`` stands for every compatibility rule."""
