"""Answers that pages of other origins may read: to calls, streams, refusals, cards and health."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshgate.a2a.mesh import headers as mesh_headers
from meshgate.gateway.ingress.cors import ASKED, EXPOSED, CrossOrigin, cross_origin
from meshgate.gateway.origins import fault_of_origins
from meshgate.testing import LocalMesh, stream, text
from tests.gateway.asgi import Answer, request
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time

APP = "https://app.example"
MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
PARTS = tuple({"message": {**MESSAGE, "role": "ROLE_AGENT", "parts": [{"text": said}]}} for said in ("one", "two"))
ALLOW, EXPOSE = "access-control-allow-origin", "access-control-expose-headers"


def body_of(method: str = "SendMessage", **message: Any) -> bytes:
    params = {"message": {**MESSAGE, **message}}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


async def ask(
    mesh: LocalMesh,
    method: str = "POST",
    path: str = "/agents/echo",
    *,
    origins: tuple[str, ...] = (APP,),
    origin: str = APP,
    key: str | None = None,
    body: bytes = b"",
    **more: str,
) -> Answer:
    shown = {"authorization": f"Bearer {mesh.key if key is None else key}"} if key != "" else {}
    usual = {
        "a2a-version": "1.0",
        "content-type": "application/json",
        **shown,
        **({"origin": origin} if origin else {}),
    }
    app = cross_origin(mesh.gateway.ingress, origins)
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return await request(app, method, path, headers={**usual, **named}, body=body)


async def preflight(
    mesh: LocalMesh, path: str = "/agents/echo", origin: str = APP, origins: tuple[str, ...] = (APP,)
) -> Answer:
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "a2a-version"}
    return await request(cross_origin(mesh.gateway.ingress, origins), "OPTIONS", path, headers=asked)


def words(headers: Mapping[str, str], name: str) -> list[str]:
    return [word.strip().lower() for word in headers[name].split(",")]


# -- off


@pytest.mark.requirement("cors.off")
@virtual_time
async def test_without_origins_nothing_of_them_stands_before_the_ingress() -> None:
    async with virtual_mesh() as mesh:
        assert not isinstance(mesh.gateway.app, CrossOrigin)


@pytest.mark.requirement("cors.off")
@pytest.mark.parametrize(("method", "path"), [("POST", "/agents/echo"), ("OPTIONS", "/agents/echo"), ("GET", "/livez")])
@virtual_time
async def test_without_origins_no_answer_says_anything_of_them(method: str, path: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        more = {"access_control_request_method": "POST"} if method == "OPTIONS" else {}
        answer = await ask(mesh, method, path, origins=(), body=body_of() if method == "POST" else b"", **more)
        assert answer.status == {"POST": 200, "OPTIONS": 405, "GET": 200}[method]
        assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


# -- preflights


@pytest.mark.requirement("cors.preflight")
@pytest.mark.parametrize(
    "path", ["/agents/echo", "/skills/say@1", "/agents/nobody", "/nothing", "/.well-known/agent-card.json"]
)
@virtual_time
async def test_a_preflight_is_answered_alike_for_every_path_without_a_key(path: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        answer = await preflight(mesh, path)
        assert (answer.status, answer.body, answer.chunks_read) == (204, b"", 0)
        assert answer.headers == {
            ALLOW: APP,
            "access-control-allow-methods": "GET, HEAD, POST, DELETE",
            "access-control-allow-headers": ", ".join(ASKED),
            "access-control-max-age": "7200",
            "vary": "Origin",
        }
        assert not mesh.wire.sent


@pytest.mark.requirement("cors.origins")
@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example.evil.example", "http://app.example", "https://app.example:8443", "https://App.example"),
        *("null", "*", "https://app.example/", "https://evil.example"),
    ],
)
@virtual_time
async def test_a_page_of_another_origin_gets_no_leave(origin: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        refused = await preflight(mesh, origin=origin)
        assert (refused.status, "cors_origins" in refused.json["error"]) == (403, True)
        answer = await ask(mesh, origin=origin, body=body_of())
        assert answer.status == 200  # what is no browser may send what it likes; a browser keeps this from the page
        for headers in (refused.headers, answer.headers):
            assert not [name for name in headers if name.startswith("access-control")]
            assert headers["vary"] == "Origin"


@pytest.mark.requirement("cors.preflight")
@pytest.mark.parametrize("more", [{}, {"content_length": "2"}, {"transfer_encoding": "chunked"}])
@virtual_time
async def test_what_is_no_preflight_is_answered_as_any_other_request(more: dict[str, Any]) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        asked: dict[str, Any] = {"access_control_request_method": "POST"} if more else {}
        answer = await ask(mesh, "OPTIONS", **asked, **more)
        assert (answer.status, answer.headers[ALLOW]) == (405, APP)


# -- answers


@pytest.mark.requirement("cors.answers")
@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage"])
@virtual_time
async def test_a_page_reads_an_answer_and_a_stream_and_the_names_of_its_call(method: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", stream(*PARTS) if "Streaming" in method else text("hello"))
        answer = await ask(mesh, body=body_of(method))
        assert (answer.status, answer.headers[ALLOW], answer.headers["vary"]) == (200, APP, "Origin")
        assert "access-control-allow-credentials" not in answer.headers
        assert {"meshgate-job", "meshgate-call", "meshgate-instance"} <= set(words(answer.headers, EXPOSE))
        assert (b"two" if "Streaming" in method else b"hello") in answer.body


@pytest.mark.requirement("cors.answers")
@pytest.mark.parametrize(
    ("path", "key", "content", "status"),
    [
        ("/agents/echo", "", "application/json", 401),
        ("/agents/echo", "made-up", "application/json", 401),
        ("/agents/echo", None, "text/plain", 415),
        ("/agents/echo/message:send", None, "text/plain", 400),
        ("/agents/echo/message:send", "", "application/json", 401),
        ("/agents/nobody/message:send", None, "application/json", 404),
        ("/agents/..%2fother", None, "application/json", 404),
        ("/nothing", None, "application/json", 404),
    ],
)
@virtual_time
async def test_a_page_reads_why_it_was_refused(path: str, key: str | None, content: str, status: int) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        body = msgspec.json.encode({"message": MESSAGE}) if "message:send" in path else body_of()
        answer = await ask(mesh, path=path, key=key, body=body, content_type=content)
        assert (answer.status, answer.headers[ALLOW], answer.headers["vary"]) == (status, APP, "Origin")
        assert "error" in answer.json
        if status == 401:
            assert (answer.headers["www-authenticate"], answer.chunks_read) == ("Bearer", 0)
            assert "www-authenticate" in words(answer.headers, EXPOSE)


@pytest.mark.requirement("cors.answers")
@virtual_time
async def test_a_page_reads_cards_their_validators_and_health() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        for path in ("/agents/echo", "/.well-known/agent-card.json", "/agents/echo/.well-known/agent-card.json"):
            card = await ask(mesh, "GET", path)
            assert (card.status, card.headers[ALLOW]) == (200, APP)
            assert card.headers["vary"] == "A2A-Version, Authorization, X-API-Key, Origin"
            assert "etag" in words(card.headers, EXPOSE)
            same = await ask(mesh, "GET", path, if_none_match=card.headers["etag"])
            assert (same.status, same.headers[ALLOW], same.body) == (304, APP, b"")
        for path in ("/livez", "/readyz"):
            health = await ask(mesh, "GET", path)
            assert (health.headers[ALLOW], "status" in health.json) == (APP, True)


@pytest.mark.requirement("cors.origins")
@virtual_time
async def test_a_star_lets_every_page_read_alike_and_never_with_credentials() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"))
        answers = [
            await preflight(mesh, origins=("*",), origin="https://any.example"),
            await ask(mesh, origins=("*",), origin="https://any.example", body=body_of()),
            await ask(mesh, origins=("*",), origin="", body=body_of()),
        ]
        assert [answer.headers[ALLOW] for answer in answers] == ["*", "*", "*"]
        assert not [one for one in answers if "access-control-allow-credentials" in one.headers]
        assert "vary" not in answers[1].headers


@pytest.mark.requirement("cors.headers")
def test_each_header_that_a_caller_sends_or_gets_is_one_that_a_page_may() -> None:
    found: dict[str, str] = {}
    body = ast.parse(Path(mesh_headers.__file__).read_text("utf-8")).body
    for name, told in itertools.pairwise(body):
        if isinstance(name, ast.AnnAssign) and isinstance(told, ast.Expr) and isinstance(told.value, ast.Constant):
            found[str(getattr(name.value, "value", ""))] = str(told.value.value)
    said = {name: text for name, text in found.items() if "/" not in name}
    sent = {name for name, text in said.items() if re.search("from a caller", text, re.IGNORECASE)}
    got = {name for name, text in said.items() if re.search("back to (the|a) caller", text, re.IGNORECASE)}
    assert (len(sent), len(got)) == (3, 9)
    assert sent <= set(ASKED)
    assert got <= set(EXPOSED)


# -- the setting


@pytest.mark.requirement("cors.setting")
@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example", "http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:5173", "*"),
        *(
            "chrome-extension://abcdefgh",
            "tauri://localhost",
            "https://xn--bcher-kva.example",
            "http://app.example:443",
        ),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(origin: str) -> None:
    assert fault_of_origins([origin]) == ""


@pytest.mark.requirement("cors.setting")
@pytest.mark.parametrize(
    "origin",
    [
        *("app.example", "https://app.example/", "https://app.example/path", "https://*.example", "null", ""),
        *("https://App.example", "https://bücher.example", "https://app.example:443", "http://app.example:80"),
        *(
            "https://user@app.example",
            "https://app.example:",
            "https://app.example\n",
            "https://a.example, https://b.example",
        ),
    ],
)
def test_what_no_browser_sends_is_refused_with_the_form(origin: str) -> None:
    assert "https://app.example" in fault_of_origins([origin])
    with pytest.raises(ValueError, match="is no origin"):
        cross_origin(lambda scope, receive, send: send({}), [origin])


@pytest.mark.requirement("cors.setting")
def test_a_star_stands_alone_and_never_where_calls_need_no_key() -> None:
    assert "leave the others out" in fault_of_origins(["*", APP])
    assert "authentication" in fault_of_origins(["*"], keyed=False)
    assert fault_of_origins([APP], keyed=False) == ""
