"""Audit a Python environment with five agents, through a gateway: what ``make demo`` runs."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run() -> int:
    """The command in ``demo.py``, from a checkout that is not on the path."""
    sys.path.insert(0, str(ROOT))
    try:
        from examples.audit.demo import main
    except ModuleNotFoundError as error:
        needs = f"{error.name} is not installed in {sys.executable}"
        sys.exit(f"error: {needs} ('make demo' makes an environment and runs this in it)")
    return main()


if __name__ == "__main__":
    sys.exit(run())
