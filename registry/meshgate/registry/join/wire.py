"""What travels between an instance and the join port: ``meshgate.v1``'s messages, and the values that they stand for.

Both ends use this module. A body is protobuf (``application/proto``) or JSON (``application/json``, ProtoJSON); errors
are in ``wire_errors``. None of this is on the path of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar, cast

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from meshgate.a2a.codec.strict_json import decode_json
from meshgate.a2a.errors import InvalidParams, UnsupportedMediaType
from meshgate.registry.join.errors import decode_error, encode_error
from meshgate.registry.join.messages import (
    lease_from_proto,
    lease_to_proto,
    registration_from_proto,
    registration_to_proto,
)
from meshgate.registry.model import Instance, Lease, Manifest
from meshgate.v1 import registry_pb2

__all__ = [
    "JSON",
    "PROTO",
    "SERVICE_PATH",
    "Joined",
    "Joining",
    "Renewed",
    "decode_deregister",
    "decode_error",
    "decode_joined",
    "decode_register",
    "decode_renew",
    "decode_renewed",
    "encode_deregister",
    "encode_deregistered",
    "encode_error",
    "encode_joined",
    "encode_register",
    "encode_renew",
    "encode_renewed",
    "media_type",
    "registration_from_proto",
    "registration_to_proto",
]

SERVICE_PATH = "/meshgate.v1.RegistryService/"
"""What stands before ``Register``, ``Renew`` and ``Deregister`` in a URL."""

Media = Literal["application/proto", "application/json"]
PROTO: Media = "application/proto"
JSON: Media = "application/json"

_M = TypeVar("_M", bound=Message)


class Joined(msgspec.Struct, frozen=True):
    """What an instance is given when it registers."""

    lease: Lease
    call_key: str
    """The agent's own credential for its calls. A secret."""
    inbound_secret: str
    """What every gateway presents on its calls to the instance. A secret."""
    gateways: tuple[str, ...] = ()
    """Base URLs to call through, best first."""
    notices: tuple[str, ...] = ()
    """What the agent's author should know."""


class Renewed(msgspec.Struct, frozen=True):
    """What an instance is given when it renews; what is empty stays as it was."""

    lease: Lease
    call_key: str = ""
    gateways: tuple[str, ...] = ()


# -- bodies


def media_type(header: str) -> Media:
    """Which of the two forms a ``Content-Type`` means.

    Raises:
        UnsupportedMediaType: neither.
    """
    kind = header.partition(";")[0].strip().lower()
    if kind == JSON:
        return JSON
    if kind in (PROTO, "application/x-protobuf"):
        return PROTO
    raise UnsupportedMediaType("send Content-Type: application/json or application/proto")


def _parse(body: bytes, media: Media, cls: type[_M]) -> _M:
    try:
        if media == PROTO:
            message = cls()
            message.ParseFromString(body)
            return message
        tree = decode_json(body)
        if not isinstance(tree, dict):
            raise InvalidParams(f"a {cls.DESCRIPTOR.name} is a JSON object")
        # As in binary, and as Connect has it: what a later release adds is passed over.
        return json_format.ParseDict(cast("dict[str, Any]", tree), cls(), ignore_unknown_fields=True)
    except (DecodeError, json_format.ParseError, RecursionError) as error:
        raise InvalidParams(f"this is no {cls.DESCRIPTOR.name}: {error}") from None


def _dump(message: Message, media: Media) -> bytes:
    if media == PROTO:
        return message.SerializeToString()
    return json_format.MessageToJson(message, indent=None).encode()


class Joining(msgspec.Struct, frozen=True):
    """What asks to join."""

    instance: Instance
    manifest: Manifest
    images: tuple[bytes, ...] = ()
    """Descriptor sets that the manifest's schemas name by hash; not looked at yet."""


def encode_register(
    instance: Instance, manifest: Manifest, media: Media = PROTO, images: Sequence[bytes] = ()
) -> bytes:
    """The body of ``Register``."""
    registration = registration_to_proto(instance, manifest, images)
    return _dump(registry_pb2.RegisterRequest(registration=registration), media)


def decode_register(body: bytes, media: Media) -> Joining:
    """What asks to join, checked as every backend checks it.

    Raises:
        InvalidParams: the body cannot be read, or a field holds what it may not; the message names the field.
    """
    registration = _parse(body, media, registry_pb2.RegisterRequest).registration
    return Joining(*registration_from_proto(registration), tuple(registration.images))


def encode_joined(joined: Joined, media: Media = PROTO) -> bytes:
    """The answer to ``Register``."""
    message = registry_pb2.RegisterResponse(
        lease=lease_to_proto(joined.lease),
        call_key=joined.call_key,
        inbound_secret=joined.inbound_secret,
        gateways=joined.gateways,
        notices=joined.notices,
    )
    return _dump(message, media)


def decode_joined(body: bytes, media: Media = PROTO) -> Joined:
    """What the answer to ``Register`` gives.

    Raises:
        InvalidParams: it cannot be read, or gives no lease or no secret.
    """
    message = _parse(body, media, registry_pb2.RegisterResponse)
    if not message.inbound_secret or not message.call_key:
        raise InvalidParams("the join port gave no call key or no inbound secret")
    lease = lease_from_proto(message.lease)
    gateways, notices = tuple(message.gateways), tuple(message.notices)
    return Joined(lease, message.call_key, message.inbound_secret, gateways, notices)


def encode_renew(instance_id: str, media: Media = PROTO) -> bytes:
    """The body of ``Renew``."""
    return _dump(registry_pb2.RenewRequest(instance_id=instance_id), media)


def decode_renew(body: bytes, media: Media) -> str:
    """The id of the instance that renews.

    Raises:
        InvalidParams: the body cannot be read, or names none.
    """
    return _instance_id(_parse(body, media, registry_pb2.RenewRequest).instance_id)


def encode_renewed(renewed: Renewed, media: Media = PROTO) -> bytes:
    """The answer to ``Renew``."""
    message = registry_pb2.RenewResponse(
        lease=lease_to_proto(renewed.lease), call_key=renewed.call_key, gateways=renewed.gateways
    )
    return _dump(message, media)


def decode_renewed(body: bytes, media: Media = PROTO) -> Renewed:
    """What the answer to ``Renew`` gives.

    Raises:
        InvalidParams: it cannot be read, or gives no lease.
    """
    message = _parse(body, media, registry_pb2.RenewResponse)
    return Renewed(lease_from_proto(message.lease), message.call_key, tuple(message.gateways))


def encode_deregister(instance_id: str, media: Media = PROTO) -> bytes:
    """The body of ``Deregister``."""
    return _dump(registry_pb2.DeregisterRequest(instance_id=instance_id), media)


def decode_deregister(body: bytes, media: Media) -> str:
    """The id of the instance that leaves.

    Raises:
        InvalidParams: the body cannot be read, or names none.
    """
    return _instance_id(_parse(body, media, registry_pb2.DeregisterRequest).instance_id)


def encode_deregistered(media: Media = PROTO) -> bytes:
    """The answer to ``Deregister``."""
    return _dump(registry_pb2.DeregisterResponse(), media)


def _instance_id(text: str) -> str:
    if not 0 < len(text) <= 128:
        raise InvalidParams("instance_id: 1 to 128 characters")
    return text
