"""Microsoft Agent Framework's remote agent: it is given a card's address and a key, and prints what it saw as one JSON
document.
"""

import asyncio
import json
import sys
from typing import Any

import httpx
from a2a.client import A2ACardResolver, AuthInterceptor, ClientCallContext
from a2a.client.auth import CredentialService
from a2a.types import AgentCard
from agent_framework import AgentResponseUpdate, AgentSession
from agent_framework.a2a import A2AAgent
from google.protobuf import json_format

Tree = dict[str, Any]


class Key(CredentialService):
    """One key for whatever scheme the card names."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def get_credentials(self, security_scheme_name: str, context: ClientCallContext | None) -> str | None:
        """The key."""
        return self._key


def contents(one: Any) -> list[Tree]:
    """What a message or an update holds."""
    kept = ("type", "text", "uri", "media_type")
    return [{name: getattr(each, name, None) for name in kept} for each in one.contents]


def whole(response: Any) -> Tree:
    """What a program is told by a response."""
    return {
        "text": response.text,
        "messages": [{"role": str(each.role), "contents": contents(each)} for each in response.messages],
        "continuation": response.continuation_token,
    }


def part(update: AgentResponseUpdate) -> Tree:
    """What a program is told by an update."""
    return {"role": str(update.role), "contents": contents(update), "continuation": update.continuation_token}


async def failure(call: Any) -> Any:
    """The error of a call."""
    try:
        return whole(await call)
    except Exception as error:  # noqa: BLE001 - its kind is what is looked at
        return {"name": type(error).__name__, "message": str(error)}


async def main() -> None:
    """One conversation for each thing to try."""
    asked = json.load(sys.stdin)
    says = {name: parts[0]["text"] for name, parts in asked["says"].items()}
    bearer = {"Authorization": f"Bearer {asked['key']}"}
    async with httpx.AsyncClient(timeout=60) as http:
        card, herald = [
            await A2ACardResolver(http, asked[name]).get_agent_card(http_kwargs={"headers": bearer})
            for name in ("card", "herald")
        ]

        def agent_of(card: AgentCard, key: str) -> A2AAgent:
            return A2AAgent(agent_card=card, http_client=http, auth_interceptor=AuthInterceptor(Key(key)))

        agent, greeter = agent_of(card, asked["key"]), agent_of(herald, asked["key"])
        async with agent:
            streaming = agent.run(says["stream"], stream=True)
            updates = [part(update) async for update in streaming]
            session = AgentSession()
            turns = [whole(await agent.run(says[what], session=session)) for what in ("ask", "answer")]
            waiting = await agent.run(says["wait"], background=True)
            polled = await agent.poll_task(waiting.continuation_token)
            lost = {"task_id": asked["unknown"], "context_id": "c"}
            document = {
                "card": json_format.MessageToDict(card),
                "unary": [whole(await agent.run(says["unary"]))],
                "stream": updates,
                "turns": [[each] for each in turns],
                "session": session.service_session_id,
                "get": [whole(waiting), whole(polled)],
                "failed": whole(await agent.run(says["fail"])),
                "message": [
                    [whole(await greeter.run(says["greet"]))],
                    [part(update) async for update in greeter.run(says["greet"], stream=True)],
                ],
                "errors": {
                    "unknown": await failure(agent.poll_task(lost)),
                    "key": await failure(agent_of(card, "no-key").run(says["unary"])),
                },
            }
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    asyncio.run(main())
