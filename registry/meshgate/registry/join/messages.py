"""Converts the registry's values to messages of ``meshgate.v1`` and back, with checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import msgspec
from google.protobuf.duration_pb2 import Duration

from meshgate.a2a.codec.strict_json import decode_json
from meshgate.a2a.errors import InvalidParams
from meshgate.registry.foreign.agent_credential import AgentCredential, OAuth2Client, check_credential
from meshgate.registry.limits import check_instance, check_manifest
from meshgate.registry.model import (
    Capability,
    Endpoint,
    ForeignTerms,
    HealthCheck,
    Instance,
    Lease,
    Manifest,
    Migration,
    SchemaRef,
)
from meshgate.v1 import capability_pb2, registry_pb2

__all__ = [
    "credential_from_proto",
    "lease_from_proto",
    "lease_to_proto",
    "registration_from_proto",
    "registration_to_proto",
]


def registration_to_proto(
    instance: Instance,
    manifest: Manifest,
    images: Sequence[bytes] = (),
    *,
    name_from_card: bool = False,
    credential: AgentCredential | None = None,
) -> registry_pb2.Registration:
    """An instance and its manifest as one message. ``Instance.kind`` is left out: gateways do not join here."""
    message = registry_pb2.Registration(
        instance_id=instance.id,
        tenant=instance.tenant,
        agent=instance.agent,
        endpoints=[
            registry_pb2.Endpoint(binding=end.binding, url=end.url, protocol_version=end.version, tenant=end.tenant)
            for end in instance.endpoints
        ],
        labels=instance.labels,
        manifest=_manifest_to_proto(manifest),
        weight=instance.weight,
        lasting=instance.lasting,
        draining=instance.draining,
        images=images,
        name_from_card=name_from_card,
    )
    if instance.check is not None:
        message.health_check.kind = registry_pb2.HealthCheck.KIND_HTTP
        message.health_check.url = instance.check.url
        message.health_check.interval.CopyFrom(_duration(instance.check.interval))
    if credential is not None:
        message.credential.CopyFrom(_credential_to_proto(credential))
    return message


def registration_from_proto(message: registry_pb2.Registration) -> tuple[Instance, Manifest]:
    """The values in a registration, checked.

    Raises:
        InvalidParams: a field holds what it may not; the message names the field.
    """
    if not message.HasField("manifest"):
        raise InvalidParams("registration.manifest: must be there")
    manifest = _manifest(message.manifest)
    if manifest.agent != message.agent:
        raise InvalidParams("registration.manifest.agent: must be the same as registration.agent")
    weight = message.weight if message.HasField("weight") else 1.0
    if not 0.0 <= weight <= 1000.0:
        raise InvalidParams("registration.weight: must be from 0 to 1000")
    if not message.endpoints:
        raise InvalidParams("registration.endpoints: one address is needed at least")
    instance = Instance(
        id=message.instance_id,
        agent=message.agent,
        manifest=manifest.digest(),
        endpoints=tuple(_endpoint(end) for end in message.endpoints),
        tenant=message.tenant or "default",
        labels=dict(message.labels),
        weight=weight,
        check=_check(message.health_check) if message.HasField("health_check") else None,
        lasting=message.lasting,
        draining=message.draining,
    )
    check_instance(instance)
    check_manifest(instance, manifest)
    return instance, manifest


def credential_from_proto(message: registry_pb2.AgentCredential) -> AgentCredential:
    """The credential in a message, checked as one that an operator gives.

    Raises:
        InvalidParams: it cannot be sent. The message holds no secret.
    """
    oauth2 = OAuth2Client(
        message.oauth2.token_url, message.oauth2.client_id, message.oauth2.client_secret, message.oauth2.scope
    )
    credential = AgentCredential(
        dict(message.headers), message.query, oauth2 if message.HasField("oauth2") else None, message.ca_pem
    )
    check_credential(credential)
    return credential


def _credential_to_proto(credential: AgentCredential) -> registry_pb2.AgentCredential:
    message = registry_pb2.AgentCredential(headers=credential.headers, query=credential.query, ca_pem=credential.ca)
    if credential.oauth2 is not None:
        client = credential.oauth2
        message.oauth2.token_url, message.oauth2.client_id = client.token_url, client.client_id
        message.oauth2.client_secret, message.oauth2.scope = client.client_secret, client.scope
    return message


def _manifest_to_proto(manifest: Manifest) -> registry_pb2.Manifest:
    message = registry_pb2.Manifest(
        agent=manifest.agent,
        version=manifest.version,
        description=manifest.description,
        capabilities=[_capability_to_proto(one) for one in manifest.skills],
        shared_tasks=manifest.shared_tasks,
        card_json=msgspec.json.encode(manifest.card).decode() if manifest.card else "",
        foreign=manifest.foreign,
        tell_caller=manifest.tell_caller,
        any_references=manifest.any_references,
        shared_contexts=manifest.shared_contexts,
        lists_tasks=manifest.lists_tasks,
    )
    if manifest.terms is not None:
        # What is sealed is sealed by the mesh: an operator gives a credential in clear, beside the manifest.
        terms = manifest.terms
        message.terms.CopyFrom(
            registry_pb2.ForeignTerms(
                named=terms.named, reentrant=terms.reentrant, url=terms.url, protocol=terms.protocol
            )
        )
    return message


def _manifest(message: registry_pb2.Manifest) -> Manifest:
    card: Any = decode_json(message.card_json.encode()) if message.card_json else {}
    if not isinstance(card, dict):
        raise InvalidParams("registration.manifest.card_json: must be a JSON object")
    return Manifest(
        agent=message.agent,
        version=message.version,
        description=message.description,
        skills=tuple(_capability(one) for one in message.capabilities),
        shared_tasks=message.shared_tasks,
        foreign=message.foreign,
        tell_caller=message.tell_caller,
        any_references=message.any_references,
        shared_contexts=message.shared_contexts,
        # Labels are for agents that the mesh trusts to hand them back.
        lists_tasks=message.lists_tasks and not message.foreign,
        terms=_terms(message.terms) if message.HasField("terms") else None,
        card=cast("dict[str, Any]", card),
    )


def _terms(message: registry_pb2.ForeignTerms) -> ForeignTerms:
    return ForeignTerms(message.named, dict(message.reentrant), message.url, protocol=message.protocol)


def _capability_to_proto(one: Capability) -> capability_pb2.Capability:
    message = capability_pb2.Capability(
        skill=one.skill,
        version=one.version,
        description=one.description,
        tags=one.tags,
        labels=one.labels,
        cost_hint_usd=one.cost_usd or 0.0,
        reentrant=one.reentrant,
        default=one.default,
    )
    message.owner, message.steward = one.owner, one.steward
    for migration in one.migrations:
        added = message.migrations.add(
            up=migration.up, down=migration.down, function=migration.function, side=migration.side
        )
        setattr(added, "from", migration.source)  # a keyword of Python's
    if one.latency is not None:
        message.latency_hint.CopyFrom(_duration(one.latency))
    if one.input is not None:
        message.input.CopyFrom(_schema_to_proto(one.input))
    if one.output is not None:
        message.output.CopyFrom(_schema_to_proto(one.output))
    return message


def _capability(message: capability_pb2.Capability) -> Capability:
    return Capability(
        skill=message.skill,
        version=message.version,
        description=message.description,
        tags=tuple(message.tags),
        labels=dict(message.labels),
        input=_schema(message.input) if message.HasField("input") else None,
        output=_schema(message.output) if message.HasField("output") else None,
        cost_usd=message.cost_hint_usd or None,
        latency=_seconds(message.latency_hint) if message.HasField("latency_hint") else None,
        reentrant=message.reentrant or 1,
        default=message.default,
        owner=message.owner,
        steward=message.steward,
        migrations=tuple(_migration(each) for each in message.migrations),
    )


_SIDES: dict[str, Literal["", "input", "output"]] = {"": "", "input": "input", "output": "output"}


def _migration(message: capability_pb2.Migration) -> Migration:
    side = _SIDES.get(message.side)
    if side is None:
        raise InvalidParams(f"capability.migrations.side: {message.side[:32]!r} is not input or output")
    return Migration(getattr(message, "from"), dict(message.up), dict(message.down), message.function, side)


def _schema_to_proto(schema: SchemaRef) -> capability_pb2.SchemaRef:
    return capability_pb2.SchemaRef(message_type=schema.type, content_hash=schema.hash, version=schema.version)


def _schema(message: capability_pb2.SchemaRef) -> SchemaRef:
    return SchemaRef(message.message_type, message.content_hash, message.version)


def _endpoint(message: registry_pb2.Endpoint) -> Endpoint:
    return Endpoint(message.binding, message.url, message.protocol_version or "1.0", message.tenant)


def _check(message: registry_pb2.HealthCheck) -> HealthCheck | None:
    kinds = registry_pb2.HealthCheck
    if message.kind in (kinds.KIND_UNSPECIFIED, kinds.KIND_TTL):
        return None
    if message.kind != kinds.KIND_HTTP:
        raise InvalidParams("registration.health_check.kind: KIND_HTTP and KIND_TTL are served")
    interval = _seconds(message.interval) if message.HasField("interval") else 5.0
    if not 0.5 <= interval <= 3600.0:
        raise InvalidParams("registration.health_check.interval: must be from 0.5 s to one hour")
    return HealthCheck(message.url, interval)


def lease_to_proto(lease: Lease) -> registry_pb2.Lease:
    """A lease as a message."""
    return registry_pb2.Lease(instance_id=lease.instance, ttl=_duration(lease.ttl))


def lease_from_proto(message: registry_pb2.Lease) -> Lease:
    """The lease in a message.

    Raises:
        InvalidParams: it has no proper length.
    """
    ttl = _seconds(message.ttl)
    if not 0.0 < ttl <= 86_400.0:
        raise InvalidParams("lease.ttl: must be more than 0 s and at most a day")
    return Lease(message.instance_id, ttl)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
