"""``meshgate schema show``: shows one contract."""

from __future__ import annotations

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.schema.api import get_subject, path_of
from meshgate.cli.schema.options import Json, Skill

__all__ = ["show"]


def show(subject: Skill, as_json: Json = False) -> None:
    """Show a contract: its settings, releases, stages, owners and migrations.

    \b
    Examples:
      meshgate schema show weather/forecast
      meshgate schema show weather/forecast --json | jq '.releases[].stage'
    """
    from meshgate.cli.schema.views.subjects import subject_view

    with Admin() as admin:
        found = get_subject(admin, subject)
        if as_json:
            print_json(admin.raw(path_of(subject)))
        else:
            out().print(subject_view(found))
