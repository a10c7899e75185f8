"""What stands between an agent's contracts and the registry: a release that breaks its skill's contract does not join.

Everything that a registration brings is judged before anything of it is stored. Then each subject is changed by one
compare-and-set, in the order of their names, so that of two registrations of the same skills one is through before the
other has written anything. What that leaves open: a registration of several skills that loses one of its later
subjects to another writer, who put something there that it breaks, is refused with the earlier ones written. They are
sound releases, and are not taken back, because others may have joined with them by then.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from meshgate.a2a.defaults import DEFAULTS, Limits
from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.gateway.schema_store import SchemaStore
from meshgate.registry.limits import blob_digest, check_blob
from meshgate.registry.model import Capability, Manifest, RegistryUnavailable, SchemaRef
from meshgate.registry.schemas import BadSchema, Image, Incompatible, Release, Stage, Subject, admit

__all__ = ["Admission", "SchemaGate", "notice_of", "release_of"]

log = structlog.get_logger(__name__)


class Admission(msgspec.Struct, frozen=True):
    """What came of a registration's contracts."""

    manifest: Manifest
    """The manifest, each schema named by the digest of its canonical image."""
    notices: tuple[str, ...] = ()
    """What the agent's author should know."""


class _Plan(msgspec.Struct, frozen=True):
    """One subject: what it is, what it is to be, and the releases that make the difference."""

    name: str
    releases: tuple[Release, ...]
    expected: str
    old: Subject
    new: Subject


