"""An agent's side of a call: a ``Handler`` over skills and tasks. Knows no binding and no socket."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, cast

import msgspec
import structlog

from meshgate.a2a.call import Call
from meshgate.a2a.errors import InvalidParams, RateLimited, TaskNotFound, UnsupportedOperation
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.payload import Payload, of
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import (
    TERMINAL,
    GetTaskRequest,
    Message,
    SendMessageRequest,
    SendMessageResponse,
    StreamResponse,
    Task,
    TaskState,
    TaskStatus,
)
from meshgate.sdk.client.request import SKILL_METADATA
from meshgate.sdk.context import Context, Home, Turn
from meshgate.sdk.skills.table import Skill, SkillTable
from meshgate.sdk.tasks.engine import Run, Stop, canceled, open_for_messages
from meshgate.sdk.tasks.runner import Clock, answer_plainly, ended, perform
from meshgate.sdk.tasks.stores import SharedTasks, TaskStore
from meshgate.sdk.tasks.task_state import TaskFold

__all__ = ["SKILL_METADATA", "Host"]

log = structlog.get_logger(__name__)

_LISTEN = 0.2
"""Seconds between two looks whether another instance wants a task of this one cancelled."""


class Host:
    """Serves an agent's calls.

    Args:
        name: the agent's name, for messages.
        skills: what it can do.
        home: what contexts need of the agent.
        store: where tasks are kept.
        limits: sizes and times.
        clock: monotonic seconds; deadlines are told on it.
        now: seconds since 1970, for the timestamps of statuses.
    """

    def __init__(
        self,
        name: str,
        skills: SkillTable,
        home: Home,
        store: TaskStore,
        *,
        limits: Limits,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._skills = skills
        self._home = home
        self._store = store
        self._shared = store if isinstance(store, SharedTasks) else None
        self._limits = limits
        self._clock = clock
        self._stamp: Clock = lambda: _stamp(now())
        self._runs: dict[str, Run] = {}
        self._plain: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._methods: dict[str, Callable[[Call], Awaitable[Reply]]] = {
            "SendMessage": self._send,
            "SendStreamingMessage": self._stream,
            "GetTask": self._get,
            "CancelTask": self._cancel,
            "SubscribeToTask": self._subscribe,
        }

    async def handle(self, call: Call) -> Reply:
        """Serve one call: this is the agent's ``Handler``."""
        return await self._methods[call.method.name](call)

    @property
    def open_tasks(self) -> tuple[str, ...]:
        """Ids of the tasks that are worked on, or that wait for their callers."""
        return tuple(self._runs)

    # -- messages

    async def _send(self, call: Call) -> Reply:
        request: SendMessageRequest = call.payload.view()
        wanted = request.configuration
        at_once = wanted is not None and wanted.return_immediately
        turn = self._turn(call, request.message)
        if not request.message.task_id:
            skill, given = self._read(call, request)
            if not skill.task:
                return Reply.one(of(SendMessageResponse(message=await self._plainly(skill, given, turn))))
            run = await self._start(skill, given, turn, shown=at_once)
        else:
            run = await self._continue(turn)
        if at_once:
            run.until(self._limits.task_wait)  # the caller does not wait, so its deadline says nothing of the work
            task = run.fold.task()
        else:
            task = await self._rest(run, turn)
        return Reply.one(of(SendMessageResponse(task=_trim(task, wanted.history_length if wanted else None))))

    async def _rest(self, run: Run, turn: Turn) -> Task:
        run.until(turn.deadline - self._clock())
        try:
            return await run.rests()
        except asyncio.CancelledError:
            run.stop("gone")
            raise

    async def _stream(self, call: Call) -> Reply:
        request: SendMessageRequest = call.payload.view()
        turn = self._turn(call, request.message)
        if request.message.task_id:
            run = await self._continue(turn)
        else:
            skill, given = self._read(call, request)
            if not skill.task:
                return Reply.one(of(StreamResponse(message=await self._plainly(skill, given, turn))))
            run = await self._start(skill, given, turn, shown=True)
        run.until(turn.deadline - self._clock())
        return Reply(run.watch(until_rest=True))

    def _turn(self, call: Call, message: Message) -> Turn:
        deadline = call.deadline
        text = call.headers.get(headers.DEADLINE)
        if text is not None:
            try:
                seconds = float(text)
            except ValueError:
                seconds = -1.0
            if not seconds >= 0.0:
                raise InvalidParams(f"the header {headers.DEADLINE} is a number of seconds, not {text[:32]!r}")
            deadline = min(deadline, self._clock() + seconds)
        return Turn(message, call.headers, deadline, self._clock)

    def _read(self, call: Call, request: SendMessageRequest) -> tuple[Skill, Any]:
        """Which skill is meant, in the form that the caller accepts, and its argument."""
        message, wanted = request.message, request.configuration
        named = call.headers.get(headers.SKILL) or str(message.metadata.get(SKILL_METADATA, ""))
        skill = self._skills.find(named)
        given = skill.takes.read(message)
        return skill.answering(wanted.accepted_output_modes) if wanted is not None else skill, given

    async def _plainly(self, skill: Skill, given: Any, turn: Turn) -> Message:
        context = Context(
            self._home,
            turn,
            skill=skill.id,
            task_id="",
            context_id=turn.message.context_id,
            stamp=self._stamp,
            emit=_needs_a_task,
            wait=_needs_a_task,
        )
        serving = cast("asyncio.Task[Any]", asyncio.current_task())
        self._plain.add(serving)
        try:
            return await answer_plainly(skill, given, context)
        finally:
            self._plain.discard(serving)

    async def _start(self, skill: Skill, given: Any, turn: Turn, *, shown: bool) -> Run:
        if len(self._runs) >= self._limits.tasks_open:
            raise RateLimited(
                f"{self._name} has {self._limits.tasks_open} tasks open, the most it takes", retry_after=1.0
            )
        task_id = secrets.token_hex(16)
        context_id = turn.message.context_id or secrets.token_hex(16)
        heard = msgspec.structs.replace(turn.message, task_id=task_id, context_id=context_id)
        status = TaskStatus(TaskState.WORKING, None, self._stamp())
        fold = TaskFold(Task(task_id, status, context_id, history=[heard]), self._limits.task_turns)
        # Nobody knows the id of a task whose caller is still waiting, so nobody can ask for it elsewhere.
        run = Run(fold, self._store, self._shared if shown else None, self._limits)
        context = Context(
            self._home,
            turn,
            skill=skill.id,
            task_id=task_id,
            context_id=context_id,
            stamp=self._stamp,
            emit=run.publish,
            wait=run.ask,
            gives=skill.gives,
        )
        self._runs[task_id] = run
        try:
            await run.begin()
        except BaseException:
            del self._runs[task_id]
            raise
        run.worker = asyncio.get_running_loop().create_task(self._work(run, skill, given, context))
        if self._listener is None and self._shared is not None:
            self._listener = asyncio.get_running_loop().create_task(self._listen(self._shared))
        return run

    async def _work(self, run: Run, skill: Skill, given: Any, context: Context) -> None:
        try:
            await perform(run, skill, given, context, self._stamp)
        finally:
            run.until(None)
            run.worker = None  # each holds the other, and a collector would have to find out
            del self._runs[run.fold.id]

    async def _continue(self, turn: Turn) -> Run:
        """Give a message to the task that asked for it."""
        message = turn.message
        run = self._runs.get(message.task_id)
        if run is None:
            open_for_messages(await self._load(message.task_id))
        elif message.context_id and message.context_id != run.fold.context_id:
            raise InvalidParams("the message's contextId is not its task's: leave it out, or send the task's")
        elif run.answer is None or run.answer.done():
            open_for_messages(run.fold.task())
        else:
            await run.publish(ended(run.fold, TaskState.WORKING, "", self._stamp))
            run.fold.heard(msgspec.structs.replace(message, context_id=run.fold.context_id))
            run.answer.set_result(turn)
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
        run = self._runs.get(request.id)
        task = run.fold.task() if run is not None else await self._load(request.id)
        return Reply.one(of(_trim(task, request.history_length)))

    async def _cancel(self, call: Call) -> Reply:
        run = self._runs.get(call.task_id)
        if run is not None:
            return Reply.one(of(await run.cancel(self._forced)))
        task = await self._load(call.task_id)
        if task.status.state not in TERMINAL and self._shared is not None:
            await self._shared.ask_cancel(task.id)
            task = await self._followed(self._shared, task)
        return Reply.one(of(canceled(task)))

    def _forced(self, run: Run) -> StreamResponse:
        return ended(run.fold, TaskState.CANCELED, "", self._stamp)

    async def _followed(self, store: SharedTasks, task: Task) -> Task:
        fold = TaskFold(task, self._limits.task_turns)
        try:
            async with asyncio.timeout(self._limits.cancel_seconds + 1.0):
                async for event in store.follow(task.id):
                    fold.apply(event)
        except TimeoutError:
            pass  # the other instance does not stop it: it is said as it is
        return fold.task()

    async def _subscribe(self, call: Call) -> Reply:
        run = self._runs.get(call.task_id)
        if run is not None and not run.over:
            return Reply(run.watch(until_rest=False))
        task = await self._load(call.task_id)
        if task.status.state in TERMINAL or self._shared is None:
            raise UnsupportedOperation(f"the task has ended ({task.status.state}): read it with GetTask")
        return Reply(_payloads(self._shared.follow(task.id)))

    async def _listen(self, store: SharedTasks) -> None:
        """Cancel what other instances were asked to cancel, while there is something to cancel."""
        try:
            while self._runs:
                await asyncio.sleep(_LISTEN)
                for task_id in await store.cancels():
                    if (run := self._runs.get(task_id)) is not None:
                        run.stop("cancel")
        except Exception:
            log.exception("cancels_not_read", agent=self._name)
        finally:
            self._listener = None  # the next task starts it again

    # -- ending

    async def drain(self, seconds: float) -> None:
        """Wait for the work that is open, ``seconds`` at most; what waits for a caller's answer is not waited for."""
        deadline = asyncio.get_running_loop().time() + seconds
        while busy := self._busy():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0.0:
                return
            await asyncio.wait(busy, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _busy(self) -> list[asyncio.Task[Any]]:
        working = [run.worker for run in self._runs.values() if run.answer is None and run.worker is not None]
        return [*working, *self._plain]

    async def stop(self, why: Stop = "shutdown") -> None:
        """Cancel all work, wait for it to end, and close the store."""
        workers = [run.worker for run in self._runs.values() if run.worker is not None]
        for run in tuple(self._runs.values()):
            run.stop(why)
        if workers:
            await asyncio.wait(workers, timeout=self._limits.cancel_seconds)
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        await self._store.aclose()


async def _needs_a_task(_: StreamResponse) -> NoReturn:
    raise RuntimeError("this skill answers with a plain message: leave task=False out to tell of progress or to ask")


async def _payloads(events: AsyncIterator[StreamResponse]) -> AsyncIterator[Payload]:
    async for event in events:
        yield of(event)


def _trim(task: Task, length: int | None) -> Task:
    """The task with at most so many messages of its history (section 3.2.4)."""
    if length is None or length >= len(task.history):
        return task
    return msgspec.structs.replace(task, history=task.history[-length:] if length else [])


def _stamp(now: float) -> str:
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
