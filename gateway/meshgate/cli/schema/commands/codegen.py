"""``meshgate schema codegen``: prints a typed client."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.admin_client import Admin
from meshgate.cli.schema.api import get_subject, release_image, release_of
from meshgate.cli.schema.options import Skill

__all__ = ["codegen"]


def codegen(
    subject: Skill,
    version: Annotated[str, typer.Option(metavar="VERSION", help="Which release.")] = "latest",
) -> None:
    """Print a typed client in Python: models, and a function that calls the skill.

    It runs with the base install, and says with each call which version it speaks.

    \b
    Examples:
      meshgate schema codegen weather/forecast > weather_client.py
      meshgate schema codegen weather/forecast --version 1.0.0
    """
    from meshgate.sdk.schemas.codegen.generator import generate

    with Admin() as admin:
        known = get_subject(admin, subject)
        release = release_of(known, version)
        takes, gives = (release_image(admin, known, release, side) for side in ("input", "output"))
    data_in, data_out = (image.data if image is not None else None for image in (takes, gives))
    type_in, type_out = (ref.type if ref is not None else "" for ref in (release.input, release.output))
    called = subject.rpartition(":")[2]  # a caller's key says the tenant
    print(generate(called, release.version, data_in, type_in, data_out, type_out), end="")
