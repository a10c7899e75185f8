"""What is refused before it goes anywhere, and how that is said on each binding."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Doors
from tests.contract.doors import TLS, RpcDoor
from tests.contract.mesh import LIMITS, Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import broken, refusal

pytestmark = pytest.mark.asyncio(loop_scope="session")

ECHO: dict[str, Any] = {"do": "echo"}


# -- versions and operations


@pytest.mark.requirement("contract.version")
async def test_another_version_is_refused(doors: Doors, key: str) -> None:
    for version in ("0.3", "1.7", "2.0", "one"):
        headers = {"a2a-version": version}
        found = await refusal(doors.here, "SendMessage", saying(ECHO), "clerk", key=key, headers=headers)
        assert found.means("VERSION_NOT_SUPPORTED"), version
        assert "1.0" in found.message


@pytest.mark.requirement("contract.version")
async def test_no_version_means_0_3_to_json_rpc_and_1_0_to_grpc(mesh: Mesh, key: str) -> None:
    rpc, grpc = mesh.doors["JSONRPC"][0], mesh.doors["GRPC"][0]
    found = await refusal(rpc, "SendMessage", saying(ECHO), "clerk", key=key, headers={"a2a-version": ""})
    assert found.means("VERSION_NOT_SUPPORTED")
    assert "A2A-Version: 1.0" in found.message
    assert (await grpc.ask("SendMessage", saying(ECHO), "clerk", key=key)).heard["agent"] == "clerk"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("SendMessage", {}, "message"),
    ("SendMessage", {"message": {"role": "ROLE_USER", "parts": [{"text": "x"}]}}, "message.messageId"),
    ("SendMessage", {"message": {"messageId": "m", "parts": [{"text": "x"}]}}, "message.role"),
    ("SendMessage", {"message": {"messageId": "m", "role": "ROLE_USER", "parts": []}}, "message.parts"),
    ("SendMessage", {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{}]}}, "message.parts[0]"),
    ("GetTask", {}, "id"),
    ("GetTask", {"id": "t", "historyLength": -1}, "historyLength"),
]


@pytest.mark.requirement("contract.invalid_params")
async def test_what_is_wrong_with_a_request_is_named_by_its_path(doors: Doors, key: str) -> None:
    for method, params, field in WRONG:
        if doors.here.binding == "HTTP+JSON" and field == "id":
            continue  # without an id the path is another one
        found = await refusal(doors.here, method, params, "clerk", key=key)
        assert found.means("INVALID_PARAMS")
        assert found.fields == [field]


# -- keys


EVERY = ["SendMessage", "SendStreamingMessage", "GetTask", "CancelTask", "SubscribeToTask", "ListTasks"]
FURTHER = ["GetExtendedAgentCard", "CreateTaskPushNotificationConfig"]


@pytest.mark.requirement("path.authentication", "edge.key_first")
@pytest.mark.cells("edge.key_first")
@pytest.mark.parametrize("kind", ["none", "nonsense", "another kind", "a forged call key"])
async def test_no_call_without_a_valid_key(mesh: Mesh, doors: Doors, kind: str) -> None:
    key = {
        "none": "",
        "nonsense": "nonsense",
        "another kind": mesh.run(0).join_key,
        "a forged call key": "mgc_WyJjbGVyayIsImRlZmF1bHQiLCJ4Il0.AAAAAAAAAAAAAAAAAAAAAAAA",
    }[kind]
    for method in (*EVERY, *FURTHER):
        # What is asked is no proper request: nobody looks at it.
        if method in ("SendStreamingMessage", "SubscribeToTask"):
            found = await broken(doors.here.stream(method, {}, "clerk", key=key))
        else:
            found = await refusal(doors.here, method, {}, "clerk", key=key)
        assert found.means("UNAUTHENTICATED"), method
        if doors.here.binding == "JSONRPC":
            assert json.loads(found.raw)["id"] is None


@pytest.mark.requirement("edge.key_counted")
async def test_who_shows_no_valid_key_is_counted_at_its_gateway(mesh: Mesh, doors: Doors) -> None:
    binding = doors.here.binding

    async def counted() -> float:
        series = f'meshgate_unauthenticated_total{{gateway="{doors.here.gateway}",binding="{binding}",why="unknown"}} '
        lines = (await mesh.metrics()).splitlines()
        return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))

    before = await counted()
    for _ in range(3):
        await refusal(doors.here, "SendMessage", saying(ECHO), "clerk", key="made-up")
    assert await counted() == before + 3


# -- bytes over HTTP


def body(method: str = "SendMessage", **fields: Any) -> dict[str, Any]:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": saying(ECHO), **fields}


async def post(mesh: Mesh, content: bytes, path: str = "/agents/clerk", **headers: str) -> httpx.Response:
    """A POST with exactly these bytes."""
    door = mesh.doors["JSONRPC"][0]
    assert isinstance(door, RpcDoor)
    sent = {"content-type": "application/json", "a2a-version": "1.0", **headers}
    async with httpx.AsyncClient(trust_env=False, verify=TLS) as client:
        return await client.post(door.url + path, content=content, headers=sent)


@pytest.mark.requirement("contract.http_status")
async def test_http_says_what_was_refused_before_it_was_read(mesh: Mesh, key: str) -> None:
    bearer = f"Bearer {key}"
    echo = json.dumps(body()).encode()
    unknown = await post(mesh, echo)
    assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")
    assert (await post(mesh, echo, authorization="Bearer nonsense")).status_code == 401
    large = json.dumps(body(padding="x" * LIMITS["body"])).encode()
    assert (await post(mesh, large, authorization=bearer)).status_code == 413
    assert (await post(mesh, echo, authorization=bearer, **{"content-type": "text/plain"})).status_code == 415
    assert (await post(mesh, echo, authorization=bearer, **{"content-encoding": "gzip"})).status_code == 415
    assert (await post(mesh, echo, "/nowhere", authorization=bearer)).status_code == 404
    many = {f"x-{number}": "x" for number in range(101)}
    assert (await post(mesh, echo, authorization=bearer, **many)).status_code == 431


@pytest.mark.requirement("contract.http_status")
async def test_grpc_says_so_too(mesh: Mesh, key: str) -> None:
    large = saying({**ECHO, "padding": "x" * LIMITS["body"]})
    found = await refusal(mesh.doors["GRPC"][0], "SendMessage", large, "clerk", key=key)
    assert found.number == "RESOURCE_EXHAUSTED"


NO_CALLS: list[tuple[bytes, int]] = [
    (b"{", -32700),
    (b"\xff", -32700),
    (b"[]", -32600),
    (b"[" + json.dumps(body()).encode() + b"]", -32600),
    (json.dumps(body(jsonrpc="1.0")).encode(), -32600),
    (json.dumps(body("sendMessage")).encode(), -32601),
    (json.dumps(body("message/send")).encode(), -32601),
    (json.dumps(body(params=[])).encode(), -32600),
    (b"[" * 100 + b"]" * 100, -32600),
]


@pytest.mark.requirement("contract.json_rpc")
async def test_bytes_that_are_no_call_are_answered_with_json_rpcs_codes(mesh: Mesh, key: str) -> None:
    for content, code in NO_CALLS:
        error = (await post(mesh, content, authorization=f"Bearer {key}")).json()["error"]
        assert (content, error["code"]) == (content, code)
        assert all("@type" in detail for detail in error["data"])


@pytest.mark.requirement("contract.json_rpc")
async def test_the_base_answers_with_and_without_a_slash(mesh: Mesh, key: str) -> None:
    for path in ("/agents/clerk", "/agents/clerk/", "/skills/write@1", "/skills/write@1/", "/skills/write"):
        response = await post(mesh, json.dumps(body()).encode(), path, authorization=f"Bearer {key}")
        assert (path, response.status_code, response.json()["id"]) == (path, 200, 7)
        assert response.json()["result"]["task"]["status"]["state"] == "TASK_STATE_COMPLETED"


@pytest.mark.requirement("contract.version")
async def test_the_version_may_stand_in_the_query(mesh: Mesh, key: str) -> None:
    path = "/agents/clerk?A2A-Version=1.0"
    headers = {"a2a-version": "", "authorization": f"Bearer {key}"}
    assert "result" in (await post(mesh, json.dumps(body()).encode(), path, **headers)).json()


@pytest.mark.requirement("contract.health")
async def test_health_needs_no_key(mesh: Mesh) -> None:
    async with httpx.AsyncClient(trust_env=False, verify=TLS) as client:
        urls = [run.gateway + path for run in mesh.runs for path in ("/livez", "/readyz")]
        found = await asyncio.gather(*(client.get(url) for url in urls))
    assert {response.status_code for response in found} == {200}
