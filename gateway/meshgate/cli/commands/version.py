"""``meshgate version``: prints what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from meshgate.cli.commands.about import about
from meshgate.cli.console import print_json

__all__ = ["show_version", "version"]


def show_version(wanted: bool) -> None:
    """The callback of ``--version``."""
    if wanted:
        _print()
        raise typer.Exit


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
        _print()


def _print() -> None:
    found = about()
    parts = ", ".join(found["extras"]) or "none"
    print(f"meshgate {found['meshgate']}, A2A {found['a2a']}, Python {found['python']} on {found['platform']}")
    print(f"extras installed: {parts}")
