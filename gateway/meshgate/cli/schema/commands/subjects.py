"""``meshgate schema list``: lists the skills that have contracts."""

from __future__ import annotations

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.schema.api import list_subjects
from meshgate.cli.schema.options import Agent, Json

__all__ = ["list_"]


def list_(
    agent: Agent = "",
    as_json: Json = False,
) -> None:
    """List the skills that have contracts.

    \b
    Examples:
      meshgate schema list
      meshgate schema list --agent weather --json
    """
    from meshgate.cli.schema.views.subjects import subjects_table

    with Admin() as admin:
        found = list_subjects(admin, agent)
    if as_json:
        print_json(found.subjects)
    else:
        out().print(subjects_table(found.subjects, agent))
