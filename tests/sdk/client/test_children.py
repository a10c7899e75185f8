"""Calls from inside a skill: children of the call that is served, without their author's help."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog

from meshgate.a2a.errors import BudgetExhausted
from meshgate.a2a.types import TaskState
from meshgate.sdk import Agent, Context, Mesh
from meshgate.sdk.server import logs
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.traceparent import parse_traceparent
from meshgate.telemetry.tracing import AttributeValue, Kind, Span
from tests.sdk.calls import answer, make_call, said_by, saying, send
from tests.sdk.ports import DONE, Answer, Gateways, JoinPort, fails, streams, task

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SENT = {
    "meshgate_job": "j",
    "meshgate_call": "k",
    "meshgate_lineage": "token",
    "meshgate_deadline": "9",
    "traceparent": TRACE,
    "tracestate": "v=1",
}


class Network(httpx.AsyncBaseTransport):
    """A join port and a gateway."""

    def __init__(self, gateway: Answer = DONE) -> None:
        self.gateways = Gateways(g=gateway)
        self.port = JoinPort()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        to_port = request.url.host == "join"
        return await (self.port if to_port else self.gateways).handle_async_request(request)

    @property
    def sent(self) -> dict[str, str]:
        """The headers of the one call that was made."""
        (request,) = self.gateways.seen
        return dict(request.headers)


def make_agent(network: Network, **settings: Any) -> Agent:
    agent = Agent("demo", join="http://join", join_key="join-key", transport=network, environ={}, **settings)

    @agent.skill(default=True)
    async def ask(text: str, ctx: Context) -> str:
        return (await ctx.call("helper@^1", text=text)).text

    @agent.skill
    async def follow(text: str, ctx: Context) -> AsyncIterator[str]:
        async for event in ctx.stream("helper@^1", text=text, deadline=100):
            yield event.text

    @agent.skill
    async def by_mesh(text: str) -> str:
        async with Mesh(transport=network) as mesh:
            return (await mesh.call("helper", text=text)).text

    @agent.skill
    async def by_another_key(text: str) -> str:
        async with Mesh("http://g", "own-key", transport=network) as mesh:
            return (await mesh.call("helper", text=text)).text

    @agent.skill(task=False)
    async def plainly(text: str) -> str:
        async with Mesh(transport=network) as mesh:
            return (await mesh.call("helper", text=text)).text

    @agent.skill
    async def spread(text: str, ctx: Context) -> str:
        results = await asyncio.gather(*(ctx.call("helper", text=text) for _ in range(3)))
        return ",".join(result.text for result in results)

    return agent


@pytest.mark.parametrize("skill", ["ask", "by_mesh", "plainly"])
@pytest.mark.requirement("sdk.children")
async def test_a_call_carries_lineage_trace_deadline_and_the_agents_own_key(skill: str) -> None:
    network = Network()
    agent = make_agent(network)
    async with agent.serve():
        await answer(agent, make_call("SendMessage", saying("x"), meshgate_skill=skill, **SENT))
    sent = network.sent
    assert sent["authorization"] == "Bearer key-1"
    assert {name: sent[name] for name in ("meshgate-lineage", "traceparent", "tracestate")} == {
        "meshgate-lineage": "token",
        "traceparent": TRACE,
        "tracestate": "v=1",
    }
    assert 8.0 < float(sent["meshgate-deadline"]) <= 9.0
    assert "meshgate-job" not in sent
    assert "meshgate-skill" not in sent


@pytest.mark.requirement("sdk.children")
async def test_a_child_never_waits_longer_than_its_parent() -> None:
    network = Network(streams({"task": task("WORKING")}, {"task": task()}))
    agent = make_agent(network)
    async with agent.serve():
        await answer(agent, make_call("SendMessage", saying("x"), meshgate_skill="follow", **SENT))
    assert float(network.sent["meshgate-deadline"]) <= 9.0


async def test_children_of_one_call_may_run_side_by_side() -> None:
    network = Network()
    agent = make_agent(network)
    async with agent.serve():
        await answer(agent, make_call("SendMessage", saying("x"), meshgate_skill="spread", **SENT))
    assert [request.headers["meshgate-lineage"] for request in network.gateways.seen] == ["token"] * 3


async def test_calls_served_at_once_do_not_mix() -> None:
    network = Network()
    agent = make_agent(network)
    async with agent.serve():
        calls = [
            make_call("SendMessage", saying(str(number)), **(SENT | {"meshgate_lineage": str(number)}))
            for number in range(20)
        ]
        await asyncio.gather(*(answer(agent, call) for call in calls))
    for request in network.gateways.seen:
        said = json.loads(request.content)["params"]["message"]["parts"][0]["text"]
        assert request.headers["meshgate-lineage"] == said


async def test_a_key_that_was_given_is_used() -> None:
    network = Network()
    agent = make_agent(network)
    async with agent.serve():
        await send(agent, "x", skill="by_another_key")
    assert network.sent["authorization"] == "Bearer own-key"


async def test_an_agent_that_has_not_joined_says_that_it_cannot_call() -> None:
    network = Network()
    ended = await send(make_agent(network), "x")
    assert ended.status.state == TaskState.FAILED
    assert "joined" in said_by(ended)
    assert network.gateways.seen == []


async def test_a_refusal_of_the_mesh_ends_the_task_with_its_code() -> None:
    agent = make_agent(Network(fails(BudgetExhausted("256 of 256 calls"))))
    async with agent.serve():
        ended = await send(agent, "x")
    assert (ended.status.state, said_by(ended)) == (TaskState.FAILED, "BUDGET_EXHAUSTED: 256 of 256 calls")


# -- spans


class Recorded:
    """A span that is kept."""

    def __init__(self, name: str, kind: Kind, parent: TraceContext | None, place: TraceContext) -> None:
        self.name, self.kind, self.parent, self.place = name, kind, parent, place
        self.attributes: dict[str, AttributeValue] = {}
        self.ended: list[str | None] = []

    def set(self, key: str, value: AttributeValue) -> None:
        self.attributes[key] = value

    def rename(self, name: str) -> None:
        self.name = name

    def link(self, context: TraceContext) -> None:
        pass

    def end(self, error_type: str | None = None, message: str = "") -> None:
        self.ended.append(error_type)


class Recorder:
    """A tracing that keeps spans here."""

    def __init__(self) -> None:
        self.spans: list[Recorded] = []

    def begin(
        self, name: str, kind: Kind, parent: TraceContext | None, context: TraceContext, attributes: Any, /
    ) -> Span | None:
        if not context.sampled:
            return None
        self.spans.append(Recorded(name, kind, parent, context))
        self.spans[-1].attributes.update(attributes)
        return self.spans[-1]

    def close(self) -> None:
        pass


async def test_a_served_call_and_the_call_it_makes_are_spans_of_one_trace() -> None:
    network, recorder = Network(), Recorder()
    agent = make_agent(network, tracing=recorder)
    async with agent.serve():
        await answer(agent, make_call("SendMessage", saying("x"), **SENT))
    server, client = recorder.spans
    caller = parse_traceparent(TRACE, "v=1")
    assert (server.kind, server.parent, client.kind, client.parent) == ("server", caller, "client", server.place)
    assert parse_traceparent(network.sent["traceparent"], network.sent["tracestate"]) == client.place
    assert (server.ended, client.ended) == ([None], [None])
    expected = {semconv.JOB: "j", semconv.CALL: "k", semconv.AGENT_NAME: "demo", semconv.METHOD: "SendMessage"}
    assert expected.items() <= server.attributes.items()


async def test_a_failed_call_is_a_failed_span() -> None:
    recorder = Recorder()
    agent = make_agent(Network(fails(BudgetExhausted())), tracing=recorder)
    async with agent.serve():
        await send(agent, "x")
        with pytest.raises(Exception, match="nothing"):
            await send(agent, "x", skill="nothing")
    assert [(span.kind, span.ended) for span in recorder.spans] == [
        ("server", [None]),
        ("client", ["BUDGET_EXHAUSTED"]),
        ("server", ["INVALID_PARAMS"]),
    ]


async def test_a_call_that_is_not_sampled_makes_no_span_and_passes_that_on() -> None:
    network, recorder = Network(), Recorder()
    agent = make_agent(network, tracing=recorder)
    async with agent.serve():
        await answer(agent, make_call("SendMessage", saying("x"), traceparent=TRACE[:-1] + "0"))
    assert recorder.spans == []
    assert network.sent["traceparent"].endswith("-00")
    assert network.sent["traceparent"].split("-")[1] == TRACE.split("-")[1]


# -- log lines


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Log lines, written as ``agent.run()`` has them written."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers[:] = []
    structlog.reset_defaults()
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = kept
    root.setLevel(level)


@pytest.mark.requirement("sdk.logs")
async def test_lines_written_in_a_skill_carry_job_and_call(written: io.StringIO) -> None:
    agent = Agent("demo")

    @agent.skill
    async def talk(text: str) -> str:
        structlog.get_logger().info("thinking", about=text)
        logging.getLogger("library").warning("from %s", "elsewhere")
        return text

    structlog.get_logger().info("before")
    await answer(agent, make_call("SendMessage", saying("x"), **SENT))
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["before", "thinking", "from elsewhere"]
    assert [(line.get("job"), line.get("call")) for line in lines] == [(None, None), ("j", "k"), ("j", "k")]


async def test_an_error_in_a_skill_is_one_json_line_with_its_traceback(written: io.StringIO) -> None:
    agent = Agent("demo")

    @agent.skill
    async def broken(text: str) -> str:
        raise ValueError("the reason")

    await answer(agent, make_call("SendMessage", saying("x"), **SENT))
    (line,) = [json.loads(line) for line in written.getvalue().splitlines()]
    assert (line["event"], line["skill"], line["job"]) == ("skill_failed", "broken", "j")
    assert "the reason" in line["exception"]
