"""The parts of a gateway, which are made here. ``app.compose`` joins them."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog

from meshgate.a2a.bindings.table import Key
from meshgate.a2a.call import Call
from meshgate.a2a.errors import Unauthenticated, UnsupportedOperation
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.cluster.client import Unknown
from meshgate.gateway.cluster.other_feeds import OtherFeeds
from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.cluster.questions import TASKS
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.contracts.usage import UsageCounter
from meshgate.gateway.identity.authenticator import Authenticator, Credentials, KeyAuthenticator
from meshgate.gateway.identity.authorizer import Authorizer, ScopeAuthorizer
from meshgate.gateway.identity.card_keys import CardKeys, key_set_url
from meshgate.gateway.identity.credential_seal import BadSeal, CredentialSeal
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.identity.leases import Leases
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.ingress.card_signatures import CardSignatures
from meshgate.gateway.ingress.cards import Cards
from meshgate.gateway.jobs.accounts import Accounts, MemoryAccounts
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.jobs.parents import PossibleParents
from meshgate.gateway.jobs.peers import ALONE, Peers
from meshgate.gateway.jobs.rates import Rates, root_words, search_words
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.observe.records import Records
from meshgate.gateway.placement import Policies
from meshgate.gateway.policies.call.closed_schema import ClosedSchema
from meshgate.gateway.policies.call.schema import Schema
from meshgate.gateway.policy import Observer
from meshgate.gateway.push.callback_token import CallbackTokens
from meshgate.gateway.push.destination import Destinations
from meshgate.gateway.push.feeds import Feeds
from meshgate.gateway.push.sender import PushSender
from meshgate.gateway.push_networks import networks_in
from meshgate.gateway.routing.push_callbacks import PushCallbacks
from meshgate.gateway.routing.routes import Routes
from meshgate.gateway.routing.task_owner import TaskOwner
from meshgate.gateway.settings import Settings
from meshgate.gateway.tasks.known_task import KnownTasks, TaskQuery
from meshgate.gateway.tasks.task_index import TaskIndex
from meshgate.gateway.upstream.agent_access import AgentAccess, ClosedAccess
from meshgate.gateway.upstream.instance import Access, Health, Instance
from meshgate.gateway.upstream.instances import Instances
from meshgate.gateway.upstream.send import Send, Wire
from meshgate.gateway.upstream.transports.http import make_client
from meshgate.gateway.upstream.transports.table import make_transports
from meshgate.gateway.version import VERSION
from meshgate.registry.extras import CONTRACTS, has
from meshgate.registry.hold_down import HoldDown
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Entry
from meshgate.registry.row_filter import PassedOver
from meshgate.registry.watcher import Watcher
from meshgate.telemetry.ids import Ids
from meshgate.telemetry.sampler import Sampler
from meshgate.telemetry.tracing import NoTracing, Tracing

__all__ = ["Parts"]

log = structlog.get_logger(__name__)

_UNREAD: tuple[PassedOver, ...] = ("unreadable", "manifest")
NO_POLICIES = Policies()


class Parts:
    """The parts of one gateway, in the order of their dependencies.

    Args:
        wires: ways to agents, by binding; made here if left out.
        peers: the other gateways; found through the registry if left out.
        policies: policies to add to the path, or to leave out of it.
        authenticator: says who calls; the keys of this mesh if left out.
        authorizer: says what a caller may use; the scope of its key if left out.
        clock: monotonic seconds. wall: seconds since the epoch. sleep: waits, on the same time as ``clock``.
    """

    def __init__(  # noqa: PLR0913 - each is a part that tests replace, all but three by keyword
        self,
        registry: Registry,
        mesh: MeshKey,
        keys: KeyStore,
        *,
        settings: Settings | None = None,
        limits: Limits = DEFAULTS,
        wires: dict[Key, Wire] | None = None,
        peers: Peers | None = None,
        tracing: Tracing | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        alone: bool = False,
        policies: Policies = NO_POLICIES,
        authenticator: Authenticator | None = None,
        authorizer: Authorizer | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.id = self.settings.gateway_id or f"gw{secrets.token_hex(4)}"
        self.registry, self.mesh, self.keys, self.limits = registry, mesh, keys, limits
        self.clock, self.wall, self.sleep = clock, wall, sleep
        self.started = wall()
        self.rng = rng or random.Random()
        self.tracing, self.ids = tracing or NoTracing(), Ids(self.rng)
        self.sampler = Sampler(limits.traces, clock, limits.traces_beyond)
        self.added = policies
        self.authorizer: Authorizer = ScopeAuthorizer() if authorizer is None else authorizer
        self.observers: list[Observer] = []
        self.draining = False
        self.broken = ""
        self.own_row = ""
        """What is wrong with this gateway's own row in the registry, or ""; its process says so."""
        self._watch()
        self._find_peers(peers, alone)
        self._keep_accounts()
        self._reach_agents(wires)
        self._follow_contracts()
        self._identify(authenticator)
        self._complete()

    def _complete(self) -> None:
        """Connect the parts, once all are made; the gateway calls it."""

    def _watch(self) -> None:
        self.table = Index()
        self.watcher = Watcher(
            self.registry,
            self.table,
            self.settings.snapshot,
            clock=self.clock,
            sleep=self.sleep,
            rng=self.rng,
            hold=HoldDown.within(self.limits),
            genuine=self.mesh.is_genuine,
        )

    def _find_peers(self, peers: Peers | None, alone: bool) -> None:
        remote = RemotePeers(self.table, self.id, self.mesh.inspect_secret(), self.limits)
        self.remote = None if alone or peers is not None else remote
        self.peers: Peers = peers or self.remote or ALONE

    def _keep_accounts(self) -> None:
        limits, clock = self.limits, self.clock
        self.metrics = Metrics(limits.metric_agents)
        self.records = Records(self.id, limits, clock, self.wall)
        self.accounts: Accounts = MemoryAccounts(self.id, self.peers, limits, clock, self.rng)
        self.in_flight = InFlight(limits, clock, self.wall)
        self.parents = PossibleParents(self.in_flight, self.accounts, self.peers, clock)
        self.tags = TaskTags(self.mesh.secret)
        self.contexts = ContextTags(self.tags)
        self.known_tasks = TaskIndex(self.tags, self.wall, limits)
        destinations = Destinations(networks_in(self.settings.push_networks))
        sender = PushSender(destinations, self.metrics, limits, clock)
        self.feeds = Feeds(sender, clock, self.sleep, limits, self._standing)
        self.other_feeds = OtherFeeds(self.remote, self.feeds, self.id)
        self.callback_tokens = CallbackTokens(self.tags, self.id)
        self.callbacks = PushCallbacks(self.feeds, self.callback_tokens, self.settings.base_url)
        self.rates = Rates(limits.rate, limits.burst, self._live, clock, limits.rate_keys)
        self.roots = Rates(
            limits.agent_roots, limits.agent_roots_burst, self._live, clock, limits.rate_keys, words=root_words
        )

        self.searches = Rates(
            limits.search_rate, limits.search_burst, self._live, clock, limits.rate_keys, words=search_words
        )

    def _live(self) -> int:
        return self.peers.live

    def _reach_agents(self, wires: dict[Key, Wire] | None) -> None:
        self.seal = CredentialSeal(self.mesh)
        self.instances = Instances(self.mesh.inbound_secret, self.limits, self.clock, self.rng, self._access)
        self.tokens = make_client(self.limits)
        """Connections to the servers of OAuth 2 that give the gateway its tokens for foreign agents."""
        self.wires = wires if wires is not None else make_transports(self.limits, self.clock)
        self.send = Send(self.wires, self.tags, self.mesh, self.clock, self.metrics, self.limits, self.wall)
        self.instances.on_gone.append(self.send.forget)
        self.routes = Routes(self.table, self.authorizer)
        self.task_owner = TaskOwner(self.table, self.tags, self.routes)

    def _access(self, entry: Entry) -> Access | None:
        """What a foreign agent is shown, if an operator gave something."""
        terms, instance = entry.manifest.terms, entry.instance
        if terms is None or not terms.credential:
            return None
        try:
            credential = self.seal.open(terms.credential, instance.tenant, instance.agent)
        except (BadSeal, UnsupportedOperation) as error:
            log.warning("credential_not_opened", instance=instance.id, reason=error.message)
            return ClosedAccess(error)
        return AgentAccess(credential, self.tokens, self.limits, self.clock)

    async def tasks_elsewhere(self, tenant: str, owner: str, query: TaskQuery) -> dict[str, KnownTasks | None]:
        """What the other gateways know of an owner's tasks, by gateway; None of one that does not answer."""
        if self.remote is None:
            return {}
        answers = await self.remote.ask_all(TASKS, tenant, owner, query)
        # A gateway of an older release knows of none.
        return {name: answer for name, answer in answers.items() if not isinstance(answer, Unknown)}

    def _standing(self, call: Call) -> bool:
        """Whether the key that a call came with is still good; of other credentials nothing is known later."""
        if call.principal.kind == "anonymous" or not isinstance(self.authenticator, KeyAuthenticator):
            return True
        try:
            self.authenticator.authenticate(Credentials(call.headers))
        except Unauthenticated:
            return False
        return True

    def _follow_contracts(self) -> None:
        store = SchemaStore(self.registry, self.settings.schemas, self.limits, rng=self.rng)
        self.schemas = Catalogue(store, self.watcher)
        self.usage = UsageCounter(self.limits.usage_rows, self.limits.usage_fields, self.wall)
        self.mediator = Converters(self.schemas, self.limits)
        # Without the engines no contract can be checked, so skills that have one are refused.
        self.schema: Schema | ClosedSchema = (
            Schema(self.mediator, self.usage, self.limits) if has(CONTRACTS) else ClosedSchema(self.schemas, self.table)
        )

    def _identify(self, authenticator: Authenticator | None) -> None:
        self.leases = Leases(self.table, self.limits, self.clock)
        if authenticator is None:
            authenticator = KeyAuthenticator(self.keys, self.mesh, self.leases)
        self.authenticator = authenticator
        self.card_keys = CardKeys(self.mesh, self.settings.card_keys, key_set_url(self.settings.base_url))
        signatures = CardSignatures(self.card_keys)
        self.cards = Cards(self.routes, self.schemas, self.settings, VERSION, signatures)

    def tell(self, call: Call) -> None:
        """Tell the observers about a call."""
        for observer in self.observers:
            observer.saw(call)

    def unready(self) -> str | None:
        """The reason why this gateway should get no calls, or None."""
        if self.draining or self.broken:
            return self.broken or "draining"
        return None if self.watcher.ready.is_set() else self.watcher.reason

    def degraded(self) -> tuple[str, ...]:
        """What is wrong with a gateway that takes calls all the same: one sentence each, and no names, for anybody."""
        stale = self.watcher.stale_seconds()
        unread = sum(self.watcher.passed_over.get(reason, 0) for reason in _UNREAD)
        return tuple(
            text
            for wrong, text in (
                (self.own_row, self.own_row),
                (self.keys.fault, self.keys.fault),
                (stale, f"the registry has been out of reach for {stale:.0f} s: what was last known is in force"),
                (unread, f"{unread} rows of the registry cannot be read, and are passed over"),
            )
            if wrong
        )

    async def ask_health(self, instance: Instance) -> Health:
        """Ask an instance's health route."""
        return await self.send.ask_health(instance, self.limits.health_timeout)
