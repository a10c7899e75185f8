"""What agents send to the gateway's own push URLs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.ingress.callbacks import Callbacks
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.push.callback_token import CallbackTokens
from meshgate.net.asgi import Receive, Scope, Send, respond
from meshgate.testing import LocalMesh
from tests.gateway.asgi import Answer, request
from tests.gateway.calls import limits

pytestmark = pytest.mark.requirement("push.callbacks")
TOKENS = CallbackTokens(TaskTags(bytes(32)), "gw1")
TOKEN = TOKENS.make("h1")
BODY = b'{"task":{"id":"t1"}}'
NOBODY, NO_TASK = b'{"error":"nobody waits for a notification here"}', b'{"error":"nobody waits for this task here"}'


class Edge:
    """The app, before one that answers 418, on a gateway where ``h1`` waits for the task ``t1``."""

    def __init__(self, **changes: Any) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.metrics = Metrics()
        self.app = Callbacks(self._else, TOKENS, self._hear, self.metrics, limits(**changes))

    async def _else(self, scope: Scope, _: Receive, send: Send) -> None:
        await respond(send, 418, scope["path"].encode())

    async def _hear(self, gateway: str, handle: str, upstream: str) -> bool:
        self.heard.append((gateway, handle, upstream))
        return upstream == "t1"

    async def post(self, body: bytes = BODY, token: str = TOKEN, method: str = "POST", **more: Any) -> Answer:
        return await request(self.app, method, f"/callbacks/{token}", body=body, **more)

    @property
    def counts(self) -> dict[str, float]:
        start = 'meshgate_push_callbacks_total{what="'
        lines = [line for line in self.metrics.render().decode().splitlines() if line.startswith(start)]
        return {line.removeprefix(start).partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


Tree = dict[str, Any]
STATUS = {"state": "TASK_STATE_WORKING"}
OF_1_0: tuple[Tree, ...] = (
    {"task": {"id": "t1", "contextId": "c", "status": STATUS}},
    {"statusUpdate": {"taskId": "t1", "contextId": "c", "status": STATUS}},
    {"artifactUpdate": {"taskId": "t1", "contextId": "c", "artifact": {"artifactId": "a", "parts": []}}},
    {"message": {"taskId": "t1", "messageId": "m", "role": "ROLE_AGENT", "parts": []}},
)
OF_0_3: tuple[Tree, ...] = (
    {"kind": "task", "id": "t1", "contextId": "c", "status": {"state": "working"}},
    {"kind": "status-update", "taskId": "t1", "contextId": "c", "status": {"state": "working"}, "final": False},
    {"kind": "artifact-update", "taskId": "t1", "contextId": "c", "artifact": {"artifactId": "a", "parts": []}},
    {"kind": "message", "taskId": "t1", "messageId": "m", "role": "agent", "parts": []},
    {"id": "t1"},
)


@pytest.mark.parametrize("body", [*OF_1_0, *OF_0_3])
async def test_of_a_notification_of_either_version_the_task_is_told_on(body: dict[str, Any]) -> None:
    edge = Edge()
    answer = await edge.post(msgspec.json.encode(body))
    assert (answer.status, answer.body, edge.heard) == (200, b"{}", [("gw1", "h1", "t1")])
    assert edge.counts == {"taken": 1.0}


async def test_one_that_nobody_waits_for_is_dropped() -> None:
    edge = Edge()
    answer = await edge.post(b'{"task":{"id":"t2"}}')
    assert (answer.status, answer.body, edge.heard) == (404, NO_TASK, [("gw1", "h1", "t2")])
    assert edge.counts == {"dropped": 1.0}


@pytest.mark.parametrize(
    "body",
    [
        *(b"{}", b"[]", b"null", b'"t1"', b"1", b'[{"task":{"id":"t1"}}]', b'{"task":{}}', b'{"task":{"id":1}}'),
        *(b'{"task":null}', b'{"task":"t1"}', b'{"statusUpdate":{"id":"t1"}}', b'{"message":{"id":"t1"}}'),
        *(b'{"taskId":["t1"]}', b'{"id":{"x":1}}', b'{"task":{"id":""}}', b'{"Task":{"id":"t1"}}', b'{"id":""}'),
        b'{"task":{"id":["t1"]},"id":"t1"}',
    ],
)
async def test_one_that_names_no_task_is_dropped_and_told_to_nobody(body: bytes) -> None:
    edge = Edge()
    answer = await edge.post(body)
    assert (answer.status, answer.body, edge.heard, edge.counts) == (404, NO_TASK, [], {"dropped": 1.0})


@pytest.mark.parametrize(
    "token",
    [
        *("", "x", "gw1.h1", f"{TOKEN}x", TOKEN[:-1], f"{TOKEN}/", f"x/{TOKEN}", TOKEN.replace("h1", "h2")),
        *(TOKEN.replace("gw1", "gw2"), TOKENS.make("h2").replace("h2", "h1"), "\udc80.h1.mac", f"{TOKEN}\x00"),
    ],
)
async def test_without_a_genuine_token_nothing_is_read(token: str) -> None:
    edge = Edge()
    answer = await call(edge, token)
    assert (answer.status, answer.body, answer.chunks_read, edge.heard, edge.counts) == (404, NOBODY, 0, [], {})


async def call(edge: Edge, token: str) -> Answer:
    """A request whose path a server has decoded."""
    answer = Answer()

    async def receive() -> dict[str, Any]:
        answer.chunks_read += 1
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        answer.status = message.get("status", answer.status)
        answer.body += message.get("body", b"")

    scope: Tree = {"type": "http", "method": "POST", "path": f"/callbacks/{token}", "headers": [], "query_string": b""}
    await edge.app(scope, receive, send)
    return answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post"])
async def test_only_post_is_taken(method: str) -> None:
    edge = Edge()
    answer = await edge.post(method=method)
    assert (answer.status, answer.body, answer.chunks_read, edge.heard) == (404, NOBODY, 0, [])


@pytest.mark.parametrize("path", ["/callbacks", "/callback/x", "/", f"/x/callbacks/{TOKEN}", f"//callbacks/{TOKEN}"])
async def test_other_paths_are_the_other_apps(path: str) -> None:
    answer = await request(Edge().app, "POST", path, body=BODY)
    assert (answer.status, answer.body) == (418, path.encode())


async def test_what_is_no_http_is_the_other_apps() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: object) -> Any:
        raise AssertionError("nothing is read or sent")

    scope = {"type": "lifespan", "path": f"/callbacks/{TOKEN}"}
    await Callbacks(app, TOKENS, nothing, Metrics())(scope, nothing, nothing)
    assert seen == ["lifespan"]


async def test_what_cannot_be_read_gets_the_status_that_says_why() -> None:
    edge = Edge(body=100, header_count=5)
    for status, code, answer in (
        (400, "PARSE_ERROR", await edge.post(b"{")),
        (400, "PARSE_ERROR", await edge.post(b"")),
        (400, "PARSE_ERROR", await edge.post(b'{"id":"\xff"}')),
        (413, "BODY_TOO_LARGE", await edge.post(b" " * 101)),
        (413, "BODY_TOO_LARGE", await edge.post(b"", chunks=[b" " * 60] * 9)),
        (400, "CONTENT_TYPE_NOT_SUPPORTED", await edge.post(headers={"content-encoding": "gzip"})),
        (431, "HEADERS_TOO_LARGE", await edge.post(headers={f"x-{number}": "" for number in range(9)})),
    ):
        assert (answer.status, answer.json) == (status, {"error": code})
    assert (edge.heard, edge.counts) == ([], {"unreadable": 7.0})
    assert (await edge.post(BODY + b" " * (100 - len(BODY)))).status == 200
    # Of a body in pieces no more is read than may be.
    assert (await edge.post(b"", chunks=[b" " * 60] * 9)).chunks_read == 2


@pytest.mark.parametrize(("length", "closed"), [(65_536, False), (65_537, True)])
@pytest.mark.parametrize("token", [TOKEN, "forged"])
async def test_a_connection_with_more_to_come_of_what_was_refused_is_closed(
    token: str, length: int, closed: bool
) -> None:
    answer = await Edge(body=100).post(b" " * length, token)
    assert (answer.status, "connection" in answer.headers) == (413 if token == TOKEN else 404, closed)
    taken = await Edge(body=1_000_000).post(BODY + b" " * length)
    assert (taken.status, "connection" in taken.headers) == (200, False)


async def test_a_gateway_answers_for_its_own_handles_alone() -> None:
    async with LocalMesh(gateway_id="gw1") as mesh:
        tokens = mesh.gateway.callback_tokens
        for token in (tokens.make("unknown"), CallbackTokens(mesh.gateway.tags, "gw2").make("unknown")):
            answer = await request(mesh.gateway.app, "POST", f"/callbacks/{token}", body=BODY)
            assert (answer.status, answer.body) == (404, NO_TASK)
        answer = await request(mesh.gateway.app, "POST", f"/callbacks/{TOKEN}", body=BODY)
        assert (answer.status, answer.body) == (404, NOBODY)
