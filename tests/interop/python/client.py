"""The stock Python client: it is given a card's address, a binding and a key, and prints what it saw as one JSON
document.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
import httpx
from a2a.client import A2ACardResolver, AuthInterceptor, Client, ClientCallContext, ClientConfig, ClientFactory
from a2a.client.auth import InMemoryContextCredentialStore
from a2a.types import a2a_pb2
from a2a.utils.errors import A2AError
from google.protobuf import json_format

Tree = dict[str, Any]
context = ClientCallContext(state={"sessionId": "one"}, timeout=60)


def tree(message: Any) -> Tree:
    """A message as JSON."""
    return json_format.MessageToDict(message)


def request(parts: list[Tree], follows: a2a_pb2.Task | None = None, *, at_once: bool = False) -> Any:
    """A request that sends these parts."""
    message = {"messageId": str(uuid.uuid4()), "role": "ROLE_USER", "parts": parts}
    if follows is not None:
        message |= {"taskId": follows.id, "contextId": follows.context_id}
    sent = {"message": message, "configuration": {"returnImmediately": at_once}}
    return json_format.ParseDict(sent, a2a_pb2.SendMessageRequest())


async def send(client: Client, sent: Any) -> a2a_pb2.Task:
    """The task that is the whole answer."""
    (event,) = [event async for event in client.send_message(sent, context=context)]
    return event.task


async def failure(call: Awaitable[Any] | AsyncIterator[Any]) -> Any:
    """The error of a call or of a stream."""
    try:
        if isinstance(call, AsyncIterator):
            return {"events": [tree(event) async for event in call]}
        return tree(await call)
    except A2AError as error:
        return {"name": type(error).__name__, "message": error.message}


async def converse(asked: Tree, card: a2a_pb2.AgentCard, herald: a2a_pb2.AgentCard, http: httpx.AsyncClient) -> Tree:
    """All that is asked for."""
    store, says = InMemoryContextCredentialStore(), asked["says"]
    for requirement in card.security_requirements:
        for scheme in requirement.schemes:
            await store.set_credentials("one", scheme, asked["key"])
            await store.set_credentials("another", scheme, "no-key")

    def client_of(card: a2a_pb2.AgentCard, *, streaming: bool) -> Client:
        config = ClientConfig(
            streaming=streaming,
            httpx_client=http,
            grpc_channel_factory=grpc.aio.insecure_channel,
            supported_protocol_bindings=[asked["binding"]],
        )
        return ClientFactory(config).create(card, interceptors=[AuthInterceptor(store)])

    client, streamer = client_of(card, streaming=False), client_of(card, streaming=True)
    greeter, greeting = client_of(herald, streaming=False), client_of(herald, streaming=True)
    async with client, streamer, greeter, greeting:
        unary = await send(client, request(says["unary"]))
        streamed = [tree(event) async for event in streamer.send_message(request(says["stream"]), context=context)]
        asking = await send(client, request(says["ask"]))
        answered = await send(client, request(says["answer"], asking))
        read = await client.get_task(a2a_pb2.GetTaskRequest(id=unary.id), context=context)
        waiting = await send(client, request(says["wait"], at_once=True))
        cancel, watched, cancelled = a2a_pb2.CancelTaskRequest(id=waiting.id), list[Tree](), None
        # The task is cancelled once the first event of its subscription has come.
        async for event in streamer.subscribe(a2a_pb2.SubscribeToTaskRequest(id=waiting.id), context=context):
            watched.append(tree(event))
            cancelled = cancelled or await client.cancel_task(cancel, context=context)
        failed = await send(client, request(says["fail"]))
        lost = request(says["unary"])
        lost.message.task_id = asked["unknown"]
        listing = a2a_pb2.ListTasksRequest(context_id=asking.context_id)
        listed = (await client.list_tasks(listing, context=context)).tasks
        errors: dict[str, Awaitable[Any] | AsyncIterator[Any]] = {
            "unknown": client.get_task(a2a_pb2.GetTaskRequest(id=asked["unknown"]), context=context),
            "ended": client.cancel_task(a2a_pb2.CancelTaskRequest(id=unary.id), context=context),
            "unary": client.send_message(lost, context=context),
            "stream": streamer.send_message(lost, context=context),
            "key": client.send_message(
                request(says["unary"]), context=ClientCallContext(state={"sessionId": "another"})
            ),
        }
        greetings = [
            [tree(event) async for event in each.send_message(request(says["greet"]), context=context)]
            for each in (greeter, greeting)
        ]
        return {
            "card": tree(card),
            "binding": asked["binding"],
            "unary": [{"task": tree(unary)}],
            "stream": streamed,
            "turns": [[{"task": tree(asking)}], [{"task": tree(answered)}]],
            "get": tree(read),
            "cancel": [{"task": tree(waiting)}, tree(cancelled)],
            "subscribe": watched,
            "failed": tree(failed),
            "listed": [{"id": task.id, "contextId": task.context_id} for task in listed],
            "message": greetings,
            "errors": {name: await failure(call) for name, call in errors.items()},
        }


async def main() -> None:
    """One conversation."""
    asked = json.load(sys.stdin)
    bearer = {"Authorization": f"Bearer {asked['key']}"}
    async with httpx.AsyncClient(timeout=60) as http:
        card, herald = [
            await A2ACardResolver(http, asked[name]).get_agent_card(http_kwargs={"headers": bearer})
            for name in ("card", "herald")
        ]
        sys.stdout.write(json.dumps(await converse(asked, card, herald, http)))


if __name__ == "__main__":
    asyncio.run(main())
