"""The agent that every client calls: it answers with a digest of the parts it received, and how it was reached."""

import base64
import hashlib
import json
from typing import Any

from meshgate.sdk import Agent, Context, Part

agent = Agent("digest", version="2.3.1", labels={"region": "eu"})


def number(text: str) -> float:
    """A number with a point; a whole one as an integer, because over gRPC every number is a double."""
    value = float(text)
    return int(value) if value.is_integer() else value


def received(part: Part) -> list[Any]:
    """Everything of a part that has to arrive."""
    if isinstance(part.raw, str):
        content: Any = base64.b64decode(part.raw).hex()
    else:
        content = part.text if isinstance(part.text, str) else json.loads(json.dumps(part.data), parse_float=number)
    return [content, part.media_type, part.filename]


async def answer(parts: list[Part], ctx: Context, algorithm: str) -> dict[str, str]:
    """What both skills answer."""
    await ctx.progress("half", fraction=0.5)
    text = json.dumps([received(part) for part in parts], sort_keys=True, ensure_ascii=False)
    return {
        "digest": hashlib.new(algorithm, text.encode()).hexdigest(),
        "skill": ctx.skill,
        "asked": ctx.headers.get("meshgate-skill", ""),
        "job": ctx.job,
        "call": ctx.call_id,
        "instance": agent.instance,
    }


@agent.skill(default=True, tags=["hash"])
async def sha256(parts: list[Part], ctx: Context) -> dict[str, str]:
    """The SHA-256 of the parts."""
    return await answer(parts, ctx, "sha256")


@agent.skill(version="1.4.0", tags=["hash"])
async def sha512(parts: list[Part], ctx: Context) -> dict[str, str]:
    """The SHA-512 of the parts."""
    return await answer(parts, ctx, "sha512")


if __name__ == "__main__":
    agent.run()
