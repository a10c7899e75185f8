"""An image: one canonical FileDescriptorSet, named by its digest, with a descriptor pool of its own.

Canonical means: no source information, none of the files that every image knows (``standard_files``), no unknown fields
of files (what ``buf build`` adds), files in dependency order and then by name, serialised deterministically. Two sets
that describe the same files have the same digest, whatever they were built with, and in whatever order they came.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.limits import blob_digest
from meshgate.registry.schemas.descriptor_checks import check_files, check_texts
from meshgate.registry.schemas.errors import BadSchema
from meshgate.registry.schemas.options import check_rules
from meshgate.registry.schemas.standard_files import VALIDATE, known_files

__all__ = ["Image", "load_image"]


class Image:
    """A canonical descriptor set. :func:`load_image` makes one of foreign bytes; this takes canonical ones as they are.

    Args:
        data: the serialised FileDescriptorSet, as :attr:`data` of an image that was loaded.
        digest: its name, ``blob_digest(data)``.
    """

    def __init__(self, data: bytes, digest: str) -> None:
        self.data = data
        self.digest = digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Image({self.digest})"

    @functools.cached_property
    def pool(self) -> DescriptorPool:
        """The image's own pool, with the known files that it needs."""
        pool = DescriptorPool()
        added: set[str] = set()
        for file in FileDescriptorSet.FromString(self.data).file:
            _leave_rules(file)
            _add_known(pool, file, added)
            pool.AddSerializedFile(file.SerializeToString())
        return pool

    @functools.cached_property
    def types(self) -> tuple[str, ...]:
        """The full name of each message that the image declares, sorted; map entries are left out."""
        names: list[str] = []
        for file in FileDescriptorSet.FromString(self.data).file:
            waiting = [(file.package, message) for message in file.message_type]
            while waiting:
                scope, message = waiting.pop()
                name = f"{scope}.{message.name}" if scope else message.name
                if not message.options.map_entry:
                    names.append(name)
                waiting += [(name, nested) for nested in message.nested_type]
        return tuple(sorted(names))

    def message(self, full_name: str) -> Descriptor:
        """The descriptor of a message.

        Raises:
            BadSchema: the image has no such message; the nearest names are shown.
        """
        try:
            return self.pool.FindMessageTypeByName(full_name)
        except KeyError:
            near = get_close_matches(full_name, self.types, n=3) or list(self.types[:3])
            remedy = f"name one that it declares, such as {', '.join(near)}" if near else "declare it"
            raise BadSchema(full_name, "the schema has no such message", remedy) from None

    def message_class(self, full_name: str) -> type[Message]:
        """The class of a message.

        Raises:
            BadSchema: the image has no such message.
        """
        return GetMessageClass(self.message(full_name))


def load_image(data: bytes, limits: Limits = DEFAULTS) -> Image:
    """The image that a serialised FileDescriptorSet describes (``buf build -o x.binpb``, ``protoc -o x.binpb``).

    Taken are proto2, proto3 and edition 2023; refused are groups, extensions of anything but options, message sets.

    Raises:
        BadSchema: what is wrong with it, where, and what to do.
    """
    if len(data) > limits.schema_bytes:
        raise BadSchema(
            "",
            f"the descriptor set has {len(data)} bytes, at most {limits.schema_bytes} are taken",
            "build it without source information and without what the skill does not use",
        )
    files = _order(_files(data))
    check_files(files, limits)
    check_rules(files, limits)
    canonical = FileDescriptorSet(file=files).SerializeToString(deterministic=True)
    image = Image(canonical, blob_digest(canonical))
    try:
        _ = image.pool
    except TypeError as error:
        _blame(files, str(error))
    return image


