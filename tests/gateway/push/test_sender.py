"""One notification: what is sent, how often, how long it may take, and what is told of it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.messages.push_config import AuthenticationInfo, TaskPushNotificationConfig
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.push.destination import Destinations
from meshgate.gateway.push.sender import PushSender
from meshgate.gateway.push_networks import networks_in
from tests.gateway.calls import limits
from tests.gateway.push.receivers import HOOK, PUBLIC, Receiver, known, listening, make_sender
from tests.support.closed_agent import Authority
from tests.support.virtual_loop import elapsed, virtual_time

pytestmark = pytest.mark.requirement("push.attempt")
BODY = b'{"task": {"id":"t"}}'
ALWAYS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "close",
    "content-length": str(len(BODY)),
    "content-type": "application/json",
    "user-agent": "meshgate",
}


def config(url: str = HOOK, **more: Any) -> TaskPushNotificationConfig:
    return TaskPushNotificationConfig(url, "task", "mine", **more)


class Local:
    """A sender to this machine, by any name."""

    def __init__(self, changed: Limits = DEFAULTS) -> None:
        async def here(_host: str, _port: int) -> list[str]:
            return ["127.0.0.1"]

        self.metrics = Metrics()
        destinations = Destinations(networks_in(["127.0.0.0/8"]), here)
        self.sender = PushSender(destinations, self.metrics, changed)

    async def send(self, url: str, **more: Any) -> str:
        return await self.sender.send(config(url, **more), BODY, "desk")


def counted(metrics: Metrics) -> dict[str, float]:
    """The notifications of ``desk`` by outcome."""
    start = 'meshgate_push_notifications_total{agent="desk",outcome="'
    lines = [line for line in metrics.render().decode().splitlines() if line.startswith(start)]
    return {line.removeprefix(start).partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


@virtual_time
async def test_a_notification_has_the_body_as_given_and_no_header_but_these() -> None:
    receiver = Receiver()
    sender = make_sender(receiver)
    assert await sender.send(config(), BODY, "desk") == "sent"
    (request,) = receiver.requests
    assert (request.method, str(request.url), request.content) == ("POST", f"https://{PUBLIC}/a?b=c", BODY)
    assert dict(request.headers) == {**ALWAYS, "host": "hook.example"}
    assert request.extensions["sni_hostname"] == "hook.example"


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({"token": "t0k"}, {"x-a2a-notification-token": "t0k"}),
        (
            {"token": "t", "authentication": AuthenticationInfo("Bearer", "pa55")},
            {"x-a2a-notification-token": "t", "authorization": "Bearer pa55"},
        ),
        ({"authentication": AuthenticationInfo("Basic", "a b=")}, {"authorization": "Basic a b="}),
        ({"authentication": AuthenticationInfo("Negotiate")}, {"authorization": "Negotiate"}),
        ({"authentication": AuthenticationInfo("", "pa55")}, {}),
    ],
)
@virtual_time
async def test_token_and_credentials_are_headers_where_they_are_given(more: Any, headers: dict[str, str]) -> None:
    receiver = Receiver()
    assert await make_sender(receiver).send(config(**more), BODY, "desk") == "sent"
    assert dict(receiver.requests[0].headers) == {**ALWAYS, "host": "hook.example", **headers}


@virtual_time
async def test_each_end_is_told_and_counted_and_none_is_tried_again() -> None:
    ends: tuple[tuple[int | Exception, str], ...] = (
        *((status, "sent") for status in (200, 202, 204, 299)),
        *((status, "refused") for status in (199, 300, 302, 307, 401, 404, 410, 429, 500, 503)),
        (httpx.ConnectError("no"), "failed"),
        (httpx.ReadTimeout("no"), "failed"),
        (httpx.InvalidURL("no"), "failed"),
        (httpx.RemoteProtocolError("no"), "failed"),
        (OSError("no"), "failed"),
    )
    receiver, metrics = Receiver(*(end for end, _ in ends)), Metrics()
    sender = PushSender(Destinations((), known), metrics, transport=receiver)
    for _, outcome in ends:
        assert await sender.send(config(), BODY, "desk") == outcome
    assert len(receiver.requests) == len(ends)
    assert await sender.send(config("https://nowhere.invalid/"), BODY, "desk") == "forbidden"
    assert len(receiver.requests) == len(ends)
    assert counted(metrics) == {"sent": 4.0, "refused": 10.0, "failed": 5.0, "forbidden": 1.0}


@pytest.mark.requirement("push.dispatched")
@virtual_time
async def test_an_address_that_may_not_be_called_any_more_is_not_called() -> None:
    addresses = [[PUBLIC], ["127.0.0.1"], [PUBLIC, "::1"]]

    async def rebinding(_host: str, _port: int) -> list[str]:
        return addresses.pop(0)

    receiver = Receiver()
    sender = PushSender(Destinations((), rebinding), Metrics(), transport=receiver)
    assert [await sender.send(config(), BODY, "desk") for _ in range(3)] == ["sent", "forbidden", "forbidden"]
    assert [str(request.url) for request in receiver.requests] == [f"https://{PUBLIC}/a?b=c"]


@virtual_time
async def test_one_that_takes_longer_than_it_may_has_failed() -> None:
    async def hang(_: httpx.Request) -> None:
        await asyncio.Event().wait()

    receiver = Receiver(answer=hang)
    assert await elapsed(make_sender(receiver).send(config(), BODY, "desk")) == 10.0
    outcomes: list[str] = []

    async def send() -> None:
        outcomes.append(await make_sender(receiver, limits(push_timeout=2.5)).send(config(), BODY, "desk"))

    assert await elapsed(send()) == 2.5
    assert outcomes == ["failed"]

    async def at_last(_: httpx.Request) -> None:
        await asyncio.sleep(9.9)

    assert await make_sender(Receiver(answer=at_last)).send(config(), BODY, "desk") == "sent"


@virtual_time
async def test_so_many_are_under_way_at_once_and_those_that_wait_lose_no_time() -> None:
    under_way: list[int] = []
    now = 0

    async def take_three_seconds(_: httpx.Request) -> None:
        nonlocal now
        now += 1
        under_way.append(now)
        await asyncio.sleep(3.0)
        now -= 1

    sender = make_sender(Receiver(answer=take_three_seconds), limits(push_connections=2, push_timeout=4.0))
    outcomes: list[str] = []

    async def send(count: int) -> None:
        outcomes.extend(await asyncio.gather(*(sender.send(config(), BODY, "desk") for _ in range(count))))

    assert await elapsed(send(5)) == 9.0
    assert (outcomes, max(under_way)) == (["sent"] * 5, 2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    answer = f"HTTP/1.1 {status} Elsewhere\r\nlocation: /canary\r\ncontent-length: 0\r\n\r\n".encode()
    async with listening(answer) as listener:
        local = Local()
        assert await local.send(f"{listener.url}/hook", token="t0k") == "refused"
        await local.sender.aclose()
        assert [heard.line for heard in listener.heard] == ["POST /hook HTTP/1.1"]
        assert (listener.heard[0].headers["x-a2a-notification-token"], listener.heard[0].body) == ("t0k", BODY)


async def test_an_answer_without_end_is_not_read_and_its_connection_is_closed() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n"
    async with listening(head, endless=b"x" * 65_536) as listener:
        local = Local()
        assert await local.send(f"{listener.url}/hook") == "sent"
        await listener.left.wait()


async def test_a_connection_is_used_once_and_named_as_the_url_names_it() -> None:
    async with listening() as listener:
        local = Local()
        port = listener.url.rpartition(":")[2]
        for number in (1, 2):
            listener.left.clear()
            assert await local.send(f"http://Hook.example:{port}/hook?n={number}") == "sent"
            await listener.left.wait()
        assert [heard.headers["connection"] for heard in listener.heard] == ["close"] * 2
        assert [heard.headers["host"] for heard in listener.heard] == [f"Hook.example:{port}"] * 2
        await local.sender.aclose()
        await local.sender.aclose()


@pytest.mark.requirement("push.pinned")
async def test_over_tls_the_name_of_the_url_is_asked_for_and_its_certificate_must_be_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.certificate, authority.key)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    async with listening(tls=tls) as listener:
        port = listener.url.rpartition(":")[2]
        # The machine does not know this authority yet.
        assert await Local().send(f"https://localhost:{port}/hook") == "failed"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
        local = Local()
        assert await local.send(f"https://localhost:{port}/hook") == "sent"
        assert await local.send(f"https://hook.example:{port}/hook") == "failed"
        assert names == ["localhost", "localhost", "hook.example"]
        assert [heard.headers["host"] for heard in listener.heard] == [f"localhost:{port}"]


async def test_nothing_in_the_environment_leads_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as listener:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert await Local().send(f"{listener.url}/hook") == "sent"
        assert (len(proxy.heard), len(listener.heard)) == (0, 1)


async def test_where_nobody_listens_it_has_failed() -> None:
    async with listening() as listener:
        url = listener.url
    local = Local()
    assert await local.send(f"{url}/hook") == "failed"
    assert counted(local.metrics) == {"failed": 1.0}


@pytest.mark.requirement("push.secrets")
@virtual_time
async def test_the_log_has_one_line_for_each_and_a_reason_for_what_failed_and_no_secret() -> None:
    secrets: dict[str, Any] = {"token": "CANARY", "authentication": AuthenticationInfo("Bearer", "CANARY")}
    url = "https://hook.example/CANARY?x=CANARY"
    fault = httpx.ConnectError("https://hook.example/CANARY")

    async def take_a_second(_: httpx.Request) -> None:
        await asyncio.sleep(1.2346)

    sender = make_sender(Receiver(200, 500, fault, answer=take_a_second))
    with capture_logs() as logs:
        for _ in range(3):
            await sender.send(config(url, **secrets), b"CANARY", "desk")
        await sender.send(config("https://canary.invalid/CANARY", **secrets), b"CANARY", "desk")
    about = {"task": "task", "config": "mine", "log_level": "info"}
    ends = [("sent", 200, 1.235), ("refused", 500, 1.235), ("failed", 0, 1.235), ("forbidden", 0, 0.0)]
    said = [{"event": "push", **about, "outcome": how, "status": what, "seconds": took} for how, what, took in ends]
    said.insert(2, {"event": "push_failed", **about, "error": "ConnectError"})
    assert logs == said


@virtual_time
async def test_connections_are_closed_with_the_sender_if_there_were_any() -> None:
    class Closing(Receiver):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    receiver = Closing()
    sender = make_sender(receiver)
    await sender.aclose()
    assert receiver.closed == 0
    await sender.send(config(), BODY, "desk")
    await sender.send(config(), BODY, "desk")
    await sender.aclose()
    assert receiver.closed == 1
