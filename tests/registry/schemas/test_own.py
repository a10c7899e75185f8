"""The project's own schemas keep the rules that it holds others to."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgate.registry.schemas import Image, compare, load_image
from meshgate.v1 import capability_pb2, registry_pb2

BASELINE = Path(__file__).parents[3] / "protos" / "baseline.binpb"


def today() -> Image:
    files = FileDescriptorSet()
    for module in (capability_pb2, registry_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    return load_image(files.SerializeToString())


@pytest.mark.requirement("schema.own")
def test_every_message_of_the_last_release_is_read_and_written_as_it_was() -> None:
    before, now = load_image(BASELINE.read_bytes()), today()
    assert "meshgate.v1.Registration" in before.types
    assert set(before.types) <= set(now.types)
    for name in before.types:
        assert compare(before, now, name, name) == ()
