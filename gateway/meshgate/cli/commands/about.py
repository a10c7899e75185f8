"""``meshgate version``: what is installed."""

from __future__ import annotations

import importlib.util
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Annotated, Any

import typer

from meshgate.cli.console import print_json

__all__ = ["EXTRAS", "about", "extras", "show_version", "version"]

EXTRAS = {
    "grpc": ("grpc", "a2a"),
    "gateway": ("grpc", "a2a", "aiohttp", "cel", "fastapi", "prometheus_client", "protovalidate", "pybreaker"),
    "consul": ("aiohttp", "consul"),
    "otel": ("grpc", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc"),
}
"""The optional parts, and the modules that each needs."""


def extras() -> dict[str, bool]:
    """Which optional parts are installed."""
    return {extra: all(_there(module) for module in modules) for extra, modules in EXTRAS.items()}


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def about() -> dict[str, Any]:
    """What is installed."""
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
