"""Google ADK's remote agent: it is given a card's address and a key, and prints what it saw as one JSON document."""

import asyncio
import json
import sys
from typing import Any

from fastapi.openapi.models import HTTPBearer
from google.adk.agents import RunConfig
from google.adk.agents.remote_a2a_agent import RemoteA2aAgent
from google.adk.agents.run_config import StreamingMode
from google.adk.auth.auth_credential import AuthCredential, AuthCredentialTypes, HttpAuth, HttpCredentials
from google.adk.runners import InMemoryRunner
from google.genai.types import Content, Part

Tree = dict[str, Any]
STREAMING = RunConfig(streaming_mode=StreamingMode.SSE)


def seen(event: Any) -> Tree:
    """What a program is told by an event of ADK's."""
    metadata = event.custom_metadata or {}
    told = {
        "parts": [
            part.model_dump(mode="json", exclude_none=True) for part in (event.content and event.content.parts) or ()
        ],
        "partial": event.partial,
        "final": event.is_final_response(),
        "error": event.error_message,
        "response": metadata.get("a2a:response"),
        "taskId": metadata.get("a2a:task_id"),
        "contextId": metadata.get("a2a:context_id"),
    }
    return {name: value for name, value in told.items() if value not in (None, [])}


async def main() -> None:
    """One conversation in each session."""
    asked = json.load(sys.stdin)

    def runner_of(card: str, key: str) -> InMemoryRunner:
        http = HttpAuth(scheme="bearer", credentials=HttpCredentials(token=key))
        remote = RemoteA2aAgent(
            name="remote",
            agent_card=f"{card}/.well-known/agent-card.json",
            auth_scheme=HTTPBearer(),
            auth_credential=AuthCredential(auth_type=AuthCredentialTypes.HTTP, http=http),
        )
        runner = InMemoryRunner(agent=remote, app_name="interop")
        runner.auto_create_session = True
        return runner

    runner, greeter = runner_of(asked["card"], asked["key"]), runner_of(asked["herald"], asked["key"])

    async def say(session: str, what: str, config: RunConfig | None = None, to: InMemoryRunner = runner) -> list[Tree]:
        content = Content(role="user", parts=[Part(text=asked["says"][what][0]["text"])])
        given = {} if config is None else {"run_config": config}
        told = to.run_async(user_id="user", session_id=session, new_message=content, **given)
        return [seen(event) async for event in told]

    document = {
        "unary": await say("unary", "unary"),
        "stream": await say("stream", "stream", STREAMING),
        "turns": [await say("turns", "ask"), await say("turns", "answer")],
        "failed": await say("failed", "fail"),
        "message": [await say("greet", "greet", to=greeter), await say("greets", "greet", STREAMING, greeter)],
        "errors": {
            "key": (await say("key", "unary", to=runner_of(asked["card"], "no-key")))[-1],
            "grpc": (await say("grpc", "unary", to=runner_of(asked["grpc"], asked["key"])))[-1],
        },
    }
    session = await runner.session_service.get_session(app_name="interop", user_id="user", session_id="unary")
    document["session"] = [seen(event) for event in session.events]
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    asyncio.run(main())
