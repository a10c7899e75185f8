"""What the types of ``meshgate.sdk`` promise. Never run: mypy and pyright read it."""

from collections.abc import AsyncIterator
from typing import Any, Unpack, assert_type

import httpx
from pydantic import BaseModel

from meshgate.a2a.types import Artifact, Task, TaskState
from meshgate.sdk import (
    Agent,
    Budget,
    CallOptions,
    Context,
    Event,
    FileTasks,
    MemoryTasks,
    Mesh,
    Message,
    Part,
    Result,
    SharedTasks,
    TaskFailed,
    TaskStore,
    Tool,
    Usage,
)


class Order(BaseModel):
    item: str


agent = Agent(
    "demo",
    version="1.0.0",
    labels={"zone": "b"},
    bindings=("JSONRPC", "GRPC"),
    join=["http://127.0.0.1:8082"],
    store=FileTasks("tasks.db"),
)


@agent.skill
async def echo(text: str) -> str:
    return text


@agent.skill(tags=["money"], labels={"region": "eu"}, default=True, reentrant=2, cost_usd=0.1)
async def price(order: Order, ctx: Context) -> float:
    assert_type(ctx.job, str)
    assert_type(ctx.remaining(), float)
    assert_type(await ctx.ask("which?"), Message)
    await ctx.progress("half", fraction=0.5)
    await ctx.artifact("bill", order, media_type="application/json")
    ctx.usage(input_tokens=1, cost_usd=0.1)
    result = await ctx.call("summarise@^2", text="x", deadline=3)
    assert_type(result, Result)
    async for event in ctx.stream("summarise", data=order):
        assert_type(event, Event)
    return 1.0


@agent.skill(name="words")
async def stream_words(parts: list[Part]) -> AsyncIterator[str]:
    for part in parts:
        yield str(part.text)


@agent.tool(version="2.0.0")
async def lookup(city: str, days: int = 1) -> Order:
    return Order(item=f"{city}{days}")


async def generated_clients_pass_their_options_on(mesh: Mesh, **options: Unpack[CallOptions]) -> None:
    assert_type(await mesh.call("a", skill="price", data=Order(item="pen"), **options), Result)


async def decorated_functions_keep_their_types() -> None:
    assert_type(await lookup("x", days=2), Order)
    assert_type(agent.tools, tuple[Tool, ...])
    assert_type(await echo("x"), str)
    async for word in stream_words([]):
        assert_type(word, str)


async def client(own: httpx.AsyncClient) -> None:
    async with Mesh("http://127.0.0.1:8080", "key", transport=own) as mesh:
        assert_type(mesh, Mesh)
        try:
            result = await mesh.call("a", text="x", data=Order(item="pen"), budget=Budget(calls=20), context_id="c")
        except TaskFailed as error:
            assert_type(error.task, Task | None)
            raise
        assert_type(result.text, str)
        assert_type(result.data, Any)
        assert_type(result.artifacts, list[Artifact])
        assert_type(result.state, TaskState)
        assert_type(result.usage, Usage | None)
        assert_type(await mesh.task("t"), Task)
        assert_type(await mesh.cancel("t"), Task)
        async for event in mesh.subscribe("t"):
            assert_type(event.fraction, float | None)


async def served() -> None:
    async with agent.serve(join=False, secret="s") as found:
        assert_type(found.url, str)


def stores() -> list[TaskStore]:
    shared: SharedTasks = FileTasks("tasks.db")
    return [MemoryTasks(), shared]


async def refused(mesh: Mesh) -> None:
    await mesh.call("a", txt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await mesh.call("a", text=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    agent.skill(tag=["x"])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    Agent("demo", bindings=("REST",))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
