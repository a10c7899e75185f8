"""Part of ``tools.golden``: errors as they travel, names that others rely on, settings, and what is in Consul."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from google.rpc import code_pb2  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code

from meshgate.a2a import errors
from meshgate.a2a.bindings import grpc, jsonrpc
from meshgate.a2a.bindings.jsonrpc_errors import http_status
from meshgate.a2a.errors import MeshError
from meshgate.gateway.config import Config
from meshgate.registry.backends.consul.entry import Layout, check_of, lease_of, service_of
from meshgate.registry.limits import blob_digest
from meshgate.registry.model import Instance, Manifest, Switch

__all__ = ["consul", "faults", "settings"]

BLOB = b"a blob"
_AGENT = ('card = "http://127.0.0.1:9001/card.json"', 'name = "clerk"', 'labels = {region = "eu"}')
ODD = Switch("key", "a b/ü", "what Consul takes as no key")


def faults() -> str:
    """Each error, over both bindings."""
    found: dict[str, Any] = {}
    for kind in _kinds():
        bad = (("message.parts", "must be there"),) if kind.code == "INVALID_PARAMS" else ()
        later = 1.5 if kind.code == "RATE_LIMITED" else None
        error = kind("so it is", retry_after=later, metadata={"limit": "3"}, violations=bad)
        failure = grpc.encode_error(error)
        found[kind.code] = {
            "http": http_status(error, parsed=False),
            "json": jsonrpc.encode_error("1", error).decode(),
            "status": code_pb2.Code.Name(failure.status),
            "text": failure.text,
            "trailers": {"grpc-status-details-bin": base64.b64encode(failure.body).decode()},
        }
    return json.dumps(found, indent=1, sort_keys=True)


def _kinds() -> Iterator[type[MeshError]]:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, MeshError) and "code" in vars(kind) and kind is not MeshError:
            yield kind


def settings() -> str:
    """A ``meshgate.toml`` that sets everything."""
    tree = msgspec.to_builtins(Config())
    limits = tree.pop("limits")
    tree |= {"registry": "consul://127.0.0.1:8500?prefix=blue", "public_cards": True, "otlp": "http://127.0.0.1:4317"}
    del tree["agents"]
    lines = [f"{name} = {json.dumps(value)}" for name, value in sorted(tree.items()) if value is not None]
    lines += ["", "[limits]", *(f"{name} = {json.dumps(value)}" for name, value in sorted(limits.items()))]
    lines += ["", "[[agents]]", *_AGENT]
    return "\n".join(lines) + "\n"


def consul(
    instances: Mapping[str, tuple[Instance, Manifest | None]],
    switches: tuple[Switch, ...],
    more: Callable[[Layout], Mapping[str, bytes]] = lambda _: {},
) -> str:
    """The entries in Consul's catalogue and KV store, as Consul returns them.

    Args:
        instances: with their manifests, by a name of their own.
        more: further keys.
    """
    layout, services, kv = Layout("meshgate"), list[Any](), dict[str, bytes]()
    for instance, manifest in instances.values():
        lease = lease_of(instance, reachable=True)
        entry = service_of(instance, lease, layout)
        check = check_of(instance, lease, layout.check_id(instance.id), 10.0)
        services.append(
            {"ID": entry["service_id"], "Service": entry["name"], "Meta": entry["meta"], "registered with": check}
        )
        if manifest is not None:
            kv[layout.manifests + manifest.digest()] = manifest.encode()
    kv |= {layout.switch_key(switch): switch.reason.encode() for switch in (*switches, ODD)}
    kv |= more(layout)
    kv[layout.blobs + blob_digest(BLOB)] = BLOB
    stored = {key: base64.b64encode(value).decode() for key, value in sorted(kv.items())}
    return json.dumps({"prefix": "meshgate", "services": services, "kv": stored}, indent=1)
