"""An agent's side of a call: a ``Handler`` over skills and tasks. Knows no binding and no socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidParams, PushNotificationNotSupported, TaskNotFound, UnsupportedOperation
from meshgate.a2a.limits import Limits
from meshgate.a2a.lists.task_list import ListTasksRequest
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.extensions import BY_AGENTS, with_activated
from meshgate.a2a.methods import PUSH_METHODS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import Payload, payload_of
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import (
    TERMINAL,
    GetTaskRequest,
    Message,
    SendMessageConfiguration,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    Task,
    TaskState,
)
from meshgate.sdk.caller import caller_of
from meshgate.sdk.context import ContextAgent
from meshgate.sdk.inbound_call import InboundCall
from meshgate.sdk.skills.skill import Skill
from meshgate.sdk.skills.table import SkillTable
from meshgate.sdk.tasks.run import TaskRun, refuse_message, require_canceled
from meshgate.sdk.tasks.runner import status_event
from meshgate.sdk.tasks.stores import SharedTasks, TaskStore
from meshgate.sdk.tasks.task_list import TaskList, with_history
from meshgate.sdk.tasks.task_state import TaskProjection
from meshgate.sdk.tasks.workload import Workload

__all__ = ["AgentHandler"]

_NO_CONFIGURATION = SendMessageConfiguration()
_NO_PUSH = "an agent of the SDK sends no push notifications itself: configure them at its gateway"


class AgentHandler:
    """Serves an agent's calls.

    Args:
        name: the agent's name, for messages.
        skills: what it can do.
        agent: what contexts need of the agent.
        store: where tasks are kept.
        limits: sizes and times.
        clock: monotonic seconds; deadlines are points on it.
        now: seconds since 1970, for the timestamps of statuses.
    """

    def __init__(
        self,
        name: str,
        skills: SkillTable,
        agent: ContextAgent,
        store: TaskStore,
        *,
        limits: Limits,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self.workload = Workload(name, agent, store, limits, now)
        self._skills = skills
        self._store = store
        self._shared = store if isinstance(store, SharedTasks) else None
        self._tasks = TaskList(store, self.workload, limits)
        self._limits = limits
        self._clock = clock
        self._methods: dict[str, Callable[[Call], Awaitable[Reply]]] = {
            "SendMessage": self._send,
            "SendStreamingMessage": self._stream,
            "GetTask": self._get,
            "CancelTask": self._cancel,
            "SubscribeToTask": self._subscribe,
            "ListTasks": self._list,
        }

    async def handle(self, call: Call) -> Reply:
        """Serve one call: this is the agent's ``Handler``."""
        serve = self._methods.get(call.method.name)
        if call.method.name in PUSH_METHODS:
            raise PushNotificationNotSupported(_NO_PUSH)
        if serve is None:
            raise UnsupportedOperation(f"{call.method.name} is not served by agents of the SDK")
        reply = await serve(call)
        if told := with_activated({}, call.headers, BY_AGENTS):
            reply.head = Head(told)
        return reply

    # -- messages

    async def _send(self, call: Call) -> Reply:
        request: SendMessageRequest = call.payload.view()
        configuration = request.configuration or _NO_CONFIGURATION
        at_once = configuration.return_immediately
        inbound = self._inbound(call, request.message)
        run = await self._run(call, request, inbound, shown=at_once)
        if isinstance(run, Message):
            return Reply.one(payload_of(SendMessageResponse(message=run)))
        if at_once:
            # The caller does not wait, so its deadline says nothing of the work.
            run.stop_after(self._limits.task_wait)
            task = run.task.snapshot()
        else:
            task = await self._wait(run, inbound)
        return Reply.one(payload_of(SendMessageResponse(task=with_history(task, configuration.history_length))))

    async def _wait(self, run: TaskRun, inbound: InboundCall) -> Task:
        run.stop_after(inbound.deadline - self._clock())
        try:
            return await run.wait_for_rest()
        except asyncio.CancelledError:
            run.stop("gone")
            raise

    async def _stream(self, call: Call) -> Reply:
        request: SendMessageRequest = call.payload.view()
        inbound = self._inbound(call, request.message)
        run = await self._run(call, request, inbound, shown=True)
        if isinstance(run, Message):
            return Reply.one(payload_of(StreamResponse(message=run)))
        run.stop_after(inbound.deadline - self._clock())
        return Reply(run.subscribe(until_rest=True))

    async def _run(
        self, call: Call, request: SendMessageRequest, inbound: InboundCall, *, shown: bool
    ) -> TaskRun | Message:
        """The run that a message begins or goes on with, or the answer of a skill that makes no task."""
        if request.message.task_id:
            return await self._continue(inbound)
        skill, value = self._read(call, request)
        if not skill.task:
            return await self.workload.answer(skill, value, inbound)
        return await self.workload.start(skill, value, inbound, shown=shown)

    def _inbound(self, call: Call, message: Message) -> InboundCall:
        deadline = call.deadline
        text = call.headers.get(headers.DEADLINE)
        if text is not None:
            deadline = min(deadline, self._clock() + _seconds(text))
        return InboundCall(message, call.headers, deadline, self._clock)

    def _read(self, call: Call, request: SendMessageRequest) -> tuple[Skill, Any]:
        """Which skill is meant, in the form that the caller accepts, and its argument."""
        message, configuration = request.message, request.configuration
        if configuration is not None and configuration.task_push_notification_config is not None:
            raise PushNotificationNotSupported(_NO_PUSH)
        name = call.headers.get(headers.SKILL) or str(message.metadata.get(headers.SKILL_KEY, ""))
        skill = self._skills.find(name, message)
        value = skill.takes.read(message)
        return skill.for_modes(configuration.accepted_output_modes) if configuration is not None else skill, value

    async def _continue(self, inbound: InboundCall) -> TaskRun:
        """Give a message to the task that asked for it."""
        message = inbound.message
        run = self.workload.find(message.task_id)
        if run is None:
            refuse_message(await self._load(message.task_id))
        elif message.context_id and message.context_id != run.task.context_id:
            raise InvalidParams("the message's contextId is not its task's: leave it out, or send the task's")
        elif run.answer is None or run.answer.done():
            refuse_message(run.task.snapshot())
        else:
            await run.publish(status_event(run.task, TaskState.WORKING, "", self.workload.timestamp))
            run.task.add_message(msgspec.structs.replace(message, context_id=run.task.context_id))
            run.answer.set_result(inbound)
            return run
        raise UnsupportedOperation("the task takes no message")

    # -- tasks

    async def _load(self, task_id: str) -> Task:
        task = await self._store.load(task_id)
        if task is None:
            raise TaskNotFound
        return task

    async def _get(self, call: Call) -> Reply:
        request: GetTaskRequest = call.payload.view()
        run = self.workload.find(request.id)
        task = run.task.snapshot() if run is not None else await self._load(request.id)
        return Reply.one(payload_of(with_history(task, request.history_length)))

    async def _list(self, call: Call) -> Reply:
        request: ListTasksRequest = call.payload.view()
        owner, after = caller_of(call.headers).owner, call.headers.get(headers.TASKS_AFTER)
        return Reply.one(payload_of(await self._tasks.page(request, owner, after)))

    async def _cancel(self, call: Call) -> Reply:
        run = self.workload.find(call.task_id)
        if run is not None:
            return Reply.one(payload_of(await run.cancel(self._canceled_event)))
        task = await self._load(call.task_id)
        if task.status.state not in TERMINAL and self._shared is not None:
            await self._shared.ask_cancel(task.id)
            task = await self._follow_to_end(self._shared, task)
        return Reply.one(payload_of(require_canceled(task)))

    def _canceled_event(self, run: TaskRun) -> StreamResponse:
        return status_event(run.task, TaskState.CANCELED, "", self.workload.timestamp)

    async def _follow_to_end(self, store: SharedTasks, task: Task) -> Task:
        followed = TaskProjection(task, self._limits.task_turns)
        # A second longer than the other instance waits for its own work, which it then ends by force.
        try:
            async with asyncio.timeout(self._limits.cancel_seconds + 1.0):
                async for event in store.follow(task.id):
                    followed.apply(event)
        except TimeoutError:
            pass  # the other instance does not stop it: the caller is told the task as it stands
        return followed.snapshot()

    async def _subscribe(self, call: Call) -> Reply:
        run = self.workload.find(call.task_id)
        if run is not None and not run.ended:
            return Reply(run.subscribe(until_rest=False))
        task = await self._load(call.task_id)
        if task.status.state in TERMINAL or self._shared is None:
            raise UnsupportedOperation(f"the task has ended ({task.status.state}): read it with GetTask")
        return Reply(_payloads(self._shared.follow(task.id)))


def _seconds(text: str) -> float:
    """The deadline in a call's header.

    Raises:
        InvalidParams: it is no finite number of seconds from 0.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise InvalidParams(f"the header {headers.DEADLINE} is a number of seconds, not {text[:32]!r}")
    return seconds


async def _payloads(events: AsyncIterator[StreamResponse]) -> AsyncIterator[Payload]:
    async for event in events:
        yield payload_of(event)
