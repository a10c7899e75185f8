"""A gateway of the built wheel, callers who know nothing but HTTP, and agents of bare HTTP that misbehave."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.conftest import PORTS
from tests.e2e.environments import Environment
from tests.support.patience import patience

__all__ = ["Agents", "Answer", "Outside", "Script", "fails", "running", "says", "soon", "waits"]

Script = Callable[["Agents", str, dict[str, Any], dict[str, str]], Any]
"""What an agent does with a request: (agents, its name, the request, its headers). A task's text, or a status."""


class Answer:
    """What a caller got: the result, or the error with its reason."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.result: Any = tree.get("result")
        self.error: dict[str, Any] = tree.get("error") or {}
        details: list[dict[str, Any]] = [each for each in self.error.get("data") or () if isinstance(each, dict)]
        self.reason = next((str(each["reason"]) for each in details if "reason" in each), "")
        self.details = {str(each.get("@type", "")).rpartition(".")[2]: each for each in details}
        self.message = str(self.error.get("message", ""))

    @property
    def text(self) -> str:
        """The text of the task's artifact."""
        return str(self.result["task"]["artifacts"][0]["parts"][0]["text"])


class Outside:
    """A running gateway, as callers, agents and operators see it over the network."""

    def __init__(self, environment: Environment, run: dict[str, Any], keys: dict[str, str]) -> None:
        self.environment, self.run, self.keys = environment, run, keys

    def call(
        self, to: str, text: str = "x", *, key: str = "ann", method: str = "SendMessage", data: Any = None, **more: Any
    ) -> Answer:
        """One call under the key of that name, or under these very characters."""
        headers = {name.replace("_", "-"): str(value) for name, value in more.pop("headers", {}).items()}
        part = {"data": data} if data is not None else {"text": text}
        message = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": [part]}
        params = more or {"message": message}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        sent = {"content-type": "application/json", "a2a-version": "1.0", **headers}
        if key:
            sent["authorization"] = f"Bearer {self.keys.get(key, key)}"
        place = "skills" if "@" in to else "agents"
        return Answer(_post(f"{self.run['gateway']}/{place}/{to}", body, sent))

    def list(self, name: str, url: str, instance: str = "1") -> str:
        """List an agent under a name, as ``meshgate register`` does; its call key."""
        registration = {
            "instanceId": f"{name}-{instance}",
            "agent": name,
            "lasting": True,
            "endpoints": [{"binding": "JSONRPC", "url": url, "protocolVersion": "1.0"}],
            "manifest": {"agent": name, "version": "1.0.0", "foreign": True},
        }
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.keys['join']}"}
        body = json.dumps({"registration": registration}).encode()
        joined = _post(f"{self.run['join']}/meshgate.v1.RegistryService/Register", body, headers)
        return str(joined["callKey"])

    def command(self, *words: str) -> str:
        """What a command of the wheel prints."""
        return self.environment.ok("meshgate", *words)


def _post(url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=patience(30.0)) as response:
            found: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found


def says(text: str) -> Script:
    """Answers with a task that holds this text."""
    return lambda agents, name, request, headers: text


def fails(status: int | None) -> Script:
    """Answers with this status; None closes the connection without an answer."""
    return lambda agents, name, request, headers: status


def waits(seconds: float) -> Script:
    """Answers after so many seconds, or when the test is over."""

    def script(agents: Agents, name: str, request: dict[str, Any], headers: dict[str, str]) -> str:
        agents.over.wait(seconds)
        return "late"

    return script


class Agents:
    """Agents on one port, each below its name; a thread for each request."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.arrived: dict[str, int] = {}
        self.keys: dict[str, str] = {}
        """Their call keys."""
        self.gateway = ""
        self.over = threading.Event()
        """Set at the end: whoever hangs may go."""
        self._lock = threading.Lock()
        agents = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith("/hung"):
                    agents.over.wait(patience(60.0))
                self._send(200, b"{}")

            def do_POST(self) -> None:
                name = self.path.strip("/").partition("/")[0]
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                agents.count(name)
                sent = {key.lower(): value for key, value in self.headers.items()}
                found = agents.scripts[name](agents, name, request, sent)
                if found is None:
                    self.close_connection = True
                elif isinstance(found, int):
                    self._send(found, b"{}")
                else:
                    part = {"artifactId": "a", "parts": [{"text": str(found)}]}
                    state = {"state": "TASK_STATE_COMPLETED"}
                    task = {"id": uuid.uuid4().hex, "contextId": "c", "status": state, "artifacts": [part]}
                    result = task if request["method"] == "GetTask" else {"task": task}
                    body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result})
                    self._send(200, body.encode())

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                """Nothing: what is asked is counted."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def count(self, name: str) -> None:
        """A request arrived."""
        with self._lock:
            self.arrived[name] = self.arrived.get(name, 0) + 1

    def join(self, outside: Outside, name: str, script: Script, instances: int = 1) -> None:
        """List an agent that acts a script out, and wait until it can be called."""
        self.gateway = outside.run["gateway"]
        self.scripts[name] = script
        for number in range(1, instances + 1):
            self.keys[name] = outside.list(name, f"{self.url}/{name}/", str(number))

    def call_on(self, name: str, to: str, kept: dict[str, str] | None = None) -> Answer:
        """A call that an agent makes under its own key, with or without the headers that it got."""
        outside = Outside(Environment(Path(), Path()), {"gateway": self.gateway}, self.keys)
        headers = {"meshgate_lineage": kept["meshgate-lineage"]} if kept else {}
        return outside.call(to, key=name, headers=headers)

    def stop(self) -> None:
        """End."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def running(environment: Environment, folder: Path, *flags: str) -> Generator[Outside]:
    """A gateway of the wheel in a home of its own, with the keys of a few callers."""
    own = Environment(environment.folder, folder, {"MESHGATE_HOME": str(folder / "home")})
    callers: dict[str, tuple[str, dict[str, Any]]] = {
        "ann": ("client", {}),
        "bob": ("client", {}),
        "hasty": ("client", {}),
        "narrow": ("client", {"agents": ["public-*"]}),
        "join": ("join", {"roles": ["operator"]}),
        "admin": ("admin", {}),
    }
    told = {"home": str(folder / "home"), "callers": callers}
    keys: dict[str, str] = json.loads(own.app("keys.py", json.dumps(told)))
    own.ok("meshgate", "up", "-d", *PORTS, *flags)
    try:
        yield Outside(own, json.loads((folder / "home" / "run.json").read_text()), keys)
    finally:
        own.run("meshgate", "down")


def soon(look: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + patience(20.0)
    while not look():
        assert time.monotonic() < until
        threading.Event().wait(0.05)
