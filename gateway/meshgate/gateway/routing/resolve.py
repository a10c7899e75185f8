"""From what was asked for to who may answer: the selector, or the owner's tag in a task id, becomes a ``Route``.

Authorisation is the filter: what the caller may not use is not among the candidates, so absence and denial look the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from meshgate.a2a.call import Call, Handler, Principal, Route
from meshgate.a2a.errors import InvalidParams, NoRoute, TaskNotFound
from meshgate.a2a.mesh.task_ids import TaskTag, TaskTags
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector, VersionRange, parse_selector
from meshgate.gateway.observe.records import CallRecord
from meshgate.registry.groups import ANY_SKILL, Group, Scope
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Entry
from meshgate.registry.selection import select

__all__ = ["Releases", "Resolve", "Spoken", "TaskRoute", "note_route"]

SKILL_KEY = "meshgate/skill"
"""Key of a message's metadata that names the skill, for calls by agent."""
_CACHE = 10_000
_OTHERS = 2
"""How many releases a call is sent to beside the first."""
_ANY = VersionRange()


class TaskRoute(msgspec.Struct, frozen=True):
    """The fact that a call is about a task: the id as its agent knows it."""

    upstream: str
    instance: str
    release: str = ""
    """The release of the skill's contract that its caller speaks, if it said so when the task began."""


class Spoken(msgspec.Struct, frozen=True):
    """The fact that the caller said which release of the skill's contract it speaks."""

    release: str


class Releases(Protocol):
    """What contracts have to say about routes."""

    def prefer(self, call: Call, routes: Sequence[Route]) -> Sequence[Route]:
        """The routes with those first that the caller's release would rather have."""
        ...

    def covers(self, agent: str, skill: str, versions: VersionRange) -> bool:
        """Whether who wants one of these versions of a skill can be served by another one."""
        ...


