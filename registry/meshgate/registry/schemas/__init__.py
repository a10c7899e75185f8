"""Versioned contracts of skills: what a schema is, and whether one release of it can stand beside another.

``image.py`` says what a schema is, ``rules.py`` what breaks between two of them, ``modes.py`` what of that counts, and
``subject.py`` what registering a release does. Everything here is pure.
"""

from meshgate.registry.schemas.errors import BadSchema, Incompatible, StageRefused, VersionRetired, VersionTaken
from meshgate.registry.schemas.image import Image, load_image
from meshgate.registry.schemas.modes import Contract, Mode, judge
from meshgate.registry.schemas.rules import RULES, Rule, compare
from meshgate.registry.schemas.subject import Migration, Release, Settings, Stage, Subject, admit, examine, promote
from meshgate.registry.schemas.violation import Violation

__all__ = [
    "RULES",
    "BadSchema",
    "Contract",
    "Image",
    "Incompatible",
    "Migration",
    "Mode",
    "Release",
    "Rule",
    "Settings",
    "Stage",
    "StageRefused",
    "Subject",
    "VersionRetired",
    "VersionTaken",
    "Violation",
    "admit",
    "compare",
    "examine",
    "judge",
    "load_image",
    "promote",
]
