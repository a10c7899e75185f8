"""A lock file holds each skill's types, so that they can be compared without running the agent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from pydantic import BaseModel, Field

from meshgate.a2a.errors import MeshError
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema, Image, load_image
from meshgate.sdk import Agent
from meshgate.sdk.contracts import BadLock, Bytes, StaleLock
from meshgate.sdk.schemas.lock.releases import decode_releases, release_tree, schema_tree
from meshgate.v1.capability_pb2 import Capability as CapabilityMessage

LOCK = "contracts.lock.json"


class Item(BaseModel):
    name: str = Field(min_length=1, pattern="^[a-z]+$")
    weight: float = Field(gt=0, le=1e300)
    data: Bytes = b"\x00"


class Order(BaseModel):
    items: list[Item] = Field(max_length=7)
    notes: dict[str, int] = {}


def agent(folder: Path, version: str = "1.0.0", *, frozen: bool = False, model: type[BaseModel] = Order) -> Agent:
    made = Agent(
        "shop",
        version=version,
        contracts=folder / LOCK,
        environ={"MESHGATE_HOME": str(folder), "MESHGATE_CONTRACTS": "frozen" if frozen else ""},
    )

    @made.skill(migrations=[Migration("^0", up={"notes": "old.notes"})])
    async def price(order: model) -> CapabilityMessage:  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]
        """Prices."""
        return CapabilityMessage()

    return made


def written(folder: Path, version: str = "1.0.0") -> tuple[Agent, dict[str, Any]]:
    made = agent(folder, version)
    made.lock()
    return made, json.loads((folder / LOCK).read_bytes())


@pytest.mark.requirement("contracts.releases")
def test_the_images_in_a_lock_file_are_those_that_the_agent_registers(tmp_path: Path) -> None:
    made, _ = written(tmp_path)
    released = decode_releases((tmp_path / LOCK).read_bytes(), LOCK)["shop/price"]
    (capability,) = made.manifest().skills
    assert capability.input is not None
    assert capability.output is not None
    assert released.takes is not None
    assert released.gives is not None
    assert (released.input, released.takes.digest) == (capability.input.type, capability.input.hash)
    assert (released.output, released.gives.digest) == (capability.output.type, capability.output.hash)
    assert {released.takes.data, released.gives.data} == set(made.images())
    assert (released.version, released.migrations) == ("1.0.0", capability.migrations)


def test_constraints_stand_there_by_name_for_those_who_review_them(tmp_path: Path) -> None:
    _, tree = written(tmp_path)
    assert '{"minLen": "1", "pattern": "^[a-z]+$"}' in json.dumps(tree)


@pytest.mark.requirement("contracts.releases")
def test_a_frozen_file_with_other_types_is_refused_and_one_with_another_version_is_not(tmp_path: Path) -> None:
    class Other(BaseModel):
        items: list[Item] = Field(max_length=8)
        notes: dict[str, int] = {}

    Other.__name__ = "Order"
    written(tmp_path)
    agent(tmp_path, "1.1.0", frozen=True).manifest()
    with pytest.raises(StaleLock):
        agent(tmp_path, frozen=True, model=Other).manifest()


def test_a_new_version_is_written_when_the_agent_runs(tmp_path: Path) -> None:
    written(tmp_path)
    _, tree = written(tmp_path, "1.1.0")
    assert tree["releases"]["shop/price"]["version"] == "1.1.0"


def test_a_file_from_before_releases_stood_in_it_is_brought_up_to_date(tmp_path: Path) -> None:
    _, tree = written(tmp_path)
    whole = (tmp_path / LOCK).read_bytes()
    del tree["releases"]
    (tmp_path / LOCK).write_text(json.dumps(tree))
    assert decode_releases((tmp_path / LOCK).read_bytes(), LOCK) == {}
    with pytest.raises(StaleLock):
        agent(tmp_path, frozen=True).manifest()
    written(tmp_path)
    assert (tmp_path / LOCK).read_bytes() == whole


def image_with(options: bytes = b"", fields: int = 1) -> Image:
    file = FileDescriptorProto(name="a.proto", package="a", syntax="proto3")
    message = file.message_type.add(name="M")
    for number in range(1, fields + 1):
        one = message.field.add(name=f"f{number}", number=number, type=FieldDescriptorProto.TYPE_STRING, label=1)
        one.options.MergeFromString(options)
    return load_image(FileDescriptorSet(file=[file]).SerializeToString())


@pytest.mark.parametrize("image", [image_with(b"\x9a\xb5\x18\x01x"), image_with(fields=900)], ids=["options", "large"])
def test_what_json_cannot_say_or_nobody_would_read_is_kept_as_bytes(image: Image) -> None:
    assert isinstance(schema_tree([image]), str)
    tree = {"releases": {"a/b": release_tree("1.0.0", ("a.M", image), None, ())}}
    released = decode_releases(json.dumps(tree).encode(), LOCK)["a/b"]
    assert released.takes == image
    assert (released.output, released.gives) == ("", None)


SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a key missing": lambda one: one.pop("schema"),
    "a key too many": lambda one: one.update(more=1),
    "a version that is a number": lambda one: one.update(version=1),
    "a type that is not declared": lambda one: one.update(input="a.N"),
    "a schema that is a list": lambda one: one.update(schema=[]),
    "a schema that is no base64": lambda one: one.update(schema="ä"),
    "a schema that is no set": lambda one: one.update(schema="/////w=="),
    "a schema with what there is not": lambda one: one.update(schema={"file": [{"hello": 1}]}),
    "a number that is taken": lambda one: one["schema"]["file"][0]["messageType"][0]["field"].append(
        {"name": "g", "number": 1, "type": "TYPE_BOOL", "label": "LABEL_OPTIONAL"}
    ),
    "migrations that are none": lambda one: one.update(migrations=[1]),
}


@pytest.mark.requirement("contracts.releases")
@pytest.mark.parametrize("what", SPOILT)
def test_an_entry_that_was_spoilt_is_named_with_the_remedy(what: str) -> None:
    tree = {"releases": {"a/b": release_tree("1.0.0", ("a.M", image_with()), None, ())}}
    SPOILT[what](tree["releases"]["a/b"])
    with pytest.raises((BadLock, BadSchema)) as caught:
        decode_releases(json.dumps(tree).encode(), LOCK)
    assert isinstance(caught.value, MeshError)
    assert "releases.a/b" in caught.value.message


def test_releases_that_are_no_object_are_refused() -> None:
    with pytest.raises(BadLock):
        decode_releases(b'{"releases": 3}', LOCK)


def test_the_file_is_written_before_a_mesh_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        agent(tmp_path).run()
    assert decode_releases((tmp_path / LOCK).read_bytes(), LOCK).keys() == {"shop/price"}
