"""The store of contracts' documents and images: in memory, in a folder of files, and in the registry.

The content of a digest never changes, so a file whose content has the digest of its name needs no registry; any other
file is ignored. A subject is changed by compare-and-set alone, so no writer undoes the change of another.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.blob_folder import BlobFolder
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.interface import Registry
from meshgate.registry.limits import blob_digest, check_blob
from meshgate.registry.schemas import BadSchema, Image, Subject, load_image

__all__ = ["SchemaStore", "split_name"]

log = structlog.get_logger(__name__)
T = TypeVar("T")
_TRIES = 64
"""How often a change is tried while other writers change the subject first."""
_INLINE = 4096
"""Bytes of schemas that the event loop handles itself; that takes about a millisecond."""
_DOCUMENTS = 64
"""How many of the documents read last are kept in memory."""
_IMAGE_BASE, _IMAGE_FACTOR = 8 * 1024, 20
"""Memory of a loaded image, measured: so many bytes, and so many more for each byte of its data."""


def split_name(name: str) -> tuple[str, str]:
    """The agent, with its tenant if that is not ``default``, and the skill of a subject's name."""
    agent, _, skill = name.partition("/")
    return agent, skill


class SchemaStore:
    """Reads documents and images by digest, from the nearest place that has them, and changes subjects.

    Args:
        registry: holds everything. The store does not close it.
        folder: where files are kept; None for none.
        limits: ``schema_memory`` and ``schema_disk`` bound what is kept here.
        rng, sleep: make the pause before a change is tried again.
    """

    def __init__(
        self,
        registry: Registry,
        folder: Path | None = None,
        limits: Limits = DEFAULTS,
        *,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.registry = registry
        self._folder = BlobFolder(folder) if folder is not None else None
        self._limits = limits
        self._rng, self._sleep = rng or random.Random(), sleep
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._memory = 0
        self._subjects: OrderedDict[str, Subject] = OrderedDict()
        # One thread at a time, so that many registrations at once leave the event loop its share of the interpreter.
        self._one_at_a_time = asyncio.Semaphore(1)

    # -- by digest

    async def blob(self, digest: str) -> bytes:
        """The bytes of that digest.

        Raises:
            KeyError: the registry has none.
            RegistryUnavailable: they are not here, and the registry is unavailable.
        """
        folder = self._folder
        data = await asyncio.to_thread(folder.read, digest) if folder is not None else None
        if data is None:
            data = await self.registry.get_blob(digest)
            await self._file(digest, data)
        return data

    async def have(self, digest: str) -> None:
        """Fetch the bytes of that digest into the folder, if there is one. Raises as ``blob`` does."""
        folder = self._folder
        if folder is not None and not await asyncio.to_thread(folder.holds, digest):
            await self.blob(digest)

    async def put(self, data: bytes) -> str:
        """Store ``data`` in the registry and here, and return its digest.

        Raises:
            InvalidParams: ``data`` is larger than a blob may be.
        """
        digest = await self.registry.put_blob(data)
        await self._file(digest, data)
        return digest

    async def _file(self, digest: str, data: bytes) -> None:
        if self._folder is not None:
            await asyncio.to_thread(self._folder.write, digest, data)

    def loaded(self, digest: str) -> Image | None:
        """The image if it is in memory, for the path of a call."""
        found = self._images.get(digest)
        if found is not None:
            self._images.move_to_end(digest)
        return found

    async def image(self, digest: str) -> Image:
        """The image of that digest. It is checked after each fetch, because anyone with write access to the registry
        may have put it there.

        Raises:
            KeyError: there is none.
            RegistryUnavailable: the image is not here, and the registry is unavailable.
        """
        found = self.loaded(digest)
        if found is None:
            data = await self.blob(digest)
            try:
                found = await self.load(data)
            except BadSchema:
                found = None
            if found is None or found.digest != digest:
                raise KeyError(digest)
        return found

    async def load(self, data: bytes) -> Image:
        """The image of untrusted bytes, built in a thread unless it is small. It is not stored.

        Raises:
            BadSchema: what is wrong with the bytes.
        """
        known = self.loaded(blob_digest(data))
        if known is not None:
            return known
        image = await self.aside(partial(load_image, data, self._limits), len(data))
        self._keep(image)
        return image

    async def aside(self, work: Callable[[], T], size: int) -> T:
        """Do ``work`` on ``size`` bytes of schemas: in a thread, one at a time, or at once if they are few."""
        if size <= _INLINE:
            return work()
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)

    def _keep(self, image: Image) -> None:
        if image.digest not in self._images:
            self._memory += _memory_of(image)
        self._images[image.digest] = image
        self._images.move_to_end(image.digest)
        while self._memory > self._limits.schema_memory and len(self._images) > 1:
            self._memory -= _memory_of(self._images.popitem(last=False)[1])

    async def document(self, digest: str) -> Subject:
        """The subject whose document has that digest.

        Raises:
            KeyError: there is none.
            RegistryUnavailable: the document is not here, and the registry is unavailable.
        """
        found = self._subjects.get(digest)
        if found is None:
            try:
                found = Subject.decode(await self.blob(digest))
            except msgspec.DecodeError:
                raise KeyError(digest) from None
            self._remember(digest, found)
        return found

    def _remember(self, digest: str, subject: Subject) -> None:
        self._subjects[digest] = subject
        if len(self._subjects) > _DOCUMENTS:
            self._subjects.popitem(last=False)

    # -- by name

    async def read(self, name: str) -> tuple[str, Subject]:
        """The digest of a subject's document in the registry, and the subject; "" and an empty one if there is none.

        Raises:
            RegistryUnavailable: the registry does not answer, or has lost the document.
        """
        digest = await self.registry.subject(name)
        if not digest:
            return "", Subject(*split_name(name))
        try:
            found = await self.document(digest)
        except KeyError:
            raise RegistryUnavailable(
                f"the registry has lost the contract of {name}: a gateway that knows it puts it back, try again"
            ) from None
        if (found.agent, found.skill) != split_name(name):
            raise RegistryUnavailable(f"the registry holds another contract under {name}: restore it from a backup")
        return digest, found

    async def write(self, name: str, subject: Subject, expected: str) -> bool:
        """Store the subject if the registry's document still has the digest ``expected``; False if it has another.

        Raises:
            InvalidParams: the document is larger than a blob may be.
        """
        data = check_blob(subject.encode())
        digest = await self.put(data)
        won = await self.registry.put_subject(name, digest, expected)
        if won:
            self._remember(digest, subject)
        return won

    async def change(self, name: str, step: Callable[[Subject], Awaitable[Subject]]) -> tuple[Subject, bool]:
        """Change a subject by ``step``, again whenever another writer was faster.

        Returns:
            The subject as it is now, and whether this wrote it.

        Raises:
            RegistryUnavailable: others were faster too often.
        """
        for number in range(_TRIES):
            expected, old = await self.read(name)
            new = await step(old)
            if new is old or new == old:
                return old, False
            if await self.write(name, new, expected):
                return new, True
            await self._sleep(self._rng.uniform(0.0, min(0.001 * 2**number, 0.05)))
        raise RegistryUnavailable(f"too many change the contract of {name} at once: try again", retry_after=1.0)

    # -- the folder

    async def sweep(self, used: Iterable[str]) -> None:
        """Delete the files that no subject needs and, beyond ``schema_disk`` bytes, the oldest of the others."""
        if self._folder is None:
            return
        try:
            await asyncio.to_thread(self._folder.sweep, frozenset(used), self._limits.schema_disk)
        except OSError as error:
            log.warning("schemas_not_swept", folder=str(self._folder.path), reason=str(error))


def _memory_of(image: Image) -> int:
    return _IMAGE_BASE + _IMAGE_FACTOR * len(image.data)
