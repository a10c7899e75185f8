"""Agents that the catalogue lists, and requests to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from jsonschema import Draft202012Validator, FormatChecker

from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest
from meshgate.testing import LocalMesh
from tests.gateway.asgi import Answer, request

__all__ = ["GERMAN", "LEGAL", "WEATHER", "add", "check", "entry", "get", "search", "sent"]

_SCHEMAS = Path(__file__).parent / "ard"

LEGAL: dict[str, Any] = {
    "description": "Reads and compares legal documents",
    "skills": [
        {
            "id": "compare",
            "name": "Compare contracts",
            "description": "Finds what differs between two contracts",
            "tags": ["legal", "contracts"],
            "examples": ["compare these two leases", "what changed in the new contract"],
        },
    ],
}
GERMAN: dict[str, Any] = {
    "description": "Translates between German and English",
    "skills": [
        {
            "id": "translate",
            "name": "Translate",
            "description": "Translates a document, and keeps its layout",
            "tags": ["language", "contracts"],
            "examples": ["translate this contract into English", "how do you say thank you", "put this into German"],
        },
        {
            "id": "detect",
            "name": "Detect the language",
            "description": "Names the language of a text",
            "tags": ["language"],
            "examples": ["which language is this"],
        },
    ],
}
WEATHER: dict[str, Any] = {
    "description": "Knows the weather of tomorrow",
    "skills": [{"id": "forecast", "name": "Forecast", "description": "Forecasts rain", "tags": ["weather"]}],
}


async def add(
    mesh: LocalMesh,
    name: str,
    card: dict[str, Any],
    *,
    tenant: str = "default",
    version: str = "1.0.0",
    draining: bool = False,
) -> str:
    """Register an agent with a card; returns the instance's id."""
    skills = tuple(
        Capability(one["id"], version, description=one.get("description", ""), tags=tuple(one.get("tags", ())))
        for one in card["skills"]
    )
    manifest = Manifest(name, version, skills=skills, card={"name": name, "version": version, **card})
    instance = f"{name}-{tenant}-{version}"
    url = Endpoint("JSONRPC", f"local://{instance}")
    listed = Instance(
        instance, name, manifest.digest(), endpoints=(url,), tenant=tenant, lasting=True, draining=draining
    )
    await mesh.registry.register(listed, manifest)
    await mesh.seen(instance)
    return instance


def entry(name: str, **said: Any) -> AgentEntry:
    """An entry of the default tenant."""
    told: dict[str, Any] = {"description": "", "skills": (), "tags": (), "skill_texts": (), "examples": (), **said}
    return AgentEntry(key=name, identifier=f"urn:air:a.example:{name}", agent=name, name=name, version="1", **told)


async def sent(mesh: LocalMesh, line: str, body: bytes = b"", key: str | None = None, **more: str) -> Answer:
    """Send ``GET /path?query``, as a server hands it on: the path is decoded once."""
    verb, target = line.split(" ")
    path, _, query = target.partition("?")
    credential = {} if key == "" else {"authorization": f"Bearer {key or mesh.key}"}
    headers = {**credential, **({"content-type": "application/json"} if body else {}), **more}

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await mesh.gateway.ingress({**scope, "path": unquote(path)}, receive, send)

    kept = {name.replace("_", "-"): value for name, value in headers.items() if value}
    return await request(server, verb, path, headers=kept, body=body, query=query)


async def get(mesh: LocalMesh, target: str, key: str | None = None) -> Answer:
    """A GET."""
    return await sent(mesh, f"GET {target}", key=key)


async def search(mesh: LocalMesh, text: str, key: str | None = None, **more: Any) -> Answer:
    """A search; ``more`` are further members of the request, ``filter`` one of the query."""
    query = {"text": text, **({"filter": more.pop("filter")} if "filter" in more else {})}
    return await sent(mesh, "POST /ard/search", msgspec.json.encode({"query": query, **more}), key)


def check(value: Any, name: str) -> None:
    """Check a value against a definition of ARD's schemas: ``ArdEntry``, ``ArdManifest``, ``AICatalogManifest``, or one
    of ``answers.schema.json``.
    """
    file = {"ArdEntry": "ard-entry", "ArdManifest": "ard-entry", "AICatalogManifest": "ai-catalog"}.get(name, "answers")
    schema = json.loads((_SCHEMAS / f"{file}.schema.json").read_text("utf-8"))
    if file != "ai-catalog":
        schema = {**schema, "$ref": f"#/$defs/{name}"}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    validator.validate(value)  # pyright: ignore[reportUnknownMemberType] - jsonschema's stubs leave it open
