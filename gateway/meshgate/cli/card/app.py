"""The commands of ``meshgate card``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.card.held import accept, diff
from meshgate.cli.commands.register import check_url, credential_of, find_card_of
from meshgate.cli.console import err, out, plain, print_json
from meshgate.cli.exits import Exit
from meshgate.cli.help import help_of

__all__ = ["card"]

card = typer.Typer(
    name="card",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def group() -> None:
    """Agent cards: as others see them, what changed, and their key.

    \b
    Examples:
      meshgate card check http://127.0.0.1:8080/agents/summariser
      meshgate card diff
      meshgate card rotate
    """


def check(
    url: Annotated[str, typer.Argument(metavar="URL", help="An agent's URL, or that of its card.")],
    *,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=SECRET", help="A header to show, as env:NAME or file:PATH; repeatable."),
    ] = None,
    bearer: Annotated[str, typer.Option(metavar="SECRET", help="A bearer token to show, written like these.")] = "",
    ca: Annotated[str, typer.Option(metavar="PATH", help="The authority of the server's certificate, in PEM.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say which SDKs can read an agent's card, and why others cannot.

    The card is fetched as a client would fetch it, and looked at by the rules that each SDK was seen to have. Nobody is
    called. It exits with 1 if some SDK cannot use the card, or the mesh cannot.

    \b
    Examples:
      meshgate card check http://127.0.0.1:9000
      meshgate card check https://mesh.example/agents/writer+1.0 --bearer env:MESHGATE_KEY
    """
    from meshgate.a2a.cards import read_card
    from meshgate.a2a.codec.strict_json import decode_json, is_object
    from meshgate.a2a.errors import InvalidParams
    from meshgate.cli.card.readers import READERS, faults_for

    check_url(url, "URL")
    given = credential_of(header or [], {"--bearer": bearer, "--ca": ca})
    found = asyncio.run(find_card_of(url, given))
    tree = decode_json(found.body)
    told: dict[str, list[str]] = {}
    try:
        corrections = list(read_card(found.body).corrections)
        told["meshgate"] = []
    except InvalidParams as error:
        corrections, told["meshgate"] = [], [error.message]
    for reader in READERS:
        told[f"{reader.name} {reader.version} ({reader.language})"] = (
            faults_for(reader, tree) if is_object(tree) else ["it is no JSON object"]
        )
    if as_json:
        print_json({"card": found.url, "readers": told, "corrections": corrections})
    else:
        err().print(f"its card is at {plain(found.url)}", style="dim", markup=False, soft_wrap=True)
        for name, faults in told.items():
            out().print(f"{'no' if faults else 'yes':4}{name}", markup=False, soft_wrap=True)
            for fault in faults:
                out().print(f"      {plain(fault)}", markup=False, soft_wrap=True)
        for correction in corrections:
            err().print(f"the mesh puts right: {plain(correction)}", style="yellow", markup=False, soft_wrap=True)
    if any(told.values()):
        raise typer.Exit(Exit.FAILED)


def rotate() -> None:
    """Sign cards with a new key, in the whole mesh.

    The public key of the last one stays published at /.well-known/jwks.json, because readers keep cards for a while;
    the one before it is no longer. Keys from the settings (card_keys) are changed there.

    \b
    Example:
      meshgate card rotate
    """
    with Admin() as admin:
        answer = admin.post("cards/rotate", {})
    err().print(f"cards are signed with key {answer.get('generation')} now", markup=False)


card.callback(help=help_of(group))(group)
card.command("check", help=help_of(check))(check)
card.command("rotate", help=help_of(rotate))(rotate)
card.command("diff", help=help_of(diff))(diff)
card.command("accept", help=help_of(accept))(accept)
