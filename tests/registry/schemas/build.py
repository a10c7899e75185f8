"""Images from the text of .proto files."""

from __future__ import annotations

import functools
import importlib
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgate.registry.schemas import Image, Violation, compare, load_image
from meshgate.registry.schemas.standard_files import known_files

__all__ = ["compiled", "differences", "image"]

_protoc = importlib.import_module("grpc_tools.protoc")
"""protoc, in this process. It comes without types."""

_IMPORTS = {
    "buf.validate.": "buf/validate/validate.proto",
    "google.protobuf.Any": "google/protobuf/any.proto",
    "google.protobuf.Duration": "google/protobuf/duration.proto",
    "google.protobuf.Empty": "google/protobuf/empty.proto",
    "google.protobuf.FieldMask": "google/protobuf/field_mask.proto",
    "google.protobuf.FieldOptions": "google/protobuf/descriptor.proto",
    "google.protobuf.Int64Value": "google/protobuf/wrappers.proto",
    "google.protobuf.StringValue": "google/protobuf/wrappers.proto",
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Value": "google/protobuf/struct.proto",
}


@functools.cache
def compiled(body: str, syntax: str = "proto3", imports: bool = False) -> bytes:
    """The descriptor set of package ``p`` with these declarations; with ``imports``, of what it imports too."""
    head = 'edition = "2023";' if syntax == "2023" else f'syntax = "{syntax}";'
    paths = dict.fromkeys(path for name, path in _IMPORTS.items() if name in body)
    needed = "".join(f'import "{path}"; ' for path in paths)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "known.binpb").write_bytes(FileDescriptorSet(file=known_files().values()).SerializeToString())
        (home / "p.proto").write_text(f"{head} package p; {needed}\n{body}")
        wanted = [f"--descriptor_set_out={home}/out.binpb", *(["--include_imports"] if imports else [])]
        given = [f"-I{home}", f"--descriptor_set_in={home}/known.binpb"]
        assert _protoc.main(["protoc", *given, *wanted, "p.proto"]) == 0, body
        return (home / "out.binpb").read_bytes()


@functools.cache
def image(body: str, syntax: str = "proto3") -> Image:
    """The image of package ``p`` with these declarations."""
    return load_image(compiled(body, syntax))


def differences(old: str, new: str, root: str = "A", syntax: str = "proto3") -> tuple[Violation, ...]:
    """What breaks between two texts, seen from the message ``root``."""
    return compare(image(old, syntax), image(new, syntax), f"p.{root}", f"p.{root}")
