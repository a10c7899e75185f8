"""``meshgate explain``: says where a selector leads, and why."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.commands.options import Json
from meshgate.cli.console import out, print_json
from meshgate.cli.exits import exit_of
from meshgate.cli.views.model import Explanation
from meshgate.cli.views.tables import explanation_view

__all__ = ["explain"]


def explain(
    selector: Annotated[str, typer.Argument(help="An agent, or a skill such as 'summarise@^2,region=eu'.")],
    skill: Annotated[str, typer.Option(help="The skill that the message itself asks for.")] = "",
    tenant: Annotated[str, typer.Option(help="As a caller of this tenant.")] = "default",
    allowed_agents: Annotated[
        str, typer.Option("--agents", metavar="PATTERNS", help="As a caller that may use these agents.")
    ] = "*",
    allowed_skills: Annotated[
        str, typer.Option("--skills", metavar="PATTERNS", help="As a caller that may use these skills.")
    ] = "*",
    as_json: Json = False,
) -> None:
    """Say where a selector leads, and why.

    It lists the instances that take no calls now, with the reason of each, and exits as a call would: 3 where the
    selector leads nowhere or no instance answers, 4 where a kill switch is thrown. Nobody is called.

    \b
    Examples:
      meshgate explain summariser
      meshgate explain 'summarise@>=2.1,<3'
      meshgate explain 'summarise@2' --agents 'public-*'
    """
    query = {"selector": selector, "tenant": tenant, "agents": allowed_agents, "skills": allowed_skills}
    if skill:
        query["skill"] = skill
    with Admin() as admin:
        answer = admin.raw("explain", **query)
    found = msgspec.json.decode(answer, type=Explanation)
    if as_json:
        print_json(answer)
    else:
        out().print(explanation_view(found))
    if found.outcome:
        raise typer.Exit(exit_of(found.outcome))
