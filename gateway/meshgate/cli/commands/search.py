"""``meshgate search``: finds agents by what they can do."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["search"]


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the agent is to do, in a few words.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many, the best first.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the gateway's own answer (ARD 0.91).")] = False,
) -> None:
    """Find agents by what they can do.

    Words are compared with the names, tags, examples and descriptions of agents and their skills. Found is what the
    key may use, as for 'meshgate call': that of this machine's mesh, or MESHGATE_URL and MESHGATE_KEY.

    \b
    Examples:
      meshgate search "translate a contract"
      meshgate search weather --limit 3
      meshgate search "translate a contract" --json | jq -r '.results[].identifier'
    """
    from meshgate.cli.catalogue_client import search_agents
    from meshgate.cli.console import out, print_json
    from meshgate.cli.views.catalogue import found_table

    answer = search_agents(text, limit)
    if as_json:
        print_json(answer.raw)
    else:
        out().print(found_table(answer.results))
