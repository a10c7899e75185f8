"""The files that ``meshgate schema check`` reads: lock files, and descriptor sets in bytes or JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgate.a2a.errors import MeshError
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.sources import Entry, SideSchema, Source
from meshgate.registry.schemas import BadSchema, load_image
from meshgate.registry.schemas.standard_files import options_class
from meshgate.sdk.schemas.lock.format import decode_lock
from meshgate.sdk.schemas.lock.releases import decode_releases

__all__ = ["read_bytes", "read_source", "source_of"]

_LARGEST = 32 * 1024 * 1024
_STALE = "run 'meshgate schema lock' with the agent's program, and commit the file"


def read_source(path: str) -> Source:
    """The source in a file, or in standard input if it is ``-``.

    Raises:
        CliError: the file cannot be read, or holds no schemas.
    """
    name = "standard input" if path == "-" else path
    return source_of(read_bytes(path), name, f"in {name}")


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input if it is ``-``.

    Raises:
        CliError: the file cannot be read, or is too large.
    """
    try:
        if path == "-":
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(_LARGEST + 1)
    except IsADirectoryError:
        remedy = f"buf build {path} -o - | meshgate schema check - ..."
        raise CliError(f"{path} is a folder", Exit.USAGE, remedy) from None
    except OSError as error:
        remedy = "give a lock file (contracts.lock.json) or a descriptor set (buf build -o schema.binpb)"
        raise CliError(f"{path}: {error.strerror}", Exit.USAGE, remedy) from None
    if len(data) > _LARGEST:
        raise CliError(f"{path} has more than {_LARGEST} bytes", Exit.USAGE)
    return data


def source_of(data: bytes, name: str, place: str) -> Source:
    """The source in the bytes of a file.

    Args:
        data: the bytes.
        name: the name of the file, for messages.
        place: the words for it in a sentence.

    Raises:
        CliError: the bytes hold no schemas.
    """
    try:
        if data.lstrip()[:1] != b"{":
            return Source(name, place, image=load_image(data))
        tree: Any = msgspec.json.decode(data)
        if "file" in tree and "contracts" not in tree:
            return Source(name, place, image=load_image(_set_of(tree)))
        decode_lock(data, name)
        releases = decode_releases(data, name)
    except BadSchema as error:
        where = "" if name in error.message else f"{name}: "
        raise CliError(f"{where}{error.message}", Exit.USAGE) from None
    except MeshError as error:
        raise CliError(error.message, Exit.USAGE) from None
    except (msgspec.DecodeError, json_format.Error) as error:
        raise CliError(f"{name}: this cannot be read ({error})", Exit.USAGE) from None
    if not releases and tree["contracts"]:
        raise CliError(f"{name}: an earlier version wrote it, which kept numbers but no types", Exit.USAGE, _STALE)
    return Source(name, place, tuple(_entry(subject, one) for subject, one in sorted(releases.items())))


def _entry(subject: str, one: Any) -> Entry:
    takes = SideSchema(one.input, one.takes) if one.takes is not None else None
    gives = SideSchema(one.output, one.gives) if one.gives is not None else None
    return Entry(subject, one.version, takes, gives, one.migrations)


def _set_of(tree: dict[str, Any]) -> bytes:
    """A descriptor set in JSON, as ``buf build -o schema.json`` writes it."""
    parsed: Any = options_class(FileDescriptorSet.DESCRIPTOR.full_name)()
    json_format.ParseDict(tree, parsed, ignore_unknown_fields=True)
    for file in parsed.file:
        file.ClearField("source_code_info")
    return bytes(parsed.SerializeToString(deterministic=True))
