"""One client of the mesh in several event loops, one after the other or at once."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from meshgate.sdk import Mesh
from meshgate.sdk.client.results import Result

pytestmark = pytest.mark.requirement("sdk.loops")


class Answers(BaseHTTPRequestHandler):
    """A gateway that answers everybody, and is not ours."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}
        body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"message": said}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by its base
        pass


@pytest.fixture
def gateway() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_client_goes_from_one_event_loop_to_the_next(gateway: str) -> None:
    mesh = Mesh(gateway, "key")

    async def ask() -> Result:
        return await mesh.call("hello", text="x")

    async def ask_and_close() -> Result:
        try:
            return await ask()
        finally:
            await mesh.aclose()

    with warnings.catch_warnings():
        # The connections of a loop that ended are closed with it, and aiohttp says that nobody did.
        warnings.simplefilter("ignore", ResourceWarning)
        assert [asyncio.run(ask()).text, asyncio.run(ask()).text, asyncio.run(ask_and_close()).text] == ["hello"] * 3
        gc.collect()


def test_two_loops_at_once_are_told_to_have_a_client_each(gateway: str) -> None:
    mesh = Mesh(gateway, "key")
    told: list[str] = []

    def elsewhere() -> None:
        with pytest.raises(RuntimeError) as refused:
            asyncio.run(mesh.call("hello", text="x"))
        told.append(str(refused.value))

    async def main() -> None:
        await mesh.call("hello", text="x")
        await asyncio.to_thread(elsewhere)
        assert (await mesh.call("hello", text="x")).text == "hello"
        await mesh.aclose()

    asyncio.run(main())
    assert told == [
        "this client of the mesh is used in another event loop, which still runs: make one Mesh for each loop"
    ]
