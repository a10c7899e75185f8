"""The stock clients, and how each of them tells an error."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from typing import Any, Literal, cast

from tests.interop import builds
from tests.interop.conversation import ERRORS, RECEIVED, RECEIVED_0_3, RECEIVED_0_3_GRPC, Error
from tests.interop.documents import Reader, by_adk, by_agent_framework, by_sdk, by_sdk_0_3

__all__ = ["CLIENTS", "MIXED", "Client"]

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
    received: tuple[Tree, ...] = tuple(RECEIVED)
    """What the desk gets of its message beside the text."""

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


def _by_number(error: Error) -> Tree:
    return {"code": error[1], "reason": error[0]}


def _python_0_3_grpc(error: Error) -> Tree:
    return {"message": re.compile(f"^{error[2]}Error: ")}


def _javascript_0_3_grpc(error: Error) -> Tree:
    return {"name": f"{error[2]}Error"}


def _legacy(*place: Any, **more: Any) -> Client:
    """A client of A2A 0.3."""
    return Client(*place, **{"read": by_sdk_0_3, "received": tuple(RECEIVED_0_3), **more})


_JS, _GO = "@a2a-js/sdk", "github.com/a2aproject/a2a-go/v2"
_PYTHON_KEY: Tree = {"name": "A2AClientError", "message": re.compile("401 Unauthorized|UNAUTHENTICATED")}
_JS_KEY: Tree = {"code": -31021, "name": "JsonRpcTransportError", "message": re.compile("gateway|key")}
_JS_GRPC_KEY: Tree = {"name": "A2AError", "message": re.compile("^gRPC error for sendMessage: 16 ")}
_GO_KEY: Tree = {"code": "other", "message": "unexpected HTTP status: 401 Unauthorized"}
_GO_GRPC_KEY: Tree = {"code": "other", "reason": "UNAUTHENTICATED"}
_RUST_GRPC_KEY: Tree = {"code": -32603, "reason": None}
_ADK: Tree = {
    "key": {"error": re.compile(r"\(HTTP 401\)")},
    "grpc": {"error": re.compile(r"RPC URL must use https, or http on a loopback host: 127\.0\.0\.1:\d+$")},
}
_PYTHON_0_3_KEY: Tree = {"name": "A2AClientHTTPError", "code": 401}
_PYTHON_0_3_GRPC: Tree = {"key": {"name": "UNAUTHENTICATED"}}
_JS_0_3: Tree = {
    "key": {"code": -32603, "message": re.compile("gateway|key")},
    "stream": {"name": "Error", "message": re.compile(r"^SSE event contained an error: .* \(Code: -32001\)")},
}
_JS_0_3_GRPC: Tree = {"key": {"name": "Error", "message": re.compile("^GRPC error for sendMessage! 16 ")}}

CLIENTS = (
    Client("a2a-sdk", "python", builds.python, "JSONRPC", tells=_python, tells_so={"key": _PYTHON_KEY}),
    Client("a2a-sdk", "python", builds.python, "GRPC", tells=_python, tells_so={"key": _PYTHON_KEY}),
    Client(_JS, "javascript", builds.npm, "JSONRPC", tells=_javascript, tells_so={"key": _JS_KEY}),
    Client(_JS, "javascript", builds.npm, "GRPC", tells=_javascript_grpc, tells_so={"key": _JS_GRPC_KEY}),
    Client(_GO, "go", builds.go, "JSONRPC", tells=_go, tells_so={"key": _GO_KEY}, hides=("stream",)),
    Client(_GO, "go", builds.go, "GRPC", tells=_go, tells_so={"key": _GO_GRPC_KEY}),
    Client("a2a-client-lf", "rust", builds.cargo, "JSONRPC", tells=_rust),
    Client("a2a-grpc", "rust", builds.cargo, "GRPC", tells=_rust_grpc, tells_so={"key": _RUST_GRPC_KEY}),
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
    _legacy("a2a-sdk", "python_0_3", builds.python, "JSONRPC", tells=_by_number, tells_so={"key": _PYTHON_0_3_KEY}),
    _legacy("a2a-sdk", "python_0_3", builds.python, "GRPC", tells=_python_0_3_grpc, tells_so=_PYTHON_0_3_GRPC),
    _legacy(_JS, "javascript_0_3", builds.npm, "JSONRPC", tells=_by_number, tells_so=_JS_0_3),
    _legacy(
        _JS,
        "javascript_0_3",
        builds.npm,
        "GRPC",
        tells=_javascript_0_3_grpc,
        tells_so=_JS_0_3_GRPC,
        received=tuple(RECEIVED_0_3_GRPC),
    ),
)
"""Those that have the whole conversation, of A2A 1.0 and 0.3."""


_EMPTY: Tree = {"jsonrpc": "2.0", "result": {}}
MIXED: dict[Client, Tree] = {
    Client("fasta2a", "fasta2a", builds.python, "JSONRPC"): {
        "unary": _EMPTY,
        "stream": [_EMPTY] * 3,
        "unknown": {"unreadable": {"error.message": "task not found"}},
    },
}
"""Those that send A2A 0.3 and read its answers as 1.0's, and what they make of them: nothing."""