class SchemaGate:
    """Admits the releases of a registration, or refuses them all.

    Args:
        store: where contracts are.
        restore: puts a subject back that the registry lost; asked for one that the registry does not have.
        limits: what an image may hold, and how many a registration may bring.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        store: SchemaStore,
        restore: Callable[[str], Awaitable[None]] | None = None,
        limits: Limits = DEFAULTS,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._restore, self._limits, self._wall = store, restore, limits, wall

    async def admit(self, manifest: Manifest, images: tuple[bytes, ...] = ()) -> Admission:
        """Make the manifest's contracts releases of their subjects. One that is there already writes nothing.

        Raises:
            BadSchema: an image cannot be taken, is missing, or lacks a type.
            Incompatible, VersionTaken, VersionRetired: a release does not go with its subject; ``violations`` has
                every reason, of every skill. Nothing was stored (see above for several skills).
            RegistryUnavailable: the registry cannot be asked.
        """
        if not images and not any(_refs(one) for one in manifest.skills):
            return Admission(manifest)
        sent = await self._load(images)
        skills = tuple(_named(one, sent) for one in manifest.skills)
        unused = {image.digest for image in sent.values()} - {ref.hash for one in skills for ref in _refs(one)}
        if unused:
            raise InvalidParams(f"the image {min(unused)} belongs to no skill: name it as a schema's hash, or leave it")
        known = await self._gather(skills, sent)
        plans = await self._judge(manifest.agent, skills, known)
        changed = [plan for plan in plans if plan.new is not plan.old]
        for digest in sorted({ref.hash for plan in changed for one in plan.releases for ref in _sides(one)}):
            await self._store.put(known[digest].data)
        done = [await self._commit(plan, known) if plan.new is not plan.old else plan.old for plan in plans]
        notices = [
            notice_of(subject, one.version) for subject, plan in zip(done, plans, strict=True) for one in plan.releases
        ]
        told = msgspec.structs.replace(manifest, skills=skills)
        return Admission(told, tuple(notice for notice in notices if notice))

    async def _load(self, images: tuple[bytes, ...]) -> dict[str, Image]:
        """The images by their digests, and by those of the bytes that were sent."""
        if len(images) > self._limits.schema_images:
            raise InvalidParams(f"{len(images)} images are too many: a registration has {self._limits.schema_images}")
        found: dict[str, Image] = {}
        for data in images:
            image = await self._store.load(data)
            found[blob_digest(data)] = found[image.digest] = image
        return found

    async def _gather(self, skills: tuple[Capability, ...], sent: Mapping[str, Image]) -> dict[str, Image]:
        """The images that the skills name, those that were sent and those that are stored."""
        known = dict(sent)
        for one in skills:
            for ref in _refs(one):
                if ref.hash not in known:
                    known[ref.hash] = await self._stored(ref)
        return known

    async def _stored(self, ref: SchemaRef) -> Image:
        try:
            return await self._store.image(ref.hash)
        except KeyError:
            raise BadSchema(
                ref.type, f"its schema {ref.hash[:64]} is neither stored nor sent", "send it with the registration"
            ) from None

    async def _judge(self, agent: str, skills: tuple[Capability, ...], known: dict[str, Image]) -> list[_Plan]:
        """What each subject is to be, in the order of their names; every refusal as one error."""
        plans: list[_Plan] = []
        refusals: list[MeshError] = []
        wanted: dict[str, list[Release]] = {}
        now = self._wall()
        for one in skills:
            if _refs(one):
                wanted.setdefault(f"{agent}/{one.skill}", []).append(release_of(one, now))
        for name, found in sorted(wanted.items()):
            releases = tuple(sorted(found, key=Release.semver))
            expected, old = await self._read(name)
            try:
                new = await self._admit(old, releases, known)
                check_blob(new.encode())
            except RegistryUnavailable:
                raise
            except MeshError as error:
                refusals.append(error)
            else:
                plans.append(_Plan(name, releases, expected, old, new))
        if refusals:
            raise _together(refusals)
        return plans

    async def _read(self, name: str) -> tuple[str, Subject]:
        found = await self._store.read(name)
        if not found[0] and self._restore is not None:
            await self._restore(name)
            found = await self._store.read(name)
        return found

    async def _admit(self, subject: Subject, releases: Sequence[Release], known: dict[str, Image]) -> Subject:
        """The subject with the releases; the images of its other releases are fetched first, where they are needed."""
        for release in releases:
            work = partial(admit, subject, release, known, self._limits)
            if subject.release(release.version) is not None:
                subject = work()
                continue
            size = 0
            for other in subject.releases:
                if other.semver().major == release.semver().major and other.stage is not Stage.RETIRED:
                    for ref in _sides(other):
                        known[ref.hash] = known.get(ref.hash) or await self._stored(ref)
                        size += len(known[ref.hash].data)
            subject = await self._store.aside(work, size)
        return subject

    async def _commit(self, plan: _Plan, known: dict[str, Image]) -> Subject:
        """Store the subject as planned, or judge it anew if somebody else changed it meanwhile."""
        if await self._store.write(plan.name, plan.new, plan.expected):
            self._note(plan)
            return plan.new

        async def step(subject: Subject) -> Subject:
            return await self._admit(subject, plan.releases, known)

        done, wrote = await self._store.change(plan.name, step)
        if wrote:
            self._note(plan)
        return done

    def _note(self, plan: _Plan) -> None:
        new = [one.version for one in plan.releases if plan.old.release(one.version) is None]
        log.info("released", subject=plan.name, versions=new)


def _refs(one: Capability) -> list[SchemaRef]:
    """The contracts of a skill; a schema without a hash is a name for people."""
    return [ref for ref in (one.input, one.output) if ref is not None and ref.hash]


def _sides(release: Release) -> list[SchemaRef]:
    return [ref for ref in (release.input, release.output) if ref is not None]


def _named(one: Capability, sent: Mapping[str, Image]) -> Capability:
    """The skill with its schemas named by the digests of the canonical images."""
    changes = {
        side: SchemaRef(ref.type, sent[ref.hash].digest, ref.version)
        for side, ref in (("input", one.input), ("output", one.output))
        if ref is not None and ref.hash in sent
    }
    return msgspec.structs.replace(one, **changes) if changes else one


def release_of(one: Capability, now: float) -> Release:
    """The release that registering this skill at ``now`` (seconds since 1970) makes."""
    taken, given = (SchemaRef(ref.type, ref.hash) if ref and ref.hash else None for ref in (one.input, one.output))
    return Release(
        one.version,
        taken,
        given,
        owner=one.owner,
        steward=one.steward,
        registered=now,
        migrations=one.migrations,
    )


def notice_of(subject: Subject, version: str) -> str:
    """What somebody who serves or calls that release should know; "" if nothing."""
    release = subject.release(version)
    if release is None or release.stage is not Stage.DEPRECATED:
        return ""
    until = f" and is retired on {release.sunset}" if release.sunset else ""
    said = f": {release.notice}" if release.notice else ""
    return f"{subject.agent}/{subject.skill} {release.version} is deprecated{until}{said}"


def _together(refusals: list[MeshError]) -> MeshError:
    """All refusals as one error, with every violation."""
    first = next((one for one in refusals if isinstance(one, Incompatible)), refusals[0])
    if len(refusals) > 1:
        first.message = "; ".join(one.message for one in refusals)
        first.violations = tuple(violation for one in refusals for violation in one.violations)
    return first
