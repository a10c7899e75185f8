"""``meshgate agents``: lists the agents that have joined."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.commands.options import Json
from meshgate.cli.console import err, out, plain, print_json
from meshgate.cli.exits import CliError
from meshgate.cli.views.model import Agent, HeldCard, RefusedAgent
from meshgate.cli.views.tables import agents_table, instances_table

__all__ = ["agents"]


def agents(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this agent, instance by instance.")] = "",
    instances: Annotated[bool, typer.Option("--instances", "-i", help="One line an instance.")] = False,
    as_json: Json = False,
) -> None:
    """List the agents that have joined, with their skills and their health.

    \b
    Examples:
      meshgate agents
      meshgate agents summariser
      meshgate agents --json | jq -r '.[].agent'
    """
    with Admin() as admin:
        if as_json and not name:
            print_json(admin.raw("agents"))
            return
        found: tuple[Agent, ...] = admin.get("agents", tuple[Agent, ...])
        refused: tuple[RefusedAgent, ...] = admin.get("refused-agents", tuple[RefusedAgent, ...])
        held: tuple[HeldCard, ...] = admin.find("cards/held", tuple[HeldCard, ...], ())
    if name:
        found = tuple(agent for agent in found if agent.agent == name)
        if not found:
            raise CliError(f"no agent {name!r} has joined", remedy="'meshgate agents' lists those that have")
    if as_json:
        print_json(found)
    elif name or instances:
        out().print(instances_table([one for agent in found for one in agent.instances]))
    else:
        out().print(agents_table(found))
        for one in refused:
            what = f"refused: {plain(one.what)}: {plain(one.reason)}"
            err().print(what, style="yellow", markup=False, soft_wrap=True)
        for card in held:
            what = f"a changed card waits: {card.named}: {plain('; '.join(card.reasons))} ({card.remedy})"
            err().print(what, style="yellow", markup=False, soft_wrap=True)
