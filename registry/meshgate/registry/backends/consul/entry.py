"""The form of instances, kill switches and subjects in Consul, readable in its UI and by its filters. Pure.

Each instance has one service entry of at most 600 bytes, its check not counted, because a watcher is sent all of them
at every change. What is large (manifests, cards, schemas) is in the KV store under the hash of its content.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from meshgate.a2a.errors import InvalidParams
from meshgate.registry.limits import check_subject
from meshgate.registry.model import Endpoint, HealthCheck, Instance, Switch

__all__ = [
    "MAX_ENTRY",
    "Layout",
    "Lease",
    "check_of",
    "instance_of",
    "lease_of",
    "meta_of",
    "reachable",
    "service_of",
    "size_of",
    "subject_of",
    "switch_of",
]

MAX_ENTRY = 600
"""Largest service entry, in bytes of JSON, without its check."""

REAP_AFTER = 60.0
"""Seconds of a critical check after which Consul itself removes the entry; it accepts nothing shorter than a minute."""

Lease = str
"""How an entry is kept alive: "ttl" (renewals), "http" (Consul asks the instance), "none" (it stays)."""


_PLAIN = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*\Z")


class Layout:
    """The names of services and keys in one Consul.

    Args:
        prefix: what every name begins with; two meshes on one Consul have two prefixes.
    """

    def __init__(self, prefix: str) -> None:
        self.agents = f"{prefix}-agents"
        self.gateways = f"{prefix}-gateways"
        self.manifests = f"{prefix}/manifests/"
        self.blobs = f"{prefix}/blobs/"
        self.switches = f"{prefix}/switches/"
        self.subjects = f"{prefix}/subjects/"
        self._prefix = prefix

    def service(self, instance: Instance) -> str:
        """The service that the instance is listed under."""
        return self.agents if instance.kind == "agent" else self.gateways

    def service_id(self, instance_id: str) -> str:
        """The id of an instance's service entry."""
        return f"{self._prefix}:{instance_id}"

    def check_id(self, instance_id: str) -> str:
        """The id of an instance's check."""
        return f"{self._prefix}-lease:{instance_id}"

    def switch_key(self, switch: Switch) -> str:
        """The key that a kill switch is kept under: its name as it is, or in base64 after a "~".

        Consul rewrites paths with ".." or "//", and from 1.20 on refuses keys with escapes, spaces and other signs.
        """
        return f"{self.switches}{switch.kind}/{_segment(switch.name)}"

    def subject_key(self, name: str) -> str:
        """The key that a subject's digest is kept under, each part of its name as in ``switch_key``."""
        return self.subjects + "/".join(_segment(part) for part in name.split("/"))


def lease_of(instance: Instance, *, reachable: bool) -> Lease:
    """How Consul is to watch over the instance; ``reachable`` says whether it can ask the instance itself."""
    if instance.check is not None and reachable and not instance.check.private:
        return "http"
    return "none" if instance.lasting else "ttl"


def check_of(instance: Instance, lease: Lease, check_id: str, ttl: float) -> dict[str, Any] | None:
    """The check to register, as Consul's API takes it; None if there is none."""
    if lease == "none":
        return None
    # Consul calls a new check critical until its first result, and an instance that has just registered is alive.
    check: dict[str, Any] = {"CheckID": check_id, "Status": "passing"}
    if lease == "http" and instance.check is not None:
        interval = instance.check.interval
        check |= {"http": instance.check.url, "interval": _duration(interval), "timeout": _duration(min(interval, 5.0))}
    else:
        check |= {"ttl": _duration(ttl)}
    if not instance.lasting:
        # py-consul's Check.ttl() has no argument for it.
        check["DeregisterCriticalServiceAfter"] = _duration(REAP_AFTER)
    return check


def reachable(url: str, consul_host: str) -> bool:
    """Whether a Consul at ``consul_host`` can ask ``url``: not a loopback address, if it is on another machine."""
    return not _loopback(urlsplit(url).hostname or "") or _loopback(consul_host)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def service_of(instance: Instance, lease: Lease, layout: Layout) -> dict[str, Any]:
    """The entry to register, without its check, as arguments of py-consul.

    Raises:
        InvalidParams: it is larger than an entry may be.
    """
    entry: dict[str, Any] = {
        "name": layout.service(instance),
        "service_id": layout.service_id(instance.id),
        "meta": meta_of(instance, lease),
    }
    if size_of(entry) > MAX_ENTRY:
        remedy = "shorten its labels or addresses"
        raise InvalidParams(f"the service entry takes {size_of(entry)} bytes, at most {MAX_ENTRY}: {remedy}")
    return entry


