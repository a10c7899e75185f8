"""A task as a gateway knows it, and what a caller asks of a list of them."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable

import msgspec

from meshgate.a2a.lists.page_token import Place
from meshgate.a2a.mesh.task_ids import SEPARATOR

__all__ = ["KnownTask", "KnownTasks", "TaskQuery", "merged", "place", "place_at"]

_AGENT = 6
"""Characters of a tag that name its agent."""


def place(seconds: float, task_id: str) -> Place:
    """The place of a task in a list: the youngest states first, then by agent, then by the agent's own id, as agents
    sort theirs.

    Args:
        task_id: the id as the task's caller knows it.
    """
    tag, _, upstream = task_id.partition(SEPARATOR)
    return -seconds, SEPARATOR.join((tag[:_AGENT], upstream, tag))


def place_at(agent: bytes, last: Place) -> Place:
    """A place in a list of several agents, as one of them is told it: without the ids of the others.

    Args:
        agent: the agent's hash (``TaskTags.agent``).
    """
    seconds, text = last
    of, _, more = text.partition(SEPARATOR)
    own = base64.urlsafe_b64encode(agent).decode("ascii")[:_AGENT]
    if own == of:
        return seconds, more.rpartition(SEPARATOR)[0]
    # All its tasks of that moment come behind the place, or none does.
    return (seconds, "") if own > of else (math.nextafter(seconds, math.inf), "")


class KnownTask(msgspec.Struct, frozen=True):
    """What the last answer or event told of a task."""

    id: str
    """As its caller knows it."""
    agent: str
    context: str
    """As its caller knows it."""
    state: str
    timestamp: str
    """When it entered that state: as the agent said, else when the gateway saw it there first (RFC 3339)."""
    time: float
    """The same, in seconds since 1970."""

    @property
    def place(self) -> Place:
        """Its place in a list."""
        return place(self.time, self.id)


class KnownTasks(msgspec.Struct, frozen=True):
    """Those of one owner that one gateway, or several, know of."""

    rows: list[KnownTask]
    """The first ones."""
    total: int
    """How many there are."""
    since: float
    """The time from which on none is missing, in seconds since 1970."""


class TaskQuery(msgspec.Struct, frozen=True):
    """Which tasks are asked for."""

    agents: tuple[str, ...]
    """Names of agents, in order."""
    context: str = ""
    state: str = ""
    after: float | None = None
    """The time from which on they entered their state, in seconds since 1970."""

    def takes(self, task: KnownTask) -> bool:
        """Whether a task is asked for."""
        return (
            task.agent in self.agents
            and self.context in ("", task.context)
            and self.state in ("", task.state)
            and (self.after is None or task.time >= self.after)
        )

    def digest(self, owner: str) -> str:
        """A short hash of what is asked for and by whom, without the agents: those that may be used change."""
        text = msgspec.json.encode((owner, self.context, self.state, self.after))
        return hashlib.blake2b(text, digest_size=8).hexdigest()


def merged(several: Iterable[KnownTasks]) -> KnownTasks:
    """What several gateways know, in order: of a task that two of them know, the younger state counts."""
    found: dict[str, KnownTask] = {}
    unseen, since = 0, 0.0
    for each in several:
        unseen += each.total - len(each.rows)
        since = max(since, each.since)
        for row in each.rows:
            before = found.get(row.id)
            if before is None or before.time < row.time:
                found[row.id] = row
    rows = sorted(found.values(), key=lambda row: row.place)
    return KnownTasks(rows, len(rows) + unseen, since)
