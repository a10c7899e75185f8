"""The command line ``meshgate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

_VERSION = (["version"], ["--version"])
_HELP = (["--help"], ["-h"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. Ctrl-C ends it with 130, also while it is still being loaded."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if _said(given):
            return 0 if given else 2
        from meshgate.cli.app import main as run

        return run(given)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130


def _said(given: list[str]) -> bool:
    """Print the version or the help, if that is all that was asked for; whether it was.

    Two lines and a list need no parser, which takes longer to load than all that they say. What goes wrong is left to
    the parser's way, which tells it.
    """
    try:
        if given in _VERSION:
            from meshgate.cli.commands.about import print_version

            print_version()
        elif not given or given in _HELP:
            from meshgate.cli.overview import print_overview

            print_overview()
        else:
            return False
    except Exception:  # noqa: BLE001 - it is raised again where it is told
        return False
    return True