class Resolve:
    """Turns ``call.target`` and ``call.task_id`` into ``call.route``.

    Args:
        table: the registry's content, watched.
        ready: whether any of these instances may be sent to now.
        releases: what contracts have to say, if there are any.
    """

    name = "resolve"

    def __init__(
        self,
        table: Index,
        tags: TaskTags,
        ready: Callable[[tuple[str, ...]], bool],
        releases: Releases | None = None,
    ) -> None:
        self._table = table
        self._tags = tags
        self._ready = ready
        self._releases = releases
        self._revision = -1
        self._cache: dict[tuple[Selector, Scope, str], tuple[Route, ...]] = {}
        self._by_hash: dict[bytes, str] = {}

    def learn(self, delta: Delta) -> None:
        """Remember the agents and instances that tags may name. An agent is remembered after its instances left."""
        for entry in delta.put:
            if entry.instance.kind == "agent":
                self._by_hash[self._tags.agent(entry.instance.agent)] = entry.instance.agent
                self._by_hash[self._tags.instance(entry.instance.id)] = entry.instance.id

    async def __call__(self, call: Call, forward: Handler, /) -> Reply:
        """Forward the call with its route.

        Raises:
            NoRoute: nothing that the caller may use answers to the selector.
            TaskNotFound: the task is not there, or not the caller's.
            InvalidParams: the selector is missing or contradicts itself.
        """
        target = self._target(call)
        if target is not call.target:
            _note_label(call, target)
        if call.task_id:
            return await forward(self._to_task(call, target))
        if target is None:
            raise InvalidParams("name an agent or a skill: call /agents/NAME or /skills/NAME@RANGE")
        asked = self._asked_skill(call) if target.agent else ""
        routes: Sequence[Route] = self.routes(target, call.principal, asked)
        if self._releases is not None:
            routes = self._by_contract(self._releases, call, target, routes)
        if not routes:
            raise NoRoute(f"no agent here answers to {target.text!r}")
        # A later choice is better than a first one that cannot answer.
        route = next((route for route in routes if self._ready(route.instances)), routes[0])
        if len(routes) > 1:
            others = tuple(other for other in routes if other is not route and other.agent == route.agent)
            route = msgspec.structs.replace(route, others=others[:_OTHERS])
        note_route(call, route)
        return await forward(msgspec.structs.replace(call, target=target, route=route))

    def _by_contract(
        self, releases: Releases, call: Call, target: Selector, routes: Sequence[Route]
    ) -> Sequence[Route]:
        if not routes and target.skill and target.versions != _ANY:
            # Nobody runs what was asked for any more; whoever reads it may answer for it.
            every = self.routes(msgspec.structs.replace(target, versions=_ANY), call.principal)
            return [route for route in every if releases.covers(route.agent, route.skill, target.versions)]
        return releases.prefer(call, routes)

    def _target(self, call: Call) -> Selector | None:
        label = getattr(call.payload.view(), "tenant", "")
        if not label:
            return call.target
        named = parse_selector(label)
        if call.target is not None and call.target.text != named.text:
            raise InvalidParams(
                f"the URL names {call.target.text!r} and the tenant label {label[:64]!r}: they must agree"
            )
        return named

    def _asked_skill(self, call: Call) -> str:
        asked = call.payload.view().message.metadata.get(SKILL_KEY, "")
        if not isinstance(asked, str):
            raise InvalidParams(f"message.metadata[{SKILL_KEY!r}] must be a string")
        return asked

    def routes(self, target: Selector, principal: Principal, skill: str = "") -> tuple[Route, ...]:
        """The routes that answer to ``target`` for this caller, best first."""
        if self._revision != self._table.revision or len(self._cache) > _CACHE:
            self._cache.clear()
            self._revision = self._table.revision
        scope = Scope(principal.tenant, principal.agents, principal.skills)
        key = (target, scope, skill)
        found = self._cache.get(key)
        if found is None:
            groups = select(self._table, target, scope, skill)
            found = self._cache[key] = tuple(_route(group, index, len(groups)) for index, group in enumerate(groups))
        return found

    def _to_task(self, call: Call, target: Selector | None) -> Call:
        principal = call.principal
        tag = self._tags.read(call.task_id)
        admin = "admin" in principal.roles
        if tag is None or not self._tags.owns(tag, tenant=principal.tenant, owner=principal.id, admin=admin):
            raise TaskNotFound
        agent = self._by_hash.get(tag.agent)
        if agent is None or (target is not None and not self._covers(target, agent, call)):
            raise TaskNotFound
        instance, candidates = self._keepers(tag, agent, principal.tenant)
        ids = tuple(entry.instance.id for entry in candidates)
        route = Route(
            agent, self._skill_of(candidates, target), candidates[0].manifest.version, ids, "the task's owner tag"
        )
        note_route(call, route)
        call = msgspec.structs.replace(call, target=target or Selector(agent=agent, text=agent), route=route)
        return call.with_fact(TaskRoute(tag.upstream, instance, tag.release))

    def _covers(self, target: Selector, agent: str, call: Call) -> bool:
        if target.agent:
            return target.agent == agent
        return any(route.agent == agent for route in self.routes(target, call.principal))

    def _keepers(self, tag: TaskTag, agent: str, tenant: str) -> tuple[str, list[Entry]]:
        """The instance that made the task, and those that can serve it now."""
        entries = [entry for entry in self._table.instances_of(agent) if entry.instance.tenant == tenant]
        maker = [entry for entry in entries if self._tags.instance(entry.instance.id) == tag.instance]
        shared = [entry for entry in entries if entry.manifest.shared_tasks]
        if shared and (not maker or maker[0].manifest.shared_tasks):
            return self._by_hash.get(tag.instance, ""), shared
        if maker:
            return maker[0].instance.id, maker
        raise TaskNotFound("the instance that kept the task is gone", metadata={"reason": "INSTANCE_GONE"})

    def _skill_of(self, candidates: list[Entry], target: Selector | None) -> str:
        if target is not None and target.skill:
            return target.skill
        skills = candidates[0].manifest.skills
        named = [skill.skill for skill in skills if skill.default] or [skill.skill for skill in skills]
        return ANY_SKILL if candidates[0].manifest.foreign or len(named) != 1 else named[0]


def _note_label(call: Call, named: Selector | None) -> None:
    record = call.fact(CallRecord)
    if record is not None and named is not None:
        record.selector = named.text  # what came by the tenant label was not known when the record was opened


def note_route(call: Call, route: Route) -> None:
    """Say in the call's record where it is bound for, also if it is refused further on."""
    record = call.fact(CallRecord)
    if record is not None:
        record.agent, record.skill, record.version, record.reason = (
            route.agent,
            route.skill,
            route.version,
            route.reason,
        )


def _route(group: Group, index: int, count: int) -> Route:
    reason = f"{group.skill}@{group.version}: choice {index + 1} of {count}, {len(group.entries)} instances"
    reentrant = group.capability.reentrant if group.capability is not None else 1
    ids = tuple(entry.instance.id for entry in group.entries)
    contract = group.capability is not None and bool(group.capability.contracts)
    return Route(group.agent, group.skill, group.version, ids, reason, reentrant, contract)
