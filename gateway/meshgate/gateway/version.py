"""The version of what runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]

try:
    VERSION = version("meshgate")
except PackageNotFoundError:  # run from a source tree that nobody installed
    VERSION = "0.0.0"
