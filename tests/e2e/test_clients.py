"""One agent, six clients: by name and by skill, unary and streaming, each gets its answer and leaves its record."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environments import Environment, Mesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # with a cold cache the first one fetches packages

Tree = dict[str, Any]
RAW = bytes(range(256))
TEXT = "Grüße, 世界\n\t👋 \\ \" ' $HOME `x` \u2028\x85 %s"
DATA: Tree = {"n": 3, "half": 0.5, "big": 2**53, "deep": [None, True, [], {"ключ": "value"}], "empty": {}}
PARTS: list[Tree] = [
    {"text": TEXT},
    {"data": DATA, "mediaType": "application/json"},
    {"raw": base64.b64encode(RAW).decode(), "mediaType": "application/octet-stream", "filename": "ü.bin"},
]
SAID: list[list[Any]] = [
    [TEXT, "", ""],
    [DATA, "application/json", ""],
    [RAW.hex(), "application/octet-stream", "ü.bin"],
]
SAID_BY_COMMAND = [[TEXT, "", ""], [DATA, "application/json", ""]]


@dataclass(frozen=True)
class Heard:
    """What a client got back."""

    events: list[Tree]
    head: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def answer(self) -> Tree:
        """What the agent said: the JSON value of its only artifact."""
        made = [artifact for event in self.events for artifact in event.get("task", {}).get("artifacts", ())]
        made += [event["artifactUpdate"]["artifact"] for event in self.events if "artifactUpdate" in event]
        (artifact,) = made
        (part,) = artifact["parts"]
        found: Tree = part["data"]
        return found

    @property
    def states(self) -> list[str]:
        """The states that the task was seen in."""
        kinds = [event.get("task") or event.get("statusUpdate") for event in self.events]
        return [kind["status"]["state"].removeprefix("TASK_STATE_") for kind in kinds if kind]


@dataclass(frozen=True)
class Asked:
    """One call."""

    mesh: Mesh
    skill: bool
    streaming: bool

    @property
    def target(self) -> str:
        """The selector as URLs and metadata have it."""
        return "sha512@1,region=eu" if self.skill else "digest"

    @property
    def path(self) -> str:
        """The path of the gateway's URL."""
        return f"{self.mesh.run['gateway']}/{'skills' if self.skill else 'agents'}/{self.target}"

    @property
    def with_grpc(self) -> str:
        """The URL whose card lists gRPC."""
        name, at, rest = self.target.partition("@")
        return f"{self.path.removesuffix(self.target)}{name}+grpc{at}{rest}"

    def line(self, to: str = "", **more: str) -> str:
        """What a program of `apps` reads."""
        run = self.mesh.run
        asked = {"to": to or self.target, "parts": PARTS, "streaming": self.streaming}
        return json.dumps({**asked, "key": run["client_key"], "grpc": run["grpc"], "card": self.path, **more})


class Clients:
    """The clients, each in its environment."""

    def __init__(self, base: Environment, stub: Environment, a2a: Environment, curl: str) -> None:
        self._base, self._stub, self._a2a, self._curl = base, stub, a2a, curl

    def sdk(self, asked: Asked) -> Heard:
        return printed(self._base.app("mesh_client.py", asked.line("sha512@^1.2" if asked.skill else "digest")))

    def command(self, asked: Asked) -> Heard:
        mode = "--stream" if asked.streaming else "--no-stream"
        to = "sha512@>=1.4,<2" if asked.skill else "digest"
        data = json.dumps(DATA)
        return printed(self._base.ok("meshgate", "call", to, "-", "--data", data, mode, "--json", stdin=TEXT))

    def curl(self, asked: Asked) -> Heard:
        method = "SendStreamingMessage" if asked.streaming else "SendMessage"
        message = {"messageId": "m-1", "role": "ROLE_USER", "parts": PARTS}
        body = json.dumps({"jsonrpc": "2.0", "id": "curl-1", "method": method, "params": {"message": message}})
        head = Path(self._base.scratch / "head")
        sent = ["-H", f"X-API-Key: {asked.mesh.run['client_key']}", "-H", "A2A-Version: 1.0"]
        sent += ["-H", "Content-Type: application/json", "--data-binary", "@-", "--noproxy", "*"]
        text = self._base.ok(self._curl, "-sS", "--fail", "-N", "-m", "20", "-D", head, *sent, asked.path, stdin=body)
        lines = [line.removeprefix("data:") for line in text.split("\n") if line.startswith("data:")]
        answers = [json.loads(one) for one in (lines if asked.streaming else [text])]
        assert {one["id"] for one in answers} == {"curl-1"}
        fields = [line.partition(": ") for line in head.read_text().splitlines()[1:]]
        return Heard([one["result"] for one in answers], {name.lower(): value for name, _, value in fields})

    def stub(self, asked: Asked) -> Heard:
        return printed(self._stub.app("grpc_stub.py", asked.line()))

    def stock(self, asked: Asked) -> Heard:
        return printed(self._a2a.app("a2a_client.py", asked.line(binding="JSONRPC")))

    def stock_grpc(self, asked: Asked) -> Heard:
        return printed(self._a2a.app("a2a_client.py", asked.line(binding="GRPC", card=asked.with_grpc)))


