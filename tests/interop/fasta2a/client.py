"""fasta2a's client: it is given a card's address and a key, and prints what it saw as one JSON document."""

import asyncio
import json
import sys
import uuid
from typing import Any

import httpx
from fasta2a.client import A2AClient, UnexpectedResponseError
from fasta2a.schema import Message, Part, agent_card_ta
from pydantic import ValidationError


def without_id(answer: Any) -> Any:
    """An answer without the id of its request, which is another in each conversation."""
    return {name: value for name, value in answer.items() if name != "id"}


async def failure(call: Any) -> Any:
    """What a call gave, or its error."""
    try:
        if hasattr(call, "__aiter__"):
            return [without_id(event) async for event in call]
        return without_id(await call)
    except UnexpectedResponseError as error:
        return {"status": error.status_code, "content": json.loads(error.content)}
    except ValidationError as error:  # it reads no error of GetTask but that of an unknown task
        return {"unreadable": {".".join(map(str, each["loc"])): each["input"] for each in error.errors()}}


async def main() -> None:
    """One conversation."""
    asked = json.load(sys.stdin)
    bearer = {"Authorization": f"Bearer {asked['key']}"}
    # Its own reader of cards (fetch_card=True) sends no headers, so the card comes over HTTP and is read by its schema.
    async with httpx.AsyncClient(headers=bearer, timeout=60) as http:
        found = await http.get(f"{asked['card']}/.well-known/agent-card.json")
        card = agent_card_ta.validate_json(found.raise_for_status().content)
        client = A2AClient(card, http_client=http)
        text = Part(text=asked["says"]["unary"][0]["text"])
        message = Message(role="user", parts=[text], message_id=str(uuid.uuid4()), kind="message")
        document = {
            "card": agent_card_ta.dump_python(card, mode="json", by_alias=True),
            "errors": {
                "unary": await failure(client.send_message(message)),
                "stream": await failure(client.stream_message(message)),
                "unknown": await failure(client.get_task(asked["unknown"])),
            },
        }
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    asyncio.run(main())
