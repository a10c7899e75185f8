"""The agents that are asked for their callers' tasks, and the tasks that are theirs to tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from meshgate.a2a.call import Route
from meshgate.a2a.lists.page_token import Place
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.routing.switch_match import keys_of_skills
from meshgate.gateway.tasks.known_task import KnownTask, place_at
from meshgate.registry.groups import ANY_SKILL
from meshgate.registry.index import Index
from meshgate.registry.model import Entry

__all__ = ["AskedAgents", "TaskSources"]


class AskedAgents(msgspec.Struct, frozen=True):
    """The agents that are asked for one list."""

    routes: tuple[Route, ...]
    """To each instance, or to any of those that share their tasks."""
    live: dict[bytes, bool]
    """By the hash of an instance that is listed: whether it, or its agent's store, is asked."""
    shared: frozenset[str]
    """Agents whose store is asked, which holds the tasks of instances that are gone."""

    def tell_of(self, task: KnownTask, tags: TaskTags) -> bool:
        """Whether one of them tells of a task, so that what a gateway remembers of it does not count."""
        tag = tags.read(task.id)
        asked = self.live.get(tag.instance) if tag is not None else None
        return asked if asked is not None else task.agent in self.shared


class TaskSources:
    """Finds the agents to ask.

    An agent that is switched off is not asked: of its tasks the last known states are shown, as of any agent that
    cannot be read.

    Args:
        index: the registry's content, watched.
    """

    def __init__(self, index: Index, tags: TaskTags) -> None:
        self._index, self._tags = index, tags

    def of(self, agents: Iterable[str], tenant: str) -> AskedAgents:
        """Those of these agents that list tasks."""
        routes: list[Route] = []
        live: dict[bytes, bool] = {}
        shared: set[str] = set()
        for agent in agents:
            entries = [entry for entry in self._index.instances_of(agent) if entry.instance.tenant == tenant]
            asked = [] if self._is_off(agent, tenant, entries) else [each for each in entries if _lists(each)]
            stores = [entry for entry in asked if entry.manifest.shared_tasks]
            alone = [[entry] for entry in asked if not entry.manifest.shared_tasks]
            routes += [_route(agent, tenant, some) for some in ([stores] if stores else []) + alone]
            live |= {self._tags.instance(entry.instance.id): entry in asked for entry in entries}
            if stores:
                shared.add(agent)
        return AskedAgents(tuple(routes), live, frozenset(shared))

    def behind(self, agent: str, last: Place) -> Place:
        """The place in an agent's own list behind which a page begins that begins behind ``last``."""
        return place_at(self._tags.agent(agent), last)

    def _is_off(self, agent: str, tenant: str, entries: Sequence[Entry]) -> bool:
        keys = keys_of_skills(tenant, agent, ANY_SKILL, entries)
        return any(switch.key in keys for switch in self._index.switches)


def _lists(entry: Entry) -> bool:
    return entry.manifest.lists_tasks


def _route(agent: str, tenant: str, entries: Sequence[Entry]) -> Route:
    ids = tuple(entry.instance.id for entry in entries)
    return Route(agent, ANY_SKILL, entries[0].manifest.version, ids, "it lists its tasks", tenant=tenant)
