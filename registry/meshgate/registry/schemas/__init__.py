"""Versioned contracts of skills: what a schema is, and whether two releases of one contract are compatible.

``image`` holds a schema, ``rules`` compares two of them, ``modes`` says which differences count, ``history`` compares a
release with those before it. ``subject`` holds the releases of one skill, ``admission`` registers another,
``promotion`` changes their stages. Everything here is pure.
"""

from meshgate.registry.model import Migration
from meshgate.registry.schemas.admission import admit, examine
from meshgate.registry.schemas.errors import BadSchema, Incompatible, StageRefused, VersionRetired, VersionTaken
from meshgate.registry.schemas.history import judge
from meshgate.registry.schemas.image import Image, load_image
from meshgate.registry.schemas.modes import Mode, ReleaseSide
from meshgate.registry.schemas.promotion import promote, set_default
from meshgate.registry.schemas.rules import RULES, compare
from meshgate.registry.schemas.rules.model import Rule
from meshgate.registry.schemas.subject import Release, Stage, Subject, SubjectSettings
from meshgate.registry.schemas.violation import Violation

Contract = ReleaseSide
"""The name of :class:`ReleaseSide` in 0.1."""
Settings = SubjectSettings
"""The name of :class:`SubjectSettings` in 0.1."""

__all__ = [
    "RULES",
    "BadSchema",
    "Contract",
    "Image",
    "Incompatible",
    "Migration",
    "Mode",
    "Release",
    "ReleaseSide",
    "Rule",
    "Settings",
    "Stage",
    "StageRefused",
    "Subject",
    "SubjectSettings",
    "VersionRetired",
    "VersionTaken",
    "Violation",
    "admit",
    "compare",
    "examine",
    "judge",
    "load_image",
    "promote",
    "set_default",
]
