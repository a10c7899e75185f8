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
        if given in _VERSION:
            # Two lines and a list need no parser, which takes longer to load than all that they say.
            from meshgate.cli.commands.about import print_version

            print_version()
            return 0
        if not given or given in _HELP:
            from meshgate.cli.overview import print_overview

            print_overview()
            return 0 if given else 2
        from meshgate.cli.app import main as run

        return run(given)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130
