"""The agent as an ASGI app: who may come in, what it serves, and how it says no."""

import json
from typing import Any

import httpx
import pytest

from meshgate.a2a.cards import CARD_PATH, CARD_PATHS, read_card
from meshgate.registry.join.wire import RegisterResponse
from meshgate.registry.model import Lease
from meshgate.sdk import Agent
from meshgate.sdk.server.app import AgentApp

SECRET = {"authorization": "Bearer s3cret"}
JSON = {"content-type": "application/json", "a2a-version": "1.0"}
BODY = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "SendMessage",
    "params": {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}},
}


def make_agent() -> Agent:
    agent = Agent("demo", version="1.4.0", description="Says it again")

    @agent.skill
    async def echo(text: str) -> str:
        return text

    return agent


def client(app: AgentApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://agent")


async def test_a_call_with_the_secret_is_answered() -> None:
    async with client(make_agent().app("s3cret")) as http:
        response = await http.post("/", json=BODY, headers=JSON | SECRET)
    assert response.status_code == 200
    answer = response.json()
    assert (answer["id"], answer["result"]["task"]["artifacts"][0]["parts"]) == (7, [{"text": "hi"}])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer s3cre"},
        {"authorization": "Bearer s3cret2"},
        {"authorization": "Basic s3cret"},
        {"authorization": "s3cret"},
        {"x-api-key": "s3cret"},
    ],
)
@pytest.mark.parametrize("path", ["/", CARD_PATH, "/elsewhere"])
@pytest.mark.requirement("sdk.guard")
async def test_who_shows_no_secret_is_told_nothing(path: str, headers: dict[str, str]) -> None:
    async with client(make_agent().app("s3cret")) as http:
        posted = await http.post(path, json=BODY, headers=JSON | headers)
        fetched = await http.get(path, headers=headers)
    for response in (posted, fetched):
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert "echo" not in response.text


async def test_before_it_has_joined_nobody_may_come_in() -> None:
    async with client(make_agent().app()) as http:
        for shown in ("", "None", "undefined"):
            response = await http.post("/", json=BODY, headers=JSON | {"authorization": f"Bearer {shown}"})
            assert response.status_code == 401


async def test_the_secret_of_the_last_and_of_the_newest_registration_are_good() -> None:
    agent = make_agent()
    async with client(agent.app()) as http:
        for secret in ("one", "two", "three"):
            agent._credentials.store_registration(RegisterResponse(Lease("i"), "key", secret))  # pyright: ignore[reportPrivateUsage]
        shown = [{"authorization": f"Bearer {secret}"} for secret in ("one", "two", "three")]
        statuses = [(await http.post("/", json=BODY, headers=JSON | each)).status_code for each in shown]
    assert statuses == [401, 200, 200]


async def test_an_app_behind_a_door_of_its_own_may_let_in_everybody() -> None:
    async with client(make_agent().app(unguarded=True)) as http:
        assert (await http.post("/", json=BODY, headers=JSON)).status_code == 200


async def test_liveness_needs_no_secret() -> None:
    async with client(make_agent().app("s3cret")) as http:
        assert (await http.get("/livez")).status_code == 200


async def test_the_card_is_valid_and_is_fetched_again_only_if_it_changed() -> None:
    async with client(make_agent().app("s3cret")) as http:
        first = await http.get(CARD_PATH, headers=SECRET)
        again = await http.get(CARD_PATH, headers=SECRET | {"if-none-match": first.headers["etag"]})
        base = await http.get("/", headers=SECRET)
        older = await http.get(CARD_PATHS[1], headers=SECRET)
    _, view, _ = read_card(first.content)
    assert (view.name, view.version, view.description) == ("demo", "1.4.0", "Says it again")
    assert (again.status_code, again.content) == (304, b"")
    assert base.content == older.content == first.content


@pytest.mark.parametrize(
    ("change", "status"),
    [({"content-type": "text/plain"}, 415), ({"content-encoding": "gzip"}, 415), ({"content-length": "99999999"}, 413)],
)
async def test_bytes_that_are_not_read_are_refused_by_their_status(change: dict[str, str], status: int) -> None:
    async with client(make_agent().app("s3cret")) as http:
        response = await http.post("/", content=json.dumps(BODY), headers=JSON | SECRET | change)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (BODY, {"a2a-version": ""}, -32009),
        (BODY | {"method": "Nothing"}, {}, -32601),
        (BODY | {"method": "GetExtendedAgentCard"}, {}, -32004),
        (BODY | {"method": "ListTasks", "params": {"pageSize": 0}}, {}, -32602),
        (BODY | {"params": {}}, {}, -32602),
        (BODY, {"meshgate-skill": "nothing"}, -32602),
        (BODY | {"method": "GetTask", "params": {"id": "nope"}}, {}, -32001),
    ],
)
async def test_calls_that_cannot_be_served_are_answered_with_a2as_codes(
    body: dict[str, Any], headers: dict[str, str], code: int
) -> None:
    async with client(make_agent().app("s3cret")) as http:
        response = await http.post("/", json=body, headers=JSON | SECRET | headers)
    assert response.status_code == 200
    assert response.json()["error"]["code"] == code


