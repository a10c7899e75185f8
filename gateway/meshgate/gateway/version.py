"""The version of this gateway, and the features that it has."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["FEATURES", "VERSION"]


def _installed() -> str:
    try:
        return version("meshgate")
    except PackageNotFoundError:  # run from a source tree that nobody installed
        return "0.0.0"


VERSION = _installed()

FEATURES: tuple[str, ...] = ("open-rows",)
"""The features that other gateways may count on, in the label ``features`` of this one's row. Names are only added.

``open-rows``: rows of the registry with kinds, bindings or fields that are not known here are passed over, so that a
later release may write them once every gateway has this feature.
"""
