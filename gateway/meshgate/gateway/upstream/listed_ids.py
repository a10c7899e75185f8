"""The ids in a list of tasks that an agent tells of itself: each task is shown under the id that its caller was given.

Which one that is, the task's label says (``meshgate.a2a.mesh.task_labels``). A task whose label is none of the caller's
is dropped, and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.mesh.context_ids import ContextTags
from meshgate.a2a.mesh.headers import LABEL_KEY, TASKS_AFTER
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_labels import TaskLabels
from meshgate.a2a.mesh.task_tag import TaskTag
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.types import Task
from meshgate.gateway.facts import ListBegin, Spoken, TaskRoute
from meshgate.gateway.upstream.attempt import Attempt
from meshgate.gateway.upstream.ids import AttemptIds

__all__ = ["ListedIds"]


class ListedIds(AttemptIds):
    """Maps the ids of a ``ListTasks`` and of its answer.

    Args:
        labels: read the labels.
        dropped: is told the agent's name for each task that is dropped.
    """

    def __init__(
        self,
        tags: TaskTags,
        contexts: ContextTags,
        call: Call,
        attempt: Attempt,
        labels: TaskLabels,
        dropped: Callable[[str], None],
    ) -> None:
        super().__init__(tags, contexts, call, attempt)
        self._labels, self._dropped = labels, dropped
        self._attempt = attempt

    def for_lists(self, _: TaskLabels, /) -> dict[str, str]:
        """The headers for an agent that lists tasks: where the list begins."""
        begin = self._call.fact(ListBegin)
        return {TASKS_AFTER: begin.text} if begin is not None else {}

    def event(self, event: Payload) -> Payload:
        """The page in the caller's ids, without labels.

        Raises:
            InvalidAgentResponse: an id of the agent's is too long.
        """
        tree = event.tree()
        tasks = [shown for task in tree["tasks"] if (shown := self._shown(task)) is not None]
        return JsonPayload(event.kind, {**tree, "tasks": tasks})

    def _shown(self, task: dict[str, Any]) -> dict[str, Any] | None:
        metadata = dict(task.get("metadata", {}))
        tag = self._tag_of(metadata.pop(LABEL_KEY, None))
        if tag is None:
            self._dropped(self.agent)
            return None
        self._check_length(task["id"], "a task id")
        plain = {key: value for key, value in task.items() if key != "metadata"}
        return self._as_read(tag, {**plain, "metadata": metadata} if metadata else plain)

    def _tag_of(self, label: Any) -> TaskTag | None:
        if label is None:
            return self._labels.plain(owner=self._owner, agent=self.agent, instance=self._instance)
        if not isinstance(label, str):
            return None
        return self._labels.read(label, tenant=self._tenant, owner=self._owner, agent=self.agent)

    def _as_read(self, tag: TaskTag, task: dict[str, Any]) -> dict[str, Any]:
        """The task as a ``GetTask`` by its caller's id shows it."""
        upstream: str = task["id"]
        about = TaskRoute(upstream, self._instance, tag.release, tag.owner, tag.context)
        call = msgspec.structs.replace(self._call, task_id=self._tags.spell(tag, upstream, self._tenant))
        call = call.with_fact(about)
        if tag.release:
            call = call.with_fact(Spoken(tag.release))
        ids = AttemptIds(self._tags, self._contexts, call, self._attempt)
        return ids.event(JsonPayload(Task, task)).tree()
