"""An agent on real sockets: stock clients, callers that leave, taken ports, and signals."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import grpc
import httpx
import msgspec
import pytest
from a2a.client import ClientConfig, create_client
from a2a.types import a2a_pb2, a2a_pb2_grpc
from a2a.utils.errors import InvalidParamsError
from httpx_aiohttp import AiohttpTransport

from meshgate.a2a.limits import DEFAULTS
from meshgate.sdk import Agent, Context, FileTasks, Mesh, Served
from meshgate.sdk.client.discovery import NotConfigured
from meshgate.sdk.server.listen_address import CannotServe
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.patience import patience

SECRET = {"authorization": "Bearer s3cret"}
BEATING = msgspec.structs.replace(DEFAULTS, agent_heartbeat=0.05)


def make_agent(**settings: Any) -> Agent:
    agent = Agent("demo", version="1.4.0", description="For tests", limits=BEATING, **settings)
    agent_done: asyncio.Event = asyncio.Event()

    @agent.skill(default=True)
    async def echo(text: str, ctx: Context) -> str:
        ctx.usage(input_tokens=len(text))
        return text

    @agent.skill
    async def count(text: str) -> AsyncIterator[str]:
        for number in range(int(text)):
            yield str(number)

    @agent.skill(task=False)
    async def plain(text: str) -> str:
        return text

    @agent.skill
    async def wait(text: str) -> str:
        await agent_done.wait()
        return text

    return agent


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with make_agent(bindings=("JSONRPC", "GRPC")).serve(join=False, secret="s3cret") as found:
        yield found


def stock_message(text: str, skill: str = "") -> a2a_pb2.SendMessageRequest:
    request = a2a_pb2.SendMessageRequest(
        message=a2a_pb2.Message(message_id="m1", role=a2a_pb2.ROLE_USER, parts=[a2a_pb2.Part(text=text)])
    )
    if skill:
        request.message.metadata["meshgate/skill"] = skill
    return request


# -- ends that are not ours


def make_stub(channel: grpc.aio.Channel) -> Any:
    untyped: Any = a2a_pb2_grpc
    return untyped.A2AServiceStub(channel)


async def _stock_events(url: str, text: str, skill: str, *, streaming: bool) -> list[a2a_pb2.StreamResponse]:
    async with httpx.AsyncClient(headers=SECRET, transport=AiohttpTransport(), timeout=patience()) as http:
        client = await create_client(url, ClientConfig(streaming=streaming, httpx_client=http))
        return [event async for event in client.send_message(stock_message(text, skill))]


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_stock_client_calls_over_json_rpc(served: Served, streaming: bool) -> None:
    events = await _stock_events(served.url, "hello", "", streaming=streaming)
    if not streaming:
        assert events[0].task.artifacts[0].parts[0].text == "hello"
        assert events[0].task.metadata["meshgate/usage"] == {"inputTokens": 5}
    assert [event.WhichOneof("payload") for event in events] == (
        ["task", "artifact_update", "status_update"] if streaming else ["task"]
    )


async def test_the_stock_client_reads_a_stream_of_chunks_over_json_rpc(served: Served) -> None:
    events = await _stock_events(served.url, "3", "count", streaming=True)
    chunks = [event.artifact_update for event in events if event.HasField("artifact_update")]
    assert [chunk.artifact.parts[0].text for chunk in chunks] == ["0", "1", "2"]
    assert events[-1].status_update.status.state == a2a_pb2.TASK_STATE_COMPLETED


async def test_the_stock_client_gets_a_plain_message_and_a_typed_error(served: Served) -> None:
    (event,) = await _stock_events(served.url, "hello", "plain", streaming=False)
    assert event.message.parts[0].text == "hello"
    with pytest.raises(InvalidParamsError):
        await _stock_events(served.url, "hello", "nothing", streaming=False)


async def test_a_grpc_stub_calls_streams_reads_and_is_refused_without_the_secret(served: Served) -> None:
    async with grpc.aio.insecure_channel(served.grpc) as channel:
        stub = make_stub(channel)
        metadata = (("authorization", "Bearer s3cret"), ("a2a-version", "1.0"))
        answer = await stub.SendMessage(stock_message("hello"), metadata=metadata)
        assert answer.task.artifacts[0].parts[0].text == "hello"
        task = await stub.GetTask(a2a_pb2.GetTaskRequest(id=answer.task.id), metadata=metadata)
        assert task == answer.task
        events = [event async for event in stub.SendStreamingMessage(stock_message("2", "count"), metadata=metadata)]
        assert [event.WhichOneof("payload") for event in events] == [
            "task",
            "artifact_update",
            "artifact_update",
            "status_update",
        ]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SendMessage(stock_message("hello"), metadata=(("authorization", "Bearer wrong"),))
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_both_bindings_answer_for_the_same_tasks(served: Served) -> None:
    (event,) = await _stock_events(served.url, "hello", "", streaming=False)
    async with grpc.aio.insecure_channel(served.grpc) as channel:
        stub = make_stub(channel)
        metadata = (("authorization", "Bearer s3cret"),)
        assert await stub.GetTask(a2a_pb2.GetTaskRequest(id=event.task.id), metadata=metadata) == event.task


# -- callers that leave, streams that are quiet


def rpc(method: str, params: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def waiting(**configuration: Any) -> dict[str, Any]:
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x"}], "metadata": {"meshgate/skill": "wait"}}
    return {"message": message, "configuration": configuration}


async def _open(served: Served, method: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(served.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = rpc(method, waiting())
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write((head + "A2A-Version: 1.0\r\nAuthorization: Bearer s3cret\r\n\r\n").encode() + body)
    await writer.drain()
    return reader, writer


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers=SECRET, timeout=patience())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the agent has no event for this, and needs none
        await asyncio.sleep(0.005)


async def test_a_caller_that_hangs_up_on_a_unary_call_cancels_its_work() -> None:
    agent = make_agent()
    async with agent.serve(join=False, secret="s3cret") as served:
        _, writer = await _open(served, "SendMessage")
        await _until(lambda: len(agent.open_tasks) == 1)
        writer.close()
        await writer.wait_closed()
        await _until(lambda: not agent.open_tasks)


async def test_a_caller_that_hangs_up_on_a_stream_leaves_its_task_at_work() -> None:
    agent = make_agent()
    async with agent.serve(join=False, secret="s3cret") as served, _client() as http:
        reader, writer = await _open(served, "SendStreamingMessage")
        await reader.readuntil(b": heartbeat\n\n")
        (task_id,) = agent.open_tasks
        writer.close()
        await writer.wait_closed()
        headers = {"a2a-version": "1.0", "content-type": "application/json"}
        for _ in range(20):
            answer = await http.post(served.url, content=rpc("GetTask", {"id": task_id}), headers=headers)
            assert answer.json()["result"]["status"]["state"] == "TASK_STATE_WORKING"


async def test_stopping_ends_open_streams_with_a_last_event() -> None:
    agent = make_agent()
    async with agent.serve(join=False, secret="s3cret") as served:
        reader, writer = await _open(served, "SendStreamingMessage")
        await reader.readuntil(b"TASK_STATE_WORKING")
    assert b"TASK_STATE_FAILED" in await reader.read()
    writer.close()
    await writer.wait_closed()


# -- sockets


async def test_a_taken_port_is_named_with_the_argument_that_chooses_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotServe, match=rf"{port}.*port="):
            async with make_agent(port=port).serve(join=False):
                pass
        with pytest.raises(CannotServe, match="grpc_port="):
            async with make_agent(grpc_port=port, bindings=("JSONRPC", "GRPC")).serve(join=False):
                pass


async def test_an_agent_without_a_skill_is_not_served() -> None:
    with pytest.raises(CannotServe, match=r"@agent\.skill"):
        async with Agent("empty").serve(join=False):
            pass


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"bindings": ("GRPC",)},
        {"bindings": ("REST",)},
        {"public_url": "agent:9000"},
    ],
)
def test_a_place_that_nobody_could_call_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(CannotServe):
        Agent("demo", **settings)


@pytest.mark.parametrize("settings", [{"name": "no name"}, {"name": "a", "version": "newest"}])
def test_an_agent_that_cannot_be_listed_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Agent(**settings)


async def test_a_public_address_is_told_instead_of_the_one_that_is_bound() -> None:
    agent = make_agent(host="0.0.0.0", public_url="https://agent.example:9443", bindings=("JSONRPC", "GRPC"))
    async with agent.serve(join=False, secret="s") as served:
        assert served.url == "https://agent.example:9443/"
        assert served.grpc.startswith("agent.example:")


async def test_serving_without_a_mesh_to_join_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="meshgate up"):
        async with make_agent(environ={"MESHGATE_HOME": str(tmp_path)}).serve():
            pass


async def test_grpc_without_its_extra_is_refused_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "meshgate.net.grpc_server", None)
    with pytest.raises(CannotServe, match=r"pip install 'meshgate\[grpc\]'"):
        async with make_agent(bindings=("JSONRPC", "GRPC")).serve(join=False):
            pass


async def test_an_agent_can_be_served_again(tmp_path: Path) -> None:
    agent = make_agent(store=FileTasks(tmp_path / "tasks.db"))
    for _ in range(2):
        async with agent.serve(join=False, secret="s3cret") as served:
            assert len(await _stock_events(served.url, "hello", "", streaming=False)) == 1


# -- a process of its own, in a mesh

_PROGRAM = """
import asyncio
from meshgate.sdk import Agent, Context

