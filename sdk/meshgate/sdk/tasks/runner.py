"""Runs a skill: from its argument to the event that ends its task, however it ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from meshgate.a2a.errors import InternalError, MeshError, UnsupportedOperation, UpstreamDeadline
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.cause import Cause
from meshgate.a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    StreamResponse,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from meshgate.sdk.client.task_errors import cause_of
from meshgate.sdk.client.usage import Usage
from meshgate.sdk.context import Context
from meshgate.sdk.current import CURRENT
from meshgate.sdk.skills.content import text_part
from meshgate.sdk.skills.skill import Skill
from meshgate.sdk.tasks.outcome import Fail, Reject
from meshgate.sdk.tasks.run import StopReason, TaskRun
from meshgate.sdk.tasks.task_state import TaskProjection

__all__ = ["RESULT", "TimestampSource", "answer_with_message", "run_skill", "status_event"]

log = structlog.get_logger(__name__)

TimestampSource = Callable[[], str]
"""Gives the time for a status, as text."""
RESULT = "result"
"""Id of the artifact that holds what a skill returned."""

_STOPPED: dict[StopReason, tuple[TaskState, str]] = {
    "cancel": (TaskState.CANCELED, ""),
    "gone": (TaskState.CANCELED, "the caller left before the work was done"),
    "deadline": (TaskState.FAILED, "the call's deadline passed before the work was done"),
    "shutdown": (TaskState.FAILED, "the agent was shut down before the work was done"),
}


def status_event(
    task: TaskProjection,
    state: TaskState,
    text: str,
    timestamp: TimestampSource,
    usage: Usage | None = None,
    cause: Cause | None = None,
) -> StreamResponse:
    """The event by which a task enters ``state``."""
    message = None
    if text:
        message = Message(
            message_id=secrets.token_hex(16),
            role=Role.AGENT,
            parts=[text_part(text)],
            context_id=task.context_id,
            task_id=task.id,
        )
    metadata: dict[str, Any] = {} if usage is None else {headers.USAGE: usage.tree()}
    if cause is not None:
        metadata[headers.CAUSE] = msgspec.structs.asdict(cause)
    status = TaskStatus(state, message, timestamp())
    return StreamResponse(status_update=TaskStatusUpdateEvent(task.id, status, task.context_id, metadata))


async def run_skill(
    run: TaskRun, skill: Skill, value: Any, context: Context, timestamp: TimestampSource, agent: str
) -> None:
    """Let the skill of an agent work, publish what it gives, and end its task."""
    CURRENT.set(context)
    run.working = True
    cause: Cause | None = None
    try:
        if run.stopping is not None:
            raise asyncio.CancelledError
        if skill.streams:
            await _publish_chunks(run, skill, value, context)
        else:
            parts = skill.gives.write(await skill.start(value, context))
            if parts:
                await run.publish(_artifact(run.task, skill, parts, last=True))
        state, text = TaskState.COMPLETED, ""
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - however it ends, the task's end says so
        if isinstance(error, asyncio.CancelledError):
            context.cancel()
        if isinstance(error, MeshError) and run.stopping is None:
            cause = cause_of(error, f"{agent}.{context.skill}")
        state, text = _end_of(error, run.stopping, cause, skill, context)
    try:
        await run.publish(status_event(run.task, state, text, timestamp, context.used, cause))
    except Exception:
        log.exception("task_not_kept", skill=skill.id, task=run.task.id)
        run.abandon()


def _end_of(
    error: BaseException, stopping: StopReason | None, cause: Cause | None, skill: Skill, context: Context
) -> tuple[TaskState, str]:
    """The state that an error ends a task in, and what its caller may read of it."""
    if stopping is not None:
        return _STOPPED[stopping]
    if isinstance(error, Reject):
        return TaskState.REJECTED, str(error) or "the task was rejected"
    if isinstance(error, Fail):
        return TaskState.FAILED, str(error) or f"{skill.id} failed"
    if cause is not None:
        return TaskState.FAILED, cause.text
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        return _STOPPED["shutdown"]  # the loop is closing
    log.error("skill_failed", skill=skill.id, exc_info=error)
    return TaskState.FAILED, _unexplained(skill, context)


def _unexplained(skill: Skill, context: Context) -> str:
    # What an exception says may hold anything, so its text stays in the log.
    call = f" under call {context.call_id}" if context.call_id else ""
    return f"{skill.id} failed; the agent's log has the reason{call}"


def _artifact(
    task: TaskProjection, skill: Skill, parts: list[Part], *, append: bool = False, last: bool = False
) -> StreamResponse:
    artifact = Artifact(RESULT, parts, skill.id)
    return StreamResponse(artifact_update=TaskArtifactUpdateEvent(task.id, artifact, task.context_id, append, last))


async def _publish_chunks(run: TaskRun, skill: Skill, value: Any, context: Context) -> None:
    append = False
    chunks = skill.start(value, context)
    try:
        async for chunk in chunks:
            parts = skill.gives.write(chunk)
            await run.publish(_artifact(run.task, skill, parts, append=append))
            append = True
            await asyncio.sleep(0)  # lets readers run, also where the skill itself never waits
    finally:
        await chunks.aclose()


async def answer_with_message(skill: Skill, value: Any, context: Context) -> Message:
    """Let a skill that makes no task work, in the caller's own asyncio task.

    Raises:
        MeshError: what the skill raised, in the form of an error.
    """
    token = CURRENT.set(context)
    try:
        left = context.remaining()
        async with asyncio.timeout(None if left == float("inf") else left):
            result = await skill.start(value, context)
        if not isinstance(result, Message):
            result = Message(secrets.token_hex(16), Role.AGENT, skill.gives.write(result))
    except Exception as error:  # noqa: BLE001 - its class decides what the caller is told
        context.cancel()  # a plain function may work on after its time
        raise _as_mesh_error(error, skill, context) from None
    except asyncio.CancelledError:
        context.cancel()
        raise
    finally:
        CURRENT.reset(token)
    metadata = dict(result.metadata)
    if context.used is not None:
        metadata[headers.USAGE] = context.used.tree()
    return msgspec.structs.replace(result, role=Role.AGENT, context_id=context.context_id, metadata=metadata)


def _as_mesh_error(error: Exception, skill: Skill, context: Context) -> MeshError:
    """The error that a caller is given for what a skill without a task raised."""
    if isinstance(error, MeshError):
        return error
    if isinstance(error, Reject):
        return UnsupportedOperation(str(error) or "the agent does not do this")
    if isinstance(error, Fail):
        return InternalError(str(error) or f"{skill.id} failed")
    if isinstance(error, TimeoutError) and context.remaining() <= 0.0:
        return UpstreamDeadline("the call's deadline passed before the work was done")
    log.error("skill_failed", skill=skill.id, exc_info=error)
    return InternalError(_unexplained(skill, context))
