"""Makes the golden files of a release whose wheel is kept: ``python -m tests.compat.cut VERSION``."""

import sys
import tempfile
from pathlib import Path

from tests.compat.releases import GOLDEN, install


def main() -> None:
    """Run ``tools/golden.py`` with the release."""
    version = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        install(version, Path(scratch)).program("tools.golden", GOLDEN / version)


if __name__ == "__main__":
    main()
