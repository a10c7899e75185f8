"""The client: what it sends, what it makes of answers, and where it turns when a gateway fails."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import BaseModel

from meshgate.a2a import errors
from meshgate.a2a.errors import (
    BudgetExhausted,
    InvalidAgentResponse,
    InvalidParams,
    MeshError,
    OutcomeUnknown,
    UpstreamDeadline,
    UpstreamUnavailable,
)
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.types import Message, Part, Role, TaskState
from meshgate.sdk import Budget, Mesh, TaskCancelled, TaskFailed, TaskRejected, Usage
from tests.sdk.ports import DONE, Answer, Gateways, body_of, fails, ok, streams, task
from tests.support.virtual_loop import elapsed, virtual_time


def mesh(gateways: Gateways, urls: str = "http://one", limits: Any = DEFAULTS) -> Mesh:
    return Mesh(urls, "key", transport=gateways, limits=limits)


class Order(BaseModel):
    item: str


# -- what it sends


async def test_a_call_by_name_goes_to_the_agents_url_with_key_version_and_deadline() -> None:
    gateways = Gateways(one=DONE)
    result = await mesh(gateways).call("summariser", text="long", deadline=7)
    (request,) = gateways.seen
    assert request.url.path == "/agents/summariser"
    sent = {name: request.headers[name] for name in ("authorization", "a2a-version", "meshgate-deadline")}
    assert sent == {"authorization": "Bearer key", "a2a-version": "1.0", "meshgate-deadline": "7.000000"}
    said = body_of(request)["params"]["message"]
    assert (said["role"], said["parts"], len(said["messageId"])) == ("ROLE_USER", [{"text": "long"}], 32)
    assert result.text == "short"


@pytest.mark.parametrize(
    ("selector", "path"),
    [
        ("summarise@2", "/skills/summarise@2"),
        ("summarise@^2,region=eu,fast", "/skills/summarise@%5E2,region=eu,fast"),
        ("summarise@>=2.1,<3", "/skills/summarise@%3E=2.1,%3C3"),
        ("summarise@*", "/skills/summarise@*"),
    ],
)
async def test_a_call_by_skill_goes_to_the_skills_url(selector: str, path: str) -> None:
    gateways = Gateways(one=DONE)
    await mesh(gateways).call(selector, text="x")
    assert gateways.seen[0].url.raw_path.decode() == path


async def test_everything_that_can_be_said_is_said() -> None:
    gateways = Gateways(one=DONE)
    await mesh(gateways).call(
        "a",
        text="t",
        data=Order(item="pen"),
        message=[Part(url="https://h/x")],
        context_id="c",
        task_id="tag~t",
        metadata={"k": 1},
        budget=Budget(calls=20, seconds=1.5),
        return_immediately=True,
    )
    (request,) = gateways.seen
    params = body_of(request)["params"]
    assert params["message"]["parts"] == [
        {"url": "https://h/x"},
        {"text": "t"},
        {"data": {"item": "pen"}, "mediaType": "application/json"},
    ]
    assert {key: params["message"][key] for key in ("contextId", "taskId", "metadata")} == {
        "contextId": "c",
        "taskId": "tag~t",
        "metadata": {"k": 1},
    }
    assert params["configuration"] == {"returnImmediately": True}
    assert request.headers["meshgate-budget"] == "calls=20,seconds=1.5"


async def test_a_whole_message_goes_as_it_is() -> None:
    gateways = Gateways(one=DONE)
    message = Message("own-id", Role.USER, [Part(text="x")], reference_task_ids=["r"])
    await mesh(gateways).call("a", message=message)
    assert body_of(gateways.seen[0])["params"]["message"] == {
        "messageId": "own-id",
        "role": "ROLE_USER",
        "parts": [{"text": "x"}],
        "referenceTaskIds": ["r"],
    }


async def test_an_answer_to_a_task_needs_no_selector_because_its_id_knows_the_way() -> None:
    gateways = Gateways(one=DONE)
    await mesh(gateways).call(text="yes", task_id="tag~t")
    assert gateways.seen[0].url.path == "/"


@pytest.mark.parametrize(
    ("selector", "said"), [("", {"text": "x"}), ("a", {}), ("no name!", {"text": "x"}), ("a", {"data": {1j}})]
)
async def test_a_call_of_nobody_or_with_nothing_is_refused_here(selector: str, said: Any) -> None:
    gateways = Gateways(one=DONE)
    with pytest.raises(InvalidParams):
        await mesh(gateways).call(selector, **said)
    assert gateways.seen == []


@pytest.mark.parametrize("budget", [{"calls": 0}, {"seconds": 0.0}, {"seconds": float("nan")}])
def test_a_budget_of_nothing_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget(**budget)


# -- what it makes of answers


async def test_a_result_knows_where_it_came_from() -> None:
    gateways = Gateways(
        one=ok(
            {
                "task": task(
                    artifacts=[{"artifactId": "a", "parts": [{"text": "s"}, {"data": {"n": 1}}]}],
                    metadata={"meshgate/usage": {"inputTokens": 5}},
                )
            },
            **{"meshgate-job": "j", "meshgate-call": "k", "meshgate-instance": "i"},
        )
    )
    result = await mesh(gateways).call("a", text="x")
    assert (result.job, result.call_id, result.instance, result.context_id) == ("j", "k", "i", "c")
    assert (result.text, result.data, result.usage) == ("s", {"n": 1}, Usage(input_tokens=5))
    assert result.task is not None
    assert result.task.id == "tag~t"


async def test_a_plain_message_is_a_result_too() -> None:
    said = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}], "contextId": "c"}
    result = await mesh(Gateways(one=ok({"message": said}))).call("a", text="x")
    assert (result.text, result.task, result.context_id, result.state) == ("hi", None, "c", TaskState.COMPLETED)


@pytest.mark.parametrize(
    ("state", "error"), [("FAILED", TaskFailed), ("REJECTED", TaskRejected), ("CANCELED", TaskCancelled)]
)
async def test_a_task_without_a_result_is_raised_with_what_it_said(state: str, error: type[TaskFailed]) -> None:
    with pytest.raises(error) as caught:
        await mesh(Gateways(one=ok({"task": task(state, "out of paper")}))).call("a", text="x")
    assert caught.value.message == "out of paper"
    assert caught.value.task is not None
    assert caught.value.task.id == "tag~t"


async def test_a_task_that_asks_is_a_result_that_waits() -> None:
    result = await mesh(Gateways(one=ok({"task": task("INPUT_REQUIRED", "colour?")}))).call("a", text="x")
    assert (result.waits, result.text) == (True, "colour?")


@pytest.mark.requirement("sdk.errors")
async def test_an_error_comes_back_as_the_class_that_it_was() -> None:
    sent = BudgetExhausted("20 of 20 calls", retry_after=3.0, metadata={"calls": "20"})
    with pytest.raises(BudgetExhausted) as caught:
        await mesh(Gateways(one=fails(sent))).call("a", text="x")
    assert (caught.value.message, caught.value.retry_after, caught.value.metadata) == (
        "20 of 20 calls",
        3.0,
        {"calls": "20"},
    )
    with pytest.raises(errors.Unauthenticated):
        await mesh(Gateways(one=fails(errors.Unauthenticated(), 401))).call("a", text="x")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, errors.Unauthenticated),
        (404, errors.NoRoute),
        (429, errors.RateLimited),
        (502, UpstreamUnavailable),
        (200, InvalidAgentResponse),
        (302, InvalidAgentResponse),
    ],
)
async def test_what_is_no_gateways_answer_is_told_by_its_status(status: int, error: type[MeshError]) -> None:
    with pytest.raises(error):
        await mesh(Gateways(one=lambda _: httpx.Response(status, text="<html>"))).call("a", text="x")


async def test_an_answer_to_another_request_is_refused() -> None:
    answer = {"jsonrpc": "2.0", "id": "other", "result": {"task": task()}}
    with pytest.raises(InvalidAgentResponse):
        await mesh(Gateways(one=lambda _: httpx.Response(200, json=answer))).call("a", text="x")


async def test_an_answer_over_the_limit_is_refused() -> None:
    limits = msgspec.structs.replace(DEFAULTS, answer=100)
    with pytest.raises(InvalidAgentResponse):
        await mesh(Gateways(one=lambda _: httpx.Response(200, content=b"x" * 101)), limits=limits).call("a", text="x")


# -- tasks


async def test_tasks_are_asked_for_at_the_gateways_own_url() -> None:
    gateways = Gateways(one=ok(task("FAILED", "out of paper")))
    client = mesh(gateways)
    assert (await client.task("tag~t", history_length=0)).status.state == TaskState.FAILED
    await client.cancel("tag~t")
    assert [request.url.path for request in gateways.seen] == ["/", "/"]
    assert [body_of(request)["method"] for request in gateways.seen] == ["GetTask", "CancelTask"]
    assert body_of(gateways.seen[0])["params"] == {"id": "tag~t", "historyLength": 0}


def pages(*tasks: dict[str, Any]) -> Answer:
    """A gateway that lists these tasks, one on a page."""

    def answer(request: httpx.Request) -> httpx.Response:
        place = int(body_of(request)["params"].get("pageToken", "0"))
        more = str(place + 1) if place + 1 < len(tasks) else ""
        found = {"tasks": tasks[place : place + 1], "nextPageToken": more, "pageSize": 1, "totalSize": len(tasks)}
        return ok(found)(request)  # type: ignore[return-value]

    return answer


@pytest.mark.requirement("sdk.tasks_found")
async def test_tasks_are_found_page_by_page_as_they_are_needed() -> None:
    gateways = Gateways(one=pages(task("WORKING"), task("COMPLETED"), task("FAILED")))
    found = mesh(gateways).tasks()
    assert (await anext(found)).status.state == TaskState.WORKING
    assert len(gateways.seen) == 1
    assert [each.status.state async for each in found] == [TaskState.COMPLETED, TaskState.FAILED]
    assert [body_of(request)["params"] for request in gateways.seen] == [{}, {"pageToken": "1"}, {"pageToken": "2"}]
    assert {(request.url.path, body_of(request)["method"]) for request in gateways.seen} == {("/", "ListTasks")}


@pytest.mark.requirement("sdk.tasks_found")
async def test_which_tasks_are_wanted_is_said_with_each_page() -> None:
    gateways = Gateways(one=pages(task("WORKING"), task("WORKING")))
    found = mesh(gateways).tasks(
        "writer",
        status=TaskState.WORKING,
        context_id="trip",
        after=datetime(2026, 1, 1, 1, 0, 0, 250_000, timezone(timedelta(hours=1))),
        history_length=0,
        artifacts=True,
        page_size=1,
        deadline=7,
    )
    assert len([each async for each in found]) == 2
    asked = {
        "status": "TASK_STATE_WORKING",
        "contextId": "trip",
        "statusTimestampAfter": "2026-01-01T00:00:00.250000Z",
        "historyLength": 0,
        "includeArtifacts": True,
        "pageSize": 1,
    }
    assert [body_of(request)["params"] for request in gateways.seen] == [asked, {**asked, "pageToken": "1"}]
    assert {request.url.path for request in gateways.seen} == {"/agents/writer"}
    assert {request.headers["meshgate-deadline"] for request in gateways.seen} == {"7.000000"}


@pytest.mark.requirement("sdk.tasks_found")
@pytest.mark.parametrize("wanted", [{"page_size": 0}, {"page_size": 101}, {"after": datetime(2026, 1, 1)}])  # noqa: DTZ001
async def test_what_cannot_be_asked_for_is_refused_before_it_is_sent(wanted: dict[str, Any]) -> None:
    gateways = Gateways(one=pages(task("WORKING")))
    with pytest.raises(ValueError, match=r"pageSize|time zone"):
        await anext(mesh(gateways).tasks(**wanted))
    assert gateways.seen == []


# -- streams

WORKING = {"task": task("WORKING")}


def status(state: str, said: str = "", **facts: Any) -> dict[str, Any]:
    metadata = {f"meshgate/{name}": value for name, value in facts.items()}
    return {"statusUpdate": {"taskId": "tag~t", "status": task(state, said)["status"], "metadata": metadata}}


LINE = status("WORKING", "half", progress=0.5)
END = status("COMPLETED", usage={"toolCalls": 2})
_ARTIFACT = {"artifactId": "a", "parts": [{"text": "ab"}]}
CHUNK = {"artifactUpdate": {"taskId": "tag~t", "artifact": _ARTIFACT, "append": True}}


async def test_a_stream_is_told_event_by_event() -> None:
    gateways = Gateways(one=streams(WORKING, b": heartbeat\n\n", LINE, CHUNK, END, **{"meshgate-job": "j"}))
    events = [event async for event in mesh(gateways).stream("a", text="x")]
    assert [event.kind for event in events] == ["task", "status", "artifact", "status"]
    assert [event.text for event in events] == ["", "half", "ab", ""]
    assert [event.fraction for event in events] == [None, 0.5, None, None]
    assert [event.final for event in events] == [False, False, False, True]
    assert {event.job for event in events} == {"j"}
    assert {event.task_id for event in events} == {"tag~t"}
    assert events[2].append
    assert events[3].usage == Usage(tool_calls=2)
    assert body_of(gateways.seen[0])["method"] == "SendStreamingMessage"


async def test_a_stream_that_ends_in_failure_tells_the_event_then_raises() -> None:
    events = mesh(Gateways(one=streams(WORKING, status("FAILED", "out of paper")))).stream("a", text="x")
    assert [(await anext(events)).state, (await anext(events)).state] == [TaskState.WORKING, TaskState.FAILED]
    with pytest.raises(TaskFailed, match="out of paper"):
        await anext(events)


async def test_an_error_in_place_of_a_stream_is_raised() -> None:
    with pytest.raises(BudgetExhausted):
        async for _ in mesh(Gateways(one=fails(BudgetExhausted()))).stream("a", text="x"):
            pass


@pytest.mark.parametrize("broken", [(), (httpx.ReadError("reset"),)])
async def test_a_stream_that_breaks_says_which_task_may_go_on(broken: tuple[Any, ...]) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        async for _ in mesh(Gateways(one=streams(WORKING, *broken))).stream("a", text="x"):
            pass
    if not broken:
        assert caught.value.metadata == {"task": "tag~t", "retryable": "SubscribeToTask"}


async def test_a_subscription_goes_on_where_the_task_only_asks() -> None:
    asks = status("INPUT_REQUIRED", "colour?")
    gateways = Gateways(one=streams(WORKING, asks, LINE, END))
    assert len([event async for event in mesh(gateways).subscribe("tag~t")]) == 4
    gateways = Gateways(one=streams(WORKING, asks, LINE, END))
    assert len([event async for event in mesh(gateways).stream("a", text="x")]) == 2


@virtual_time
async def test_a_silent_stream_is_given_up_and_a_heartbeat_keeps_it() -> None:
    beats = [piece for _ in range(10) for piece in (20.0, b": heartbeat\n\n")]
    events = [
        event async for event in mesh(Gateways(one=streams(WORKING, *beats, END))).stream("a", text="x", deadline=500)
    ]
    assert len(events) == 2
    silent = mesh(Gateways(one=streams(WORKING, 1000.0, END)))
    with pytest.raises(OutcomeUnknown):
        await elapsed(_drain(silent, deadline=500))


@virtual_time
async def test_a_stream_ends_at_its_deadline() -> None:
    beats = [piece for _ in range(100) for piece in (10.0, b": heartbeat\n\n")]
    with pytest.raises(UpstreamDeadline):
        await _drain(mesh(Gateways(one=streams(WORKING, *beats))), deadline=45)


async def _drain(client: Mesh, deadline: float) -> None:
    async for _ in client.stream("a", text="x", deadline=deadline):
        pass


# -- time, and other gateways


@virtual_time
async def test_a_gateway_that_says_nothing_is_waited_for_a_little_longer_than_the_deadline() -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1000)
        raise AssertionError("cancelled before")

    async def call() -> None:
        with pytest.raises(UpstreamDeadline):
            await mesh(Gateways(one=never)).call("a", text="x", deadline=5)

    assert await elapsed(call()) == 5 + DEFAULTS.grace


async def test_a_call_whose_time_is_over_is_not_sent() -> None:
    gateways = Gateways(one=DONE)
    with pytest.raises(UpstreamDeadline) as caught:
        await mesh(gateways).call("a", text="x", deadline=0)
    assert caught.value.unsent
    assert gateways.seen == []


@pytest.mark.requirement("sdk.failover")
async def test_a_gateway_that_cannot_be_reached_is_passed_over_and_asked_last_from_then_on() -> None:
    gateways = Gateways(two=DONE)
    client = mesh(gateways, "http://one,http://two")
    await client.call("a", text="x")
    await client.call("a", text="x")
    assert gateways.hosts == ["one", "two", "two"]


async def test_when_none_can_be_reached_nothing_was_sent() -> None:
    with pytest.raises(UpstreamUnavailable) as caught:
        await mesh(Gateways(), "http://one,http://two").call("a", text="x")
    assert caught.value.unsent


def _breaks(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset")


def _busy(_: httpx.Request) -> httpx.Response:
    return httpx.Response(503, text="busy")


@pytest.mark.requirement("sdk.failover")
async def test_a_message_that_may_have_arrived_is_never_sent_to_another_gateway() -> None:
    gateways = Gateways(one=_breaks, two=DONE)
    with pytest.raises(OutcomeUnknown):
        await mesh(gateways, "http://one,http://two").call("a", text="x")
    gateways.scripts["one"] = _busy
    with pytest.raises(UpstreamUnavailable):
        await mesh(gateways, "http://one,http://two").call("a", text="x")
    assert gateways.hosts == ["one", "one"]


@pytest.mark.parametrize("trouble", [_breaks, _busy])
async def test_a_question_about_a_task_is_asked_at_another_gateway(trouble: Answer) -> None:
    gateways = Gateways(one=trouble, two=ok(task()))
    assert (await mesh(gateways, "http://one,http://two").task("tag~t")).id == "tag~t"
    assert gateways.hosts == ["one", "two"]


async def test_a_client_of_ones_own_is_used_and_left_open() -> None:
    gateways = Gateways(one=DONE)
    async with httpx.AsyncClient(transport=gateways, headers={"x-own": "1"}) as own:
        async with Mesh("http://one", "key", transport=own) as client:
            await client.call("a", text="x")
        assert not own.is_closed
    assert gateways.seen[0].headers["x-own"] == "1"


async def test_a_skill_of_an_agent_and_the_release_to_answer_in_are_said_by_name() -> None:
    gateways = Gateways(one=DONE)
    caller = mesh(gateways)
    await caller.call("weather", skill="forecast", schema_version="1.2.0", text="Bonn", metadata={"a": 1})
    [sent] = gateways.seen
    assert sent.url.path == "/agents/weather"
    assert sent.headers["meshgate-schema-version"] == "1.2.0"
    assert body_of(sent)["params"]["message"]["metadata"] == {"a": 1, "meshgate/skill": "forecast"}
    with pytest.raises(InvalidParams):
        await caller.call("forecast@1", skill="forecast", text="Bonn")
    with pytest.raises(InvalidParams):
        await caller.call("weather", schema_version="new\r\nx: y", text="Bonn")
    assert len(gateways.seen) == 1
