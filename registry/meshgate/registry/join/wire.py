"""The bodies of the join port's requests and answers: messages of ``meshgate.v1``, as the values of ``model``.

Both ends use this module. A body is protobuf (``application/proto``) or JSON (``application/json``, ProtoJSON); the
errors are in ``errors``. None of this is on the path of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar, cast

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from meshgate.a2a.codec.short_text import first_sentence
from meshgate.a2a.codec.strict_json import decode_json
from meshgate.a2a.errors import ContentTypeNotSupported, InvalidParams
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.join.errors import decode_error, encode_error
from meshgate.registry.join.messages import (
    credential_from_proto,
    lease_from_proto,
    lease_to_proto,
    registration_from_proto,
    registration_to_proto,
)
from meshgate.registry.join.model import RegisterResponse, Registration, RenewResponse
from meshgate.registry.limits import MAX_ID
from meshgate.registry.model import Instance, Manifest
from meshgate.v1 import registry_pb2

__all__ = [
    "JSON",
    "PROTO",
    "SERVICE_PATH",
    "RegisterResponse",
    "Registration",
    "RenewResponse",
    "decode_deregister",
    "decode_error",
    "decode_register",
    "decode_register_response",
    "decode_renew",
    "decode_renew_response",
    "encode_deregister",
    "encode_deregister_response",
    "encode_error",
    "encode_register",
    "encode_register_response",
    "encode_renew",
    "encode_renew_response",
    "media_type",
    "registration_from_proto",
    "registration_to_proto",
]

SERVICE_PATH = "/meshgate.v1.RegistryService/"
"""The path of a URL before ``Register``, ``Renew`` and ``Deregister``."""

Media = Literal["application/proto", "application/json"]
PROTO: Media = "application/proto"
JSON: Media = "application/json"

_M = TypeVar("_M", bound=Message)


# -- bodies


def media_type(header: str) -> Media:
    """Which of the two forms a ``Content-Type`` means.

    Raises:
        ContentTypeNotSupported: neither.
    """
    kind = header.partition(";")[0].strip().lower()
    if kind == JSON:
        return JSON
    if kind in (PROTO, "application/x-protobuf"):
        return PROTO
    raise ContentTypeNotSupported("send Content-Type: application/json or application/proto")


def _parse(body: bytes, media: Media, cls: type[_M]) -> _M:
    try:
        if media == PROTO:
            message = cls()
            message.ParseFromString(body)
            return message
        tree = decode_json(body)
        if not isinstance(tree, dict):
            raise InvalidParams(f"a {cls.DESCRIPTOR.name} is a JSON object")
        # As in binary, and as in Connect, fields that a later release added are ignored.
        return json_format.ParseDict(cast("dict[str, Any]", tree), cls(), ignore_unknown_fields=True)
    except (DecodeError, json_format.ParseError, RecursionError) as error:
        raise InvalidParams(f"this is no {cls.DESCRIPTOR.name}: {first_sentence(error)}") from None


def _dump(message: Message, media: Media) -> bytes:
    if media == PROTO:
        return message.SerializeToString()
    return json_format.MessageToJson(message, indent=None).encode()


def encode_register(
    instance: Instance,
    manifest: Manifest,
    media: Media = PROTO,
    images: Sequence[bytes] = (),
    *,
    name_from_card: bool = False,
    credential: AgentCredential | None = None,
) -> bytes:
    """The body of ``Register``; ``name_from_card`` and ``credential`` as in ``Registration``."""
    registration = registration_to_proto(
        instance, manifest, images, name_from_card=name_from_card, credential=credential
    )
    return _dump(registry_pb2.RegisterRequest(registration=registration), media)


def decode_register(body: bytes, media: Media) -> Registration:
    """The registration in a body, checked as every backend checks it.

    Raises:
        InvalidParams: the body cannot be read, or a field holds what it may not; the message names the field.
    """
    registration = _parse(body, media, registry_pb2.RegisterRequest).registration
    instance, manifest = registration_from_proto(registration)
    credential = credential_from_proto(registration.credential) if registration.HasField("credential") else None
    return Registration(instance, manifest, tuple(registration.images), registration.name_from_card, credential)


def encode_register_response(response: RegisterResponse, media: Media = PROTO) -> bytes:
    """The answer to ``Register``."""
    message = registry_pb2.RegisterResponse(
        lease=lease_to_proto(response.lease),
        call_key=response.call_key,
        inbound_secret=response.inbound_secret,
        gateways=response.gateways,
        notices=response.notices,
    )
    return _dump(message, media)


def decode_register_response(body: bytes, media: Media = PROTO) -> RegisterResponse:
    """The answer to ``Register`` in a body.

    Raises:
        InvalidParams: it cannot be read, or gives no lease or no secret.
    """
    message = _parse(body, media, registry_pb2.RegisterResponse)
    if not message.inbound_secret or not message.call_key:
        raise InvalidParams("the join port gave no call key or no inbound secret")
    lease = lease_from_proto(message.lease)
    gateways, notices = tuple(message.gateways), tuple(message.notices)
    return RegisterResponse(lease, message.call_key, message.inbound_secret, gateways, notices)


def encode_renew(instance_id: str, media: Media = PROTO) -> bytes:
    """The body of ``Renew``."""
    return _dump(registry_pb2.RenewRequest(instance_id=instance_id), media)


def decode_renew(body: bytes, media: Media) -> str:
    """The id of the instance that renews.

    Raises:
        InvalidParams: the body cannot be read, or names none.
    """
    return _instance_id(_parse(body, media, registry_pb2.RenewRequest).instance_id)


def encode_renew_response(response: RenewResponse, media: Media = PROTO) -> bytes:
    """The answer to ``Renew``."""
    message = registry_pb2.RenewResponse(
        lease=lease_to_proto(response.lease), call_key=response.call_key, gateways=response.gateways
    )
    return _dump(message, media)


def decode_renew_response(body: bytes, media: Media = PROTO) -> RenewResponse:
    """The answer to ``Renew`` in a body.

    Raises:
        InvalidParams: it cannot be read, or gives no lease.
    """
    message = _parse(body, media, registry_pb2.RenewResponse)
    return RenewResponse(lease_from_proto(message.lease), message.call_key, tuple(message.gateways))


def encode_deregister(instance_id: str, media: Media = PROTO) -> bytes:
    """The body of ``Deregister``."""
    return _dump(registry_pb2.DeregisterRequest(instance_id=instance_id), media)


def decode_deregister(body: bytes, media: Media) -> str:
    """The id of the instance that leaves.

    Raises:
        InvalidParams: the body cannot be read, or names none.
    """
    return _instance_id(_parse(body, media, registry_pb2.DeregisterRequest).instance_id)


def encode_deregister_response(media: Media = PROTO) -> bytes:
    """The answer to ``Deregister``."""
    return _dump(registry_pb2.DeregisterResponse(), media)


def _instance_id(text: str) -> str:
    if not 0 < len(text) <= MAX_ID:
        raise InvalidParams(f"instance_id: 1 to {MAX_ID} characters")
    return text
