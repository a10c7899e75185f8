"""One release of a contract as its lock file holds it, as a value."""

from __future__ import annotations

import msgspec

from meshgate.registry.model import Migration
from meshgate.registry.schemas import Image

__all__ = ["LockedRelease"]


class LockedRelease(msgspec.Struct, frozen=True):
    """One skill's contract, as its lock file holds it."""

    version: str
    input: str
    """Full name of the message; empty if the skill takes none."""
    output: str
    takes: Image | None = None
    gives: Image | None = None
    migrations: tuple[Migration, ...] = ()
