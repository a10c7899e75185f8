"""The migrations of one side of a contract: an expression counts for the input, the output, or both, by its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from google.protobuf.descriptor import Descriptor

from meshgate.gateway.contracts.transform import Side
from meshgate.registry.model import Migration
from meshgate.registry.schemas import Image, Release

__all__ = ["has_field", "releases_of_side"]


def releases_of_side(releases: Sequence[Release], side: Side, images: Mapping[str, Image]) -> list[Release]:
    """The releases, each with the part of its migrations that is for one side: a path counts where it names a field.

    Args:
        releases: of one subject, those that have that side.
        side: the side.
        images: the releases' images, by digest.
    """
    descriptors = {one.version: images[ref.hash].message(ref.type) for one in releases if (ref := one.side(side))}
    found: list[Release] = []
    for release in releases:
        own = [descriptors[release.version]]
        others = [each for version, each in descriptors.items() if version != release.version]
        migrations = tuple(
            narrowed
            for each in release.migrations
            if each.side in ("", side) and (narrowed := _narrow(each, own, others)) is not None
        )
        found.append(msgspec.structs.replace(release, migrations=migrations))
    return found


def _narrow(migration: Migration, own: Sequence[Descriptor], others: Sequence[Descriptor]) -> Migration | None:
    if migration.function or migration.side:
        return migration
    up = {path: text for path, text in migration.up.items() if any(has_field(each, path) for each in own)}
    down = {path: text for path, text in migration.down.items() if any(has_field(each, path) for each in others)}
    return msgspec.structs.replace(migration, up=up, down=down) if up or down else None


def has_field(descriptor: Descriptor, path: str) -> bool:
    """Whether a message has a field at this path: names with dots between."""
    scope: Descriptor | None = descriptor
    for name in path.split("."):
        field = scope.fields_by_name.get(name) if scope is not None else None
        if field is None:
            return False
        scope = field.message_type
    return True
