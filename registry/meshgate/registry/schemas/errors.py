"""The errors about schemas and releases."""

from __future__ import annotations

from meshgate.a2a.codec.short_text import first_sentence, shorten
from meshgate.a2a.errors import MeshError

__all__ = ["BadSchema", "Incompatible", "StageRefused", "VersionRetired", "VersionTaken"]


class BadSchema(MeshError):
    """A descriptor set, or what a release says of it, is not acceptable.

    Args:
        path: what is wrong: a file's name, or the full name of a message, field or enum.
        problem: what is wrong with it.
        remedy: what its author does about it.
    """

    code, summary = "BAD_SCHEMA", "the schema is not acceptable"

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        self.path, self.problem, self.remedy = path[:256], problem, remedy
        short = f"{first_sentence(problem, 90)}: {remedy}"
        text = f"{shorten(self.path, 40)}: {short}" if path else short
        super().__init__(text, violations=((self.path, f"{problem}: {remedy}"),))


class Incompatible(MeshError):
    """A release breaks the contract of others of its major version; ``violations`` has every reason."""

    code, summary = "INCOMPATIBLE", "the release breaks the skill's contract"


class VersionTaken(MeshError):
    """The version was released with other content."""

    code, summary = "VERSION_TAKEN", "this version was released with other content: raise the version"


class VersionRetired(MeshError):
    """The version was retired."""

    code, summary = "VERSION_RETIRED", "this version was retired: raise the version"


class StageRefused(MeshError):
    """A release cannot go from its stage to that one, or an agent cannot join with it in its stage."""

    code, summary = "STAGE_REFUSED", "a release goes from proposed to active, deprecated and retired"
