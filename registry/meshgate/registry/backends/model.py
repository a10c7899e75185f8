"""What backends hand to their watches: everything that is listed at one moment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshgate.registry.model import Entry, Switch, Unread

__all__ = ["Rows", "Snapshot"]


class Snapshot(msgspec.Struct, frozen=True):
    """Everything listed at one moment. ``entries`` are by instance id, ``subjects`` by name, ``switches`` sorted."""

    entries: Mapping[str, Entry] = {}
    switches: tuple[Switch, ...] = ()
    subjects: Mapping[str, str] = {}
    unread: Mapping[str, Unread] = {}
    """Rows that could not be read, by their names in the backend."""


class Rows(msgspec.Struct, frozen=True):
    """What one reading found. ``counters`` changes with every registration and renewal."""

    entries: Mapping[str, Entry]
    counters: Mapping[str, tuple[int, int]]
    switches: tuple[Switch, ...]
    subjects: Mapping[str, str]
    unread: Mapping[str, Unread]
