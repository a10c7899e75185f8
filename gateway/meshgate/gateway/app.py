"""The composition: the policies, their order, and the path that they make. Read the three lists first."""

from __future__ import annotations

from meshgate.a2a.call import Handler, Route
from meshgate.gateway.config import ConfigError
from meshgate.gateway.ingress.extended_card import ExtendedCards
from meshgate.gateway.ingress.kept_cards import KeptCards
from meshgate.gateway.parts import Parts
from meshgate.gateway.placement import find_plugin, place
from meshgate.gateway.policies.arrival.authentication import Authentication
from meshgate.gateway.policies.arrival.deadline import Deadline
from meshgate.gateway.policies.arrival.lineage import Lineages
from meshgate.gateway.policies.arrival.metrics import CallMetrics
from meshgate.gateway.policies.arrival.record import Record
from meshgate.gateway.policies.arrival.trace import Trace
from meshgate.gateway.policies.attempt.breaker import BreakerGate
from meshgate.gateway.policies.attempt.concurrency import Concurrency
from meshgate.gateway.policies.attempt.hang_detection import HangDetection
from meshgate.gateway.policies.attempt.names import Names
from meshgate.gateway.policies.attempt.record_attempt import RecordAttempt
from meshgate.gateway.policies.call.budget import Budget
from meshgate.gateway.policies.call.failover import Failover
from meshgate.gateway.policies.call.in_flight import KeepInFlight
from meshgate.gateway.policies.call.kill import Kill
from meshgate.gateway.policies.call.lineage_guard import LineageGuard
from meshgate.gateway.policies.call.push import Push
from meshgate.gateway.policies.call.rate_limit import RateLimit
from meshgate.gateway.policies.call.retry import Retry
from meshgate.gateway.policies.call.task_index import IndexTasks
from meshgate.gateway.policy import Observer, Policy, chain, entered, teller
from meshgate.gateway.routing.agent_choice import AgentChoice
from meshgate.gateway.routing.agent_lists import AgentLists
from meshgate.gateway.routing.balance import Balance
from meshgate.gateway.routing.list_reader import ListReader, hand_over
from meshgate.gateway.routing.push_operations import PushOperations
from meshgate.gateway.routing.resolve import Resolve
from meshgate.gateway.routing.switch_match import kills_agent
from meshgate.gateway.routing.task_list import ListTasks
from meshgate.gateway.routing.task_reader import TaskReader
from meshgate.gateway.routing.task_sources import TaskSources

__all__ = ["arrival", "attempt", "call_policies", "compose", "lists_of"]


def arrival(gateway: Parts) -> list[Policy]:
    """Who calls."""
    g = gateway
    return [
        # First, because a call that is refused further down must still be on record.
        Record(g.records),
        # Before what refuses: refusals are counted too.
        CallMetrics(g.metrics, g.clock),
        Authentication(g.authenticator, g.metrics.policies, g.tell),
        # Before lineage: an agent's credential says which calls in flight may be the parent.
        Lineages(g.accounts, g.parents, g.roots, g.mesh, g.metrics, g.limits, g.wall),
        # Behind lineage, so that a call whose agent dropped its headers still joins its job's trace.
        Trace(g.tracing, g.sampler, g.ids),
        # Behind lineage, because a child has no more time than its parent.
        Deadline(g.limits, g.clock),
    ]


def call_policies(gateway: Parts) -> list[Policy]:
    """What is called."""
    g = gateway
    return [
        # First, so that a call which is refused below has been paid for: an agent in a loop uses up its rate.
        RateLimit(g.rates),
        # A loop is seen before anything of its job is spent on it.
        LineageGuard(g.limits),
        Kill(g.table),
        IndexTasks(g.known_tasks),
        # Outside the schema policy and the retry: the configuration is the caller's, and kept once.
        Push(g.feeds, g.callbacks, g.tags, g.table),
        Budget(g.accounts, g.clock),
        # Outside the schema policy, because each release of an agent has its own contract.
        Failover(),
        # Outside the retry: a call is checked before the first try, and converted once for all tries.
        g.schema,
        # Behind the policies that refuse: a call that never went to its agent cannot be a parent.
        KeepInFlight(g.in_flight),
        # Innermost, so that the policies above spend once, however many tries there are.
        Retry(g.limits, g.clock, g.rng, g.metrics, g.sleep),
    ]


