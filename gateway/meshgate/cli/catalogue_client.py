"""The client of the catalogue: asks the gateway that ``meshgate call`` calls, under the key of a caller."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from meshgate.cli.exits import CliError, Exit

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Found", "search_agents"]

_SECONDS = 10.0
_REFUSED = {
    400: (Exit.USAGE, "'meshgate search --help' has examples"),
    401: (Exit.DENIED, "set MESHGATE_KEY to a client key of this mesh"),
    403: (Exit.DENIED, "set MESHGATE_KEY to a client key that may call"),
    429: (Exit.LIMIT, "try again in a moment"),
}
"""The exit code and the remedy of an HTTP status."""


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """One agent that was found."""

    identifier: str
    display_name: str = ""
    version: str = ""
    description: str = ""
    capabilities: tuple[str, ...] = ()
    """Its skills that the caller may use."""
    score: int = 0
    """0 to 100; higher fits better."""

    @property
    def agent(self) -> str:
        """The name by which it is called: the end of the identifier."""
        return self.identifier.rpartition(":")[2]


class Answer(msgspec.Struct, frozen=True):
    """What a search found, and the answer as it came."""

    results: tuple[Found, ...]
    raw: msgspec.Raw = msgspec.Raw(b"")


def search_agents(
    text: str, limit: int, environ: Mapping[str, str] = os.environ, transport: httpx.BaseTransport | None = None
) -> Answer:
    """The agents that fit a text, best first. Of several gateways the first that answers is asked.

    Args:
        text: what the agent is to do.
        limit: how many agents at most.
        environ: says where the gateways are, and the key.
        transport: carries the request; the network if left out.

    Raises:
        CliError: no gateway answers, or it refuses.
        NotConfigured: there is no gateway, or no key.
    """
    import httpx

    from meshgate.sdk.client.discovery import find_gateway

    access = find_gateway(environ=environ)
    secure = any(url.startswith("https:") for url in access.urls)
    asked = {"query": {"text": text}, "pageSize": limit}
    with httpx.Client(
        headers={"authorization": f"Bearer {access.key}"},
        timeout=_SECONDS,
        trust_env=False,
        # Certificates take long to load, and are for https alone.
        verify=ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        transport=transport,
    ) as client:
        for url in access.urls:
            try:
                response = client.post(f"{url}/ard/search", json=asked)
            except (httpx.TransportError, httpx.InvalidURL):
                continue
            return _read(url, response.status_code, response.content)
    told = f"no gateway answers at {', '.join(access.urls)}"
    raise CliError(told, Exit.UNREACHABLE, "'meshgate doctor' looks for the cause")


def _read(url: str, status: int, body: bytes) -> Answer:
    try:
        if status == 200:
            answer = msgspec.json.decode(body, type=Answer)
            return msgspec.structs.replace(answer, raw=msgspec.Raw(body))
        said = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise CliError(f"what answers at {url} is no Meshgate gateway: HTTP {status}") from None
    if "errorCode" not in said:
        raise CliError(f"the gateway at {url} has no catalogue", remedy="update it")
    code, remedy = _REFUSED.get(status, (Exit.FAILED, ""))
    raise CliError(str(said.get("message", "")), code, remedy, reason=str(said["errorCode"]))
