"""The limits of what may be written to a registry, the same for every backend."""

from __future__ import annotations

import hashlib
import re

import msgspec

from meshgate.a2a.bindings.table import ROWS, key_of
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.a2a.selector import NAME
from meshgate.a2a.version_syntax import parse_version
from meshgate.registry.model import BINDINGS, KINDS, SWITCH_KINDS, Endpoint, Instance, Manifest, Switch

__all__ = [
    "MAX_BLOB",
    "MAX_ID",
    "MAX_INSTANCE",
    "agent_name_fault",
    "bindings_here",
    "blob_digest",
    "check_blob",
    "check_instance",
    "check_manifest",
    "check_subject",
    "check_switch",
    "id_prefix",
    "is_subject",
    "spoken",
]

MAX_BLOB = 512 * 1024
"""Largest manifest or blob, in bytes: what one key of Consul's KV store holds."""

MAX_INSTANCE = 512
"""Largest instance, in bytes of JSON: every watcher reads all of them at every change, so they stay small."""

MAX_ID = 128
"""Longest id of an instance, in characters."""

_RESERVED = re.compile(r"gateway\Z|gw", re.IGNORECASE)
"""Names that no agent has: ids of gateways begin like this, and ids of jobs begin with a gateway's."""

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
_TERM = re.compile(r"[A-Za-z0-9._/-](?:[A-Za-z0-9._/ -]{0,126}[A-Za-z0-9._/-])?\Z")
_DIGEST = re.compile(r"[0-9a-f]{32}\Z")
_URL = re.compile(r"[\x21-\x7e]{1,255}\Z")


def spoken(endpoint: Endpoint) -> bool:
    """Whether an address can be called from here: its binding is served, in this version or in one of A2A 1."""
    if any(row.key == key_of(endpoint.binding, endpoint.version) for row in ROWS):
        return True
    return endpoint.binding in BINDINGS and endpoint.version.partition(".")[0] == "1"


def bindings_here() -> str:
    """The bindings that are spoken here, each in its version, for messages."""
    return ", ".join(f"{row.id} {row.version}" for row in ROWS)


def agent_name_fault(name: str) -> str:
    """What is wrong with an agent's name, or ""."""
    if NAME.match(name) is None:
        return f"{name[:64]!r} is no agent name: letters, digits, '.', '_', '-', at most 128"
    if _RESERVED.match(name) is not None:
        return f"{name[:64]!r} is no agent name: 'gateway', and what begins with 'gw', are names of gateways"
    return ""


def id_prefix(agent: str) -> str:
    """The beginning of the id of each of an agent's instances."""
    return agent[:100] + "-"


def check_instance(instance: Instance) -> None:
    """Refuse an instance that a backend could not hold, that no selector could name, or that this release cannot call.

    Raises:
        InvalidParams: names the field and says what it may hold.
    """
    if _ID.match(instance.id) is None:
        raise InvalidParams(f"{instance.id[:64]!r} is no instance id: letters, digits, '.', '_', '-', at most 128")
    if NAME.match(instance.tenant) is None:
        raise InvalidParams(f"{instance.tenant[:64]!r} is no tenant name: letters, digits, '.', '_', '-', at most 128")
    if instance.kind not in KINDS:
        raise InvalidParams(f"{instance.kind[:32]!r} is no kind of instance: {', '.join(KINDS)}")
    if instance.kind == "agent" and (fault := agent_name_fault(instance.agent)):
        raise InvalidParams(fault)
    for endpoint in instance.endpoints:
        if not spoken(endpoint):
            named = f"{endpoint.binding[:32]!r} in version {endpoint.version[:32]!r}"
            raise InvalidParams(f"endpoints.binding: {named} is not served here, {bindings_here()} are")
    for key, value in instance.labels.items():
        if _TERM.match(key) is None or _TERM.match(value) is None:
            raise InvalidParams(f"label {key[:64]!r}: keys and values are letters, digits, '.', '_', '-', '/', spaces")
    texts = [endpoint.url for endpoint in instance.endpoints] + ([instance.check.url] if instance.check else [])
    if any(_URL.match(text) is None for text in texts):
        raise InvalidParams("an address is 1 to 255 visible ASCII characters")
    if any(endpoint.tenant and _URL.match(endpoint.tenant) is None for endpoint in instance.endpoints):
        raise InvalidParams("an endpoint's tenant is at most 255 visible ASCII characters")
    size = len(msgspec.json.encode(instance))
    if size > MAX_INSTANCE:
        raise InvalidParams(
            f"the instance takes {size} bytes, at most {MAX_INSTANCE} are kept: shorten its labels or addresses, "
            "or move labels to the skills, which are stored once for all instances"
        )


