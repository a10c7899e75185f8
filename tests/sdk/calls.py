"""Calls to an agent without a wire: A2A's JSON in, the agent's own events out."""

import json
from contextlib import aclosing
from typing import Any

from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.call import Call
from meshgate.a2a.mesh import headers
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse, Task
from meshgate.sdk import Agent


def make_call(method: str, params: dict[str, Any], **sent: str) -> Call:
    """The call that a JSON-RPC request with these headers (underscores for dashes) asks for."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    named = {name.replace("_", "-"): value for name, value in sent.items()}
    return jsonrpc.decode_call(jsonrpc.decode_envelope(body), named, None)


def saying(
    text: str | None = None,
    *,
    data: Any = None,
    parts: list[dict[str, Any]] | None = None,
    configuration: dict[str, Any] | None = None,
    **message: Any,
) -> dict[str, Any]:
    """Parameters of SendMessage."""
    said = list(parts or [])
    if text is not None:
        said.append({"text": text})
    if data is not None:
        said.append({"data": data})
    params: dict[str, Any] = {"message": {"messageId": "m1", "role": "ROLE_USER", "parts": said, **message}}
    if configuration is not None:
        params["configuration"] = configuration
    return params


async def answer(agent: Agent, call: Call) -> Any:
    """The one event of a unary call."""
    reply = await agent.handle(call)
    async with aclosing(reply):
        return (await reply.answer()).view()


async def send(agent: Agent, text: str | None = None, *, skill: str = "", deadline: str = "", **said: Any) -> Task:
    """SendMessage, answered with a task."""
    sent = {headers.SKILL: skill} | ({headers.DEADLINE: deadline} if deadline else {})
    task: Task = (await answer(agent, make_call("SendMessage", saying(text, **said), **sent))).task
    return task


async def stream(agent: Agent, text: str | None = None, *, skill: str = "", deadline: str = "", **said: Any) -> Reply:
    """SendStreamingMessage."""
    sent = {headers.SKILL: skill} | ({headers.DEADLINE: deadline} if deadline else {})
    return await agent.handle(make_call("SendStreamingMessage", saying(text, **said), **sent))


async def read(reply: Reply) -> list[StreamResponse]:
    """All that is left of a stream."""
    async with aclosing(reply):
        return [event.view() async for event in reply]


async def get(agent: Agent, task_id: str, **params: Any) -> Task:
    task: Task = await answer(agent, make_call("GetTask", {"id": task_id, **params}))
    return task


async def cancel(agent: Agent, task_id: str) -> Task:
    task: Task = await answer(agent, make_call("CancelTask", {"id": task_id}))
    return task


async def subscribe(agent: Agent, task_id: str) -> Reply:
    return await agent.handle(make_call("SubscribeToTask", {"id": task_id}))


def text_of(task: Task) -> str:
    return "".join(str(part.text) for artifact in task.artifacts for part in artifact.parts)


def said_by(task: Task) -> str:
    message = task.status.message
    return "" if message is None else "".join(str(part.text) for part in message.parts)
