#!/usr/bin/env python3
"""Writes the tables of the pages that repeat what the code knows, or, with --check, says which are not current.

A table stands between ``<!-- made: NAME -->`` and ``<!-- end -->``; ``TABLES`` has the function that makes it. Numbers
in running text are compared: ``figures`` has each sentence with its numbers from the code. What only people know, such
as who needs a port, stands in a dictionary here; a key that is missing there is an error.

usage: tools/docs.py [--check]
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import typer
from google.rpc.code_pb2 import Code  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
from limits import documented, plain

import meshgate
from meshgate.a2a.bindings.grpc_errors import encode_error as grpc_error
from meshgate.a2a.bindings.jsonrpc import encode_error as jsonrpc_error
from meshgate.a2a.bindings.statuses import HTTP_STATUS, REST_STATUS
from meshgate.a2a.errors import (
    AccessError,
    EdgeError,
    MeshError,
    ProtocolError,
    RefusedError,
    SchemaError,
    UpstreamError,
)
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh.extensions import (
    BY_AGENTS,
    BY_GATEWAYS,
    CAPABILITIES,
    CONTRACTS,
    EXTENSIONS,
    Extension,
)
from meshgate.a2a.mesh.headers import TRACEPARENT, TRACESTATE, deadline_text
from meshgate.cli.app import make_app
from meshgate.cli.exits import Exit, from_mesh
from meshgate.gateway.config import Config
from meshgate.gateway.control.admin.app import make_admin
from meshgate.gateway.control.admin.errors import answer_mesh_error
from meshgate.gateway.observe.metrics import Metrics
from meshgate.registry.join.errors import encode_error as join_error
from meshgate.registry.model import SWITCH_KINDS
from meshgate.sdk import Agent, Context, Mesh
from meshgate.sdk.client.request import CallArguments
from meshgate.sdk.skills.skill import SkillOptions

ROOT = Path(__file__).parents[1]

PORTS = {
    "port": ("HTTP", "clients, and agents that call agents", "client keys, agents' call keys"),
    "grpc_port": ("gRPC", "clients, and agents that call agents", "client keys, agents' call keys"),
    "join_port": ("join", "agents", "join keys"),
    "admin_port": ("admin", "operators, Prometheus", "admin keys; loopback unless `admin_host` says otherwise"),
    "inspect_port": ("inspect", "the other gateways", "a secret that is derived from the mesh key"),
}
"""Each port's name, who needs it, and what protects it."""
SWITCHES = {
    "agent": "calls to an agent, by its name",
    "skill": "calls to a skill, by its name, whichever agent has it",
    "tenant": "calls from a tenant",
    "key": "calls from a principal: the name in `keys.json`, or `agent:NAME` for the calls of an agent",
    "job": "further calls of a job, by its id; what runs of it is ended",
}
"""What each kind of kill switch refuses."""

CALL = "a call"
MET = {
    "BAD_CONTRACT": "an agent that starts",
    "BAD_LOCK": "an agent that starts",
    "BAD_SCHEMA": "the join port, the admin API",
    "BAD_SEAL": "a gateway's log",
    "CANNOT_SERVE": "an agent that starts",
    "INCOMPATIBLE": "the join port, the admin API",
    "INSTANCE_TAKEN": "the join port",
    "KEYS_CHANGED": "the admin API",
    "KEYS_NOT_WRITTEN": "the admin API",
    "LAST_ADMIN_KEY": "the admin API",
    "NOT_CONFIGURED": "a client, an agent that starts",
    "REGISTRY_UNAVAILABLE": "the join port, the admin API",
    "STAGE_REFUSED": "the join port, the admin API",
    "STALE_LOCK": "an agent that starts",
    "TASK_CANCELLED": "a client",
    "TASK_FAILED": "a client",
    "TASK_REJECTED": "a client",
    "UNKNOWN_CONTRACT": "the admin API",
    "UNKNOWN_KEY": "the admin API",
    "UNKNOWN_LEASE": "the join port, the admin API",
    "UNKNOWN_NAME": "the admin API",
    "NO_HELD_CARD": "the admin API",
    "VERSION_RETIRED": "the join port, the admin API",
    "VERSION_TAKEN": "the join port, the admin API",
    "WEAK_SECRET": "a gateway that starts",
    "WRITTEN_NOT_SEEN": "the admin API",
}
"""Where each code is met that is not told of a call."""


