"""``meshgate schema diff``: shows what changed between two releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.console import out, print_json
from meshgate.cli.schema.api import get_subject, release_image, release_of
from meshgate.cli.schema.model import SubjectView
from meshgate.cli.schema.options import Json, Skill

if TYPE_CHECKING:
    from meshgate.registry.schemas import Image

__all__ = ["diff"]


def diff(
    subject: Skill,
    old: Annotated[str, typer.Argument(metavar="V1", help="The earlier release.")],
    new: Annotated[str, typer.Argument(metavar="V2", help="The later one, or 'latest'.")] = "latest",
    as_json: Json = False,
) -> None:
    """Show what changed between two releases, and what becomes of data both ways.

    \b
    Examples:
      meshgate schema diff weather/forecast 1.0.0
      meshgate schema diff weather/forecast 1.0.0 2.0.0
      meshgate schema diff weather/forecast 1.0.0 2.0.0 --json | jq .output
    """
    from meshgate.cli.schema.changes import diff_of
    from meshgate.cli.schema.views.diff import diff_view

    with Admin() as admin:
        known = get_subject(admin, subject)
        found = diff_of(known, release_of(known, old), release_of(known, new), _images(admin, known))
    if as_json:
        print_json(found)
    else:
        out().print(diff_view(found, known.settings.mediation))


def _images(admin: Admin, subject: SubjectView) -> Any:
    def image(version: str, side: str) -> Image | None:
        return release_image(admin, subject, release_of(subject, version), side)

    return image
