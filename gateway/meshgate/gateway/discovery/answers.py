"""Answers of the catalogue, as JSON trees (ARD 0.91, section 5), and its errors (appendix B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshgate.a2a.bindings.statuses import HTTP_STATUS
from meshgate.a2a.errors import MeshError
from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.gateway.discovery.requests import Page
from meshgate.gateway.discovery.word_index import Ranked

__all__ = ["API", "error_answer", "list_answer", "manifest", "registry_entry", "search_answer"]

API = "/ard"
"""The path of the registry's API, below the URL of the data plane."""
_REGISTRY = "gateway"
"""The name of the registry's own entry: no agent can have it."""
_MOST_LISTED = 1000
"""Most agents in a manifest; the registry that it names finds all of them."""

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RATE_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
}
"""The ``errorCode`` of an HTTP status; those of 403 and 501 are not in the appendix."""


def registry_entry(domain: str, base: str) -> dict[str, Any]:
    """The entry that says where the catalogue can be searched (section 5.3).

    Args:
        base: the URL of the data plane, as the caller reaches it.
    """
    return {
        "identifier": f"urn:air:{domain}:{_REGISTRY}",
        "displayName": "Meshgate",
        "type": "application/ai-registry+json",
        "url": base + API,
        "description": "Finds the agents of this mesh that the caller may use.",
        "representativeQueries": ["which agent can do this task", "list the agents that I may call"],
    }


def manifest(domain: str, base: str, entries: Sequence[AgentEntry]) -> dict[str, Any]:
    """The document of all entries, with what its predecessor wants at the root too (``ai-catalog.schema.json``)."""
    listed = [entry.tree(base) for entry in entries[:_MOST_LISTED]]
    return {
        "specVersion": "1.0",
        "host": {"displayName": "Meshgate", "identifier": domain},
        "entries": [registry_entry(domain, base), *listed],
    }


def search_answer(base: str, found: Sequence[Ranked], page: Page) -> dict[str, Any]:
    """One page of results (section 5.3.2). They are all from here, so there is no other registry to refer to."""
    shown = found[page.position : page.position + page.size]
    source = base + API
    results = [{**one.entry.result(base), "score": one.score, "source": source} for one in shown]
    return {"results": results, **_more(page, len(found))}


def list_answer(base: str, found: Sequence[AgentEntry], page: Page) -> dict[str, Any]:
    """One page of a list (section 5.3.5)."""
    shown = found[page.position : page.position + page.size]
    return {"items": [entry.tree(base) for entry in shown], "total": len(found), **_more(page, len(found))}


def error_answer(error: MeshError) -> tuple[int, dict[str, str]]:
    """The HTTP status and the body of an error."""
    status = HTTP_STATUS.get(error.code, 500)
    code = _CODES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL_ERROR")
    return status, {"errorCode": code, "message": error.message}


def _more(page: Page, count: int) -> dict[str, str]:
    token = page.next_token(count)
    return {"pageToken": token} if token else {}