def size_of(entry: Mapping[str, Any]) -> int:
    """Bytes of JSON that an entry takes."""
    return len(json.dumps(entry, separators=(",", ":")))


def meta_of(instance: Instance, lease: Lease) -> dict[str, str]:
    """The metadata of an instance's service entry.

    Raises:
        InvalidParams: a value is longer than Consul keeps (512 characters).
    """
    meta = {"agent": instance.agent, "tenant": instance.tenant, "lease": lease}
    if instance.kind not in ("agent", "gateway"):  # those two are told by the service
        meta["kind"] = instance.kind
    if instance.manifest:
        meta["manifest"] = instance.manifest
    for number, endpoint in enumerate(instance.endpoints):
        meta[f"e{number}"] = " ".join(filter(None, (endpoint.binding, endpoint.version, endpoint.url, endpoint.tenant)))
    if instance.labels:
        meta["labels"] = ",".join(f"{key}={value}" for key, value in instance.labels.items())
    if instance.weight != 1.0:
        meta["weight"] = repr(instance.weight)
    if instance.check is not None:
        meta["check"] = f"{instance.check.interval!r} {instance.check.url}"
    flags = [name for name in ("lasting", "draining") if getattr(instance, name)]
    if instance.check is not None and instance.check.private:
        flags.append("private")
    if flags:
        meta["flags"] = " ".join(flags)
    if any(len(value) > 512 for value in meta.values()):
        raise InvalidParams("Consul keeps values of at most 512 characters: shorten the instance's labels or addresses")
    return meta


def instance_of(service: Mapping[str, Any], layout: Layout) -> tuple[Instance, Lease]:
    """The instance that a service entry of the catalogue holds, and its lease.

    Raises:
        ValueError, KeyError: it is no entry of this mesh, or cannot be read.
    """
    meta = cast("Mapping[str, str]", service["Meta"] or {})
    prefix, _, instance_id = str(service["ID"]).partition(":")
    if not instance_id or layout.service_id(instance_id) != f"{prefix}:{instance_id}":
        raise ValueError(f"{service['ID']!r} is no instance of this mesh")
    labels = dict(part.split("=", 1) for part in meta.get("labels", "").split(",") if part)
    numbers = range(sum(key[:1] == "e" and key[1:].isdigit() for key in meta))
    interval, _, check_url = meta.get("check", "").partition(" ")
    flags = meta.get("flags", "").split()
    instance = Instance(
        id=instance_id,
        agent=meta["agent"],
        manifest=meta.get("manifest", ""),
        endpoints=tuple(_endpoint(meta[f"e{number}"]) for number in numbers),
        tenant=meta["tenant"],
        labels=labels,
        weight=float(meta.get("weight", 1.0)),
        check=HealthCheck(check_url, float(interval), "private" in flags) if check_url else None,
        lasting="lasting" in flags,
        kind=meta.get("kind", "gateway") if service["Service"] == layout.gateways else "agent",
        draining="draining" in flags,
    )
    return instance, meta["lease"]


def switch_of(key: str, value: bytes | None, layout: Layout) -> Switch | None:
    """The kill switch under a key, of whatever kind; None if it cannot be read."""
    kind, _, name = key.removeprefix(layout.switches).partition("/")
    if not kind or not name or not key.startswith(layout.switches):
        return None
    try:
        return Switch(kind, _unpacked(name), (value or b"").decode())
    except ValueError:
        return None


def subject_of(key: str, value: bytes | None, layout: Layout) -> tuple[str, str] | None:
    """The subject under a key and the digest that it points to, or None if it cannot be read."""
    try:
        name = "/".join(_unpacked(part) for part in key.removeprefix(layout.subjects).split("/"))
        digest = (value or b"").decode()
        check_subject(name, digest)
    except (ValueError, InvalidParams):
        return None
    return name, digest


def _segment(name: str) -> str:
    return name if _PLAIN.match(name) else _packed(name)


def _packed(name: str) -> str:
    return "~" + base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _unpacked(name: str) -> str:
    if not name.startswith("~"):
        return name
    padded = name[1:] + "=" * (-len(name[1:]) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True).decode()


def _endpoint(text: str) -> Endpoint:
    binding, version, url, *tenant = text.split(" ")
    return Endpoint(binding, url, version, tenant[0] if tenant else "")


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
