"""The sources of a check: the skills of a lock file, or the image of a descriptor set."""

from __future__ import annotations

import msgspec

from meshgate.registry.model import Migration
from meshgate.registry.schemas import Image

__all__ = ["Entry", "SideSchema", "Source"]


class SideSchema(msgspec.Struct, frozen=True):
    """The schema of one side of a skill."""

    type: str
    image: Image


class Entry(msgspec.Struct, frozen=True):
    """One skill's contract in a lock file."""

    subject: str
    version: str
    input: SideSchema | None = None
    output: SideSchema | None = None
    migrations: tuple[Migration, ...] = ()

    def side(self, name: str) -> SideSchema | None:
        """The schema of the side ``input`` or ``output``."""
        return self.input if name == "input" else self.output


class Source(msgspec.Struct, frozen=True):
    """The content of a file: the skills of a lock file, or an image. A missing file has neither."""

    name: str
    place: str = ""
    """The words for it in a sentence: ``at main``, ``in old.binpb``."""
    entries: tuple[Entry, ...] = ()
    image: Image | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The messages, by their full names."""
        return tuple(sorted({name for image in self._images for name in image.types}))

    @property
    def _images(self) -> list[Image]:
        sides = [side for one in self.entries for side in (one.input, one.output) if side is not None]
        return [*([self.image] if self.image is not None else []), *(side.image for side in sides)]

    def entry(self, subject: str) -> Entry | None:
        """The contract of that skill."""
        return next((one for one in self.entries if one.subject == subject), None)

    def declaring(self, type_name: str) -> SideSchema | None:
        """The schema that has a type of that name."""
        image = next((one for one in self._images if type_name in one.types), None)
        return SideSchema(type_name, image) if image is not None else None