def table(*rows: tuple[object, ...]) -> list[str]:
    """Markdown; the first row is the head."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def same(told: Mapping[str, object], known: set[str], what: str) -> None:
    """Fail unless every key that the code has is explained here."""
    if set(told) != known:
        raise SystemExit(f"tools/docs.py: {what} differ from the code: {sorted(set(told) ^ known)}")


def ports() -> list[str]:
    """The ports of a gateway."""
    same(PORTS, {name for name in Config.__struct_fields__ if name.endswith("port")}, "PORTS")
    default = {setting: getattr(Config(), setting) or "a free one" for setting in PORTS}
    rows = [(name, default[setting], f"`{setting}`", *more) for setting, (name, *more) in PORTS.items()]
    return table(("port", "default", "setting", "who needs it", "what protects it"), *rows)


def switches() -> list[str]:
    """The kinds of kill switches."""
    same(SWITCHES, set(SWITCH_KINDS), "SWITCHES")
    return table(("kind", "what is refused"), *((f"`{kind}`", SWITCHES[kind]) for kind in SWITCH_KINDS))


def exits() -> list[str]:
    """The exit codes of commands."""
    source = Path(inspect.getfile(Exit)).read_text("utf-8")
    meaning = {one.name: one.text for one in documented(source, "Exit")}
    return table(("exit code", "meaning"), *((int(one), plain(meaning[one.name])) for one in Exit))


def commands() -> list[str]:
    """The commands."""
    top = cast("Any", typer.main.get_command(make_app()))
    return table(("command", "does"), *_commands(top, "meshgate"))


def _commands(group: Any, path: str) -> Iterator[tuple[str, str]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"`{path} {name}`", plain(command.help.partition("\n\n")[0].replace("\n", " ").strip())


def words() -> list[str]:
    """The words of the Makefile."""
    found = re.findall(r"(?m)^([a-z-]+):.*## (.*)$", (ROOT / "Makefile").read_text("utf-8"))
    return table(("word", "does"), *((f"`make {word}`", text) for word, text in found))


def headers() -> list[str]:
    """The headers, and the keys of metadata."""
    source = Path(inspect.getfile(deadline_text)).read_text("utf-8")
    names = [one for one in documented(source) if one.name.isupper()]
    undocumented = [one.name for one in names if not one.text]
    if undocumented:
        raise SystemExit(f"tools/docs.py: these headers have no docstring: {undocumented}")
    return table(("name", "meaning"), *((f"`{one.value[1:-1]}`", plain(one.text)) for one in names))


def _extension(extension: Extension) -> list[str]:
    """What names an extension, and its headers and keys of metadata."""
    rows = {row.split("`")[1]: row for row in headers()[2:]}
    lines = ["", *headers()[:2], *(rows[name] for name in extension.names)] if extension.names else []
    return [f"`{extension.uri}`", *lines]


def extensions() -> list[str]:
    """The extensions, and who follows them."""
    same({name: 0 for one in EXTENSIONS for name in one.names}, _mesh_names(), "the names of the extensions")
    rows = [(f"[{one.name}](extensions/{one.name}.md)", plain(one.description), _followers(one)) for one in EXTENSIONS]
    return table(("extension", "what it does", "who follows it"), *rows)


def _mesh_names() -> set[str]:
    return {row.split("`")[1] for row in headers()[2:]} - {TRACEPARENT, TRACESTATE}


def _followers(extension: Extension) -> str:
    gateways = extension in BY_GATEWAYS or extension is CONTRACTS
    agents = extension in BY_AGENTS or extension is CAPABILITIES
    return ", ".join([*(["gateways"] if gateways else []), *(["agents of the SDK"] if agents else [])])


def errors() -> list[str]:
    """The errors that a caller may be told."""
    groups = (AccessError, RefusedError, SchemaError, UpstreamError, EdgeError, ProtocolError)
    rows = [_error(cls()) for group in groups for cls in group.__subclasses__()]
    return table(("code", "meaning", "again", "JSON-RPC", "HTTP", "HTTP+JSON", "gRPC", "exit code"), *rows)


def codes() -> list[str]:
    """Every code of the mesh, each with the name of its paragraph."""
    for module in pkgutil.walk_packages(cast("Any", meshgate).__path__, "meshgate."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    groups = (AccessError, RefusedError, SchemaError, UpstreamError, EdgeError, ProtocolError)
    of_calls = [cls for group in groups for cls in group.__subclasses__()]
    others = {cls.code: cls for cls in _below(MeshError) if cls.code != MeshError.code}
    for cls in of_calls:
        others.pop(cls.code, None)
    same(MET, set(others), "MET")
    rows = [_code(cls(), CALL) for cls in of_calls]
    rows += [_code(_plain(others[code]), MET[code]) for code in sorted(others)]
    return table(("code", "meaning", "told of", "again", "JSON-RPC", "HTTP", "HTTP+JSON", "gRPC", "exit code"), *rows)


def _below(cls: type[MeshError]) -> Iterator[type[MeshError]]:
    for one in cls.__subclasses__():
        yield one
        yield from _below(one)


def _plain(cls: type[MeshError]) -> MeshError:
    """An error of a class whose own ``__init__`` wants more."""
    error = cls.__new__(cls)
    MeshError.__init__(error)
    return error


def _code(error: MeshError, met: str) -> tuple[object, ...]:
    told, meaning, again, number, http, *wire, exit_code = _error(error)
    if met != CALL:
        number, http, wire = "", _http(error, met), ["", ""]
    elif error.code == "AGENT_ERROR":
        number, wire = "the agent's", ["the agent's", "the agent's"]
    if met in ("an agent that starts", "a gateway's log"):
        exit_code = ""
    code = f"[{told}](#{error.code.lower()})"
    return code, meaning, met, again, number, http, *wire, exit_code


def _http(error: MeshError, met: str) -> str:
    """The HTTP status at the join port, or at the admin API."""
    join = str(join_error(error)[0]) if "join port" in met else ""
    admin = str(asyncio.run(_admin_status(error))) if "admin API" in met else ""
    return join or admin if join == admin or not join or not admin else f"{join}, admin API {admin}"


async def _admin_status(error: MeshError) -> int:
    return (await answer_mesh_error(cast("Any", None), error)).status_code


def _error(error: MeshError) -> tuple[object, ...]:
    number = msgspec.json.decode(jsonrpc_error(1, error))["error"]["code"]
    rest = REST_STATUS.get(error.code, 500)
    wire = (number, HTTP_STATUS.get(error.code, ""), rest, f"`{Code.Name(grpc_error(error).status)}`")
    return (f"`{error.code}`", error.summary, "yes" if error.retryable else "", *wire, int(from_mesh(error).code))


def metrics() -> list[str]:
    """The metrics of a gateway."""
    seen = Metrics()
    seen.call("", "", "", "", 0.0)
    seen.attempt("", "")
    seen.lineage_after("")
    seen.stream_cut("")
    seen.unauthenticated("", "")
    seen.answer_corrected("")
    seen.task_dropped("")
    seen.stream_dropped("", "")
    seen.pushed("", "")
    seen.called_back("")
    seen.policies["", ""][0] += 1
    seen.watch(endpoints=lambda: {"": 1}, passed_over=lambda: {"": 1})
    rows: list[tuple[str, str, str]] = []
    for one in seen.collect():
        name = f"{one.name}_total" if one.type == "counter" else one.name
        labels = [label for label in one.samples[0].labels if label != "le"]
        rows.append((f"`{name}`", ", ".join(f"`{label}`" for label in labels), one.documentation))
    return table(("metric", "labels", "counts"), *rows)


def _admin(schemas: bool) -> list[str]:
    nothing, no_keys = (
        cast("Any", None),
        cast("Any", SimpleNamespace(store=None)),
    )  # the routes are listed, none is called
    parts = dict.fromkeys(("catalogue", "gate", "metrics", "rotation", "acceptance"), nothing)
    api = make_admin(nothing, nothing, nothing, no_keys, **parts)
    rows = [
        (f"`{method.upper()} {_url(path, route)}`", plain(" ".join(route["description"].split())))
        for path, methods in api.openapi()["paths"].items()
        for method, route in methods.items()
        if path.startswith("/api/v1/schemas") == schemas
    ]
    return table(("request", "does"), *rows)


def _url(path: str, route: Any) -> str:
    query = "&".join(f"{one['name']}=" for one in route.get("parameters", ()) if one["in"] == "query")
    return re.sub(r"\{(\w+)\}", lambda name: name[1].upper(), path) + (f"?{query}" if query else "")


AGENT_CALLS = {"access", "cancel", "outgoing", "serve_as"}
"""Methods of a context that the agent calls, not a skill."""


def context() -> list[str]:
    """What a skill finds in its context."""
    return table(("name", "does"), *_arguments(Context, "Attributes", "ctx."), *_methods(Context, "ctx.", AGENT_CALLS))


def mesh() -> list[str]:
    """What a client of the mesh does."""
    return table(("name", "does"), *_methods(Mesh, "mesh."))


def _methods(cls: type, prefix: str, without: set[str] | frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """The methods and properties of a class, each with the first paragraph of its docstring."""
    found = {name: one for kind in reversed(cls.__mro__[:-1]) for name, one in vars(kind).items() if name[0] != "_"}
    if unknown := without - set(found):
        raise SystemExit(f"tools/docs.py: {cls.__name__} has no {sorted(unknown)}")
    for name in sorted(set(found) - without, key=[*vars(cls), *found].index):
        one = found[name]
        if inspect.isfunction(one) or isinstance(one, property):
            named = f"{prefix}{name}" if isinstance(one, property) else f"{prefix}{name}({_parameters(one)})"
            yield f"`{named}`", _paragraph(inspect.getdoc(getattr(cls, name)) or "")


def _parameters(function: Any) -> str:
    """The names of a method's parameters."""
    kinds = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    return ", ".join("..." if one.kind is one.VAR_KEYWORD else one.name for one in kinds)


