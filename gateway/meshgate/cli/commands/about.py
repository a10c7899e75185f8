"""The facts that ``meshgate version`` and ``meshgate doctor`` show: what is installed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

from meshgate.registry.extras import extras

__all__ = ["about", "print_version"]


def about() -> dict[str, Any]:
    """Versions, the platform and the installed extras."""
    from meshgate.a2a.protocol_version import PROTOCOL_VERSION

    try:
        own = installed("meshgate")
    except PackageNotFoundError:  # run from a source tree that nobody installed
        own = "0.0.0"
    return {
        "meshgate": own,
        "a2a": PROTOCOL_VERSION,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "extras": [extra for extra, there in extras().items() if there],
    }


def print_version() -> None:
    """Print it for people, as ``--version`` does."""
    found = about()
    parts = ", ".join(found["extras"]) or "none"
    print(f"meshgate {found['meshgate']}, A2A {found['a2a']}, Python {found['python']} on {found['platform']}")
    print(f"extras installed: {parts}")
