"""What stands between an agent's contracts and the registry: a release that breaks its skill's contract does not join.

Everything that a registration brings is judged before anything of it is stored. Then each subject is changed by one
compare-and-set, in the order of their names, so that of two registrations of the same skills one is through before the
other has written anything. What that leaves open: a registration of several skills that loses one of its later
subjects to another writer, who put something there that it breaks, is refused with the earlier ones written. They are
sound releases, and are not taken back, because others may have joined with them by then.

While the registry is away, a release is judged by what this gateway knew last: one that breaks its contract is refused
at once, one that keeps it is to come again when it can be stored.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.dry_compile import missing_functions, origins, try_release
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.limits import blob_digest, check_blob
from meshgate.registry.model import Capability, Manifest, SchemaRef
from meshgate.registry.schemas import BadSchema, Image, Incompatible, Release, Stage, Subject, admit
from meshgate.registry.schemas.standard_files import VALIDATE

__all__ = ["Admission", "SchemaGate", "Standing", "notice_of", "release_of"]

log = structlog.get_logger(__name__)
_CHECKED, _TRIAL = VALIDATE.encode(), 8192
"""What a schema with constraints holds, and how many bytes that counts for: what checks them takes a while to make."""
_SEEN = 4096
"""How many manifests are remembered as having nothing new."""


class Admission(msgspec.Struct, frozen=True):
    """What came of a registration's contracts."""

    manifest: Manifest
    """The manifest, each schema named by the digest of its canonical image."""
    notices: tuple[str, ...] = ()
    """What the agent's author should know."""


class Standing(msgspec.Struct, frozen=True):
    """A subject as it stands, and the digest of its document ("" if there is none)."""

    digest: str
    subject: Subject
    stale: bool = False
    """Whether this is what was known last, because the registry cannot say."""


class _Plan(msgspec.Struct, frozen=True):
    """One subject: what it is, what it is to be, and the releases that make the difference."""

    name: str
    releases: tuple[Release, ...]
    old: Standing
    new: Subject

    @property
    def changes(self) -> bool:
        """Whether there is anything to store."""
        return self.new is not self.old.subject


