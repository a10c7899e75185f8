"""The migration path between two releases of a subject: which declared migrations run, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.version_syntax import parse_version
from meshgate.a2a.versions import Version
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.converter import ConversionStep, Converter
from meshgate.gateway.contracts.transform.migration.compiled_migration import CompiledMigration, MigrationFunction
from meshgate.gateway.contracts.transform.migration.function_migration import FunctionMigration
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema
from meshgate.registry.schemas.subject import Release

__all__ = ["PathStep", "find_path", "make_converter"]


class PathStep(NamedTuple):
    """One step of a path: to ``release``, by ``migration`` if there is one.

    ``up`` is the direction. Upwards, ``release`` declares the migration; downwards, the release before this step does.
    """

    release: Release
    migration: Migration | None = None
    up: bool = True


def find_path(releases: Sequence[Release], source: str, target: str) -> tuple[PathStep, ...]:
    """The steps from one release to another.

    Every migration on the way that has expressions for the direction runs, in the order of versions. Between two
    migrations one step is enough, however many releases lie there. A migration starts (downwards: ends) at the latest
    release on the way that its range names; if its range names none, it is not on the way.

    Args:
        releases: of one subject, in any order.
        source: the version of the messages that are given.
        target: the version of the messages that are wanted.

    Raises:
        BadSchema: one of the two versions has no release.
    """
    first, last = parse_version(source), parse_version(target)
    ordered = sorted(releases, key=Release.semver)
    known = {release.semver() for release in ordered}
    for version in (first, last):
        if version not in known:
            raise BadSchema(str(version), "the subject has no such release", "use one that it lists")
    steps = _up(ordered, first, last) if first <= last else _down(ordered, first, last)
    return tuple(steps)


def _up(ordered: list[Release], first: Version, last: Version) -> list[PathStep]:
    way = [release for release in ordered if first <= release.semver() <= last]
    steps: list[PathStep] = []
    here = first
    for release in way[1:]:
        found = _pick(release, [one for one in way if here <= one.semver() < release.semver()], up=True)
        if found is not None:
            migration, start = found
            if start.semver() != here:
                steps.append(PathStep(start))
            steps.append(PathStep(release, migration))
            here = release.semver()
    if here != last:
        steps.append(PathStep(way[-1]))
    return steps


def _down(ordered: list[Release], first: Version, last: Version) -> list[PathStep]:
    way = [release for release in ordered if last <= release.semver() <= first]
    steps: list[PathStep] = []
    here = first
    for release in reversed(way[1:]):
        if release.semver() > here:
            continue
        found = _pick(release, [one for one in way if one.semver() < release.semver()], up=False)
        if found is not None:
            migration, end = found
            if release.semver() != here:
                steps.append(PathStep(release, up=False))
            steps.append(PathStep(end, migration, up=False))
            here = end.semver()
    if here != last:
        steps.append(PathStep(way[0], up=False))
    return steps


def _pick(release: Release, others: list[Release], *, up: bool) -> tuple[Migration, Release] | None:
    """The migration of ``release`` whose range names the latest of ``others``, and that release."""
    for other in reversed(others):
        for migration in release.migrations:
            has_part = bool(migration.function or (migration.up if up else migration.down))
            if has_part and other.semver() in migration.versions:
                return migration, other
    return None


def make_converter(
    releases: Sequence[Release],
    source: CompiledContract,
    target: CompiledContract,
    contract: Callable[[Release], CompiledContract],
    functions: Mapping[str, MigrationFunction],
    limits: Limits = DEFAULTS,
) -> Converter:
    """The converter between the contracts of two releases, along the path that :func:`find_path` finds.

    Args:
        releases: the releases of the subject.
        source: the contract of the messages that are given; its version is one of the releases'.
        target: the contract of the messages that are wanted; its version is one of the releases'.
        contract: returns the contract of a release between, for the same side.
        functions: the migration functions that the operator installed (``installed_functions``).
        limits: how many migrations may be on the path, and what their expressions may cost.

    Raises:
        BadSchema: a release is missing, an expression does not compile, a function is not installed, or there are too
            many migrations on the path.
    """
    path = find_path(releases, source.version, target.version)
    if sum(step.migration is not None for step in path) > limits.mediation_steps:
        problem = f"more than {limits.mediation_steps} migrations lie between {source.version} and {target.version}"
        raise BadSchema(source.type_name, problem, "declare one from the older release to the newer")
    steps: list[ConversionStep] = []
    here = source
    for index, step in enumerate(path):
        there = target if index == len(path) - 1 else contract(step.release)
        steps.append(ConversionStep(there, _move(here, there, step, functions, limits)))
        here = there
    return Converter(source, target, steps)


def _move(
    here: CompiledContract,
    there: CompiledContract,
    step: PathStep,
    functions: Mapping[str, MigrationFunction],
    limits: Limits,
) -> CompiledMigration | None:
    migration = step.migration
    if migration is None:
        return None
    if not migration.function:
        from meshgate.gateway.contracts.transform.migration.cel_migration import CelMigration

        return CelMigration(here, there, migration.up if step.up else migration.down, limits)
    function = functions.get(migration.function)
    if function is None:
        remedy = "install the package that has it under the entry point group meshgate.migrations"
        raise BadSchema(there.type_name, f"no function {migration.function!r} is installed", remedy)
    if step.up:
        return FunctionMigration(here, there, migration.function, function)
    down: MigrationFunction | None = getattr(function, "down", None)
    return FunctionMigration(here, there, migration.function, down) if down is not None else None
