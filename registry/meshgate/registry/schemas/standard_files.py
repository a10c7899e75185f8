"""Files that every image may import without bringing them: protobuf's well-known types and protovalidate's options.

``validate.binpb`` is ``buf/validate/validate.proto`` of protovalidate 1.x (Apache-2.0) as a serialised
FileDescriptorProto, kept here because the base install has no protovalidate. A test compares it with the installed one.
"""

from __future__ import annotations

import functools
from importlib import import_module
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

__all__ = ["VALIDATE", "extension", "known_files", "options_class"]

VALIDATE = "buf/validate/validate.proto"
"""The name under which images import protovalidate's options."""

_WELL_KNOWN = (
    "any",
    "api",
    "descriptor",
    "duration",
    "empty",
    "field_mask",
    "source_context",
    "struct",
    "timestamp",
    "type",
    "wrappers",
)


@functools.cache
def known_files() -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Each known file by its name. The values are shared: copy before changing one."""
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for name in _WELL_KNOWN:
        file = descriptor_pb2.FileDescriptorProto()
        import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.CopyToProto(file)
        found[file.name] = file
    data = files("meshgate.registry.schemas").joinpath("validate.binpb").read_bytes()
    found[VALIDATE] = descriptor_pb2.FileDescriptorProto.FromString(data)
    return found


@functools.cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    waiting = dict(known_files())
    while waiting:
        ready = [name for name, file in waiting.items() if not waiting.keys() & set(file.dependency)]
        for name in ready:
            pool.AddSerializedFile(waiting.pop(name).SerializeToString())
    return pool


@functools.cache
def options_class(full_name: str) -> type[Message]:
    """The class of a known message, such as ``buf.validate.FieldRules``, in a pool that no image shares."""
    return GetMessageClass(_pool().FindMessageTypeByName(full_name))


@functools.cache
def extension(full_name: str) -> Any:
    """A known extension, such as ``buf.validate.field``, for messages of :func:`options_class`."""
    return _pool().FindExtensionByName(full_name)
