"""Schemas that ``meshgate schema check`` reads: from lock files and descriptor sets, as they are or as git has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgate.a2a.errors import MeshError
from meshgate.cli.exits import CliError, Exit
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Image, load_image
from meshgate.registry.schemas.standard_files import options_class
from meshgate.sdk.schemas.lock.format import decode_lock
from meshgate.sdk.schemas.lock.releases import decode_releases

__all__ = ["Entry", "Side", "Source", "read_bytes", "read_git", "read_source", "source_of"]

_LARGEST = 32 * 1024 * 1024
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@{}^~+-]{0,255}\Z")
_GIT_SECONDS = 30
_HOOK = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""What git tells its hooks, relative to their folder; here the repository is the file's."""
_STALE = "run the agent once without MESHGATE_CONTRACTS=frozen, and commit the file"


class Side(msgspec.Struct, frozen=True):
    """What a skill takes, or what it gives."""

    type: str
    image: Image


class Entry(msgspec.Struct, frozen=True):
    """One skill's contract in a lock file."""

    subject: str
    version: str
    input: Side | None = None
    output: Side | None = None
    migrations: tuple[Migration, ...] = ()

    def side(self, name: str) -> Side | None:
        """The side that is called ``input`` or ``output``."""
        return self.input if name == "input" else self.output


class Source(msgspec.Struct, frozen=True):
    """What a file holds: the skills of a lock file, or an image. A file that is not there holds nothing."""

    name: str
    place: str = ""
    """How to speak of it: ``at main``, ``in old.binpb``."""
    entries: tuple[Entry, ...] = ()
    image: Image | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The messages, by their full names."""
        return tuple(sorted({name for image in self._images for name in image.types}))

    @property
    def _images(self) -> list[Image]:
        sides = [side for one in self.entries for side in (one.input, one.output) if side is not None]
        return [*([self.image] if self.image is not None else []), *(side.image for side in sides)]

    def entry(self, subject: str) -> Entry | None:
        """The contract of that skill."""
        return next((one for one in self.entries if one.subject == subject), None)

    def declaring(self, type_name: str) -> Side | None:
        """The type of that name, wherever it stands."""
        image = next((one for one in self._images if type_name in one.types), None)
        return Side(type_name, image) if image is not None else None


def read_source(path: str) -> Source:
    """What a file holds, or standard input if it is ``-``.

    Raises:
        CliError: it cannot be read, or holds no schemas.
    """
    name = "standard input" if path == "-" else path
    return source_of(read_bytes(path), name, f"in {name}")


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input if it is ``-``.

    Raises:
        CliError: it cannot be read, or is too large.
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
    """What the bytes of a file hold.

    Args:
        name: of the file, for messages.
        place: how to speak of it.

    Raises:
        CliError: they hold no schemas.
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
    takes = Side(one.input, one.takes) if one.takes is not None else None
    gives = Side(one.output, one.gives) if one.gives is not None else None
    return Entry(subject, one.version, takes, gives, one.migrations)


def _set_of(tree: dict[str, Any]) -> bytes:
    """A descriptor set in JSON, as ``buf build -o schema.json`` writes it."""
    parsed: Any = options_class(FileDescriptorSet.DESCRIPTOR.full_name)()
    json_format.ParseDict(tree, parsed, ignore_unknown_fields=True)
    for file in parsed.file:
        file.ClearField("source_code_info")
    return bytes(parsed.SerializeToString(deterministic=True))


def read_git(ref: str, path: str) -> Source:
    """What a file held at a commit, of the repository that the file is in.

    Raises:
        CliError: there is no such repository or commit, or the file held no schemas.
    """
    if path == "-":
        raise CliError("--against git:REF needs a file, not standard input", Exit.USAGE)
    if _REF.match(ref) is None or ".." in ref:
        raise CliError(f"{ref!r} is no ref of git", Exit.USAGE, "name a branch, a tag or a commit")
    file = Path(path).resolve()
    top = _git(file.parent, "rev-parse", "--show-toplevel")
    if top.returncode:
        said = top.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise CliError(f"{file.parent} is in no repository that git reads", Exit.USAGE, said.removeprefix("fatal: "))
    root = Path(top.stdout.decode(errors="replace").rstrip("\n"))
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        remedy = "fetch it first; actions/checkout needs fetch-depth: 0"
        raise CliError(f"there is no commit {ref} in {root}", Exit.USAGE, remedy)
    inside, commit = file.relative_to(root.resolve()).as_posix(), found.stdout.decode().strip()
    blob = _git(root, "cat-file", "blob", f"{commit}:{inside}")
    place = f"at {ref}"
    name = f"{inside} {place}"
    return Source(name, place) if blob.returncode else source_of(blob.stdout, name, place)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """What git says. Everything that comes from outside is checked, and no shell sees it."""
    environ = {name: value for name, value in os.environ.items() if name not in _HOOK}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            check=False,
            env=environ,
            stdin=subprocess.DEVNULL,
            timeout=_GIT_SECONDS,
        )
    except FileNotFoundError:
        raise CliError("git is not installed, or not on the PATH", Exit.USAGE) from None
    except subprocess.TimeoutExpired:
        raise CliError(f"git did not answer within {_GIT_SECONDS} s", Exit.USAGE) from None
