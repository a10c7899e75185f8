"""A new release is tried before it is taken: what gateways make of it on traffic is made once, and thrown away.

So a constraint that does not compile, a field that JSON cannot name, or a migration that leads nowhere is its author's
to mend, and never a caller's. A function that is not installed is the operator's to mend: the author is told of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.converters import has_path, sided
from meshgate.gateway.contracts.transform import Contract, Function, Side, connect, installed
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Image, Release, Stage, Subject

__all__ = ["missing_functions", "origins", "try_release"]


def origins(subject: Subject, release: Release) -> tuple[Release, ...]:
    """The release that each migration of ``release`` starts from: the latest earlier one in its range, if any."""
    earlier = [one for one in subject.releases if one.semver() < release.semver() and one.stage is not Stage.RETIRED]
    found = (_origin(earlier, migration) for migration in release.migrations)
    return tuple(one for one in found if one is not None)


def _origin(earlier: Sequence[Release], migration: Migration) -> Release | None:
    versions = migration.versions
    return next((one for one in reversed(earlier) if one.semver() in versions), None)


def try_release(subject: Subject, release: Release, images: Mapping[str, Image], limits: Limits) -> None:
    """Make what gateways would make of a release: its contracts, and the ways of its migrations, up and down.

    Args:
        subject: what stands beside it.
        release: the new release.
        images: its images and those of its ``origins``, by digest.

    Raises:
        BadSchema: where something cannot be made, and what to do.
    """
    functions = _functions(release)
    usable = tuple(one for one in release.migrations if not one.function or one.function in functions)
    release = msgspec.structs.replace(release, migrations=usable)
    sides: tuple[Side, ...] = ("input", "output")
    for side in sides:
        own = _contract(release, side, images, limits)
        if own is not None:
            for origin in origins(subject, release):
                _walk(origin, release, side, own, images, functions, limits)
    _named(subject, release, images)


def missing_functions(release: Release) -> tuple[str, ...]:
    """The functions that its migrations name and this gateway does not have."""
    functions = _functions(release)
    return tuple(one.function for one in release.migrations if one.function and one.function not in functions)


def _functions(release: Release) -> Mapping[str, Function]:
    return installed() if any(one.function for one in release.migrations) else {}


def _contract(release: Release, side: Side, images: Mapping[str, Image], limits: Limits) -> Contract | None:
    ref = release.side(side)
    return Contract(images[ref.hash], ref.type, release.version, limits) if ref is not None else None


def _walk(
    origin: Release,
    release: Release,
    side: Side,
    own: Contract,
    images: Mapping[str, Image],
    functions: Mapping[str, Function],
    limits: Limits,
) -> None:
    """Both ways between two releases, by the migrations of the later one alone."""
    start = msgspec.structs.replace(origin, migrations=())
    theirs = _contract(start, side, images, limits)
    if theirs is None:
        return

    def contract(one: Release) -> Contract:
        return own if one.version == release.version else theirs

    pair = sided([start, release], side, images)
    connect(pair, theirs, own, contract, functions, limits)
    connect(pair, own, theirs, contract, functions, limits)


def _named(subject: Subject, release: Release, images: Mapping[str, Image]) -> None:
    """Refuse a path that is no field of any contract that its migration is for; on traffic it would mean nothing."""
    earlier = [one for one in subject.releases if one.semver() < release.semver()]
    for migration in release.migrations:
        origin = _origin(earlier, migration)
        for paths, target in ((migration.up, release), (migration.down, origin)):
            sides = [target.side(side) for side in _sides(migration)] if target is not None else []
            known = [images[ref.hash].message(ref.type) for ref in sides if ref is not None and ref.hash in images]
            for path in paths if known else ():
                if not any(has_path(each, path) for each in known):
                    names = " and ".join(each.full_name for each in known)
                    raise BadSchema(path, f"a migration sets a field that {names} does not have", "correct the path")


def _sides(migration: Migration) -> tuple[Side, ...]:
    return (migration.side,) if migration.side else ("input", "output")
