"""A bare a2a-sdk agent that echoes: the peer of an SDK agent. Serves on a free port, printed on the first line."""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import a2a_pb2
from starlette.applications import Starlette


class Echo(AgentExecutor):
    """Answers with a message of the same text."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = a2a_pb2.Message(
            message_id="r1", role=a2a_pb2.ROLE_AGENT, parts=[a2a_pb2.Part(text=context.get_user_input())]
        )
        await event_queue.enqueue_event(message)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise RuntimeError("an echo cannot be cancelled")


async def main() -> None:
    """Serve until the standard input ends."""
    card = a2a_pb2.AgentCard(
        name="echo",
        description="echoes",
        version="1.0.0",
        capabilities=a2a_pb2.AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[a2a_pb2.AgentSkill(id="echo", name="echo", description="echoes", tags=["echo"])],
    )
    handler = DefaultRequestHandler(agent_executor=Echo(), task_store=InMemoryTaskStore(), agent_card=card)
    app = Starlette(routes=create_jsonrpc_routes(handler, "/"))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", http="httptools", loop="none")
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
