"""The owner of a task: from the tag in a task id to the instances that may answer for the task."""

from __future__ import annotations

import msgspec

from meshgate.a2a.call import Call, Principal, Route
from meshgate.a2a.errors import TaskNotFound
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_tag import TaskTag
from meshgate.a2a.selector import Selector
from meshgate.gateway.facts import TaskRoute
from meshgate.gateway.routing.routes import Routes
from meshgate.registry.groups import ANY_SKILL
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Entry

__all__ = ["TaskOwner"]


class TaskOwner:
    """Routes operations on tasks.

    Args:
        index: the registry's content, watched.
        tags: read task ids.
        routes: for calls that name a skill beside the task.
    """

    def __init__(self, index: Index, tags: TaskTags, routes: Routes) -> None:
        self._index = index
        self._tags = tags
        self._routes = routes
        self._by_hash: dict[bytes, str] = {}

    def learn(self, delta: Delta) -> None:
        """Remember the agents and instances that tags may name. An agent is still remembered when its instances have
        left.
        """
        for entry in delta.put:
            if entry.instance.kind == "agent":
                self._by_hash[self._tags.agent(entry.instance.agent)] = entry.instance.agent
                self._by_hash[self._tags.instance(entry.instance.id)] = entry.instance.id

    def route(self, call: Call, target: Selector | None) -> Call:
        """The call with the route to its task, and the fact ``TaskRoute``.

        Raises:
            TaskNotFound: there is no such task, or it is not the caller's: the same answer, to the byte.
        """
        principal = call.principal
        tag = self._own_tag(call.task_id, principal)
        if tag is None:
            raise TaskNotFound
        agent = self._by_hash.get(tag.agent)
        if agent is None or (target is not None and not self._covers(target, agent, call)):
            raise TaskNotFound
        instance, candidates = self._keepers(tag, agent, principal.tenant)
        ids = tuple(entry.instance.id for entry in candidates)
        version = candidates[0].manifest.version
        skill = _skill_of(candidates, target)
        route = Route(agent, skill, version, ids, "the task's owner tag", tenant=principal.tenant)
        target = target or Selector(agent=agent, text=agent)
        return msgspec.structs.replace(call, target=target, route=route).with_fact(
            TaskRoute(tag.upstream, instance, tag.release, tag.owner, tag.context)
        )

    def check_references(self, call: Call) -> None:
        """Check that the tasks that a message refers to are its caller's, unless its agent takes any.

        Raises:
            TaskNotFound: one is not, or does not exist: the two look the same. It says which.
        """
        if self._takes_any(call):
            return
        for at, task_id in enumerate(call.payload.view().message.reference_task_ids):
            if self._own_tag(task_id, call.principal) is None:
                place = f"message.referenceTaskIds[{at}]"
                raise TaskNotFound(f"{place}: task not found", violations=((place, "is no task of the caller's"),))

    def _own_tag(self, task_id: str, principal: Principal) -> TaskTag | None:
        """The tag of a task that the caller may act on; None of any other, which looks as if there were none."""
        tag, admin = self._tags.read(task_id), "admin" in principal.roles
        own = tag is not None and self._tags.owns(tag, tenant=principal.tenant, owner=principal.id, admin=admin)
        return tag if own else None

    def _takes_any(self, call: Call) -> bool:
        entry = self._index.entries.get(call.route.instances[0]) if call.route is not None else None
        return entry is not None and entry.manifest.any_references

    def _covers(self, target: Selector, agent: str, call: Call) -> bool:
        if target.agent:
            return target.agent == agent
        return any(route.agent == agent for route in self._routes.find(target, call.principal))

    def _keepers(self, tag: TaskTag, agent: str, tenant: str) -> tuple[str, list[Entry]]:
        """The instance that made the task, and those that can serve it now."""
        entries = [entry for entry in self._index.instances_of(agent) if entry.instance.tenant == tenant]
        maker = [entry for entry in entries if self._tags.instance(entry.instance.id) == tag.instance]
        shared = [entry for entry in entries if entry.manifest.shared_tasks]
        if shared and (not maker or maker[0].manifest.shared_tasks):
            return self._by_hash.get(tag.instance, ""), shared
        if maker:
            return maker[0].instance.id, maker
        raise TaskNotFound("the instance that kept the task is gone", metadata={"reason": "INSTANCE_GONE"})


def _skill_of(candidates: list[Entry], target: Selector | None) -> str:
    if target is not None and target.skill:
        return target.skill
    skills = candidates[0].manifest.skills
    named = [skill.skill for skill in skills if skill.default] or [skill.skill for skill in skills]
    return ANY_SKILL if candidates[0].manifest.foreign or len(named) != 1 else named[0]
