"""The desk, as the Python SDK of A2A 0.3 serves an agent: it does what the desk of ``agent/desk.py`` does.

It serves over the binding that it is told, writes its address into the file that it is told, and answers until SIGTERM
comes. A second argument makes it the herald, which answers with a message and makes no task.
"""

import asyncio
import base64
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import uvicorn
from a2a.grpc import a2a_pb2_grpc
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.apps import A2ARESTFastAPIApplication, A2AStarletteApplication
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler, GrpcHandler
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentSkill,
    DataPart,
    FilePart,
    FileWithBytes,
    Message,
    Part,
    TextPart,
)
from a2a.utils import get_message_text, new_agent_text_message, new_task

Tree = dict[str, Any]


def text(said: str) -> list[Part]:
    """A text as parts."""
    return [Part(root=TextPart(text=said))]


def received(part: Part) -> Tree:
    """A part as it arrived, with the names that A2A 1.0 has for what it holds."""
    match part.root:
        case DataPart(data=data, metadata=metadata):
            kept = (metadata or {}).get("meshgate/v1", {})
            return {"data": data, "mediaType": kept.get("mediaType", ""), "filename": kept.get("filename", "")}
        case FilePart(file=FileWithBytes(bytes=raw, mime_type=media_type, name=name)):
            return {"raw": base64.b64decode(raw).hex(), "mediaType": media_type, "filename": name or ""}
        case other:
            return {"unexpected": other.model_dump(mode="json")}


class Desk(AgentExecutor):
    """It shouts, counts, books and waits."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Do what the first word of the task's first message says."""
        message = context.message
        assert message is not None
        task = context.current_task
        if task is None:
            task = new_task(message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        first = task.history[0] if task.history else message
        word, _, rest = str(first.parts[0].root.text).partition(" ")
        if message.parts[1:]:
            told: Tree = {"parts": [received(part) for part in message.parts[1:]]}
            await updater.add_artifact([Part(root=DataPart(data=told))], artifact_id="received", name="received")
        does: dict[str, Callable[..., Awaitable[None]]] = {"shout": shout, "count": count, "book": book, "wait": wait}
        if word in does:
            await does[word](updater, rest, message)
        else:
            await updater.failed(updater.new_agent_message(text(f"the desk does not know the word {word!r}")))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Say that the task is cancelled; the SDK has cancelled its work."""
        assert context.task_id is not None
        assert context.context_id is not None
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


async def shout(updater: TaskUpdater, rest: str, message: Message) -> None:
    """What is said, in capitals."""
    await updater.add_artifact(text(rest.upper()), artifact_id="result")
    await updater.complete()


async def count(updater: TaskUpdater, rest: str, message: Message) -> None:
    """The numbers up to this one, a chunk for each."""
    await updater.start_work(updater.new_agent_message(text("counting")))
    for number in range(1, int(rest) + 1):
        more = {"append": number > 1, "last_chunk": number == int(rest)}
        await updater.add_artifact(text(f"{number} "), artifact_id="result", **more)
    await updater.complete()


async def book(updater: TaskUpdater, rest: str, message: Message) -> None:
    """A table, once it is known for how many."""
    said = get_message_text(message)
    if said.startswith("book "):
        await updater.requires_input(updater.new_agent_message(text("For how many?")), final=True)
        return
    await updater.add_artifact(text(f"A table at {rest} for {said}"), artifact_id="result")
    await updater.complete()


async def wait(updater: TaskUpdater, rest: str, message: Message) -> None:
    """Nothing, until it is cancelled."""
    await updater.start_work(updater.new_agent_message(text("waiting")))
    await asyncio.Event().wait()


class Herald(AgentExecutor):
    """It greets with a message, and makes no task."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Greet."""
        await event_queue.enqueue_event(new_agent_text_message(f"Good day, {context.get_user_input()}"))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """There is nothing to cancel."""


def card_of(name: str, url: str, binding: str) -> AgentCard:
    """The agent's card."""
    skill = AgentSkill(id="serve", name="serve", description="Does what the first word says", tags=["desk"])
    return AgentCard(
        name=name,
        description="Shouts, counts and books",
        version="1.0.0",
        url=url,
        preferred_transport=binding,
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain", "application/json"],
        default_output_modes=["text/plain", "application/json"],
        skills=[skill],
    )


async def main(binding: str, told: Path, name: str = "desk") -> None:
    """Serve until SIGTERM comes."""
    handler = DefaultRequestHandler(Herald() if name == "herald" else Desk(), InMemoryTaskStore())
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with contextlib.AsyncExitStack() as running:
        reached = address
        if binding == "GRPC":
            server = grpc.aio.server()
            reached = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        card = card_of(f"{name}-of-0-3", reached, binding)
        if binding == "GRPC":
            a2a_pb2_grpc.add_A2AServiceServicer_to_server(GrpcHandler(card, handler), server)
            await server.start()
            running.push_async_callback(server.stop, None)
        makes = A2ARESTFastAPIApplication if binding == "HTTP+JSON" else A2AStarletteApplication
        app = makes(card, handler).build()
        serving = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
        asyncio.get_running_loop().call_soon(told.write_text, address)
        await serving.serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
