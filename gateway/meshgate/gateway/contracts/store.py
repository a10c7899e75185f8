"""Documents and images of skills' contracts: in the registry, in a folder of files named by digest, and in memory.

What a digest names never changes, so a file that is what its name says needs no registry, and one that is not is
left aside. A subject is changed by compare-and-set alone, so no writer undoes what another did.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.interface import Registry
from meshgate.registry.limits import blob_digest, check_blob
from meshgate.registry.schemas import BadSchema, Image, Subject, load_image

__all__ = ["SchemaStore", "split_name"]

log = structlog.get_logger(__name__)
T = TypeVar("T")
_TRIES = 64
"""How often a change is made anew because somebody else changed the subject meanwhile."""
_LITTLE = 4096
"""Bytes of schemas that are worked on at once, which takes about a millisecond."""
_DOCUMENTS = 64
"""How many documents that were read last are remembered."""
_WEIGHT, _FACTOR = 8 * 1024, 20
"""What a loaded image takes, measured: so many bytes, and so many for each of its own."""


def split_name(name: str) -> tuple[str, str]:
    """The agent and the skill of a subject's name."""
    agent, _, skill = name.partition("/")
    return agent, skill


class SchemaStore:
    """Reads by digest, nearest place first, and changes subjects.

    Args:
        registry: where everything is kept. It is not closed here.
        folder: where files are kept, made at need for the owner alone; None for none.
        limits: ``schema_memory`` and ``schema_disk`` bound what is kept here.
        rng, sleep: for the pause before a change is tried again.
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
        self._folder, self._limits = folder, limits
        self._rng, self._sleep = rng or random.Random(), sleep
        self._images: OrderedDict[str, Image] = OrderedDict()
        self._weight = 0
        self._subjects: OrderedDict[str, Subject] = OrderedDict()
        # One at a time, so that a herd that registers leaves the event loop its share of the interpreter.
        self._turn = asyncio.Semaphore(1)

    # -- by digest

    async def blob(self, digest: str) -> bytes:
        """What is stored under ``digest``.

        Raises:
            KeyError: the registry has nothing under it.
            RegistryUnavailable: it is not here, and the registry cannot be asked.
        """
        path = self._path(digest)
        data = await asyncio.to_thread(_read, path, digest) if path is not None else None
        if data is None:
            data = await self.registry.get_blob(digest)
            await self._file(digest, data)
        return data

    async def have(self, digest: str) -> None:
        """See that ``digest`` is in the folder, if there is one. Raises as ``blob`` does."""
        path = self._path(digest)
        if path is not None and not await asyncio.to_thread(path.exists):
            await self.blob(digest)

    async def put(self, data: bytes) -> str:
        """Store ``data`` in the registry and here, and return its digest.

        Raises:
            InvalidParams: it is larger than a blob may be.
        """
        digest = await self.registry.put_blob(data)
        await self._file(digest, data)
        return digest

    async def _file(self, digest: str, data: bytes) -> None:
        path = self._path(digest)
        if path is not None:
            await asyncio.to_thread(_write, path, data)

    def loaded(self, digest: str) -> Image | None:
        """The image, if it is in memory; for the path of a call."""
        found = self._images.get(digest)
        if found is not None:
            self._images.move_to_end(digest)
        return found

    async def image(self, digest: str) -> Image:
        """The image of that digest, checked anew, because whoever can write to the registry could have put it there.

        Raises:
            KeyError: there is none.
            RegistryUnavailable: it is not here, and the registry cannot be asked.
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
        """The image that foreign bytes describe, built beside the event loop if it is not small. It is not stored.

        Raises:
            BadSchema: what is wrong with them.
        """
        known = self.loaded(blob_digest(data))
        if known is not None:
            return known
        image = await self.aside(partial(load_image, data, self._limits), len(data))
        self._keep(image)
        return image

    async def aside(self, work: Callable[[], T], size: int) -> T:
        """Do ``work`` on ``size`` bytes of schemas: beside the event loop, one at a time; at once if it is little."""
        if size <= _LITTLE:
            return work()
        async with self._turn:
            return await asyncio.to_thread(work)

    def _keep(self, image: Image) -> None:
        if image.digest not in self._images:
            self._weight += _weight(image)
        self._images[image.digest] = image
        self._images.move_to_end(image.digest)
        while self._weight > self._limits.schema_memory and len(self._images) > 1:
            self._weight -= _weight(self._images.popitem(last=False)[1])

    async def document(self, digest: str) -> Subject:
        """The subject whose document has that digest.

        Raises:
            KeyError: there is none.
            RegistryUnavailable: it is not here, and the registry cannot be asked.
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
        """The digest of a subject's document in the registry ("" if it has none), and the subject (then an empty one).

        Raises:
            RegistryUnavailable: the registry cannot be asked, or has lost the document.
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
        """Store the subject if the registry's still has the digest ``expected``; False if it has another.

        Raises:
            InvalidParams: its document is larger than a blob may be.
        """
        data = check_blob(subject.encode())
        digest = await self.put(data)
        won = await self.registry.put_subject(name, digest, expected)
        if won:
            self._remember(digest, subject)
        return won

    async def change(self, name: str, step: Callable[[Subject], Awaitable[Subject]]) -> tuple[Subject, bool]:
        """Change a subject by ``step``, anew whenever somebody else was faster; true if that wrote anything.

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

    def _path(self, digest: str) -> Path | None:
        return self._folder / digest if self._folder is not None and digest.isalnum() else None

    async def sweep(self, used: Iterable[str]) -> None:
        """Delete files that no subject needs and, beyond ``schema_disk`` bytes, the oldest of the others."""
        if self._folder is None:
            return
        try:
            await asyncio.to_thread(_sweep, self._folder, frozenset(used), self._limits.schema_disk)
        except OSError as error:
            log.warning("schemas_not_swept", folder=str(self._folder), reason=str(error))


def _read(path: Path, digest: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if blob_digest(data) == digest else None


def _write(path: Path, data: bytes) -> None:
    try:
        if path.exists() and path.stat().st_size == len(data):
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        log.warning("schema_not_kept", path=str(path), reason=str(error))


def _sweep(folder: Path, used: frozenset[str], most: int) -> None:
    kept = 0
    for needed, _, size, path in sorted(_files(folder, used), reverse=True):
        kept += size
        if not needed or kept > most:
            path.unlink(missing_ok=True)


def _files(folder: Path, used: frozenset[str]) -> Iterator[tuple[bool, float, int, Path]]:
    """Each file: whether it is used, when it was written, its size. What begins with a dot is being written."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another gateway of this home was faster
            facts = path.stat()
            if not path.name.startswith("."):
                yield path.name in used, facts.st_mtime, facts.st_size, path


def _weight(image: Image) -> int:
    return _WEIGHT + _FACTOR * len(image.data)
