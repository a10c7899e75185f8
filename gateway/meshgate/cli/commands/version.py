"""``meshgate version``: prints what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.commands.about import about, print_version
from meshgate.cli.console import print_json

__all__ = ["version"]


def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Print the version, the protocol it speaks, and which extras are installed.

    \b
    Examples:
      meshgate version
      meshgate version --json
    """
    if as_json:
        print_json(about())
    else:
        print_version()