async def test_the_version_may_stand_in_the_query() -> None:
    async with client(make_agent().app("s3cret")) as http:
        headers = {"content-type": "application/json"} | SECRET
        response = await http.post("/?A2A-Version=1.0", json=BODY, headers=headers)
    assert "result" in response.json()


async def test_other_paths_and_methods_are_not_there() -> None:
    async with client(make_agent().app("s3cret")) as http:
        assert (await http.get("/elsewhere", headers=SECRET)).status_code == 404
        assert (await http.put("/", headers=SECRET)).status_code == 404


async def test_an_app_can_be_started_and_stopped_by_any_server() -> None:
    sent: list[str] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await make_agent().app()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.requirement("sdk.mounted")
@pytest.mark.parametrize("whole", [True, False], ids=["path-with-the-mount", "path-without"])
async def test_mounted_in_a_larger_app_it_serves_below_its_path(whole: bool) -> None:
    app = make_agent().app("s3cret")

    async def larger(scope: Any, receive: Any, send: Any) -> None:
        path: str = scope["path"] if whole else scope["path"].removeprefix("/demo")
        await app({**scope, "path": path, "root_path": "/demo"}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(larger), base_url="http://site") as http:
        answer = await http.post("/demo/", json=BODY, headers=JSON | SECRET)
        assert answer.json()["result"]["task"]["artifacts"][0]["parts"] == [{"text": "hi"}]
        assert (await http.get(f"/demo{CARD_PATH}", headers=SECRET)).json()["name"] == "demo"
        assert (await http.get("/demo/livez")).status_code == 200
        assert (await http.get("/demo/elsewhere", headers=SECRET)).status_code == 404


@pytest.mark.requirement("sdk.mounted")
def test_the_card_of_an_agent_that_does_not_listen_has_its_public_url() -> None:
    agent = Agent("demo", public_url="https://site.example/demo")

    @agent.skill
    async def echo(text: str) -> str:
        return text

    urls = {one["url"] for one in agent.card()["supportedInterfaces"]}
    assert (urls, make_agent().card()["supportedInterfaces"]) == ({"https://site.example/demo/"}, [])


MESSAGE = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}}


@pytest.mark.requirement("edge.rest")
async def test_it_speaks_http_and_json_too_without_having_been_told() -> None:
    async with client(make_agent().app("s3cret")) as http:
        answer = await http.post("/message:send", json=MESSAGE, headers=JSON | SECRET)
        assert (answer.status_code, answer.json()["task"]["artifacts"][0]["parts"]) == (200, [{"text": "hi"}])
        made = answer.json()["task"]["id"]
        found = await http.get(f"/tasks/{made}", params={"historyLength": 0}, headers={"a2a-version": "1.0"} | SECRET)
        assert (found.json()["id"], "history" in found.json()) == (made, False)
        late = await http.post(f"/tasks/{made}:cancel", headers={"a2a-version": "1.0"} | SECRET)
        assert (late.status_code, late.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
        stream = await http.post("/message:stream", json=MESSAGE, headers=JSON | SECRET)
        first = stream.text.partition("\n\n")[0]
        assert "task" in json.loads(first.removeprefix("data: "))
        denied = await http.post("/message:send", json=MESSAGE, headers=JSON)
        assert (denied.status_code, denied.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert make_agent().card()["supportedInterfaces"] == []


@pytest.mark.requirement("sdk.mounted", "edge.rest")
@pytest.mark.parametrize("whole", [True, False], ids=["path-with-the-mount", "path-without"])
async def test_mounted_its_paths_hold_encoded_ids(whole: bool) -> None:
    app = make_agent().app("s3cret")

    async def larger(scope: Any, receive: Any, send: Any) -> None:
        path: str = scope["path"] if whole else scope["path"].removeprefix("/demo")
        await app({**scope, "path": path, "root_path": "/demo"}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(larger), base_url="http://site") as http:
        answer = await http.get("/demo/tasks/a%2Fb%20c", headers=JSON | SECRET)
    assert (answer.status_code, answer.json()["error"]["details"][0]["reason"]) == (404, "TASK_NOT_FOUND")
