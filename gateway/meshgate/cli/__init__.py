"""The command line ``meshgate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. Ctrl-C ends it with 130, also while it is still being loaded."""
    try:
        from meshgate.cli.app import main as run

        return run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130
