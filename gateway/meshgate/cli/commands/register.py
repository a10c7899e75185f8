"""``meshgate register``: lists a foreign agent, an A2A server that knows nothing of the mesh."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from meshgate.cli.console import err, out, plain, print_json
from meshgate.cli.exits import CliError, Exit

if TYPE_CHECKING:
    import httpx

    from meshgate.registry.join.wire import RegisterResponse
    from meshgate.registry.model import Instance, Manifest

__all__ = ["card_url", "counts_of", "labels_of", "register"]

_SECONDS = 5.0
_WELL_KNOWN = "/.well-known/agent-card.json"


def register(
    card: Annotated[str, typer.Option("--card", metavar="URL", help="The agent's card, or the agent's base URL.")],
    name: Annotated[str, typer.Option(help="What to call it; else made from the card's name.")] = "",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="KEY=VALUE", help="A label to select it by; repeatable."),
    ] = None,
    reentrant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SKILL=COUNT",
            help="How often a skill may stand on one path of calls: 2 for an agent that calls its callers back; "
            "repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was registered as JSON.")] = False,
) -> None:
    """List an A2A server, unchanged, as an agent of the mesh.

    It stays until it is deregistered. The gateway looks at its card from time to time and sends it no calls while it
    does not answer. Its call key, under which it may itself call into the mesh, is printed this once.

    \b
    Examples:
      meshgate register --card http://127.0.0.1:9000
      meshgate register --card http://127.0.0.1:9000/.well-known/agent-card.json --name translator -l region=eu
      meshgate register --card http://127.0.0.1:9000 --reentrant review=2
    """
    labels, counts = labels_of(label or []), counts_of(reentrant or [])
    instance, manifest, joined = asyncio.run(_register(card_url(card), name, labels, counts))
    names = [skill.skill for skill in manifest.skills]
    if as_json:
        shown = {"agent": instance.agent, "instance": instance.id, "version": manifest.version}
        print_json({**shown, "skills": names, "call_key": joined.call_key, "gateways": joined.gateways})
        return
    console = out()
    console.print(f"registered {plain(instance.agent)} {manifest.version} as {instance.id}", markup=False)
    console.print(f"skills: {plain(', '.join(names)) or 'none'}", markup=False)
    console.print(f"call key: {joined.call_key}", markup=False, soft_wrap=True)
    hint = f'The key is not shown again. Try: meshgate call {plain(instance.agent)} "Hello"'
    err().print(hint, style="dim", markup=False, soft_wrap=True)


def card_url(text: str) -> str:
    """The URL of a card: the given one, or the well-known place under it.

    Raises:
        CliError: the text is no http or https URL.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CliError(f"--card {text!r} is no URL", Exit.USAGE, "write it like http://127.0.0.1:9000" + _WELL_KNOWN)
    return text if parts.path.endswith(".json") or parts.query else text.rstrip("/") + _WELL_KNOWN


def labels_of(given: list[str]) -> dict[str, str]:
    """The labels of texts such as ``region=eu``.

    Raises:
        CliError: a text has no ``=``.
    """
    labels: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise CliError(f"--label {text!r} is no pair", Exit.USAGE, "write --label KEY=VALUE, such as region=eu")
        labels[key] = value
    return labels


def counts_of(given: list[str]) -> dict[str, int]:
    """The counts of texts such as ``review=2``.

    Raises:
        CliError: a text is no skill with a count of at least 1.
    """
    counts: dict[str, int] = {}
    for text in given:
        skill, _, count = text.rpartition("=")
        if not skill or not count.isascii() or not count.isdigit() or int(count) < 1:
            remedy = "write --reentrant SKILL=COUNT, such as review=2"
            raise CliError(f"--reentrant {text!r} is no skill with a count", Exit.USAGE, remedy)
        counts[skill] = int(count)
    return counts


async def _register(
    url: str, name: str, labels: dict[str, str], reentrant: dict[str, int]
) -> tuple[Instance, Manifest, RegisterResponse]:
    from meshgate.registry.foreign import foreign_instance, read_foreign
    from meshgate.sdk.client.discovery import find_join
    from meshgate.sdk.client.sender import make_client
    from meshgate.sdk.server.membership import JoinClient

    access = find_join()
    async with make_client() as client:
        manifest, endpoints = read_foreign(await _fetch(client, url), name, reentrant)
        instance = foreign_instance(manifest, endpoints, url, labels=labels)
        joined = await JoinClient(access, client).register(instance, manifest)
    return instance, manifest, joined


async def _fetch(client: httpx.AsyncClient, url: str) -> bytes:
    import httpx

    from meshgate.a2a.cards import MAX_CARD
    from meshgate.sdk.client.sender import read_body

    remedy = "is the agent running, and is this its card?"
    try:
        async with asyncio.timeout(_SECONDS), client.stream("GET", url) as response:
            if response.status_code in (401, 403):
                needs = "an SDK agent joins by itself; others must show their card without a key"
                raise CliError(f"{url} is shown with a key only", Exit.DENIED, needs)
            if response.status_code != 200:
                raise CliError(f"{url} answered with HTTP {response.status_code}", Exit.UNREACHABLE, remedy)
            return await read_body(response, MAX_CARD, _SECONDS)
    except (httpx.TransportError, TimeoutError):
        raise CliError(f"{url} cannot be fetched", Exit.UNREACHABLE, remedy) from None
