"""An agent that knows nothing of the mesh: a2a-sdk's own server, of 1.0 and of 0.3, with an executor that acts scripts
out. One script it has for itself: ``{"do": "mirror"}`` answers with the parts of the message behind the first.

When it calls on it is a plain HTTP client with a key, and hands no header on unless its script says so.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import grpc
import httpx
from a2a.compat.v0_3 import a2a_v0_3_pb2_grpc
from a2a.compat.v0_3.grpc_handler import CompatGrpcHandler
from a2a.helpers import new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler, GrpcHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    TaskUpdater,
)
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, a2a_pb2_grpc
from starlette.applications import Starlette

from tests.contract.scripts import Received, Script, Stage, act

__all__ = ["Caller", "ForeignAgent", "serve_grpc"]

_generated: Any = a2a_pb2_grpc  # without annotations
_generated_0_3: Any = a2a_v0_3_pb2_grpc
_KEPT = ("meshgate-lineage", "traceparent")


class Caller:
    """How an agent without an SDK calls on: POST, a key, and JSON."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.gateway = ""
        self.key = ""

    async def call(self, to: str, say: Script, headers: Mapping[str, str]) -> dict[str, Any]:
        """See ``Role.call``."""
        message = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [{"text": json.dumps(say)}]}
        body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
        sent = {"authorization": f"Bearer {self.key}", "a2a-version": "1.0", **headers}
        kind = "skills" if "@" in to else "agents"
        answer = (await self._client.post(f"{self.gateway}/{kind}/{to}", json=body, headers=sent)).json()
        if "error" in answer:
            info = answer["error"]["data"][0]
            return {"error": {"message": answer["error"]["message"], **{k: info[k] for k in ("reason", "metadata")}}}
        parts = [part for artifact in answer["result"]["task"]["artifacts"] for part in artifact["parts"]]
        return {"text": "".join(part["text"] for part in parts)}


class _Role:
    def __init__(self, agent: ForeignAgent, received: Received, updater: TaskUpdater) -> None:
        self._agent = agent
        self._updater = updater
        self.received = received

    async def working(self) -> None:
        await self._updater.start_work(new_text_message("at work"))

    async def chunk(self, text: str) -> None:
        await self._updater.add_artifact([new_text_part(text)], artifact_id=f"chunk-{text}")

    async def call(self, to: str, say: Script, *, keep: bool) -> dict[str, Any]:
        headers = {name: self.received.headers[name] for name in _KEPT if keep and name in self.received.headers}
        return await self._agent.caller.call(to, say, headers)


class _Executor(AgentExecutor):
    def __init__(self, agent: ForeignAgent) -> None:
        self._agent = agent

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = context.message
        assert message is not None
        script: Script = json.loads(message.parts[0].text)
        if script["do"] == "message":
            await event_queue.enqueue_event(new_text_message("no task"))
            return
        if context.current_task is None:
            await event_queue.enqueue_event(new_task_from_user_message(message))
        updater = TaskUpdater(event_queue, context.task_id or "", context.context_id or "")
        if script["do"] == "ask":
            await updater.requires_input(new_text_message("which one?"))
            return
        if script["do"] == "mirror":
            await updater.add_artifact(list(message.parts)[1:], artifact_id="answer")
            await updater.complete()
            return
        received = Received(
            self._agent.name,
            self._agent.instance,
            _headers(context.call_context.state),
            tuple(message.reference_task_ids),
            updater.task_id,
        )
        text = await act(script, _Role(self._agent, received, updater), self._agent.stage)
        await updater.add_artifact([new_text_part(text)], artifact_id="answer")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id or "", context.context_id or "").cancel()


def _headers(state: Mapping[str, Any]) -> dict[str, str]:
    if "headers" in state:
        return dict(state["headers"])
    metadata = state["grpc_context"].invocation_metadata() or ()
    return {key: value for key, value in metadata if isinstance(value, str)}


class ForeignAgent:
    """One instance.

    Args:
        store: where its tasks are; instances may share one.
        extended: skills that its extended card has beside the usual one; None if it has no such card.
        push: whether it sends push notifications, and then does not stream.
    """

    def __init__(
        self,
        name: str,
        instance: str,
        stage: Stage,
        client: httpx.AsyncClient,
        store: InMemoryTaskStore | None = None,
        *,
        extended: Sequence[str] | None = None,
        push: bool = False,
    ) -> None:
        self.name, self.instance, self.stage = name, instance, stage
        self.caller = Caller(client)
        # a2a-sdk warns of every field that is missing here; what the mesh knows of the agent comes from its
        # registration.
        card = AgentCard(
            name=name,
            description="acts scripts out",
            version="1.0.0",
            capabilities=AgentCapabilities(streaming=not push, push_notifications=push, extended_agent_card=True),
            supported_interfaces=[
                AgentInterface(url="http://agent/", protocol_binding="JSONRPC", protocol_version="1.0")
            ],
            default_input_modes=["text/plain"],
            default_output_modes=["text/plain"],
            skills=[AgentSkill(id="act", name="act", description="acts a script out", tags=["script"])],
        )
        more = None
        if extended is not None:
            more = AgentCard()
            more.CopyFrom(card)
            # Without an address of 0.3 the stock server has no card to answer a caller of 0.3 with.
            old = AgentInterface(url="http://agent/", protocol_binding="JSONRPC", protocol_version="0.3")
            more.supported_interfaces.append(old)
            more.skills.extend(AgentSkill(id=one, name=one, description=f"to {one}", tags=["x"]) for one in extended)
        configs = InMemoryPushNotificationConfigStore() if push else None
        sender = BasePushNotificationSender(client, configs) if configs is not None else None
        self._handler = DefaultRequestHandler(
            _Executor(self),
            store or InMemoryTaskStore(),
            card,
            push_config_store=configs,
            push_sender=sender,
            extended_agent_card=more,
        )
        routes = [
            *create_jsonrpc_routes(self._handler, "/", enable_v0_3_compat=True),
            *create_rest_routes(self._handler, enable_v0_3_compat=True),
        ]
        self.app = Starlette(routes=[*routes])

    def grpc(self) -> AbstractAsyncContextManager[str]:
        """Serve it over gRPC; its address."""
        return serve_grpc(GrpcHandler(self._handler), legacy=CompatGrpcHandler(self._handler))


@asynccontextmanager
async def serve_grpc(service: Any, *more: grpc.GenericRpcHandler, legacy: Any = None) -> AsyncGenerator[str]:
    """Serve an A2A service, one of 0.3, and what other handlers there are, over gRPC; its address."""
    server = grpc.aio.server()
    _generated.add_A2AServiceServicer_to_server(service, server)
    if legacy is not None:
        _generated_0_3.add_A2AServiceServicer_to_server(legacy, server)
    server.add_generic_rpc_handlers(more)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await asyncio.shield(server.stop(0.1))