def check_manifest(instance: Instance, manifest: Manifest | None) -> bytes:
    """The bytes to store for ``manifest`` (none for None), after a check that the instance refers to it.

    Raises:
        InvalidParams: it is too large, the instance names another, or a skill has no proper name or version. (What a
            foreign agent's card says is taken as it is: a skill that no selector can name is never chosen.)
    """
    if manifest is None:
        return b""
    for one in () if manifest.foreign else manifest.skills:
        if NAME.match(one.skill) is None:
            raise InvalidParams(f"{one.skill[:64]!r} is no skill name: letters, digits, '.', '_', '-', at most 128")
        parse_version(one.version)
    if manifest.digest() != instance.manifest:
        raise InvalidParams("the instance names another manifest than the one that came with it: use digest()")
    return check_blob(manifest.encode())


def check_blob(data: bytes) -> bytes:
    """``data``, if it is not too large.

    Raises:
        InvalidParams: it is.
    """
    if len(data) > MAX_BLOB:
        raise InvalidParams(f"{len(data)} bytes are too many: a manifest or blob has at most {MAX_BLOB}")
    return data


def blob_digest(data: bytes) -> str:
    """32 hex digits that name the content (keyless BLAKE2b, 16 bytes)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def check_switch(switch: Switch) -> None:
    """Refuse a kill switch of an unknown kind or without a name, or with more text than Consul holds comfortably.

    Raises:
        InvalidParams: which of the three.
    """
    if switch.kind not in SWITCH_KINDS:
        raise InvalidParams(f"{switch.kind[:32]!r} is no kind of kill switch: {', '.join(SWITCH_KINDS)}")
    # Consul keeps keys of at most 255 ASCII characters, so a name in base64, with the path before it, has to fit.
    if not 1 <= len(switch.name.encode()) <= 128 or not switch.name.isprintable():
        raise InvalidParams("a kill switch names what it stops: printable, 1 to 128 bytes of UTF-8")
    if len(switch.reason) > 1024:
        raise InvalidParams("the reason of a kill switch has at most 1024 characters")


def is_subject(name: object, digest: object) -> bool:
    """Whether that is a subject and a digest that it may point to."""
    if not isinstance(name, str) or not isinstance(digest, str):
        return False
    try:
        check_subject(name, digest)
    except InvalidParams:
        return False
    return True


def _is_other(tenant: str) -> bool:
    return tenant != DEFAULT_TENANT and NAME.match(tenant) is not None


def check_subject(name: str, *digests: str) -> None:
    """Refuse what is no name of a subject (``AGENT/SKILL``, ``TENANT:AGENT/SKILL``), or no digest.

    Raises:
        InvalidParams: which of the two, and what it must look like.
    """
    agent, slash, skill = name.partition("/")
    tenant, colon, agent = agent.rpartition(":")
    if not slash or any(NAME.match(part) is None for part in (agent, skill)) or bool(colon) != _is_other(tenant):
        raise InvalidParams(
            f"{name[:64]!r} is no subject: write AGENT/SKILL (letters, digits, '.', '_', '-'), "
            "or TENANT:AGENT/SKILL in a tenant of its own"
        )
    for digest in digests:
        if _DIGEST.match(digest) is None:
            raise InvalidParams(f"{digest[:64]!r} is no digest: use the 32 hex digits that put_blob returned")
