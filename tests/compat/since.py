"""Cases of the contract that the last release cannot pass, each with the reason.

They are run there all the same and must fail, so the table is current: a line that is no longer needed is an error.
A case that the last release passed does not come here: what breaks it is a mistake, or a new major version.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SINCE", "Since"]


class Since(NamedTuple):
    """Why a case cannot pass yet."""

    layouts: tuple[str, ...]
    """Of ``old-sdk``, ``old-gateway`` and ``mixed``: where the case fails."""
    reason: str


SINCE: dict[str, Since] = {}
"""By the name of the case's function."""
