"""``meshgate card check`` against a server that shows a card."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from meshgate.cli.app import main
from tests.cli.card.test_readers import CARDS, OLD, OWN

pytestmark = pytest.mark.requirement("cards.check")

Show = Callable[[bytes], str]


@pytest.fixture
def show() -> Iterator[Show]:
    """Shows a card to who has the bearer token ``t``, at its well-known place; gives the server's URL."""
    shown = [b""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/.well-known/agent-card.json"
            known = self.headers.get("authorization") == "Bearer t"
            self.send_response(404 if not found else 200 if known else 401)
            body = shown[0] if found and known else b""
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def showing(card: bytes) -> str:
        shown[0] = card
        return f"http://127.0.0.1:{server.server_port}"

    yield showing
    server.shutdown()
    server.server_close()


def check(url: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    monkeypatch.setenv("TOKEN_OF_TEST", "t")
    return main(["card", "check", url, "--bearer", "env:TOKEN_OF_TEST", *more])


def test_it_says_of_each_sdk_whether_it_reads_the_card_and_why_not(
    show: Show, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = show(json.dumps(CARDS["1.0"]).encode())
    assert check(url, monkeypatch) == 1
    out, err = capsys.readouterr()
    assert "yes meshgate\nyes a2a-sdk 1.3.0 (Python)\n" in out
    assert "no  a2a-sdk 0.3.26 (Python)\n      url: must be there\n" in out
    assert f"its card is at {url}/.well-known/agent-card.json" in err


def test_as_json_it_is_one_document(
    show: Show, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = show(json.dumps({**CARDS["merged"], "signatures": None}).encode())
    assert check(url, monkeypatch, "--json") == 1  # fasta2a reads no null
    told = json.loads(capsys.readouterr().out)
    assert told["corrections"] == ["signatures: null, read as left out"]
    assert told["readers"]["fasta2a 2.1.1 (Python)"] == ["signatures: must not be null"]
    assert told["readers"]["meshgate"] == told["readers"]["a2a-sdk 0.3.26 (Python)"] == []


def test_what_the_mesh_itself_cannot_use_is_said_too(
    show: Show, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = show(json.dumps({**OWN, "protocolVersion": "0.2.6", "url": OLD[0]["url"]}).encode())
    assert check(url, monkeypatch) == 1
    fault = "this is no agent card of A2A 1.0 or 0.3: it is one of A2A 0.2.6: serve the agent with an SDK of A2A"
    assert f"no  meshgate\n      {fault}" in capsys.readouterr().out


def test_a_card_that_is_not_shown_is_an_error_of_its_own(
    show: Show, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = show(b"{}")
    assert main(["card", "check", url]) == 4
    assert check(url, monkeypatch) == 3
    assert main(["card", "check", "nowhere"]) == 2
    assert "error: URL 'nowhere' is no URL" in capsys.readouterr().err
