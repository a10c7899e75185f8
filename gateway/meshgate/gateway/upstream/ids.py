"""The ids of one attempt, in both directions: what the client calls a task or a context, and what the agent calls it.

The one place where a gateway maps ids, whatever the binding (see ``meshgate.a2a.mesh.task_ids`` and ``context_ids``).
"""

from __future__ import annotations

from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams
from meshgate.a2a.mesh.context_ids import ContextTags, carried_context, context_label
from meshgate.a2a.mesh.headers import TASK_LABEL
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.mesh.task_labels import TaskLabels
from meshgate.a2a.payload import IdMap, Payload
from meshgate.a2a.types import MAX_ID
from meshgate.gateway.facts import Spoken, TaskRoute
from meshgate.gateway.upstream.attempt import Attempt

__all__ = ["AttemptIds"]


class AttemptIds:
    """Maps the ids of one attempt.

    Attributes:
        agent: the agent's name.
        upstream: the agent's id of the task that the attempt is about, "" while none is known.
    """

    def __init__(self, tags: TaskTags, contexts: ContextTags, call: Call, attempt: Attempt) -> None:
        entry = attempt.instance.entry
        self._tags, self._contexts = tags, contexts
        self.agent, self._instance = entry.instance.agent, entry.instance.id
        self._shared = entry.manifest.shared_contexts
        self._call = call
        self._tenant, self._principal = call.principal.tenant, call.principal.id
        self._task = task = call.fact(TaskRoute)
        # A task keeps the id it was given, whichever instance answers for it and whichever principal asks.
        self._known = {task.upstream: call.task_id} if task is not None else {}
        self.upstream = task.upstream if task is not None else ""
        self._owner = task.owner if task is not None else tags.owner(self._principal)
        spoken = call.fact(Spoken)
        self._release = spoken.release if spoken is not None else ""
        self._label = ""
        """What new task ids carry of the caller's context id."""
        self._caller_context, self._agent_context = "", ""
        """One context, as each end calls it, where the caller made its id."""
        self._seen: dict[str, str] = {}
        if task is not None:
            self._begin_on_task(task)
        elif call.context_id and not self._shared:
            self._begin(call.context_id)

    def _begin(self, context: str) -> None:
        """A conversation that the caller names, in a call that is not about a task."""
        own = self._agents_own(context)
        if own is None:
            self._label = context_label(context)
            self._pair(context)
        else:
            self._seen[own] = context

    def _begin_on_task(self, task: TaskRoute) -> None:
        self._label = task.context
        if task.context:
            self._pair(carried_context(task.context) or self._long_context())

    def _long_context(self) -> str:
        """The caller's id of its task's context, where the task's id could not carry it: it may be in the call."""
        context = self._call.context_id
        return "" if self._agents_own(context) is not None else context

    def _pair(self, context: str) -> None:
        if context:
            self._caller_context = context
            self._agent_context = self._contexts.made_by_caller(context, tenant=self._tenant, owner=self._owner)

    def _agents_own(self, context: str) -> str | None:
        return self._contexts.agents_own(context, tenant=self._tenant, owner=self._owner, agent=self.agent)

    # -- to the agent

    def for_lists(self, labels: TaskLabels, /) -> dict[str, str]:
        """The headers for an agent that lists tasks: the label of the task that the call may begin."""
        if self._task is not None or self._call.method.on_task:
            return {}
        about = (self._tenant, self._principal, self.agent, self._instance, self._release, self._label)
        return {TASK_LABEL: labels.make(*about)}

    def request(self, payload: Payload) -> Payload:
        """A request in the agent's ids.

        Raises:
            InvalidParams: the message's context is not that of its task (section 3.4.3).
        """
        call = self._call
        named = self._task is not None or call.context_id
        if not named and not (call.message_id and payload.view().message.reference_task_ids):
            return payload
        return payload.with_ids(IdMap(self._task_out, self._reference_out, self._context_out))

    def _task_out(self, task_id: str) -> str:
        return self._task.upstream if self._task is not None else task_id

    def _reference_out(self, task_id: str) -> str:
        tag = self._tags.read(task_id)
        # Tasks of other agents are known to this one by the ids that the client sees.
        if tag is None or tag.agent != self._tags.agent(self.agent) or not self._tags.genuine(tag, self._tenant):
            return task_id
        return tag.upstream

    def _context_out(self, context: str) -> str:
        if context == self._caller_context:
            return self._agent_context
        own = self._agents_own(context)
        if own is not None:
            return own
        if self._label:
            text = "is not its task's: leave it out, or send the one that the task shows"
            raise InvalidParams(f"message.contextId {text}", violations=(("message.contextId", text),))
        # The agent shares its contexts; or the task is older than the mapping, and its context is what it was.
        return context

    # -- to the client

    def event(self, event: Payload) -> Payload:
        """An event in the client's ids.

        Raises:
            InvalidAgentResponse: an id of the agent's is too long.
        """
        return event.with_ids(IdMap(self._task_in, self._reference_in, self._context_in))

    def _task_in(self, upstream: str) -> str:
        self.upstream = self.upstream or upstream
        found = self._known.get(upstream)
        if found is None:
            self._check_length(upstream, "a task id")
            found = self._known[upstream] = self._tags.tag(
                upstream,
                tenant=self._tenant,
                owner=self._principal,
                agent=self.agent,
                instance=self._instance,
                release=self._release,
                context=self._label,
            )
        return found

    def _reference_in(self, task_id: str) -> str:
        return task_id if self._tags.read(task_id) is not None else self._task_in(task_id)

    def _context_in(self, context: str) -> str:
        if context == self._agent_context:
            return self._caller_context
        found = self._seen.get(context)
        if found is None:
            self._check_length(context, "a context id")
            found = self._seen[context] = self._agents_context(context)
        return found

    def _agents_context(self, context: str) -> str:
        if self._shared and not self._label:
            return context
        return self._contexts.made_by_agent(context, tenant=self._tenant, owner=self._owner, agent=self.agent)

    def _check_length(self, upstream: str, what: str) -> None:
        if 4 * len(upstream) > MAX_ID and len(upstream.encode("utf-8", "surrogatepass")) > MAX_ID:
            raise InvalidAgentResponse(f"{self._instance} sent {what} of more than {MAX_ID} bytes", neutral=True)
