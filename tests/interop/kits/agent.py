"""An agent of a2a-sdk's own that echoes, in a task; a long count takes it two seconds. Its one argument is its port."""

import asyncio
import sys

import uvicorn
from a2a.helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2
from starlette.applications import Starlette

PORT = int(sys.argv[1])


class Echo(AgentExecutor):
    """Says what it is told."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """One message."""
        assert context.message is not None
        if context.current_task is None:
            await event_queue.enqueue_event(new_task_from_user_message(context.message))
        updater = TaskUpdater(event_queue, context.task_id or "", context.context_id or "")
        await updater.start_work()
        if "count" in context.get_user_input():
            await asyncio.sleep(2)
        await updater.add_artifact([new_text_part(context.get_user_input())], artifact_id="echo")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """The end of its work."""
        await TaskUpdater(event_queue, context.task_id or "", context.context_id or "").cancel()


BASE = f"http://127.0.0.1:{PORT}"
CARD = a2a_pb2.AgentCard(
    name="Stock Echo",
    description="Says what it is told",
    version="1.0.0",
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    capabilities=a2a_pb2.AgentCapabilities(streaming=True),
    supported_interfaces=[
        a2a_pb2.AgentInterface(url=f"{BASE}/", protocol_binding="JSONRPC", protocol_version="1.0"),
        a2a_pb2.AgentInterface(url=BASE, protocol_binding="HTTP+JSON", protocol_version="1.0"),
    ],
    skills=[a2a_pb2.AgentSkill(id="echo", name="echo", description="Says it again", tags=["echo"])],
)
HANDLER = DefaultRequestHandler(agent_executor=Echo(), task_store=InMemoryTaskStore(), agent_card=CARD)
ROUTES = [*create_agent_card_routes(CARD), *create_jsonrpc_routes(HANDLER, "/"), *create_rest_routes(HANDLER)]
uvicorn.run(Starlette(routes=ROUTES), host="127.0.0.1", port=PORT, log_level="warning")
