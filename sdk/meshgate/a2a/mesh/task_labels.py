"""Labels of tasks: all that a task's id says beside the agent's own id, told to the agent before it has made one.

A gateway sends one with each message to an agent that lists tasks. The agent keeps it with the task's owner and gives
it back in lists, so that any gateway, also one that never saw the task, shows it under the id that its caller knows.

A label looks like a task's id without ``~UPSTREAM``: hashes of the agent, the instance and the owner, the context and
the release. Its MAC is of another kind than that of an id, and covers the tenant and all of these. An agent can
neither make a label nor change one, and one of somebody else's task, or of another agent's, is none for a list.
"""

from __future__ import annotations

import functools
import hmac

from meshgate.a2a.mesh.task_ids import SEPARATOR, TaskTags, parsed, written
from meshgate.a2a.mesh.task_tag import TaskTag

__all__ = ["TaskLabels"]

_MAC = 12


class TaskLabels:
    """Makes and reads labels under the key of ``tags``."""

    def __init__(self, tags: TaskTags) -> None:
        self._tags = tags
        # Callers go on with few conversations at few agents, and a label is a pure function of its parts.
        self.make = functools.lru_cache(maxsize=4096)(self._make)

    def _make(self, tenant: str, owner: str, agent: str, instance: str, release: str, context: str) -> str:
        """The label of the tasks that an instance begins for an owner; release and context as in ``TaskTags.tag``."""
        tags = self._tags
        front = tags.agent(agent) + tags.instance(instance) + tags.owner(owner)
        return written(front + self._mac(tenant, front, release, context), release, context)

    def _mac(self, tenant: str, front: bytes, release: str, context: str) -> bytes:
        # A context's part has no separator in it, so that no two pairs are one text.
        return self._tags.mac(b"task.label", tenant, front, context + SEPARATOR + release, _MAC)

    def read(self, label: str, *, tenant: str, owner: bytes, agent: str) -> TaskTag | None:
        """The parts of a label, without an id; None if this mesh did not make it for this owner and agent.

        Args:
            owner: the owner's hash (``TaskTags.owner``).
        """
        tag = parsed(label, "")
        if tag is None:
            return None
        mac = self._mac(tenant, tag.agent + tag.instance + tag.owner, tag.release, tag.context)
        own = hmac.compare_digest(tag.owner, owner) and hmac.compare_digest(tag.agent, self._tags.agent(agent))
        return tag if own and hmac.compare_digest(mac, tag.mac) else None

    def plain(self, *, owner: bytes, agent: str, instance: str) -> TaskTag:
        """What holds for a task that was begun without a label, by a gateway of an older release."""
        return TaskTag(self._tags.agent(agent), self._tags.instance(instance), owner, b"", "")
