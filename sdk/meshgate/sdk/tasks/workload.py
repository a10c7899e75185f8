"""The work of an agent: the tasks and plain answers that it works on now."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, NoReturn, cast

import msgspec
import structlog

from meshgate.a2a.codec.timestamps import timestamp_of
from meshgate.a2a.errors import RateLimited
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.types import Message, StreamResponse, Task, TaskState, TaskStatus
from meshgate.sdk.caller import caller_of
from meshgate.sdk.context import Context, ContextAgent
from meshgate.sdk.inbound_call import InboundCall
from meshgate.sdk.skills.skill import Skill
from meshgate.sdk.tasks.run import StopReason, TaskRun
from meshgate.sdk.tasks.runner import answer_with_message, run_skill
from meshgate.sdk.tasks.stores import OwnedTasks, SharedTasks, TaskStore
from meshgate.sdk.tasks.task_state import TaskProjection

__all__ = ["Workload"]

log = structlog.get_logger(__name__)


class Workload:
    """Starts an agent's work, finds it, drains it and stops it.

    Args:
        name: the agent's name, for messages.
        agent: what contexts need of the agent.
        store: where tasks are kept.
        limits: how many tasks may be open, and times.
        now: seconds since 1970, for the timestamps of statuses.
    """

    def __init__(
        self, name: str, agent: ContextAgent, store: TaskStore, limits: Limits, now: Callable[[], float]
    ) -> None:
        self._name = name
        self._agent = agent
        self._store = store
        self._shared = store if isinstance(store, SharedTasks) else None
        self._owned = store if isinstance(store, OwnedTasks) else None
        self._limits = limits
        self._now = now
        self._runs: dict[str, TaskRun] = {}
        self._answering: set[asyncio.Task[Any]] = set()
        self._cancel_listener: asyncio.Task[None] | None = None

    @property
    def open_tasks(self) -> tuple[str, ...]:
        """Ids of the tasks that are worked on, or that wait for their callers."""
        return tuple(self._runs)

    def find(self, task_id: str) -> TaskRun | None:
        """The run of a task that is open here."""
        return self._runs.get(task_id)

    def of(self, owner: str) -> list[TaskRun]:
        """The runs of an owner's tasks that are open here."""
        return [run for run in self._runs.values() if run.owner == owner]

    def timestamp(self) -> str:
        """The time as a status says it: RFC 3339, UTC."""
        return timestamp_of(self._now())

    # -- starting

    async def answer(self, skill: Skill, value: Any, inbound: InboundCall) -> Message:
        """Let a skill answer with a plain message, in the caller's own asyncio task.

        Raises:
            MeshError: the skill failed.
        """
        context = Context(
            self._agent,
            inbound,
            skill=skill.id,
            task_id="",
            context_id=inbound.message.context_id,
            timestamp=self.timestamp,
            emit=_refuse_without_task,
            wait=_refuse_without_task,
        )
        answering = cast("asyncio.Task[Any]", asyncio.current_task())
        self._answering.add(answering)
        try:
            return await answer_with_message(skill, value, context)
        finally:
            self._answering.discard(answering)

    async def start(self, skill: Skill, value: Any, inbound: InboundCall, *, shown: bool) -> TaskRun:
        """Start a task.

        Args:
            shown: whether its caller is told the task's id before it rests.

        Raises:
            RateLimited: too many tasks are open.
        """
        if len(self._runs) >= self._limits.tasks_open:
            most = self._limits.tasks_open
            raise RateLimited(f"{self._name} has {most} tasks open, the most it takes", retry_after=1.0)
        task = self._new_task(inbound.message)
        # A caller that waits does not know the task's id yet, so nobody can ask another instance for the task.
        shared, owner = self._shared if shown else None, caller_of(inbound.received).owner
        label = inbound.received.get(headers.TASK_LABEL, "")
        run = TaskRun(task, self._store, shared, self._limits, owner=owner, label=label, owned=self._owned)
        context = self._context(skill, inbound, run)
        self._runs[task.id] = run
        try:
            await run.begin()
        except BaseException:
            del self._runs[task.id]
            raise
        run.worker = asyncio.get_running_loop().create_task(self._work(run, skill, value, context))
        self._listen_for_cancels()
        return run

    def _context(self, skill: Skill, inbound: InboundCall, run: TaskRun) -> Context:
        return Context(
            self._agent,
            inbound,
            skill=skill.id,
            task_id=run.task.id,
            context_id=run.task.context_id,
            timestamp=self.timestamp,
            emit=run.publish,
            wait=run.ask,
            gives=skill.gives,
        )

    def _new_task(self, message: Message) -> TaskProjection:
        task_id = secrets.token_hex(16)
        context_id = message.context_id or secrets.token_hex(16)
        first = msgspec.structs.replace(message, task_id=task_id, context_id=context_id)
        status = TaskStatus(TaskState.WORKING, None, self.timestamp())
        return TaskProjection(Task(task_id, status, context_id, history=[first]), self._limits.task_turns)

    async def _work(self, run: TaskRun, skill: Skill, value: Any, context: Context) -> None:
        try:
            await run_skill(run, skill, value, context, self.timestamp, self._name)
        finally:
            run.stop_after(None)
            run.worker = None  # the run and its worker hold each other; without this they wait for a full collection
            del self._runs[run.task.id]

    # -- cancels that other instances were asked for

    def _listen_for_cancels(self) -> None:
        if self._cancel_listener is None and self._shared is not None:
            self._cancel_listener = asyncio.get_running_loop().create_task(self._read_cancels(self._shared))

    async def _read_cancels(self, store: SharedTasks) -> None:
        """Cancel what other instances were asked to cancel, for as long as a task is open here."""
        try:
            while self._runs:
                await asyncio.sleep(self._limits.cancel_poll)
                for task_id in await store.cancels():
                    if (run := self._runs.get(task_id)) is not None:
                        run.stop("cancel")
        except Exception:
            log.exception("cancels_not_read", agent=self._name)
        finally:
            self._cancel_listener = None  # the next task starts it again

    # -- ending

    async def drain(self, seconds: float) -> None:
        """Wait for the work that is open, ``seconds`` at most; what waits for a caller's answer is not waited for."""
        deadline = asyncio.get_running_loop().time() + seconds
        while working := self._working():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0.0:
                return
            # One end at a time: work that ends may leave other work that began meanwhile.
            await asyncio.wait(working, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _working(self) -> list[asyncio.Task[Any]]:
        workers = [run.worker for run in self._runs.values() if run.answer is None and run.worker is not None]
        return [*workers, *self._answering]

    async def stop(self, why: StopReason = "shutdown") -> None:
        """Cancel all work, wait for it to end, and close the store."""
        workers = [run.worker for run in self._runs.values() if run.worker is not None]
        for run in tuple(self._runs.values()):
            run.stop(why)
        if workers:
            await asyncio.wait(workers, timeout=self._limits.cancel_seconds)
        if self._cancel_listener is not None:
            self._cancel_listener.cancel()
            self._cancel_listener = None
        await self._store.aclose()


async def _refuse_without_task(_: StreamResponse) -> NoReturn:
    raise RuntimeError("this skill answers with a plain message: leave task=False out to tell of progress or to ask")
