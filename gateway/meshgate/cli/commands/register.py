"""``meshgate register``: lists a foreign agent, an A2A server that knows nothing of the mesh."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshgate.cli.console import err, out, plain, print_json
from meshgate.cli.exits import CliError, Exit

if TYPE_CHECKING:
    from meshgate.registry.foreign.agent_credential import GivenCredential
    from meshgate.registry.foreign.card_places import FoundCard
    from meshgate.registry.foreign.foreign_agent import AgentOfCard
    from meshgate.registry.join.wire import RegisterResponse
    from meshgate.registry.model import Instance

__all__ = ["check_url", "counts_of", "credential_of", "find_card_of", "labels_of", "protocol_of", "register"]

_FLAGS = {"bearer": "--bearer", "api_key": "--api-key", "oauth2": "--oauth2-secret", "ca": "--ca"}


def register(
    *,
    card: Annotated[str, typer.Option("--card", metavar="URL", help="The agent's URL, or that of its card.")],
    name: Annotated[
        str, typer.Option(help="What to call it; else made from the card's name, if no other agent has it.")
    ] = "",
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
    tell_caller: Annotated[
        bool, typer.Option("--tell-caller", help="Tell it who calls: meshgate-principal and meshgate-tenant.")
    ] = False,
    any_references: Annotated[
        bool, typer.Option("--any-references", help="Let messages to it refer to tasks that are not their caller's.")
    ] = False,
    shared_contexts: Annotated[
        bool,
        typer.Option(
            "--shared-contexts",
            help="Pass ids of contexts on as callers send them; else callers that choose one id do not meet.",
        ),
    ] = False,
    url: Annotated[str, typer.Option(help="Where to call it, instead of where its card says.")] = "",
    protocol: Annotated[
        str, typer.Option(metavar="VERSION", help="The version of A2A to speak with it, 1.0 or 0.3; else the newest.")
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=SECRET", help="A header that it wants on every request; repeatable."),
    ] = None,
    bearer: Annotated[str, typer.Option(metavar="SECRET", help="The bearer token that it wants.")] = "",
    bearer_file: Annotated[str, typer.Option(metavar="PATH", help="The same, in a file of your own.")] = "",
    api_key: Annotated[
        str, typer.Option(metavar="SECRET", help="The API key that it wants, in the place that its card says.")
    ] = "",
    oauth2_client: Annotated[str, typer.Option(metavar="ID", help="The OAuth 2 client whose tokens it wants.")] = "",
    oauth2_secret: Annotated[str, typer.Option(metavar="SECRET", help="The client's secret.")] = "",
    oauth2_scope: Annotated[str, typer.Option(metavar="SCOPE", help="What the client asks for.")] = "",
    oauth2_token_url: Annotated[
        str, typer.Option(metavar="URL", help="Where tokens come from, instead of where its card says.")
    ] = "",
    ca: Annotated[str, typer.Option(metavar="PATH", help="The authority of its certificate, in PEM.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was registered as JSON.")] = False,
) -> None:
    """List an A2A server, unchanged, as an agent of the mesh.

    Its card, of A2A 1.0 or 0.3, is looked for at the URL as given, at /.well-known/agent-card.json below it, and at
    that path of its host; then at /.well-known/agent.json, where older agents have it.
    It stays until it is deregistered. The gateway looks at its card from time to time and sends it no calls while it
    does not answer. Its call key, under which it may itself call into the mesh, is printed this once.

    A SECRET is written env:NAME or file:PATH, so that no list of processes shows it. Gateways keep it sealed with the
    mesh key, and it is never shown.

    \b
    Examples:
      meshgate register --card http://127.0.0.1:9000
      meshgate register --card http://127.0.0.1:9000/.well-known/agent-card.json --name translator -l region=eu
      meshgate register --card http://127.0.0.1:9000 --reentrant review=2
      meshgate register --card https://agents.example/planner --bearer-file planner.token --ca our-ca.pem
      meshgate register --card https://agents.example/maps --api-key env:MAPS_KEY
    """
    check_url(card)
    labels = labels_of(label or [])
    terms: dict[str, Any] = {
        "reentrant": counts_of(reentrant or []),
        "url": url,
        "protocol": protocol_of(protocol),
        "tell_caller": tell_caller,
        "any_references": any_references,
        "shared_contexts": shared_contexts,
    }
    if bearer and bearer_file:
        raise CliError("--bearer and --bearer-file are both given", Exit.USAGE, "leave one out")
    flags = {
        "--bearer": f"file:{bearer_file}" if bearer_file else bearer,
        "--api-key": api_key,
        "--oauth2-client": oauth2_client,
        "--oauth2-secret": oauth2_secret,
        "--oauth2-scope": oauth2_scope,
        "--oauth2-token-url": oauth2_token_url,
        "--ca": ca,
    }
    given = credential_of(header or [], flags)
    instance, agent, joined = asyncio.run(_register(card, name, labels, terms, given))
    manifest, corrections = agent.manifest, agent.corrections
    names = [skill.skill for skill in manifest.skills]
    if as_json:
        shown = {"agent": instance.agent, "instance": joined.lease.instance, "version": manifest.version}
        more = {"call_key": joined.call_key, "gateways": joined.gateways, "corrections": corrections}
        print_json({**shown, "skills": names, **more})
        return
    console = out()
    listed = f"registered {plain(instance.agent)} {manifest.version} as {joined.lease.instance}"
    console.print(listed, markup=False)
    console.print(f"skills: {plain(', '.join(names)) or 'none'}", markup=False)
    console.print(f"call key, printed this once:\n{joined.call_key}", markup=False, soft_wrap=True)
    if instance.check is not None and instance.check.url != card:
        err().print(f"its card is at {plain(instance.check.url)}", style="dim", markup=False, soft_wrap=True)
    for correction in corrections:
        err().print(f"put right in the card: {plain(correction)}", style="yellow", markup=False, soft_wrap=True)
    hint = f'The key is not shown again. Try: meshgate call {plain(instance.agent)} "Hello"'
    err().print(hint, style="dim", markup=False, soft_wrap=True)


def check_url(text: str, named: str = "--card") -> None:
    """Refuse a text that is no URL.

    Raises:
        CliError: it is none.
    """
    from meshgate.a2a.errors import InvalidParams
    from meshgate.registry.foreign.card_places import card_places

    try:
        card_places(text)
    except InvalidParams as error:
        raise CliError(f"{named} {error.message}", Exit.USAGE) from None


def protocol_of(text: str) -> str:
    """The version of A2A in a text.

    Raises:
        CliError: it is no version that agents are spoken to in.
    """
    if text not in ("", "1.0", "0.3"):
        raise CliError(f"--protocol {text!r} is no version of A2A that is spoken here", Exit.USAGE, "write 1.0 or 0.3")
    return text


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


def credential_of(
    headers: list[str], flags: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> GivenCredential:
    """The credential that flags give; secrets are read from where they say.

    Raises:
        CliError: a text is no pair, a secret is not there, or one of OAuth 2's flags lacks another.
    """
    from meshgate.a2a.errors import InvalidParams
    from meshgate.registry.foreign.agent_credential import GivenCredential, OAuth2Client

    pairs: dict[str, str] = {}
    for text in headers:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise CliError("--header is no pair", Exit.USAGE, "write --header NAME=SECRET, such as X-Team=env:TEAM_KEY")
        pairs[name] = value
    client, secret = flags.get("--oauth2-client", ""), flags.get("--oauth2-secret", "")
    scope, place = flags.get("--oauth2-scope", ""), flags.get("--oauth2-token-url", "")
    if bool(client) != bool(secret) or (not client and (scope or place)):
        raise CliError("--oauth2-client and --oauth2-secret go together", Exit.USAGE, "give both, or neither")
    asks = OAuth2Client(place, client, secret, scope) if client else None
    given = GivenCredential(pairs, flags["--bearer"], flags.get("--api-key", ""), asks, flags["--ca"])
    try:
        return given.in_clear(environ, _flag)
    except InvalidParams as error:
        raise CliError(error.message, Exit.USAGE) from None


def _flag(key: str) -> str:
    """The flag of a key of ``GivenCredential``."""
    group, _, name = key.partition(".")
    return f"--header {name}" if group == "headers" else _FLAGS[group]


async def _register(
    where: str, name: str, labels: dict[str, str], terms: dict[str, Any], given: GivenCredential
) -> tuple[Instance, AgentOfCard, RegisterResponse]:
    from meshgate.registry.foreign.agent_credential import credential_for, endpoints_for
    from meshgate.registry.foreign.foreign_agent import foreign_instance, read_foreign
    from meshgate.sdk.client.discovery import find_join
    from meshgate.sdk.client.sender import make_client
    from meshgate.sdk.server.membership import JoinClient

    access = find_join()
    _check_no_gateway(where)
    found = await find_card_of(where, given)
    agent = read_foreign(found.body, name, **terms)
    credential = credential_for(given, agent.card, found.url)
    endpoints = endpoints_for(agent.endpoints, credential, found.url, given=bool(terms["url"]))
    instance = foreign_instance(agent.manifest, endpoints, found.url, labels=labels)
    async with make_client() as client:
        joined = await JoinClient(access, client).register(
            instance, agent.manifest, name_from_card=not name, credential=credential
        )
    return instance, agent, joined


def _check_no_gateway(where: str) -> None:
    """Refuse a URL of the mesh that runs here: a gateway is no agent, and its agents are in the mesh already.

    Raises:
        CliError: it is one.
    """
    from urllib.parse import urlsplit

    from meshgate.registry.home import Home, HomeError

    try:
        run = Home.find().read()
    except HomeError:
        return
    own = (
        {urlsplit(url).netloc.lower() for url in (run.gateway, run.join, run.admin)} if run is not None else set[str]()
    )
    aliases = {netloc.replace("127.0.0.1", name) for netloc in own for name in ("localhost", "[::1]")}
    netloc = urlsplit(where if "://" in where else f"//{where}").netloc.lower()
    if netloc in own | aliases:
        raise CliError(
            f"{where} is this mesh's own gateway, and no agent", Exit.USAGE, "give the URL of the agent behind it"
        )


async def find_card_of(where: str, given: GivenCredential) -> FoundCard:
    """The card of the agent at a URL.

    Raises:
        CliError: no card is found, or it is shown with a credential only.
    """
    from meshgate.a2a.errors import PermissionDenied, UpstreamUnavailable
    from meshgate.registry.foreign.card_fetcher import CardFetcher
    from meshgate.registry.foreign.card_places import CardAnswer, find_card

    async with CardFetcher() as fetcher:

        async def fetch(url: str) -> CardAnswer:
            return await fetcher.fetch(url, given.before_the_card(), given.ca)

        try:
            return await find_card(where, fetch)
        except PermissionDenied as error:
            needs = "an agent with the SDK joins by itself"
            raise CliError(error.message, Exit.DENIED, needs) from None
        except UpstreamUnavailable as error:
            raise CliError(error.message, Exit.UNREACHABLE, "is this the agent's URL?") from None