def printed(text: str) -> Heard:
    """What a program of `apps`, or `meshgate call --json`, printed."""
    events: list[Tree] = [json.loads(line) for line in text.split("\n") if line]
    head: dict[str, str] = {}
    for event in events:
        head |= event.pop("head", {})
        head |= {f"meshgate-{name}": value for name, value in event.pop("meshgate", {}).items()}
    return Heard(events, head)


@pytest.fixture(scope="module")
def clients(base: Environment, stub: Environment, a2a: Environment, curl: str) -> Clients:
    return Clients(base, stub, a2a, curl)


@pytest.mark.requirement("wheel.clients", "contract.record")
@pytest.mark.parametrize("streaming", [False, True], ids=["unary", "streaming"])
@pytest.mark.parametrize("skill", [False, True], ids=["by-name", "by-skill"])
@pytest.mark.parametrize(
    ("client", "binding"),
    [
        (Clients.sdk, "JSONRPC"),
        (Clients.command, "JSONRPC"),
        (Clients.curl, "JSONRPC"),
        (Clients.stub, "GRPC"),
        (Clients.stock, "JSONRPC"),
        (Clients.stock_grpc, "GRPC"),
    ],
    ids=["Mesh", "meshgate-call", "curl", "grpc-stub", "a2a-sdk-jsonrpc", "a2a-sdk-grpc"],
)
def test_a_client_gets_the_digest_of_what_it_sent_and_leaves_its_record(
    clients: Clients,
    mesh: Mesh,
    client: Callable[[Clients, Asked], Heard],
    binding: str,
    skill: bool,
    streaming: bool,
) -> None:
    heard = client(clients, Asked(mesh, skill, streaming))

    algorithm = "sha512" if skill else "sha256"
    said = SAID_BY_COMMAND if client is Clients.command else SAID
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    assert heard.answer["digest"] == hashlib.new(algorithm, text.encode()).hexdigest()
    assert heard.answer["skill"] == heard.answer["asked"] == algorithm
    # Unary is the task at its end alone; a stream shows it at its beginning and on its way.
    assert heard.states[-1] == "COMPLETED"
    assert ("WORKING" in heard.states) is streaming
    assert (len(heard.events) > 1) is streaming

    record = mesh.admin(f"calls/{heard.answer['call']}")
    assert record["binding"] == binding
    assert record["selector"].partition("@")[0] == ("sha512" if skill else "digest")
    assert record["method"] == ("SendStreamingMessage" if streaming else "SendMessage")
    assert (record["agent"], record["skill"]) == ("digest", algorithm)
    assert record["version"] == ("1.4.0" if skill else "2.3.1")
    assert [record["instance"]] == [heard.answer["instance"]] == mesh.instances()
    assert (record["outcome"], record["job"]) == ("done", heard.answer["job"])
    if client is not Clients.stock_grpc:  # it keeps metadata to itself
        named = [heard.head[f"meshgate-{name}"] for name in ("call", "job", "instance")]
        assert named == [record["id"], record["job"], record["instance"]]
