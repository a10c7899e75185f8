"""The stock clients, and how each of them tells an error."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from typing import Any, Literal, cast

from tests.interop import builds
from tests.interop.conversation import ERRORS, Error
from tests.interop.documents import Reader, by_adk, by_agent_framework, by_sdk

__all__ = ["CLIENTS", "REFUSALS", "Client"]

Tree = dict[str, Any]
NO_ERROR: Tree = {"code": "none"}
Binding = Literal["JSONRPC", "GRPC"]


@dataclass(frozen=True, eq=False)
class Client:
    """A client that is not ours, with one binding."""

    name: str
    """The package, as its registry has it."""
    folder: str
    """Where its program and its lock file are."""
    build: Callable[[str], list[str]]
    binding: Binding
    read: Reader = by_sdk
    tells: Callable[[Error], Tree] = lambda error: {}
    """How it tells an error; a pattern stands for any text that it matches."""
    tells_so: Tree = field(default_factory=dict[str, Any])
    """Errors that it tells in another way."""
    hides: tuple[str, ...] = ()
    """Errors that it does not tell at all, whoever they come from."""
    meets: tuple[str, ...] = tuple(ERRORS)
    """The errors that its interface can meet."""

    @property
    def id(self) -> str:
        """Its name in tests."""
        return f"{self.folder}-{self.binding.lower()}"

    @property
    def version(self) -> str:
        """The version that its lock file holds."""
        folder = builds.HERE / self.folder
        if (folder / "package-lock.json").exists():
            packages = json.loads((folder / "package-lock.json").read_text())["packages"]
            return str(packages[f"node_modules/{self.name}"]["version"])
        patterns = {
            "requirements.lock": rf"^{re.escape(self.name)}(?:\[[^\]]*\])?==(\S+)",
            "go.mod": rf"{re.escape(self.name)} v(\S+)",
            "Cargo.lock": rf'name = "{re.escape(self.name)}"\nversion = "([^"]+)"',
        }
        (file,) = [one for one in patterns if (folder / one).exists()]
        return _found(patterns[file], folder / file)

    def knows(self, name: str, told: Tree) -> bool:
        """Whether what it told of one of ``ERRORS`` is what is expected of it."""
        expected = NO_ERROR if name in self.hides else self.tells_so.get(name) or self.tells(ERRORS[name])
        return all(_matches(told[key], value) for key, value in expected.items())


def _matches(told: Any, expected: Any) -> bool:
    if isinstance(expected, Pattern):
        return re.search(cast("Pattern[str]", expected), told) is not None
    return bool(told == expected)


def _found(pattern: str, file: Path) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    assert found is not None, f"{file} does not match {pattern}"
    return found[1]


def _python(error: Error) -> Tree:
    return {"name": f"{error[2]}Error"}


def _javascript(error: Error) -> Tree:
    return {"code": error[1], "name": f"{error[2]}Error", "reason": error[0]}


def _javascript_grpc(error: Error) -> Tree:
    return {"name": f"{error[2]}Error", "reason": error[0]}


def _go(error: Error) -> Tree:
    return {"code": f"Err{error[2]}", "reason": error[0]}


def _rust(error: Error) -> Tree:
    return {"code": error[1], "reason": error[0]}


def _rust_grpc(error: Error) -> Tree:
    return {"code": error[1], "reason": None}


_JS, _GO = "@a2a-js/sdk", "github.com/a2aproject/a2a-go/v2"
_PYTHON_KEY: Tree = {"name": "A2AClientError", "message": re.compile("401 Unauthorized|UNAUTHENTICATED")}
_JS_KEY: Tree = {"code": -31021, "name": "JsonRpcTransportError", "message": re.compile("gateway|key")}
_JS_GRPC_KEY: Tree = {"name": "A2AError", "message": re.compile("^gRPC error for sendMessage: 16 ")}
_GO_KEY: Tree = {"code": "other", "message": "unexpected HTTP status: 401 Unauthorized"}
_GO_GRPC_KEY: Tree = {"code": "other", "reason": "UNAUTHENTICATED"}
_ADK: Tree = {
    "key": {"error": re.compile(r"\(HTTP 401\)")},
    "grpc": {"error": re.compile(r"RPC URL must use https, or http on a loopback host: 127\.0\.0\.1:\d+$")},
}

CLIENTS = (
    Client("a2a-sdk", "python", builds.python, "JSONRPC", tells=_python, tells_so={"key": _PYTHON_KEY}),
    Client("a2a-sdk", "python", builds.python, "GRPC", tells=_python, tells_so={"key": _PYTHON_KEY}),
    Client(_JS, "javascript", builds.npm, "JSONRPC", tells=_javascript, tells_so={"key": _JS_KEY}),
    Client(_JS, "javascript", builds.npm, "GRPC", tells=_javascript_grpc, tells_so={"key": _JS_GRPC_KEY}),
    Client(_GO, "go", builds.go, "JSONRPC", tells=_go, tells_so={"key": _GO_KEY}, hides=("stream",)),
    Client(_GO, "go", builds.go, "GRPC", tells=_go, tells_so={"key": _GO_GRPC_KEY}),
    Client("a2a-client-lf", "rust", builds.cargo, "JSONRPC", tells=_rust),
    Client("a2a-grpc", "rust", builds.cargo, "GRPC", tells=_rust_grpc),
    Client("google-adk", "adk", builds.python, "JSONRPC", read=by_adk, tells_so=_ADK, meets=("key", "grpc")),
    Client(
        "agent-framework-a2a",
        "agent_framework",
        builds.python,
        "JSONRPC",
        read=by_agent_framework,
        tells=_python,
        tells_so={"key": _PYTHON_KEY},
        meets=("unknown", "key"),
    ),
)
"""Those that speak A2A 1.0."""

_SENTENCE = "no version means A2A 0.3, which is not served: send 'A2A-Version: 1.0'"
_INFO: Tree = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "VERSION_NOT_SUPPORTED",
    "domain": "a2a-protocol.org",
    "metadata": {},
}
_REFUSAL: Tree = {"code": -32009, "message": _SENTENCE, "data": [_INFO]}
_JS_REFUSAL: Tree = {
    "name": "Error",
    "code": -32009,
    "message": f"JSON-RPC error: {_SENTENCE} (Code: -32009) Data: {json.dumps([_INFO], separators=(',', ':'))}",
}
_JS_NO_STREAM = "Invalid response Content-Type for SSE stream for message/stream. Expected 'text/event-stream'."
_JS_NO_CARD = "No compatible transport found, available transports: JSONRPC,HTTP+JSON"

REFUSALS: dict[Client, Tree] = {
    Client("a2a-sdk", "python_0_3", builds.python, "JSONRPC"): {
        "card": {"unreadable": [["url", "missing"]]},
        "unary": _REFUSAL,
        "stream": _REFUSAL,
        "unknown": _REFUSAL,
    },
    Client(_JS, "javascript_0_3", builds.npm, "JSONRPC"): {
        "card": {"name": "Error", "message": _JS_NO_CARD},
        "unary": _JS_REFUSAL,
        "stream": {"name": "Error", "message": _JS_NO_STREAM},
        "unknown": _JS_REFUSAL,
    },
    Client("fasta2a", "fasta2a", builds.python, "JSONRPC"): {
        "unary": {"jsonrpc": "2.0", "error": _REFUSAL},
        "stream": [],
        "unknown": {"unreadable": {"error.code": -32009, "error.message": _SENTENCE}},
    },
}
"""Those that speak A2A 0.3, which is not built yet, and what they tell of the refusal: of the card, and of calls."""
