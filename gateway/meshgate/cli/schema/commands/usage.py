"""``meshgate schema usage``: shows who still uses which version."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.schema.api import path_of
from meshgate.cli.schema.model import ContractUsage
from meshgate.cli.schema.options import Json, Skill

__all__ = ["usage"]


def usage(
    subject: Skill,
    fields: Annotated[bool, typer.Option("--fields", help="Field by field.")] = False,
    as_json: Json = False,
) -> None:
    """Show who still sends or reads which version, how often and when last.

    Each gateway counts from its start; the table is the sum over all.

    \b
    Examples:
      meshgate schema usage weather/forecast
      meshgate schema usage weather/forecast --fields
      meshgate schema usage weather/forecast --json | jq '.rows[].caller'
    """
    from meshgate.cli.schema.views.usage import usage_view

    path = f"{path_of(subject)}/usage"
    with Admin() as admin:
        if as_json:
            print_json(admin.raw(path, fields=int(fields)))
        else:
            found: ContractUsage = admin.get(path, ContractUsage, fields=int(fields))
            out().print(usage_view(found, time.time(), fields=fields))
