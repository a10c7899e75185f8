"""Releases of an agent come and go under load, and no caller notices: what ``make example-evolution`` runs."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run() -> int:
    """The command in ``story.py``, from a checkout that is not on the path."""
    sys.path.insert(0, str(ROOT))
    try:
        from examples.evolution.story import main
    except ModuleNotFoundError as error:
        needs = f"{error.name} is not installed in {sys.executable}"
        sys.exit(f"error: {needs} ('make example-evolution' makes an environment and runs this in it)")
    return main()


if __name__ == "__main__":
    sys.exit(run())