def attempt(gateway: Parts) -> list[Policy]:
    """Where."""
    g = gateway
    return [
        # First, because an attempt that is refused below must be on record.
        RecordAttempt(g.records),
        Names(),
        # Before the breaker: a refusal here must not use up the permit of a probe.
        Concurrency(g.limits.concurrency),
        BreakerGate(),
        HangDetection(g.ask_health, g.limits, g.clock, g.sleep),
    ]


def lists_of(gateway: Parts) -> tuple[list[Policy], list[Policy], list[Policy]]:
    """The three lists, with the added policies and without those that are left out.

    Raises:
        ConfigError: a name is not known, or a place is not possible.
    """
    chosen = [gateway.added, *(find_plugin(name)(gateway) for name in gateway.settings.plugins)]
    whole = {"arrival": arrival(gateway), "call": call_policies(gateway), "attempt": attempt(gateway)}
    without = frozenset[str]().union(*(each.without for each in chosen))
    known = {policy.name for policies in whole.values() for policy in policies}
    if without - known:
        raise ConfigError(f"there is no policy {min(without - known)!r} to leave out; there are {', '.join(known)}")
    found = [
        place(
            [policy for policy in policies if policy.name not in without],
            [placed for each in chosen for placed in getattr(each, name)],
            name,
        )
        for name, policies in whole.items()
    ]
    return found[0], found[1], found[2]


def compose(gateway: Parts) -> Handler:
    """The path of a call: arrival → resolve → call → balance → attempt → send."""
    g, counts = gateway, gateway.metrics.policies
    lists = lists_of(g)
    g.observers += [policy for policies in lists for policy in policies if isinstance(policy, Observer)]

    def usable(route: Route) -> bool:
        return g.instances.ready(route.instances) and not kills_agent(g.table.switches, route)

    choice = AgentChoice(usable, lambda route: g.instances.load(route.instances), g.rng, g.contexts)
    resolve = Resolve(g.routes, g.task_owner, usable, choice, g.schema, g.rates)
    balance = Balance(g.instances, g.metrics, frozenset(g.wires), g.limits, g.clock, g.rng)
    tell = teller(g.observers)
    send = entered(chain(lists[2], g.send, counts, tell), tell)
    call = entered(chain([*lists[1], balance], send, counts, tell), tell)
    # A page of tasks is one call to an agent, however many of its tasks are read for it; a card is one if it is kept
    # as well.
    unrated = [policy for policy in lists[1] if not isinstance(policy, RateLimit)]
    read = entered(chain([*unrated, balance], send, counts), tell)
    # A task that its agent lists is shown as if it were read: each in the release of its own skill. It is no news.
    told = chain([policy for policy in unrated if not isinstance(policy, IndexTasks)], hand_over)
    reader = ListReader(g.task_owner, read, told, g.clock, g.limits)
    unconverted = [policy for policy in unrated if policy is not g.schema]
    ask = entered(chain([*unconverted, balance], send, counts), tell)
    told_lists = AgentLists(TaskSources(g.table, g.tags), ask, g.clock, g.limits)
    listing = ListTasks(g.known_tasks, g.tasks_elsewhere, g.routes, told_lists, reader, g.rates, g.limits)
    extended = ExtendedCards(g.cards, KeptCards(g.clock, g.limits), g.routes, read, g.rates)
    g.feeds.reads(TaskReader(read, g.task_owner, g.ids.span))
    push = PushOperations(g.feeds, g.other_feeds, g.task_owner, g.table, g.rates, g.callbacks, g.clock)
    return chain([*lists[0], listing, push, extended, resolve], call, counts, tell)