class SchemaGate:
    """Admits the releases of a registration, or refuses them all.

    Args:
        store: where contracts are.
        restore: puts a subject back that the registry lost; asked for one that the registry does not have.
        limits: what an image may hold, and how many a registration may bring.
        wall: seconds since 1970.
        last: what is known of a subject without the registry, for when that is away.
    """

    def __init__(
        self,
        store: SchemaStore,
        restore: Callable[[str], Awaitable[None]] | None = None,
        limits: Limits = DEFAULTS,
        wall: Callable[[], float] = time.time,
        last: Callable[[str], Subject | None] | None = None,
    ) -> None:
        self.store, self._restore, self._limits, self._wall = store, restore, limits, wall
        self._last = last
        self._seen: OrderedDict[str, None] = OrderedDict()
        """Digests of manifests whose contracts are releases. They stay that."""

    async def knows(self, digest: str, manifest: Manifest) -> bool:
        """Whether every contract of a listed manifest is a release, as far as the registry can be asked. One that a
        gateway of 0.1.0 listed may not be.

        Args:
            digest: of the manifest, as it is listed.
        """
        if digest in self._seen:
            return True
        for one in manifest.skills:
            if one.contracts:
                try:
                    _, subject = await self.store.read(f"{manifest.agent}/{one.skill}")
                except RegistryUnavailable:
                    return True  # nobody loses a lease over it
                release, wanted = subject.release(one.version), release_of(one, 0.0)
                if release is None or (release.input, release.output) != (wanted.input, wanted.output):
                    return False
        self._seen[digest] = None
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return True

    async def admit(self, manifest: Manifest, images: tuple[bytes, ...] = ()) -> Admission:
        """Make the manifest's contracts releases of their subjects. One that is there already writes nothing.

        Raises:
            BadSchema: an image cannot be taken, is missing, or lacks a type.
            Incompatible, VersionTaken, VersionRetired: a release does not go with its subject; ``violations`` has
                every reason, of every skill. Nothing was stored (see above for several skills).
            RegistryUnavailable: the registry cannot be asked, and by what is known here nothing is wrong.
        """
        if not images and not any(one.contracts for one in manifest.skills):
            return Admission(manifest)
        skills, known = await self.opened(manifest.skills, images)
        plans = await self._judge(manifest.agent, skills, known)
        changed = [plan for plan in plans if plan.changes]
        for digest in sorted({ref.hash for plan in changed for one in plan.releases for ref in one.sides}):
            await self.store.put(known[digest].data)
        done = [await self._commit(plan, known) if plan.changes else plan.new for plan in plans]
        notices = [
            notice
            for subject, plan in zip(done, plans, strict=True)
            for one in plan.releases
            for notice in (notice_of(subject, one.version), *_missing(plan.name, one))
        ]
        told = msgspec.structs.replace(manifest, skills=skills)
        return Admission(told, tuple(notice for notice in notices if notice))

    async def opened(
        self, skills: tuple[Capability, ...], images: tuple[bytes, ...]
    ) -> tuple[tuple[Capability, ...], dict[str, Image]]:
        """The skills, each schema named by the digest of its canonical image, and these images by digest.

        Raises:
            BadSchema: an image cannot be taken, or is neither sent nor stored.
            InvalidParams: an image belongs to no skill, or there are too many.
            RegistryUnavailable: a stored image is not here, and the registry cannot be asked.
        """
        sent = await self._load(images)
        skills = tuple(_named(one, sent) for one in skills)
        unused = {image.digest for image in sent.values()} - {ref.hash for one in skills for ref in one.contracts}
        if unused:
            raise InvalidParams(f"the image {min(unused)} belongs to no skill: name it as a schema's hash, or leave it")
        return skills, await self._gather(skills, sent)

    async def _load(self, images: tuple[bytes, ...]) -> dict[str, Image]:
        """The images by their digests, and by those of the bytes that were sent."""
        if len(images) > self._limits.schema_images:
            raise InvalidParams(f"{len(images)} images are too many: a registration has {self._limits.schema_images}")
        found: dict[str, Image] = {}
        for data in images:
            image = await self.store.load(data)
            found[blob_digest(data)] = found[image.digest] = image
        return found

    async def _gather(self, skills: tuple[Capability, ...], sent: Mapping[str, Image]) -> dict[str, Image]:
        """The images that the skills name, those that were sent and those that are stored."""
        known = dict(sent)
        for one in skills:
            for ref in one.contracts:
                if ref.hash not in known:
                    known[ref.hash] = await self._stored(ref)
        return known

    async def _stored(self, ref: SchemaRef) -> Image:
        try:
            return await self.store.image(ref.hash)
        except KeyError:
            raise BadSchema(
                ref.type, f"its schema {ref.hash[:64]} is neither stored nor sent", "send it with the registration"
            ) from None

    async def _judge(self, agent: str, skills: tuple[Capability, ...], known: dict[str, Image]) -> list[_Plan]:
        """What each subject is to be, in the order of their names; every refusal as one error."""
        plans: list[_Plan] = []
        refusals: list[MeshError] = []
        away: RegistryUnavailable | None = None
        stale = False
        wanted: dict[str, list[Release]] = {}
        now = self._wall()
        for one in skills:
            if one.contracts:
                wanted.setdefault(f"{agent}/{one.skill}", []).append(release_of(one, now))
        for name, found in sorted(wanted.items()):
            releases = tuple(sorted(found, key=Release.semver))
            try:
                standing = await self.standing(name, ask=away is None)
                stale |= standing.stale
                new = await self.admitted(standing.subject, releases, known)
                check_blob(new.encode())
            except RegistryUnavailable as error:
                away = away or error
            except MeshError as error:
                refusals.append(error)
            else:
                plans.append(_Plan(name, releases, standing, new))
                if standing.stale and new is not standing.subject:
                    away = away or RegistryUnavailable(f"{name} keeps its contract, and cannot be stored: try again")
        if refusals:
            raise _together(refusals, stale=stale)
        if away is not None:
            raise away
        return plans

    async def standing(self, name: str, *, ask: bool = True) -> Standing:
        """The subject in the registry, put back there if it lost it; what was known last if it is away.

        Args:
            name: AGENT/SKILL.
            ask: False if the registry is known to be away.

        Raises:
            InvalidParams: that is no name of a subject.
            RegistryUnavailable: it is away, and nothing is known here either.
        """
        try:
            if not ask:
                raise RegistryUnavailable
            digest, subject = await self.store.read(name)
            if not digest and self._restore is not None:
                await self._restore(name)
                digest, subject = await self.store.read(name)
        except RegistryUnavailable:
            last = self._last(name) if self._last is not None else None
            if last is None:
                raise
            return Standing("", last, stale=True)
        return Standing(digest, subject)

    async def admitted(self, subject: Subject, releases: Sequence[Release], known: dict[str, Image]) -> Subject:
        """The subject with the releases, not stored; raises what ``schemas.admit`` raises.

        Args:
            known: the images of the releases by digest. Those of other releases are put there where they are needed.
        """
        for release in releases:
            if subject.release(release.version) is not None:
                subject = admit(subject, release, known, self._limits)
            else:
                work = partial(self._tried, subject, release, known)
                subject = await self.store.aside(work, await self.fetch(subject, release, known))
        return subject

    def _tried(self, subject: Subject, release: Release, known: dict[str, Image]) -> Subject:
        done = admit(subject, release, known, self._limits)
        try_release(subject, release, known, self._limits)
        return done

    async def fetch(self, subject: Subject, release: Release, known: dict[str, Image]) -> int:
        """Put the images that a release is compared with, and meets by its migrations, into ``known``; how many bytes
        of work that makes.
        """
        major = release.semver().major
        same = (one for one in subject.releases if one.semver().major == major and one.stage is not Stage.RETIRED)
        refs = [ref for one in (release, *same, *origins(subject, release)) for ref in one.sides]
        for ref in refs:
            known[ref.hash] = known.get(ref.hash) or await self._stored(ref)
        checked = any(_CHECKED in known[ref.hash].data for ref in release.sides)
        return sum(len(known[ref.hash].data) for ref in refs) + _TRIAL * checked

    async def _commit(self, plan: _Plan, known: dict[str, Image]) -> Subject:
        """Store the subject as planned, or judge it anew if somebody else changed it meanwhile."""
        if await self.store.write(plan.name, plan.new, plan.old.digest):
            self._note(plan)
            return plan.new

        async def step(subject: Subject) -> Subject:
            return await self.admitted(subject, plan.releases, known)

        done, wrote = await self.store.change(plan.name, step)
        if wrote:
            self._note(plan)
        return done

    def _note(self, plan: _Plan) -> None:
        new = [one.version for one in plan.releases if plan.old.subject.release(one.version) is None]
        log.info("released", subject=plan.name, versions=new)


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


def _missing(name: str, release: Release) -> list[str]:
    told = "installed in this gateway: its migration fails until an operator installs it"
    return [f"{name} {release.version}: no function {one} is {told}" for one in missing_functions(release)]


def _together(refusals: list[MeshError], *, stale: bool) -> MeshError:
    """All refusals as one error, with every violation."""
    first = next((one for one in refusals if isinstance(one, Incompatible)), refusals[0])
    if len(refusals) > 1:
        first.message = "; ".join(one.message for one in refusals)
        first.violations = tuple(violation for one in refusals for violation in one.violations)
    if stale:
        first.message += " (by what this gateway knew last: the registry is away)"
    return first
