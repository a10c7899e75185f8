"""The version of what runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]


def _installed() -> str:
    try:
        return version("meshgate")
    except PackageNotFoundError:  # run from a source tree that nobody installed
        return "0.0.0"


VERSION = _installed()
