"""The data plane over HTTP+JSON: paths below agents, skills and the gateway itself; a2a-sdk's client calls them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import httpx
import msgspec
import pytest
from a2a.client.client import ClientCallContext
from a2a.types import a2a_pb2
from a2a.utils.errors import TaskNotFoundError

from meshgate.a2a.errors import AgentError, RateLimited
from meshgate.registry.model import Capability
from meshgate.testing import LocalMesh, fail, stream, task, text
from tests.gateway.asgi import Answer, request
from tests.gateway.meshes import limits, virtual_mesh
from tests.support import foreign
from tests.support.virtual_loop import virtual_time

MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
BODY = msgspec.json.encode({"message": MESSAGE})


async def ask(mesh: LocalMesh, line: str, body: bytes = b"", **more: str) -> Answer:
    verb, target = line.split(" ")
    path, _, query = target.partition("?")
    sent = {"authorization": f"Bearer {mesh.key}", "a2a-version": "1.0"}
    sent |= {"content-type": "application/json"} if body else {}
    sent |= {name.replace("_", "-"): value for name, value in more.items()}

    async def server(scope: Any, receive: Any, send: Any) -> None:
        # As a server does it: the path decoded once, and as it came.
        await mesh.gateway.ingress({**scope, "path": unquote(path), "raw_path": path.encode()}, receive, send)

    return await request(server, verb, path, headers={k: v for k, v in sent.items() if v}, body=body, query=query)


def reason(answer: Answer) -> str:
    return str(answer.json["error"]["details"][0]["reason"])


@pytest.mark.requirement("edge.rest")
@pytest.mark.parametrize(
    "path",
    [
        "/agents/echo/message:send",
        "/agents/echo+grpc/message:send",
        "/skills/say@1/message:send",
        "/skills/say/message:send",
        "/skills/say+grpc@*/message:send",
        "/echo/message:send",
        "/say@1/message:send",
        "/agents/echo/echo/message:send",
    ],
)
@virtual_time
async def test_an_agent_and_a_skill_have_addresses_below_theirs_and_the_gateway_by_tenant(path: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), skills=(Capability("say", "1.2.0"),))
        answer = await ask(mesh, f"POST {path}", BODY)
        assert (answer.status, answer.json["message"]["parts"]) == (200, [{"text": "hello"}])
        assert answer.headers["content-type"] == "application/json"
        assert {"meshgate-job", "meshgate-call", "meshgate-instance"} <= answer.headers.keys()
        mirrored = await ask(mesh, f"POST {path}", BODY, content_type="application/a2a+json")
        assert mirrored.headers["content-type"] == "application/a2a+json"


@pytest.mark.requirement("edge.rest")
@virtual_time
async def test_who_is_named_twice_must_be_the_same() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        await mesh.add("other", text("hello"))
        named = msgspec.json.encode({"message": MESSAGE, "tenant": "other"})
        for path, body in (
            ("/echo/message:send", named),
            ("/agents/echo/message:send", named),
            ("/agents/echo/other/message:send", BODY),
        ):
            answer = await ask(mesh, f"POST {path}", body)
            assert (answer.status, reason(answer)) == (400, "INVALID_PARAMS")
        assert not mesh.wire.sent


@pytest.mark.requirement("edge.rest", "edge.paths")
@pytest.mark.parametrize(
    "line",
    [
        "POST /agents/echo/../other/message:send",
        "POST /agents/..%2fother/message:send",
        "POST /agents//message:send",
        "POST /agents/echo//message:send",
        "POST /agents/echo/message:send/",
        "POST /echo/v1/message:send",
        "POST /agents/echo/v1/v1/message:send",
        "GET /agents/echo/tasks/..",
        "GET /agents/echo/message:send",
    ],
)
@virtual_time
async def test_no_other_path_leads_anywhere(line: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        await mesh.add("other", text("hello"))
        assert (await ask(mesh, line, BODY if line.startswith("POST") else b"")).status == 404
        assert not mesh.wire.sent


@pytest.mark.requirement("edge.rest", "edge.key_first")
@virtual_time
async def test_errors_before_the_call_have_the_bindings_form() -> None:
    async with virtual_mesh(limits=limits(body=1000)) as mesh:
        await mesh.add("echo", text("hello"))
        path = "POST /agents/echo/message:send"
        denied = await ask(mesh, path, BODY, authorization="")
        assert (denied.status, denied.headers["www-authenticate"], denied.chunks_read) == (401, "Bearer", 0)
        assert (denied.json["error"]["status"], reason(denied)) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
        large = await ask(mesh, path, b"x" * 1001)
        assert (large.status, reason(large)) == (413, "BODY_TOO_LARGE")
        media = await ask(mesh, path, BODY, content_type="text/plain")
        assert (media.status, reason(media)) == (400, "CONTENT_TYPE_NOT_SUPPORTED")
        version = await ask(mesh, path, BODY, a2a_version="")
        assert (version.status, reason(version)) == (400, "VERSION_NOT_SUPPORTED")
        assert "A2A-Version: 1.0" in version.json["error"]["message"]
        absent = await ask(mesh, "POST /agents/nobody/message:send", BODY)
        assert (absent.status, absent.json["error"]["status"], reason(absent)) == (404, "NOT_FOUND", "NO_ROUTE")
        variant = await ask(mesh, "POST /agents/echo+odd/message:send", BODY)
        assert (variant.status, reason(variant)) == (404, "NO_ROUTE")
        named = await ask(mesh, "POST /agents/a b/message:send".replace(" b", "%20b"), BODY)
        assert (named.status, reason(named)) == (400, "INVALID_PARAMS")


@pytest.mark.requirement("edge.rest")
@virtual_time
async def test_an_error_of_the_call_has_its_status() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", fail(RateLimited("slow", retry_after=2.5)))
        busy = await ask(mesh, "POST /agents/echo/message:send", BODY)
        assert (busy.status, busy.headers["retry-after"], reason(busy)) == (429, "3", "RATE_LIMITED")
        await mesh.add("odd", fail(AgentError("no such account", data={"account": 7}, metadata={"httpStatus": "422"})))
        own = await ask(mesh, "POST /agents/odd/message:send", BODY)
        assert (own.status, own.json["error"]["details"][-1]["value"]) == (422, {"account": 7})
        unknown = await ask(mesh, "GET /agents/echo/tasks/nothing")
        assert (unknown.status, reason(unknown)) == (404, "TASK_NOT_FOUND")


@pytest.mark.requirement("edge.rest")
@pytest.mark.parametrize("upstream", ["t-1", "a/b", "a%2Fb:cancel", "ü ~?#", "..", "//x"])
@virtual_time
async def test_a_tasks_id_may_hold_anything(upstream: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task(upstream))
        made = (await ask(mesh, "POST /agents/echo/message:send", BODY)).json["task"]["id"]
        assert made.endswith(f"~{upstream}")
        for line in ("GET {}?historyLength=0", "POST {}:cancel"):
            path = f"/agents/echo/tasks/{quote(made, safe='')}"
            await ask(mesh, line.format(path))
            assert mesh.wire.sent[-1].payload.view().id == upstream


@pytest.mark.requirement("edge.rest")
@pytest.mark.parametrize("verb", ["GET", "POST"])
@virtual_time
async def test_a_stream_has_bare_events_and_its_error_is_one_of_another_name(verb: str) -> None:
    async with virtual_mesh() as mesh:
        working = {"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}}
        await mesh.add("echo", stream(working))
        sent = await ask(mesh, "POST /agents/echo/message:stream", BODY)
        assert sent.headers["content-type"] == "text/event-stream"
        first, last = sent.body.decode().strip().split("\n\n")
        made = msgspec.json.decode(first.removeprefix("data: "))
        assert made["task"]["status"] == {"state": "TASK_STATE_WORKING"}
        assert last.startswith("event: error\ndata: ")
        assert msgspec.json.decode(last.partition("data: ")[2])["error"]["details"][0]["reason"] == "OUTCOME_UNKNOWN"
        again = await ask(mesh, f"{verb} /agents/echo/tasks/{quote(made['task']['id'], safe='')}:subscribe")
        assert again.body.startswith(b'data: {"task":')


@pytest.mark.requirement("edge.rest")
@virtual_time
async def test_a_stock_client_calls_through_the_gateway() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("t 1/x"), skills=(Capability("say", "1.2.0"),))
        headers = {"authorization": f"Bearer {mesh.key}", "a2a-version": "1.0"}
        context = ClientCallContext(service_parameters=headers)
        transport = httpx.ASGITransport(mesh.gateway.ingress)
        for base, tenant in (("agents/echo", ""), ("skills/say@1", ""), ("", "echo")):
            async with httpx.AsyncClient(transport=transport) as http:
                stock = foreign.rest_client(http)
                stock.url = f"http://mesh.test/{base}".rstrip("/")
                asked = a2a_pb2.SendMessageRequest(message=foreign.said(), tenant=tenant)
                asked.message.role = a2a_pb2.ROLE_USER
                asked.message.ClearField("task_id")
                asked.message.ClearField("reference_task_ids")
                made = (await stock.send_message(asked, context=context)).task
                assert made.id.endswith("~t 1/x")
                with pytest.raises(TaskNotFoundError):
                    await stock.get_task(a2a_pb2.GetTaskRequest(id="none", tenant=tenant), context=context)
