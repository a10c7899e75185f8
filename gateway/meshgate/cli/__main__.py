"""Runs ``meshgate`` as ``python -m meshgate.cli``."""

from __future__ import annotations

import sys

from meshgate.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
