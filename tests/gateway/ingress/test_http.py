"""The data plane's edge: paths, keys before bodies, cards, health."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from structlog.testing import capture_logs

from meshgate.a2a.bindings.table import HTTP_ROWS
from meshgate.a2a.errors import AgentError
from meshgate.registry.model import Capability
from meshgate.testing import LocalMesh, fail, text
from tests.gateway.asgi import Answer, request
from tests.gateway.meshes import limits, virtual_mesh
from tests.support.virtual_loop import virtual_time

MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
BODY = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": MESSAGE}})


def headers(mesh: LocalMesh, **more: str) -> dict[str, str]:
    usual = {"authorization": f"Bearer {mesh.key}", "a2a-version": "1.0", "content-type": "application/json"}
    return {**usual, **{name.replace("_", "-"): value for name, value in more.items()}}


async def post(mesh: LocalMesh, path: str, body: bytes = BODY, /, **more: str) -> Answer:
    return await request(mesh.gateway.ingress, "POST", path, headers=headers(mesh, **more), body=body)


@pytest.mark.parametrize("path", ["/agents/echo", "/agents/echo/", "/skills/say@1", "/skills/say", "/skills/say@*"])
@virtual_time
async def test_an_agent_and_a_skill_have_addresses(path: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), skills=(Capability("say", "1.2.0"),))
        answer = await post(mesh, path)
        assert answer.json["result"]["message"]["parts"] == [{"text": "hello"}]
        assert {"meshgate-job", "meshgate-call", "meshgate-instance"} <= answer.headers.keys()


@pytest.mark.requirement("edge.paths")
@pytest.mark.parametrize(
    "path",
    [
        "/agents/echo/../other",
        "/agents/..%2fother",
        "/agents//echo",
        "/agents/echo/more",
        "/agents/echo%00",
        "/agents/",
        "/nothing/echo",
        "/admin",
        "/meshgate.v1.RegistryService/Register",
        "/metrics",
        "/docs",
    ],
)
@virtual_time
async def test_no_other_path_leads_anywhere(path: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        assert (await post(mesh, path)).status == 404
        assert not mesh.wire.sent


@pytest.mark.requirement("edge.key_first")
@virtual_time
async def test_without_a_key_no_body_is_read() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        bare = {"a2a-version": "1.0", "content-type": "application/json"}
        answer = await request(mesh.gateway.ingress, "POST", "/agents/echo", headers=bare, body=BODY)
        assert (answer.status, answer.headers["www-authenticate"], answer.chunks_read) == (401, "Bearer", 0)


METHODS = [
    "SendMessage",
    "SendStreamingMessage",
    "GetTask",
    "ListTasks",
    "CancelTask",
    "SubscribeToTask",
    "GetExtendedAgentCard",
    "CreateTaskPushNotificationConfig",
    "Everything",
    "tasks/get",
]


@pytest.mark.requirement("edge.key_first", "path.authentication")
@pytest.mark.parametrize("method", METHODS)
@virtual_time
async def test_a_wrong_key_is_a_401_with_a_challenge_whatever_is_asked_and_nothing_of_it_is_read(method: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        for body in (msgspec.json.encode({"jsonrpc": "2.0", "id": 7, "method": method}), b"{" * 100_000, b""):
            for key in ("mg_client_0_made-up", mesh.key + "x", "mgc_x.y"):
                answer = await post(mesh, "/agents/echo", body, authorization=f"Bearer {key}")
                assert (answer.status, answer.headers["www-authenticate"], answer.chunks_read) == (401, "Bearer", 0)
                assert (answer.json["id"], answer.json["error"]["data"][0]["reason"]) == (None, "UNAUTHENTICATED")
        assert list(mesh.gateway.records.jobs(10)) == []


@pytest.mark.requirement("edge.key_counted")
@virtual_time
async def test_who_shows_no_genuine_key_is_counted_by_why_and_logged_once_a_second() -> None:
    async with virtual_mesh() as mesh:
        instance = await mesh.add("echo", text("hello"))
        ended = mesh.mesh_key.call_key("echo", "default", instance)
        await mesh.registry.deregister(instance)
        await mesh.seen(instance, there=False)
        bare = {"a2a-version": "1.0", "content-type": "application/json"}
        with capture_logs() as logs:
            for _ in range(3):
                await request(mesh.gateway.ingress, "POST", "/agents/echo", headers=bare, body=BODY)
                await post(mesh, "/agents/echo", authorization="Bearer mg_client_0_made-up")
            await asyncio.sleep(1.0)
            await post(mesh, "/agents/echo", authorization=f"Bearer {ended}")
            await request(mesh.gateway.ingress, "GET", "/agents/echo", headers={"x-api-key": "made-up"})
        told = [line for line in logs if line["event"] == "unauthenticated"]
        assert [(line["binding"], line["why"], line["refused"]) for line in told] == [
            ("JSONRPC", "missing", 1),
            ("JSONRPC", "ended", 6),
        ]
        shown = mesh.gateway.metrics.render().decode()
        for binding, why, count in (
            ("JSONRPC", "missing", 3),
            ("JSONRPC", "unknown", 3),
            ("JSONRPC", "ended", 1),
            ("card", "unknown", 1),
        ):
            assert f'meshgate_unauthenticated_total{{binding="{binding}",why="{why}"}} {count}.0' in shown


@pytest.mark.requirement("edge.body")
@virtual_time
async def test_a_body_over_the_limit_is_refused_before_it_is_read_whole() -> None:
    async with virtual_mesh(limits=limits(body=1000)) as mesh:
        await mesh.add("echo", text("hello"))
        known = await post(mesh, "/agents/echo", b"x" * 1001)
        assert (known.status, known.chunks_read) == (413, 0)
        unknown = await request(
            mesh.gateway.ingress, "POST", "/agents/echo", headers=headers(mesh), chunks=[b"x" * 400] * 100
        )
        assert unknown.status == 413
        assert unknown.chunks_read <= 3


@pytest.mark.requirement("edge.shape")
@pytest.mark.parametrize("body", [b"[" * 5000 + b"]" * 5000, b"[" + b"{}," * 60_000 + b"{}]"])
@virtual_time
async def test_json_too_deep_or_too_wide_is_refused(body: bytes) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        answer = await post(mesh, "/agents/echo", body)
        assert (answer.status, answer.reason) == (400, "INVALID_REQUEST")
        assert "more than" in answer.json["error"]["message"] or "nested" in answer.json["error"]["message"]


@pytest.mark.requirement("edge.spelling")
@pytest.mark.parametrize("key", ["TaskId", "taskid", "TASKID", "Task_id", "message_id"])
@virtual_time
async def test_a_spelling_that_only_a_careless_parser_reads_is_refused(key: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        params = {"message": {**MESSAGE, key: "smuggled"}}
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params})
        assert (await post(mesh, "/agents/echo", body)).reason == "INVALID_PARAMS"
        assert not mesh.wire.sent


@pytest.mark.requirement("edge.spelling")
@virtual_time
async def test_a_key_as_the_proto_spells_it_reaches_the_agent_as_a2a_spells_it() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        part = {"text": "hi", "media_type": "text/plain"}
        spelled = {"message_id": "m", "role": "ROLE_USER", "parts": [part], "context_id": "c", "task_id": None}
        params = {"message": spelled, "configuration": {"history_length": 3, "return_immediately": True}}
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params})
        assert "result" in (await post(mesh, "/agents/echo", body)).json
        (sent,) = mesh.wire.sent
        part = {"text": "hi", "mediaType": "text/plain"}
        ann = mesh.gateway.tags.owner("user")
        context = mesh.gateway.contexts.made_by_caller("c", tenant="default", owner=ann)
        assert sent.payload.tree() == {
            "message": {"messageId": "m", "role": "ROLE_USER", "parts": [part], "contextId": context},
            "configuration": {"historyLength": 3, "returnImmediately": True},
        }


@pytest.mark.requirement("edge.version")
@pytest.mark.parametrize("version", ["", "0.3", "1.7", "2.0", "99"])
@virtual_time
async def test_another_version_is_refused_with_the_header_to_send(version: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        answer = await post(mesh, "/agents/echo", a2a_version=version)
        assert answer.reason == "VERSION_NOT_SUPPORTED"
        assert "A2A-Version: 1.0" in answer.json["error"]["message"]


@pytest.mark.requirement("edge.cards")
@virtual_time
async def test_a_card_says_exactly_what_is_served_and_has_a_validator() -> None:
    async with virtual_mesh() as mesh:
        skills = (Capability("say", "1.0.0"), Capability("sing", "1.0.0"))
        await mesh.add("echo", text("hello"), skills=skills)
        app = mesh.gateway.ingress
        for path in ("/agents/echo", "/agents/echo/", "/agents/echo/.well-known/agent-card.json"):
            answer = await request(app, "GET", path, headers=headers(mesh))
            assert [(one["protocolBinding"], one["url"]) for one in answer.json["supportedInterfaces"]] == [
                ("JSONRPC", "http://mesh.test/agents/echo"),
                ("HTTP+JSON", "http://mesh.test/agents/echo"),
            ]
            assert {skill["id"] for skill in answer.json["skills"]} == {"say", "sing"}
            again = await request(app, "GET", path, headers=headers(mesh, if_none_match=answer.headers["etag"]))
            assert (again.status, again.body) == (304, b"")
        skill = await request(app, "GET", "/skills/say@1", headers=headers(mesh))
        assert [one["id"] for one in skill.json["skills"]] == ["say"]
        own = await request(app, "GET", "/.well-known/agent-card.json", headers=headers(mesh))
        assert {one["id"] for one in own.json["skills"]} == {"say", "sing"}


@pytest.mark.requirement("edge.cards")
@virtual_time
async def test_cards_need_a_key_and_show_only_what_it_covers() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        app = mesh.gateway.ingress
        assert (await request(app, "GET", "/agents/echo")).status == 401
        narrow = {"authorization": f"Bearer {mesh.client('n', agents=['other'])}"}
        denied = await request(app, "GET", "/agents/echo", headers=narrow)
        absent = await request(app, "GET", "/agents/nobody", headers=narrow)
        assert (denied.status, denied.body) == (absent.status, absent.body)
        own = await request(app, "GET", "/", headers=narrow)
        assert own.json["skills"] == []


@virtual_time
async def test_health_needs_no_key_and_draining_is_not_ready() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        app = mesh.gateway.ingress
        assert (await request(app, "GET", "/livez")).status == 200
        assert (await request(app, "GET", "/readyz")).status == 200
        mesh.gateway.answers.drain(on=True)
        assert (await request(app, "GET", "/livez")).status == 200
        assert (await request(app, "GET", "/readyz")).status == 503
        assert (await post(mesh, "/agents/echo")).status == 200  # what still comes is served


@pytest.mark.requirement("edge.headers")
@virtual_time
async def test_an_agent_sees_only_headers_of_the_gateways_making() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), foreign=True)
        hostile = {
            "x_forwarded_for": "1.2.3.4",
            "forwarded": "for=1.2.3.4",
            "cookie": "a=b",
            "x_tenant": "acme",
            "connection": "x-auth",
            "meshgate_job": "forged",
        }
        await post(mesh, "/agents/echo", **hostile)
        sent = mesh.wire.sent[-1].headers
        made = {"a2a-version", "traceparent", "tracestate"}
        assert {name for name in sent if not name.startswith("meshgate-")} <= made
        assert sent["meshgate-job"] != "forged"
        assert mesh.key not in "".join(sent.values())


@pytest.mark.requirement("edge.headers")
@virtual_time
async def test_a_header_name_with_an_underscore_is_refused() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        sent = {**headers(mesh), "x_tenant": "acme"}
        answer = await request(mesh.gateway.ingress, "POST", "/agents/echo", headers=sent, body=BODY)
        assert answer.status == 400


@virtual_time
async def test_a_call_is_on_record_in_the_binding_that_it_came_in() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        answer = await post(mesh, "/agents/echo")
        record = mesh.gateway.records.call(answer.headers["meshgate-call"])
        assert record is not None
        assert record.binding == "JSONRPC"


@virtual_time
async def test_a_card_lists_every_binding_that_is_served() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        card = (await request(mesh.gateway.ingress, "GET", "/agents/echo", headers=headers(mesh))).json
        served = [(one["protocolBinding"], one["protocolVersion"]) for one in card["supportedInterfaces"]]
        assert served == [row.key for row in HTTP_ROWS if row.version == "1.0"]


@pytest.mark.requirement("errors.origin")
@virtual_time
async def test_an_error_answer_names_its_call_and_its_job_in_its_headers() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", fail(AgentError("no", number=7)))
        for path, code in (("/agents/echo", 7), ("/agents/nobody", -31001)):
            answer = await post(mesh, path)
            assert answer.json["error"]["code"] == code
            record = mesh.gateway.records.call(answer.headers["meshgate-call"])
            assert record is not None
            assert record.job == answer.headers["meshgate-job"]
        unread = await post(mesh, "/agents/echo", b"{")
        assert "meshgate-call" not in unread.headers


@pytest.mark.requirement("edge.tracestate")
@pytest.mark.parametrize("foreign", [True, False])
@virtual_time
async def test_what_other_vendors_of_traces_carry_along_reaches_the_agent(foreign: bool) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), foreign=foreign)
        await post(mesh, "/agents/echo", traceparent=trace, tracestate="acme=1,other=2")
        sent = mesh.wire.sent[-1].headers
        assert sent["tracestate"] == "acme=1,other=2"
        assert sent["traceparent"].split("-")[1] == trace.split("-")[1]
        for more in ({"traceparent": trace}, {}):
            await post(mesh, "/agents/echo", **more)
            assert "tracestate" not in mesh.wire.sent[-1].headers
