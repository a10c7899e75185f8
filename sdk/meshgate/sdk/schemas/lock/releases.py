"""The releases in a lock file: what ``meshgate schema check`` compares, without running the agent.

::

    "releases": {
      "shop/price": {
        "version": "1.0.0",
        "input": "agents.shop.price.Order",
        "output": "agents.shop.price.Quote",
        "migrations": [],
        "schema": {"file": [{"name": "agents/shop/price.proto", "messageType": [...]}]}
      }
    }

``schema`` is a FileDescriptorSet in protobuf's JSON form, with protovalidate's constraints by name, so that a review
shows what changes. A set that is large, or holds options of its author's own, which JSON cannot name, is base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from meshgate.a2a.codec.short_text import first_sentence
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.codec.type_fault import fault_at
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Image, load_image
from meshgate.registry.schemas.standard_files import options_class
from meshgate.sdk.schemas.errors import BadLock
from meshgate.sdk.schemas.lock.locked_release import LockedRelease

__all__ = ["decode_releases", "release_tree", "same_content", "schema_tree"]

_READABLE = 65_536
"""Bytes of JSON up to which a schema is written for people."""
_SET = "google.protobuf.FileDescriptorSet"
_KEYS = ("version", "input", "output", "migrations", "schema")
_REMEDY = "run the agent once without MESHGATE_CONTRACTS=frozen, which writes it again"


def release_tree(
    version: str, takes: tuple[str, Image] | None, gives: tuple[str, Image] | None, migrations: Sequence[Migration]
) -> dict[str, Any]:
    """The entry of a skill.

    Args:
        version: the skill's.
        takes, gives: the full name of the message and its image, if there is one.
        migrations: those that the release declares.
    """
    images = [image for _, image in filter(None, (takes, gives))]
    return {
        "version": version,
        "input": takes[0] if takes else "",
        "output": gives[0] if gives else "",
        "migrations": msgspec.to_builtins(list(migrations)),
        "schema": schema_tree(images),
    }


def schema_tree(images: Sequence[Image]) -> dict[str, Any] | str:
    """The files of the images as JSON, or as base64 where JSON would lose something or be too much to read."""
    files = {file.name: file for image in images for file in FileDescriptorSet.FromString(image.data).file}
    data = FileDescriptorSet(file=files.values()).SerializeToString(deterministic=True)
    tree: dict[str, Any] = json_format.MessageToDict(options_class(_SET).FromString(data))
    if len(json.dumps(tree)) <= _READABLE and _bytes_of(tree) == data:
        return tree
    return base64.b64encode(data).decode("ascii")


def _bytes_of(tree: Any) -> bytes:
    parsed = json_format.ParseDict(tree, options_class(_SET)())
    return parsed.SerializeToString(deterministic=True)


def same_content(one: object, other: Mapping[str, Any]) -> bool:
    """Whether two entries have the same types: that is what must be current. A version may come from a build."""
    return is_object(one) and all(one.get(key) == other.get(key) for key in ("input", "output", "schema"))


def decode_releases(data: bytes, path: str, limits: Limits = DEFAULTS) -> dict[str, LockedRelease]:
    """The releases in a lock file, by AGENT/SKILL; none if it was written before it held any.

    Args:
        data: the file, of which :func:`meshgate.sdk.schemas.lock.lockfile.decode_lock` had nothing to say.
        path: its name, for messages.
        limits: how large a schema may be.

    Raises:
        BadLock: names the entry and the remedy.
        BadSchema: a schema cannot be taken.
    """
    entries: Any = json.loads(data).get("releases", {})
    if not is_object(entries):
        _fail(path, "releases", "must be an object")
    return {name: _release(entry, path, f"releases.{name}", limits) for name, entry in entries.items()}


def _fail(path: str, where: str, problem: str) -> NoReturn:
    raise BadLock(f"{path}: {where}: {problem}: {_REMEDY}", violations=((where, f"{problem}: {_REMEDY}"),))


def _release(tree: Any, path: str, where: str, limits: Limits) -> LockedRelease:
    if not is_object(tree) or set(tree) != set(_KEYS):
        _fail(path, where, f"must be an object of {', '.join(_KEYS)}")
    version, takes, gives = (tree[key] for key in _KEYS[:3])
    if not all(isinstance(each, str) for each in (version, takes, gives)):
        _fail(path, where, "version, input and output must be texts")
    try:
        migrations = msgspec.convert(tree["migrations"], tuple[Migration, ...])
        files = _files(tree["schema"])
        images = [_image(files, name, limits) if name else None for name in (takes, gives)]
    except (msgspec.ValidationError, json_format.Error, DecodeError, ValueError, TypeError, RecursionError) as error:
        why = fault_at(error) if isinstance(error, msgspec.ValidationError) else error
        _fail(path, where, f"cannot be read ({first_sentence(why, 60)})")
    except BadSchema as error:
        raise BadSchema(error.path, f"{path}, {where}: {error.problem}", error.remedy) from None
    return LockedRelease(version, takes, gives, images[0], images[1], migrations)


def _files(tree: Any) -> dict[str, FileDescriptorProto]:
    if not isinstance(tree, str) and not (is_object(tree) and is_array(tree.get("file"))):
        raise ValueError("a schema is an object with 'file', or base64")
    data = base64.b64decode(tree, validate=True) if isinstance(tree, str) else _bytes_of(tree)
    return {file.name: file for file in FileDescriptorSet.FromString(data).file}


def _image(files: Mapping[str, FileDescriptorProto], type_name: str, limits: Limits) -> Image:
    """The image of one side, byte by byte as the agent sends it: the file that declares the type, and its imports."""
    home = next((name for name, file in files.items() if type_name in _declared(file)), "")
    if not home:
        raise ValueError(f"the schema does not declare {type_name}")
    taken: dict[str, FileDescriptorProto] = {}
    waiting = [home]
    while waiting:
        name = waiting.pop()
        if name in files and name not in taken:
            taken[name] = files[name]
            waiting += files[name].dependency
    return load_image(FileDescriptorSet(file=taken.values()).SerializeToString(), limits)


def _declared(file: FileDescriptorProto) -> set[str]:
    """The full names of the messages that a file declares."""
    found: set[str] = set()
    waiting: list[tuple[str, DescriptorProto]] = [(file.package, message) for message in file.message_type]
    while waiting:
        scope, message = waiting.pop()
        name = f"{scope}.{message.name}" if scope else message.name
        found.add(name)
        waiting += [(name, nested) for nested in message.nested_type]
    return found
