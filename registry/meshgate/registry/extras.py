"""What is installed here beside the base: the extras, and the parts of a gateway that need one.

This is the one place that asks. Who makes a part asks here first, so that nothing else has to expect that a package is
missing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

__all__ = ["CONTRACTS", "CREDENTIALS", "EXTRAS", "GRPC", "REMEDY", "SIGNATURES", "extras", "has", "lacking"]

GRPC = "gRPC"
CONTRACTS = "contracts of skills"
CREDENTIALS = "credentials of foreign agents"
SIGNATURES = "signed cards"
_PARTS = {
    GRPC: ("grpc", "a2a", "google.rpc"),
    CONTRACTS: ("cel", "protovalidate"),
    CREDENTIALS: ("cryptography",),
    SIGNATURES: ("cryptography",),
}
"""The parts of a gateway that the extra ``gateway-core`` leaves out, and the modules that each needs."""
_CORE = ("fastapi", "prometheus_client", "pybreaker")
EXTRAS = {
    "grpc": _PARTS[GRPC],
    "gateway-core": _CORE,
    "gateway": (*_CORE, *dict.fromkeys(module for modules in _PARTS.values() for module in modules)),
    "consul": ("aiohttp", "consul"),
    "otel": ("grpc", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc"),
}
"""The extras, and the modules that each brings."""
REMEDY = "pip install 'meshgate[gateway]'"
"""The line that installs every part of a gateway."""


def extras() -> dict[str, bool]:
    """Each extra by name, with true where it is installed."""
    return {extra: _are_there(modules) for extra, modules in EXTRAS.items()}


def has(part: str) -> bool:
    """Whether a gateway here can have this part."""
    return _are_there(_PARTS[part])


def lacking() -> tuple[str, ...]:
    """The parts that a gateway here goes without."""
    return tuple(part for part in _PARTS if not has(part))


def _are_there(modules: Iterable[str]) -> bool:
    return all(_is_there(module) for module in modules)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