agent = Agent("worker", version="1.4.0")

@agent.skill(default=True)
async def work(text: str, ctx: Context) -> str:
    await asyncio.sleep(float(text))
    return f"{ctx.job} {ctx.call_id}"

@agent.skill
async def outer(text: str, ctx: Context) -> str:
    return (await ctx.call("work@*", text=text)).text

@agent.skill
async def loops(text: str, ctx: Context) -> str:
    return (await ctx.call("loops@*", text=text)).text

agent.run()
"""


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Path]:
    """The home of a running gateway."""
    folder = tmp_path / "home"
    gateway = GatewayProcess(folder, {})
    await gateway.start()
    yield folder
    await gateway.stop()


class Worker:
    """The program above in a process of its own."""

    def __init__(self, home: Path, **environ: str) -> None:
        self._home = home
        self._environ = environ
        self.log: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        roots = [str(ROOT / name) for name in ("protos", "registry", "sdk", "gateway")]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", _PROGRAM),
            env={**environ, **self._environ, "MESHGATE_HOME": str(self._home), "PYTHONPATH": os.pathsep.join(roots)},
            stderr=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def says(self, event: str) -> dict[str, Any]:
        """The next log line about ``event``."""
        assert self.process.stderr is not None
        while True:
            line = await self.process.stderr.readline()
            assert line, f"it ended without {event}: {self.log}"
            self.log.append(msgspec.json.decode(line))
            if self.log[-1]["event"] == event:
                return self.log[-1]


def _mesh(home: Path) -> Mesh:
    return Mesh(environ={"MESHGATE_HOME": str(home)})


@pytest.mark.integration
async def test_an_agent_finds_the_mesh_of_its_machine_and_its_calls_are_children(home: Path) -> None:
    async with Worker(home) as worker, _mesh(home) as mesh:
        joined = await worker.says("joined")
        direct = await mesh.call("worker", text="0")
        assert direct.text == f"{direct.job} {direct.call_id}"
        assert direct.instance == joined["instance"]
        nested = await mesh.call("outer@^1", text="0")
        job, call = nested.text.split()
        assert job == nested.job
        assert call != nested.call_id
        again = await mesh.task(nested.task.id if nested.task else "")
        assert again == nested.task
        with pytest.raises(Exception, match="LOOP"):
            await mesh.call("loops@*", text="0")


@pytest.mark.integration
@pytest.mark.requirement("sdk.signals")
async def test_sigterm_lets_open_work_end_and_then_the_agent_leaves(home: Path) -> None:
    async with Worker(home) as worker, _mesh(home) as mesh:
        await worker.says("joined")
        events = mesh.stream("worker", text="1")
        await anext(events)
        worker.process.send_signal(signal.SIGTERM)
        await worker.says("draining")
        assert [event.state async for event in events][-1] == "TASK_STATE_COMPLETED"
        await worker.says("stopped")
        assert await worker.process.wait() == 0
        with pytest.raises(Exception, match=r"."):
            await mesh.call("worker", text="0")


@pytest.mark.integration
@pytest.mark.requirement("sdk.signals")
async def test_a_second_signal_ends_the_agent_at_once(home: Path) -> None:
    async with Worker(home) as worker, _mesh(home) as mesh:
        await worker.says("joined")
        events = mesh.stream("worker", text="50")
        await anext(events)
        worker.process.send_signal(signal.SIGINT)
        await worker.says("draining")
        worker.process.send_signal(signal.SIGINT)
        await worker.says("stopped")
        assert await worker.process.wait() == 0
        await events.aclose()


@pytest.mark.integration
async def test_an_agent_without_a_mesh_ends_with_a_code_and_the_remedy(tmp_path: Path) -> None:
    async with Worker(tmp_path) as worker:
        line = await worker.says("cannot_run")
        assert "meshgate up" in line["error"]
        assert await worker.process.wait() == 3


@pytest.mark.integration
async def test_an_agent_with_a_wrong_key_ends_with_a_code_of_its_own(home: Path) -> None:
    async with Worker(home, MESHGATE_JOIN_KEY="wrong") as worker:
        assert (await worker.says("cannot_run"))["code"] == "UNAUTHENTICATED"
        assert await worker.process.wait() == 4
