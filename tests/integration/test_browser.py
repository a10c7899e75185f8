"""A page in a real browser calls through a gateway of another origin; a page of an origin that is not listed cannot."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.net.server import HttpServer, bind
from meshgate.registry.home import Run
from meshgate.sdk import Agent, Context
from tests.support.patience import patience
from tests.support.whole import whole_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120), pytest.mark.requirement("cors.browser")]

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Each switch keeps the browser from asking for something on a network that tests may not have.
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
PAGE = """<!doctype html><meta charset="utf-8"><title>A client of A2A</title><script type="module">
const {url, key} = TOLD;
const call = (method, shown) => fetch(url + "/agents/teller", {
  method: "POST",
  headers: {"content-type": "application/json", "a2a-version": "1.0", "meshgate-deadline": "20", ...shown},
  body: JSON.stringify({jsonrpc: "2.0", id: 1, method, params: {message: {
    messageId: crypto.randomUUID(), role: "ROLE_USER", parts: [{text: "sea"}]}}}),
});
const known = {authorization: "Bearer " + key};
const shown = async (work) => { try { return await work(); } catch (error) { return {failed: error.name}; } };
const report = {
  call: await shown(async () => {
    const answer = await call("SendMessage", known);
    return {status: answer.status, job: answer.headers.get("meshgate-job"), body: await answer.text()};
  }),
  stream: await shown(async () => {
    const answer = await call("SendStreamingMessage", known);
    const words = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let body = "";
    for (let next = await words.read(); !next.done; next = await words.read()) body += next.value;
    return {status: answer.status, type: answer.headers.get("content-type"), body};
  }),
  refused: await shown(async () => {
    const answer = await call("SendMessage", {});
    return {status: answer.status, wants: answer.headers.get("www-authenticate"), body: await answer.text()};
  }),
  card: await shown(async () => {
    const answer = await fetch(url + "/agents/teller/.well-known/agent-card.json", {headers: known});
    return {status: answer.status, etag: answer.headers.get("etag"), body: await answer.text()};
  }),
};
await fetch("/report", {method: "POST", body: JSON.stringify(report)});
</script>"""


def teller(run: Run) -> Agent:
    agent = Agent("teller", join=run.join, join_key=run.join_key, environ={})

    @agent.skill(default=True)
    async def tell(text: str, ctx: Context) -> str:
        """Tell of something."""
        await ctx.progress("I look out of the window.")
        return f"The {text} is grey."

    return agent


class Site:
    """A web site of one page, which sends back what it found."""

    def __init__(self) -> None:
        self.page = b""
        self.report: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        if scope["path"] == "/report" and not self.report.done():
            self.report.set_result(json.loads(body))
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]}
        await send(start)
        await send({"type": "http.response.body", "body": self.page if scope["path"] == "/" else b""})


def browser() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium here: on Debian and Ubuntu, apt install chromium")
    return found


@asynccontextmanager
async def opened(program: str, url: str, folder: Path) -> AsyncGenerator[None]:
    """A browser that shows one page."""
    arguments = (*SWITCHES, f"--user-data-dir={folder / 'profile'}", url)
    with (folder / "browser.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def found_by_a_page(folder: Path, *, listed: bool) -> Any:
    """What a page of an origin of its own found."""
    program, site = browser(), Site()
    server = HttpServer(site, bind("127.0.0.1", 0, "port"), DEFAULTS)
    await server.start()
    origin = f"http://localhost:{server.port}"
    try:
        async with (
            whole_gateway(folder, cors_origins=[origin if listed else "https://app.example"]) as (run, _),
            teller(run).serve(),
        ):
            told = json.dumps({"url": run.gateway, "key": run.client_key})
            site.page = PAGE.replace("TOLD", told).encode()
            async with opened(program, origin, folder):
                return await asyncio.wait_for(site.report, patience(40.0))
    finally:
        await server.stop()


async def test_a_page_of_a_listed_origin_calls_streams_and_reads_refusals_and_cards(tmp_path: Path) -> None:
    found = await found_by_a_page(tmp_path, listed=True)
    call, stream, refused, card = (found[name] for name in ("call", "stream", "refused", "card"))
    assert (call["status"], "The sea is grey." in call["body"], bool(call["job"])) == (200, True, True)
    assert (stream["status"], stream["type"], "The sea is grey." in stream["body"]) == (200, "text/event-stream", True)
    assert (refused["status"], refused["wants"], "UNAUTHENTICATED" in refused["body"]) == (401, "Bearer", True)
    assert (card["status"], bool(card["etag"]), "teller" in card["body"]) == (200, True, True)


async def test_a_page_of_another_origin_reads_nothing(tmp_path: Path) -> None:
    found = await found_by_a_page(tmp_path, listed=False)
    assert found == {name: {"failed": "TypeError"} for name in ("call", "stream", "refused", "card")}
