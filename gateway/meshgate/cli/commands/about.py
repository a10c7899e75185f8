"""The facts that ``meshgate version`` and ``meshgate doctor`` show: what is installed.

The protocol's version and the extras are repeated here: their own modules lie in packages that take longer to import
than all that is shown. A test compares them.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.util import find_spec
from typing import Any

__all__ = ["EXTRAS", "PROTOCOL", "about", "print_version"]

PROTOCOL = "1.0"
_CORE = ("fastapi", "prometheus_client", "pybreaker")
_GRPC = ("grpc", "a2a", "google.rpc")
EXTRAS = {
    "grpc": _GRPC,
    "gateway-core": _CORE,
    "gateway": (*_CORE, *_GRPC, "cel", "protovalidate", "cryptography"),
    "consul": ("aiohttp", "consul"),
    "otel": ("grpc", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc"),
}
"""The extras, and the modules that each brings."""


def about() -> dict[str, Any]:
    """Versions, the platform and the installed extras."""
    try:
        own = installed("meshgate")
    except PackageNotFoundError:  # run from a source tree that nobody installed
        own = "0.0.0"
    return {
        "meshgate": own,
        "a2a": PROTOCOL,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "extras": [extra for extra, modules in EXTRAS.items() if all(map(_is_there, modules))],
    }


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


def print_version() -> None:
    """Print it for people, as ``--version`` does."""
    found = about()
    parts = ", ".join(found["extras"]) or "none"
    print(f"meshgate {found['meshgate']}, A2A {found['a2a']}, Python {found['python']} on {found['platform']}")
    print(f"extras installed: {parts}")