def _paragraph(text: str) -> str:
    """The first paragraph of a docstring, without the colons that lead to an example."""
    first = " ".join(text.partition("\n\n")[0].split())
    return plain(f"{first[:-2]}." if first.endswith("::") else first)


def _arguments(cls: type, section: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The names that a section of a class's docstring explains, such as ``Args:``."""
    text = (inspect.getdoc(cls) or "").partition(f"{section}:\n")[2].partition("\n\n")[0]
    for names, meaning in re.findall(r"(?m)^    (\w[\w, ]*): ((?:.*\n?)(?:^     .*\n?)*)", text):
        words = " ".join(meaning.split())
        yield ", ".join(f"`{prefix}{name}`" for name in names.split(", ")), plain(words[:1].upper() + words[1:])


def options() -> list[str]:
    """The options of an agent."""
    rows = list(_arguments(Agent, "Args"))
    told = set(re.findall(r"`(\w+)`", " ".join(names for names, _ in rows)))
    same(dict.fromkeys(told), set(inspect.signature(Agent).parameters), "the options of Agent")
    return table(("option", "meaning"), *rows)


def call_options() -> list[str]:
    """The arguments of a call."""
    source = Path(inspect.getfile(CallArguments)).read_text("utf-8")
    found = [one for cls in ("CallArguments", "CallOptions") for one in documented(source, cls)]
    return table(("argument", "meaning"), *((f"`{one.name}`", plain(" ".join(one.text.split()))) for one in found))


def skill_options() -> list[str]:
    """The options of a skill."""
    source = Path(inspect.getfile(SkillOptions)).read_text("utf-8")
    found = documented(source, "SkillOptions")
    return table(("option", "meaning"), *((f"`{one.name}`", plain(" ".join(one.text.split()))) for one in found))


TABLES: dict[str, Callable[[], list[str]]] = {
    "ports": ports,
    "switches": switches,
    "exits": exits,
    "commands": commands,
    "words": words,
    "headers": headers,
    "errors": errors,
    "extensions": extensions,
    **{f"extension-{one.name}": partial(_extension, one) for one in EXTENSIONS},
    "codes": codes,
    "metrics": metrics,
    "admin": lambda: _admin(schemas=False),
    "sdk-agent": options,
    "sdk-skill": skill_options,
    "sdk-call": call_options,
    "sdk-context": context,
    "sdk-mesh": mesh,
    "admin-schemas": lambda: _admin(schemas=True),
}


def figures() -> dict[str, list[str]]:
    """Sentences by page, with their numbers from the code."""
    one = DEFAULTS
    minutes, hours, share = one.job_seconds / 60, one.record_seconds / 3600, one.retry_ratio * 100
    hours_kept = one.task_seconds / 3600
    return {
        "README.md": [
            f"depth of the path, {one.depth}",
            f"{one.job_calls} calls, {one.job_concurrency} at once and {minutes:g} minutes a job",
            f"a deadline on each call, {one.deadline:g} s unless the caller names one",
            f"after {one.silence:g} s of silence",
            f"{share:g} % of its calls of the last ten seconds, plus {one.retry_floor:g} a second",
        ],
        "docs/operating.md": [
            f"{one.schema_disk // 2**20} MiB at most",
            f"answers what is open for up to {one.drain:g} s",
            f"for {hours:g} hour and {one.records:,} jobs",
            f"Up to {one.traces:g} new jobs a second are all traced",
            f"one in {one.traces_beyond} beyond that",
        ],
        "docs/sdk.md": [
            f"{one.skill_threads} of them at once",
            f"the latest {one.tasks:,} tasks, for {hours_kept:g} hour",
            f"finishes what is open for up to {one.drain:g} s",
            f"takes {one.deadline:g} s unless the call names a deadline",
            f"{one.job_calls} calls and {minutes:g} minutes",
        ],
        "docs/schemas.md": [
            f"An expression has up to {one.schema_cel:,} characters",
            f"messages of up to {one.mediation_values:,} messages",
        ],
    }


_TABLE = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def made(page: str) -> str:
    """The page with its tables as the code has them."""
    return _TABLE.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + "\n" + found[3], page)


def missing() -> list[str]:
    """The sentences that a page should have and has not."""
    found: list[str] = []
    for page, sentences in figures().items():
        text = " ".join((ROOT / page).read_text("utf-8").split())
        found += [f"{page} does not say {sentence!r}" for sentence in sentences if sentence not in text]
    return found


def main() -> int:
    """Write the tables, or compare them; compare the figures in either case."""
    check = "--check" in sys.argv[1:]
    wrong = missing()
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        text = page.read_text("utf-8")
        current = made(text)
        if current != text and check:
            wrong.append(f"{page.relative_to(ROOT)} has a table that is not what the code says: run tools/docs.py")
        elif current != text:
            page.write_text(current, "utf-8")
    print(*wrong, sep="\n" if wrong else "", end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