def _files(data: bytes) -> dict[str, FileDescriptorProto]:
    """The files of the set by name, without what was added to it."""
    try:
        parsed = FileDescriptorSet.FromString(data)
    except DecodeError:
        raise BadSchema(
            "",
            "this is no FileDescriptorSet, or its declarations are nested too deep",
            "send what 'buf build -o schema.binpb' or 'protoc --descriptor_set_out' wrote",
        ) from None
    found: dict[str, FileDescriptorProto] = {}
    check_texts(parsed)
    for file in parsed.file:
        if not file.name or len(file.name) > 255 or not file.name.isprintable():
            raise BadSchema(file.name, "a file has no proper name", "name it in 1 to 255 printable characters")
        if file.name in found:
            raise BadSchema(file.name, "the set holds this file twice", "send each file once")
        found[file.name] = _bare(file)
    own = {name: file for name, file in found.items() if name not in known_files()}
    if not own:
        raise BadSchema("", "the descriptor set holds no file", "send the .proto files that the skill's types are in")
    return own


def _bare(file: FileDescriptorProto) -> FileDescriptorProto:
    """The file without source information, and without unknown fields of its own (those of options stay)."""
    parts: dict[str, Any] = {
        field.name: value for field, value in file.ListFields() if field.name != "source_code_info"
    }
    return FileDescriptorProto(**parts)


def _order(files: Mapping[str, FileDescriptorProto]) -> list[FileDescriptorProto]:
    """The files, each after those that it imports, and by name where that leaves a choice.

    Raises:
        BadSchema: an import is missing, or imports run in a circle.
    """
    waiting = {name: {need for need in file.dependency if need not in known_files()} for name, file in files.items()}
    for name, needs in waiting.items():
        missing = sorted(needs - files.keys())
        if missing:
            remedy = "send the imported files too ('buf build' and 'protoc --include_imports' do)"
            raise BadSchema(name, f"imports {missing[0][:128]!r}, which is not in the set", remedy)
    importers: dict[str, list[str]] = {name: [] for name in files}
    for name, needs in waiting.items():
        for need in needs:
            importers[need].append(name)
    ready = [name for name, needs in waiting.items() if not needs]
    heapq.heapify(ready)
    ordered: list[FileDescriptorProto] = []
    while ready:
        name = heapq.heappop(ready)
        ordered.append(files[name])
        del waiting[name]
        for importer in importers[name]:
            waiting[importer].discard(name)
            if not waiting[importer]:
                heapq.heappush(ready, importer)
    if waiting:
        raise BadSchema(
            min(waiting), "imports itself, by way of other files or not", "take one import of the circle out"
        )
    return ordered


def _leave_rules(file: FileDescriptorProto) -> None:
    """Take the import of protovalidate's options out of a file that has constraints alone of it: they are read as they
    are (``options.py``, and protovalidate itself), and a pool with the import is 340 KB larger and takes 2.6 ms more.
    """
    named = b".buf.validate." in file.SerializeToString()  # as the type of a field, or of what is extended
    if VALIDATE in file.dependency and not (named or file.public_dependency or file.weak_dependency):
        file.dependency.remove(VALIDATE)


def _add_known(pool: DescriptorPool, file: FileDescriptorProto, added: set[str]) -> None:
    """Put the known files that ``file`` imports into the pool, each after its own imports."""
    for name in file.dependency:
        known = known_files().get(name)
        if known is not None and name not in added:
            added.add(name)
            _add_known(pool, known, added)
            pool.AddSerializedFile(known.SerializeToString())


def _blame(files: list[FileDescriptorProto], problem: str) -> NoReturn:
    """Say which file the descriptor pool refuses, and why."""
    pool, added = DescriptorPool(), set[str]()
    for file in files:
        try:
            _add_known(pool, file, added)
            pool.AddSerializedFile(file.SerializeToString())
        except TypeError as error:
            problem = str(error).partition("descriptor pool: ")[2] or str(error)
            raise BadSchema(
                file.name, problem[:512], "correct the .proto file and build it with buf or protoc"
            ) from None
    raise BadSchema("", problem[:512], "correct the .proto files and build them with buf or protoc")
