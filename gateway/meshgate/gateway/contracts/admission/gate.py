"""The gate for registrations: it stores the releases that keep their skills' contracts, and refuses all others.

The gate judges everything that a registration brings before it stores any of it. Then it changes each subject by one
compare-and-set, in the order of the names, so that of two registrations of the same skills one is done before the other
has written anything. One case stays open: a registration of several skills may lose a later subject to another writer,
whose release it breaks. It is refused then, with the earlier subjects written. Those are sound releases, and they stay,
because other agents may have joined with them.

While the registry is unavailable, the gate judges a release by the last known state: a release that breaks its contract
is refused at once, and one that keeps it has to be registered again later, when it can be stored.
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
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT, in_tenant
from meshgate.gateway.contracts.admission.dry_compile import compile_release, origins
from meshgate.gateway.contracts.admission.registration import AdmittedManifest, SubjectChange, SubjectState
from meshgate.gateway.contracts.admission.releases import (
    missing_function_notices,
    notice_of,
    release_of,
    with_image_digests,
)
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.limits import blob_digest, check_blob
from meshgate.registry.model import Capability, Manifest, SchemaRef
from meshgate.registry.schemas import BadSchema, Image, Incompatible, Release, Stage, Subject, admit
from meshgate.registry.schemas.standard_files import VALIDATE

__all__ = ["SchemaGate"]

log = structlog.get_logger(__name__)
_CONSTRAINED, _CONSTRAINED_SIZE = VALIDATE.encode(), 8192
"""The mark of a schema with constraints, and how many bytes of work it adds: a validator takes long to build."""
_REGISTERED = 4096
"""How many manifests are remembered as registered."""


class SchemaGate:
    """Admits the releases of a registration, or refuses them all.

    Args:
        store: holds the contracts.
        restore: puts a subject back that the registry lost; called for each that the registry does not have.
        limits: how large an image may be, and how many a registration may bring.
        wall: seconds since 1970.
        last: the last known state of a subject, for when the registry is unavailable.
    """

    def __init__(
        self,
        store: SchemaStore,
        restore: Callable[[str], Awaitable[None]] | None = None,
        limits: Limits = DEFAULTS,
        wall: Callable[[], float] = time.time,
        last: Callable[[str], Subject | None] | None = None,
    ) -> None:
        self.store, self._restore, self.limits, self._wall = store, restore, limits, wall
        self._last = last
        self._registered: OrderedDict[str, None] = OrderedDict()
        """Digests of manifests, by tenant, whose contracts are all releases. None ever goes, so this stays true."""

    async def knows(self, digest: str, manifest: Manifest, tenant: str = DEFAULT_TENANT) -> bool:
        """Whether every contract of a listed manifest is a release. One that the registry has lost is not.

        Args:
            digest: of the manifest, as it is listed.
            manifest: the manifest.
            tenant: whose agent it is.
        """
        key = in_tenant(tenant, digest)
        if key in self._registered:
            return True
        agent = in_tenant(tenant, manifest.agent)
        for one in manifest.skills:
            if one.contracts:
                try:
                    _, subject = await self.store.read(f"{agent}/{one.skill}")
                except RegistryUnavailable:
                    return True  # an outage of the registry must not cost an agent its lease
                release, wanted = subject.release(one.version), release_of(one, 0.0)
                if release is None or (release.input, release.output) != (wanted.input, wanted.output):
                    return False
        self._registered[key] = None
        while len(self._registered) > _REGISTERED:
            self._registered.popitem(last=False)
        return True

    async def admit(
        self, manifest: Manifest, images: tuple[bytes, ...] = (), tenant: str = DEFAULT_TENANT
    ) -> AdmittedManifest:
        """Make the manifest's contracts releases of their subjects. A release that exists already writes nothing.

        Args:
            manifest: names the agent, and its skills with their contracts.
            images: the descriptor sets of the contracts.
            tenant: whose agent it is.

        Raises:
            BadSchema: an image is not valid, is missing, or lacks a type.
            Incompatible, VersionTaken, VersionRetired: a release does not fit its subject; ``violations`` has every
                reason, of every skill. Nothing was stored (see the module's text for several skills).
            RegistryUnavailable: the registry is unavailable, and the last known state allows every release.
        """
        if not images and not any(one.contracts for one in manifest.skills):
            return AdmittedManifest(manifest)
        skills, known = await self.load_skills(manifest.skills, images)
        changes = await self._judge(in_tenant(tenant, manifest.agent), skills, known)
        changed = [change for change in changes if change.needed]
        for digest in sorted({ref.hash for change in changed for one in change.releases for ref in one.sides}):
            await self.store.put(known[digest].data)
        done = [await self._commit(change, known) if change.needed else change.new for change in changes]
        notices = [
            notice
            for subject, change in zip(done, changes, strict=True)
            for one in change.releases
            for notice in (notice_of(subject, one.version), *missing_function_notices(change.name, one))
        ]
        told = msgspec.structs.replace(manifest, skills=skills)
        return AdmittedManifest(told, tuple(notice for notice in notices if notice))

    async def load_skills(
        self, skills: tuple[Capability, ...], images: tuple[bytes, ...]
    ) -> tuple[tuple[Capability, ...], dict[str, Image]]:
        """The skills, each schema named by the digest of its canonical image, and these images by digest.

        Raises:
            BadSchema: an image is not valid, or is neither sent nor stored.
            InvalidParams: an image belongs to no skill, or there are too many.
            RegistryUnavailable: a stored image is not here, and the registry is unavailable.
        """
        sent = await self._load(images)
        skills = tuple(with_image_digests(one, sent) for one in skills)
        unused = {image.digest for image in sent.values()} - {ref.hash for one in skills for ref in one.contracts}
        if unused:
            raise InvalidParams(f"the image {min(unused)} belongs to no skill: name it as a schema's hash, or leave it")
        return skills, await self._gather(skills, sent)

    async def _load(self, images: tuple[bytes, ...]) -> dict[str, Image]:
        """The images, by their own digests and by the digests of the bytes that were sent."""
        if len(images) > self.limits.schema_images:
            raise InvalidParams(f"{len(images)} images are too many: a registration has {self.limits.schema_images}")
        found: dict[str, Image] = {}
        for data in images:
            image = await self.store.load(data)
            found[blob_digest(data)] = found[image.digest] = image
        return found

    async def _gather(self, skills: tuple[Capability, ...], sent: Mapping[str, Image]) -> dict[str, Image]:
        """The images that the skills name: the sent ones, and the stored ones."""
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

    async def _judge(self, agent: str, skills: tuple[Capability, ...], known: dict[str, Image]) -> list[SubjectChange]:
        """The change of each subject, in the order of the names.

        Raises:
            MeshError: every refusal, as one error.
            RegistryUnavailable: nothing is refused, and something cannot be read or stored now.
        """
        changes: list[SubjectChange] = []
        refusals: list[MeshError] = []
        away: RegistryUnavailable | None = None
        stale = False
        for name, releases in self._releases_by_subject(agent, skills):
            try:
                state = await self.state_of(name, ask=away is None)
                stale |= state.stale
                new = await self.admit_releases(state.subject, releases, known)
                check_blob(new.encode())
            except RegistryUnavailable as error:
                away = away or error
            except MeshError as error:
                refusals.append(error)
            else:
                changes.append(SubjectChange(name, releases, state, new))
                if state.stale and changes[-1].needed:
                    away = away or RegistryUnavailable(f"{name} keeps its contract, and cannot be stored: try again")
        if refusals:
            raise _together(refusals, stale=stale)
        if away is not None:
            raise away
        return changes

    def _releases_by_subject(self, agent: str, skills: tuple[Capability, ...]) -> list[tuple[str, tuple[Release, ...]]]:
        wanted: dict[str, list[Release]] = {}
        now = self._wall()
        for one in skills:
            if one.contracts:
                wanted.setdefault(f"{agent}/{one.skill}", []).append(release_of(one, now))
        return [(name, tuple(sorted(found, key=Release.semver))) for name, found in sorted(wanted.items())]

    async def state_of(self, name: str, *, ask: bool = True) -> SubjectState:
        """The subject in the registry, put back there if the registry lost it; the last known state in an outage.

        Args:
            name: of the subject.
            ask: False if the registry is known to be unavailable.

        Raises:
            InvalidParams: that is no name of a subject.
            RegistryUnavailable: the registry is unavailable, and there is no last known state.
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
            return SubjectState("", last, stale=True)
        return SubjectState(digest, subject)

    async def admit_releases(self, subject: Subject, releases: Sequence[Release], known: dict[str, Image]) -> Subject:
        """The subject with the releases added; nothing is stored. Raises as ``schemas.admit`` does.

        Args:
            subject: the subject before.
            releases: what is added.
            known: the images of the releases by digest. Those of other releases are added as they are needed.
        """
        for release in releases:
            if subject.release(release.version) is not None:
                subject = admit(subject, release, known, self.limits)
            else:
                work = partial(self._admit_and_compile, subject, release, known)
                subject = await self.store.aside(work, await self.load_compared(subject, release, known))
        return subject

    def _admit_and_compile(self, subject: Subject, release: Release, known: dict[str, Image]) -> Subject:
        done = admit(subject, release, known, self.limits)
        compile_release(subject, release, known, self.limits)
        return done

    async def load_compared(self, subject: Subject, release: Release, known: dict[str, Image]) -> int:
        """Load the images that a release is compared with, and those that its migrations start from, into ``known``.

        Returns:
            The work that judging the release takes, in bytes.
        """
        major = release.semver().major
        same = (one for one in subject.releases if one.semver().major == major and one.stage is not Stage.RETIRED)
        refs = [ref for one in (release, *same, *origins(subject, release)) for ref in one.sides]
        for ref in refs:
            known[ref.hash] = known.get(ref.hash) or await self._stored(ref)
        constrained = any(_CONSTRAINED in known[ref.hash].data for ref in release.sides)
        return sum(len(known[ref.hash].data) for ref in refs) + _CONSTRAINED_SIZE * constrained

    async def _commit(self, change: SubjectChange, known: dict[str, Image]) -> Subject:
        """Store the subject as judged, or judge it again if another writer changed it meanwhile."""
        if await self.store.write(change.name, change.new, change.old.digest):
            self._log(change)
            return change.new

        async def step(subject: Subject) -> Subject:
            return await self.admit_releases(subject, change.releases, known)

        done, wrote = await self.store.change(change.name, step)
        if wrote:
            self._log(change)
        return done

    def _log(self, change: SubjectChange) -> None:
        new = [one.version for one in change.releases if change.old.subject.release(one.version) is None]
        log.info("released", subject=change.name, versions=new)


def _together(refusals: list[MeshError], *, stale: bool) -> MeshError:
    """One error for all refusals, with every violation."""
    first = next((one for one in refusals if isinstance(one, Incompatible)), refusals[0])
    if len(refusals) > 1:
        first.message = "; ".join(one.message for one in refusals)
        first.violations = tuple(violation for one in refusals for violation in one.violations)
    if stale:
        first.message += " (by what this gateway knew last: the registry is away)"
    return first
