"""The types of the functions that readers and writers of fields are composed of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import ReadNotes, WriteNotes

__all__ = ["Convert", "Fill", "Put", "Write"]

Convert = Callable[[Any], Any]
"""Converts a scalar. It raises :class:`InvalidValue`."""
Fill = Callable[[Any, Any, Location, int, ReadNotes], None]
"""Fills a message: (message, JSON value, location, depth, notes). :class:`InvalidValue` is about the whole value."""
Put = Fill
"""Sets one field of the message from its JSON value."""
Write = Callable[[Any, Location, int, WriteNotes], Any]
"""Makes JSON of a value: (value, location, depth, notes). It raises :class:`InvalidValue`."""
