"""``meshgate schema propose``: stores releases before any agent runs them."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.exits import Exit
from meshgate.cli.schema.options import Agent, File, Json, OneSkill, SideName, Tenant, TypeName, one_of

__all__ = ["propose"]


def propose(  # noqa: PLR0917 - options, which nobody passes by position
    file: File,
    agent: Agent = "",
    skill: OneSkill = "",
    type_name: TypeName = "",
    side: SideName = "",
    version: Annotated[str, typer.Option(metavar="VERSION", help="Propose it as this release.")] = "",
    owner: Annotated[str, typer.Option(metavar="WHO", help="Who answers for it.")] = "",
    steward: Annotated[str, typer.Option(metavar="WHO", help="Who promotes it, if that is not the owner.")] = "",
    tenant: Tenant = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Store releases before any agent runs them, for others to look at.

    The mesh judges them as registrations: if one is refused, none is stored. Agents and callers use a release once it
    is promoted to active. What is there already stays as it is. Exit codes are those of 'meshgate schema check'.

    \b
    Examples:
      meshgate schema propose contracts.lock.json --agent weather
      meshgate schema propose contracts.lock.json --steward team-weather
      meshgate schema propose new.binpb --agent weather --skill forecast \\
          --type weather.v1.Query --side input --version 1.1.0
    """
    from meshgate.cli.schema.files import read_source
    from meshgate.cli.schema.proposal import propose_to_mesh
    from meshgate.cli.schema.report import CheckOptions
    from meshgate.cli.schema.views.proposal import proposed_view

    defaults = CheckOptions()
    only = one_of(side, defaults.sides, "--side")
    options = CheckOptions(agent, skill, type_name, (only,) if only else defaults.sides, version, tenant=tenant)
    source = read_source(file)
    with Admin() as admin:
        found = propose_to_mesh(source, options, admin, owner, steward)
    if as_json:
        print_json(found)
    else:
        out().print(proposed_view(found))
    if not found.compatible:
        raise typer.Exit(Exit.FAILED)
