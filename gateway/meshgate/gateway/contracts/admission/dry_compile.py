"""The trial compilation of a new release: what gateways compile for its traffic is compiled once, and dropped.

So the author hears of a constraint that does not compile, of a field that has no name in JSON, and of a migration that
leads nowhere, before a caller does. A function that is not installed is no error, because only the operator can install
it; the author gets a notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.side_migrations import has_field, releases_of_side
from meshgate.gateway.contracts.transform import (
    CompiledContract,
    MigrationFunction,
    Side,
    installed_functions,
    make_converter,
)
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Image, Release, Stage, Subject

__all__ = ["compile_release", "missing_functions", "origins"]


def origins(subject: Subject, release: Release) -> tuple[Release, ...]:
    """The releases that the migrations of ``release`` start from: for each, the latest earlier one in its range."""
    earlier = [one for one in subject.releases if one.semver() < release.semver() and one.stage is not Stage.RETIRED]
    found = (_origin(earlier, migration) for migration in release.migrations)
    return tuple(one for one in found if one is not None)


def _origin(earlier: Sequence[Release], migration: Migration) -> Release | None:
    versions = migration.versions
    return next((one for one in reversed(earlier) if one.semver() in versions), None)


def compile_release(subject: Subject, release: Release, images: Mapping[str, Image], limits: Limits) -> None:
    """Compile what gateways would compile for a release: its contracts, and its migrations, up and down.

    Args:
        subject: the subject, with the other releases.
        release: the new release.
        images: its images and those of its ``origins``, by digest.

    Raises:
        BadSchema: something does not compile: where, and what to do.
    """
    functions = _functions(release)
    usable = tuple(one for one in release.migrations if not one.function or one.function in functions)
    release = msgspec.structs.replace(release, migrations=usable)
    sides: tuple[Side, ...] = ("input", "output")
    for side in sides:
        own = _contract(release, side, images, limits)
        if own is not None:
            for origin in origins(subject, release):
                _compile_both_ways(origin, release, side, own, images, functions, limits)
    _check_paths(subject, release, images)


def missing_functions(release: Release) -> tuple[str, ...]:
    """The functions that the release's migrations name and this gateway lacks."""
    functions = _functions(release)
    return tuple(one.function for one in release.migrations if one.function and one.function not in functions)


def _functions(release: Release) -> Mapping[str, MigrationFunction]:
    return installed_functions() if any(one.function for one in release.migrations) else {}


def _contract(release: Release, side: Side, images: Mapping[str, Image], limits: Limits) -> CompiledContract | None:
    ref = release.side(side)
    return CompiledContract(images[ref.hash], ref.type, release.version, limits) if ref is not None else None


def _compile_both_ways(
    origin: Release,
    release: Release,
    side: Side,
    own: CompiledContract,
    images: Mapping[str, Image],
    functions: Mapping[str, MigrationFunction],
    limits: Limits,
) -> None:
    """Compile the conversions between two releases, up and down, with the migrations of the later one alone."""
    start = msgspec.structs.replace(origin, migrations=())
    theirs = _contract(start, side, images, limits)
    if theirs is None:
        return

    def contract(one: Release) -> CompiledContract:
        return own if one.version == release.version else theirs

    pair = releases_of_side([start, release], side, images)
    make_converter(pair, theirs, own, contract, functions, limits)
    make_converter(pair, own, theirs, contract, functions, limits)


def _check_paths(subject: Subject, release: Release, images: Mapping[str, Image]) -> None:
    """Refuse a path that is a field of no contract that its migration is for: it would have no effect on traffic."""
    earlier = [one for one in subject.releases if one.semver() < release.semver()]
    for migration in release.migrations:
        origin = _origin(earlier, migration)
        for paths, target in ((migration.up, release), (migration.down, origin)):
            sides = [target.side(side) for side in _sides(migration)] if target is not None else []
            known = [images[ref.hash].message(ref.type) for ref in sides if ref is not None and ref.hash in images]
            for path in paths if known else ():
                if not any(has_field(each, path) for each in known):
                    names = " and ".join(each.full_name for each in known)
                    raise BadSchema(path, f"a migration sets a field that {names} does not have", "correct the path")


def _sides(migration: Migration) -> tuple[Side, ...]:
    return (migration.side,) if migration.side else ("input", "output")
