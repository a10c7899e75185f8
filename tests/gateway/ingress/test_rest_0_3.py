"""The data plane over HTTP+JSON of A2A 0.3: which version a path and a header mean; a2a-sdk's client of 0.3 calls."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from a2a.client.client import ClientCallContext
from a2a.types import a2a_pb2
from a2a.utils.errors import TaskNotFoundError

from meshgate.a2a.errors import RateLimited
from meshgate.registry.model import Capability
from meshgate.testing import fail, stream, task, text
from tests.gateway.ingress.test_rest import ask
from tests.gateway.meshes import virtual_mesh
from tests.support import foreign
from tests.support.virtual_loop import virtual_time

PROTO = {"messageId": "m", "role": "ROLE_USER", "content": [{"text": "hi"}]}
OLD_JSON = {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}
CURRENT = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}


def body(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"message": message})


@pytest.mark.requirement("legacy.rest")
@pytest.mark.parametrize("path", ["/agents/echo/v1", "/agents/echo+0.3/v1", "/skills/say@1/v1", "/skills/say"])
@virtual_time
async def test_an_agent_and_a_skill_are_called_in_the_style_of_the_request(path: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), skills=(Capability("say", "1.2.0"),))
        answer = await ask(mesh, f"POST {path}/message:send", body(PROTO), a2a_version="")
        assert (answer.status, answer.json["message"]["content"]) == (200, [{"text": "hello"}])
        assert answer.headers["content-type"] == "application/json"
        answer = await ask(mesh, f"POST {path}/message:send", body(OLD_JSON), a2a_version="")
        assert (answer.json["kind"], answer.json["parts"]) == ("message", [{"kind": "text", "text": "hello"}])
        assert "a2a-version" not in answer.headers


@pytest.mark.requirement("legacy.rest", "legacy.dispatch")
@virtual_time
async def test_the_path_and_the_version_say_which_a2a_it_is() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        plain, below = "POST /agents/echo/message:send", "POST /agents/echo/v1/message:send"
        assert "parts" in (await ask(mesh, plain, body(CURRENT))).json["message"]
        assert "content" in (await ask(mesh, plain, body(PROTO), a2a_version="")).json["message"]
        assert "content" in (await ask(mesh, plain, body(PROTO), a2a_version="0.3")).json["message"]
        assert len(mesh.wire.sent) == 3
        for line, message, version in (
            (plain, CURRENT, ""),
            (below, CURRENT, ""),
            (below, CURRENT, "1.0"),
            (plain, PROTO, "2.0"),
        ):
            answer = await ask(mesh, line, body(message), a2a_version=version)
            assert answer.status == 400
            assert answer.json["error"]["details"][0]["reason"] == "VERSION_NOT_SUPPORTED"
        # Without a version and with a tenant in the path it can be 1.0 alone.
        answer = await ask(mesh, "POST /echo/message:send", body(PROTO), a2a_version="")
        assert answer.json["error"]["details"][0]["reason"] == "VERSION_NOT_SUPPORTED"
        # 0.3 has no tenant: at the gateway's own URL nobody is named.
        answer = await ask(mesh, "POST /v1/message:send", body(PROTO), a2a_version="")
        assert (answer.status, answer.json["data"]["reason"]) == (400, "INVALID_PARAMS")
        assert len(mesh.wire.sent) == 3


@pytest.mark.requirement("legacy.rest_errors")
@virtual_time
async def test_errors_have_the_form_of_0_3() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", fail(RateLimited("slow", retry_after=2.5)))
        path = "POST /agents/echo/v1/message:send"
        busy = await ask(mesh, path, body(PROTO), a2a_version="")
        assert (busy.status, busy.headers["retry-after"], busy.json["code"]) == (429, "3", -32603)
        denied = await ask(mesh, path, body(PROTO), a2a_version="", authorization="")
        assert (denied.status, denied.json["data"]["reason"], denied.chunks_read) == (401, "UNAUTHENTICATED", 0)
        unknown = await ask(mesh, "GET /agents/echo/v1/tasks/nothing", a2a_version="")
        assert (unknown.status, unknown.json["code"], unknown.json["type"]) == (404, -32001, "TaskNotFoundError")
        plain = await ask(mesh, "GET /agents/echo/tasks/nothing", a2a_version="")
        assert (plain.status, plain.json["error"]["details"][0]["reason"]) == (404, "TASK_NOT_FOUND")
        card = await ask(mesh, "GET /agents/echo/v1/card", a2a_version="")
        assert (card.status, card.json["type"]) == (400, "UnsupportedOperationError")
        absent = await ask(mesh, "POST /agents/nobody/v1/message:send", body(PROTO), a2a_version="")
        assert (absent.status, absent.json["data"]["reason"]) == (404, "NO_ROUTE")


@pytest.mark.requirement("legacy.rest")
@virtual_time
async def test_a_tasks_id_is_the_meshs_and_holds_anything() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("a/b:cancel"))
        made = (await ask(mesh, "POST /agents/echo/v1/message:send", body(PROTO), a2a_version="")).json["task"]["id"]
        assert made.endswith("~a/b:cancel")
        for line in ("GET {}?historyLength=0", "POST {}:cancel"):
            await ask(mesh, line.format(f"/agents/echo/v1/tasks/{quote(made, safe='')}"), a2a_version="")
            assert mesh.wire.sent[-1].payload.view().id == "a/b:cancel"


@pytest.mark.requirement("legacy.rest")
@pytest.mark.parametrize("verb", ["GET", "POST"])
@virtual_time
async def test_a_stream_has_events_of_0_3_and_its_error_is_one_of_another_name(verb: str) -> None:
    async with virtual_mesh() as mesh:
        ended, open_task = (
            {"task": {"id": "t", "contextId": "c", "status": {"state": state}}}
            for state in ("TASK_STATE_CANCELED", "TASK_STATE_WORKING")
        )
        await mesh.add("echo", stream(ended))
        await mesh.add("odd", stream(open_task))
        sent = await ask(mesh, "POST /agents/echo/v1/message:stream", body(PROTO), a2a_version="")
        assert sent.headers["content-type"] == "text/event-stream"
        assert b'"state":"TASK_STATE_CANCELLED"' in sent.body
        sent = await ask(mesh, "POST /agents/odd/v1/message:stream", body(PROTO), a2a_version="")
        first, last = sent.body.decode().strip().split("\n\n")
        made = msgspec.json.decode(first.removeprefix("data: "))
        assert last.startswith("event: error\ndata: ")
        told = msgspec.json.decode(last.partition("data: ")[2])
        assert (told["code"], told["data"]["reason"]) == (-32603, "OUTCOME_UNKNOWN")
        path = f"{verb} /agents/odd/v1/tasks/{quote(made['task']['id'], safe='')}:subscribe"
        again = await ask(mesh, path, a2a_version="")
        assert again.body.startswith(b'data: {"task":')


@pytest.mark.requirement("legacy.rest")
@virtual_time
async def test_a_stock_client_calls_through_the_gateway() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("t-1"), skills=(Capability("say", "1.2.0"),))
        context = ClientCallContext(service_parameters={"authorization": f"Bearer {mesh.key}"})
        transport = httpx.ASGITransport(mesh.gateway.ingress)
        for base in ("agents/echo", "agents/echo+0.3", "skills/say@1"):
            async with httpx.AsyncClient(transport=transport) as http:
                stock = foreign.legacy_rest_client(http)
                stock.url = f"http://mesh.test/{base}"
                asked = a2a_pb2.SendMessageRequest(message=foreign.said())
                asked.message.role = a2a_pb2.ROLE_USER
                asked.message.ClearField("task_id")
                asked.message.ClearField("reference_task_ids")
                made = (await stock.send_message(asked, context=context)).task
                assert made.id.endswith("~t-1")
                with pytest.raises(TaskNotFoundError):
                    await stock.get_task(a2a_pb2.GetTaskRequest(id="none"), context=context)
