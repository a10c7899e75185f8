"""Part of ``tools.golden``: the contracts of skills."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from pydantic import BaseModel, Field

from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.cluster.questions import UsageView
from meshgate.gateway.contracts.usage import UsageCounter
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.join import wire
from meshgate.registry.model import Capability, Entry, Instance, Lease, Manifest, Migration, SchemaRef
from meshgate.registry.schemas import Incompatible, Mode, Release, Stage, Subject, SubjectSettings, load_image
from meshgate.registry.snapshot import write_snapshot
from meshgate.sdk import Agent
from tools.golden_words import consul

if TYPE_CHECKING:
    from tools.golden import Golden

__all__ = ["contracts"]

_NOT_EMPTY = b"\xba\x48\x04\x72\x02\x10\x01"
"""The option (buf.validate.field).string.min_len = 1."""
_SUBJECT = "writer/write"


class Letter(BaseModel):
    """What the skill takes."""

    to: str = Field(min_length=1)
    pages: int = 1


class Written(BaseModel):
    """What it gives."""

    text: str


def _image() -> bytes:
    """The canonical form of a schema of two messages, one with a constraint."""
    file = FileDescriptorProto(name="office/v1/letter.proto", package="office.v1", syntax="proto3")
    for message, fields in (("Letter", ("to", "text")), ("Written", ("text",))):
        added = file.message_type.add(name=message)
        for number, name in enumerate(fields, 1):
            one = added.field.add(name=name, number=number, type=FieldDescriptorProto.TYPE_STRING, label=1)
            one.json_name = name
    file.message_type[0].field[0].options.MergeFromString(_NOT_EMPTY)
    return load_image(FileDescriptorSet(file=[file]).SerializeToString()).data


def _capability(image: bytes) -> Capability:
    digest = load_image(image).digest
    return Capability(
        "write",
        "1.4.0",
        input=SchemaRef("office.v1.Letter", digest),
        output=SchemaRef("office.v1.Written", digest),
        owner="team-ink",
        steward="office",
        migrations=(
            Migration("^0", {"to": "old.addressee"}, {"addressee": "old.to"}, side="input"),
            Migration("1.0.0", function="office.letters"),
        ),
    )


def _subject(capability: Capability, now: float) -> Subject:
    first = Release(
        "1.0.0",
        capability.input,
        stage=Stage.DEPRECATED,
        owner="team-ink",
        notice="use 1.4.0: prüfen",
        registered=now,
        deprecated=now + 60.0,
        sunset="2027-03-31",
    )
    second = Release(
        "1.4.0",
        capability.input,
        capability.output,
        owner="team-ink",
        steward="office",
        registered=now + 30.0,
        migrations=capability.migrations,
    )
    settings = SubjectSettings(Mode.FULL, Mode.NONE, ("wire",), "observe", validate_output=True)
    return Subject("writer", "write", (first, second), settings)


async def contracts(golden: Golden, instance: Instance, manifest: Manifest, now: float, secret: bytes) -> None:
    """Everything.

    Args:
        instance, manifest: an agent without contracts.
        now: seconds since 1970.
        secret: the mesh key.
    """
    image = _image()
    capability = _capability(image)
    manifest = msgspec.structs.replace(manifest, skills=(capability, *manifest.skills[1:]))
    instance = msgspec.structs.replace(instance, manifest=manifest.digest())
    subject = _subject(capability, now)
    golden.put("image.bin", "image", "a schema, as it is stored: in the registry, in a gateway's folder", image)
    golden.put("subject.json", "subject", "a skill's contract, as it is stored", subject.encode())
    golden.put("contract.manifest.json", "manifest", "a manifest with a contract", manifest.encode())
    _join_port(golden, instance, manifest, image)
    await _kept(golden, instance, manifest, subject, image)
    await _lock(golden)
    usage = UsageCounter(10, 10, lambda: now)
    usage.note(_SUBJECT, "alice", "1.0.0", "input", "1.4.0", {"to": "Bern"}, invalid=False)
    rows = msgspec.json.encode(UsageView(now, 3, usage.rows(_SUBJECT)))
    tags = TaskTags(secret)
    task = tags.tag("task-1", tenant="default", owner="alice", agent="writer", instance=instance.id, release="1.4.0")
    golden.put("contract.taskids.txt", "released_task_ids", "a task's id, begun in a release", f"{task}\n")
    golden.put("usage.json", "usage", "a gateway's answer about a contract's callers to another gateway", rows)


def _join_port(golden: Golden, instance: Instance, manifest: Manifest, image: bytes) -> None:
    joined = wire.RegisterResponse(
        Lease(instance.id, 10.0), "mgc_key", "secret", ("http://127.0.0.1:8080",), ("it is late",)
    )
    media: dict[wire.Media, str] = {wire.PROTO: "bin", wire.JSON: "json"}
    for each, end in media.items():
        register = wire.encode_register(instance, manifest, each, (image,))
        golden.put(f"contract.register.{end}", "register", f"Register's request with a schema as {each}", register)
        answer = wire.encode_register_response(joined, each)
        golden.put(f"contract.joined.{end}", "joined", f"Register's answer with a notice as {each}", answer)
    why = (("office.v1.Letter.to", "the type changed: use a new number [FIELD_TYPE]"),)
    _, refused = wire.encode_error(Incompatible("writer/write 1.5.0 breaks the contract", violations=why))
    golden.put("contract.error.json", "error", "what the join port answers to what breaks a contract", refused)


async def _kept(golden: Golden, instance: Instance, manifest: Manifest, subject: Subject, image: bytes) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "registry.sqlite"
        opened = FileRegistry(path)
        await opened.register(instance, manifest)
        await opened.put_blob(b"a blob")
        await opened.put_blob(image)
        digest = await opened.put_blob(subject.encode())
        assert await opened.put_subject(_SUBJECT, digest, "")
        await opened.aclose()
        what = "the file registry with a contract"
        shutil.copy(path, golden.put("contract.registry.sqlite", "registry", what))
    path = golden.put("contract.snapshot.json", "snapshot", "a gateway's snapshot of a registry with a contract")
    write_snapshot(path, [Entry.of(instance, manifest)], (), {_SUBJECT: digest})
    tree = consul({"agent": (instance, manifest)}, (), lambda layout: {layout.subject_key(_SUBJECT): digest.encode()})
    golden.put("contract.consul.json", "consul", "a contract in Consul", tree)


async def _lock(golden: Golden) -> None:
    path = golden.put("contracts.lock.json", "lock", "the lock file of an agent's contracts")
    agent = Agent("writer", version="1.4.0", contracts=path, environ={})

    @agent.skill(name="write")
    async def write(letter: Letter) -> Written:
        """Write a letter."""
        return Written(text=letter.to)

    async with agent.serve(join=False, unguarded=True):  # which writes it
        pass
