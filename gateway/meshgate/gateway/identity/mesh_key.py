"""The mesh key: the one secret that all gateways of a mesh share, and the credentials derived from it.

An agent's *call key* and the *inbound secret* that the gateway shows to it are MACs under the mesh key, so every
gateway computes them without asking another one. None of them is stored in the registry.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import msgspec

from meshgate.a2a.errors import MeshError
from meshgate.a2a.mesh.tenants import DEFAULT_TENANT
from meshgate.gateway.identity.key_record import KeyKind, KeyRecord, first_roles, hash_secret, spell_key
from meshgate.registry.model import Instance

__all__ = ["MeshKey", "WeakSecret"]

_MAC = "mac"
"""The label of a row that holds its MAC."""

_KNOWN = ("changeme", "password", "secret", "default", "test", "example", "meshgate", "0123456789")


class WeakSecret(MeshError):
    """A secret is too short, too regular or publicly known. A process that is given one does not start."""

    code, summary = "WEAK_SECRET", "the secret is too weak"


def _check_strength(key: bytes, source: str) -> bytes:
    remedy = "remove it to have one made, or write 32 random bytes as base64: openssl rand -base64 32"
    if len(key) < 32:
        raise WeakSecret(f"the mesh key in {source} has {len(key)} bytes, 32 are needed: {remedy}")
    lowered = key.lower()
    if len(set(key)) < 12 or any(word.encode() * 2 in lowered for word in _KNOWN):
        raise WeakSecret(f"the mesh key in {source} is not random: {remedy}")
    return hashlib.blake2b(key, digest_size=32, person=b"mesh").digest() if len(key) > 64 else key


class MeshKey:
    """The one secret that all gateways of a mesh share, and the credentials derived from it.

    Args:
        secret: 32 to 64 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.id = self._derive(b"id", 4).hex()

    @classmethod
    def load(cls, path: Path, environ: dict[str, str] | None = None) -> MeshKey:
        """The key from ``MESHGATE_MESH_KEY`` (base64), else from ``path``, where one is made if there is none.

        Raises:
            WeakSecret: the key is too weak, or no base64, or readable by others.
        """
        text = (environ if environ is not None else dict(os.environ)).get("MESHGATE_MESH_KEY")
        if text is not None:
            return cls(_check_strength(_decode(text, "MESHGATE_MESH_KEY"), "MESHGATE_MESH_KEY"))
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if path.stat().st_mode & 0o077:
                raise WeakSecret(f"{path} is readable by others: chmod 600 {path}") from None
            return cls(_check_strength(_decode(path.read_text("ascii", errors="replace"), str(path)), str(path)))
        with os.fdopen(descriptor, "w") as file:
            secret = secrets.token_bytes(32)
            file.write(base64.b64encode(secret).decode("ascii") + "\n")
        return cls(secret)

    def _derive(self, purpose: bytes, size: int, *parts: str) -> bytes:
        text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hashlib.blake2b(text, digest_size=size, key=self.secret, person=purpose).digest()

    def inbound_secret(self, instance: Instance) -> str:
        """The inbound secret: the gateway sends it to an SDK agent, which answers nobody without it.

        It depends on whose instance it is, so that another agent that takes over its id learns nothing.
        """
        return "mgi_" + _b64(self._derive(b"inbound", 24, instance.agent, instance.tenant, instance.id))

    def tenant_mark(self, tenant: str) -> str:
        """The mark of a tenant: ids of its instances end with it. The tenant ``default`` has none."""
        return "" if tenant == DEFAULT_TENANT else "." + self._derive(b"tenant", 4, tenant).hex()

    def sign_row(self, instance: Instance) -> Instance:
        """A row of the registry that is no agent's, with the MAC that proves a holder of the mesh key wrote it."""
        return msgspec.structs.replace(instance, labels={**instance.labels, _MAC: self._row_mac(instance)})

    def is_genuine(self, instance: Instance) -> bool:
        """Whether a holder of the mesh key wrote a row. Agents' rows need no proof: join keys decide about them."""
        mac = instance.labels.get(_MAC, "").encode("utf-8", "replace")
        return instance.kind == "agent" or hmac.compare_digest(mac, self._row_mac(instance).encode())

    def _row_mac(self, instance: Instance) -> str:
        urls = [endpoint.url for endpoint in instance.endpoints]
        return _b64(self._derive(b"row", 18, instance.kind, instance.id, *urls))

    def dev_key(self, kind: KeyKind) -> tuple[str, KeyRecord]:
        """The development key of a kind, for loopback: the same in every run, so that agents outlive a restart."""
        key_id, secret = self._derive(b"dev-id", 5, kind).hex(), _b64(self._derive(b"dev", 32, kind))
        # One principal for all runs: a task of the last run is still the developer's own.
        return spell_key(kind, key_id, secret), KeyRecord(
            key_id, kind, hash_secret(secret), "dev", roles=first_roles(kind)
        )

    def list_mac(self, body: bytes) -> str:
        """The MAC of a list of keys that lies where others may write."""
        return _b64(hashlib.blake2b(body, digest_size=24, key=self.secret, person=b"key-list").digest())

    def sealing_key(self) -> bytes:
        """The key, of 64 bytes, that credentials of foreign agents are sealed with."""
        return self._derive(b"seal", 64)

    def card_seed(self, generation: int) -> bytes:
        """The 64 bytes that a generation's key for cards is made from."""
        return self._derive(b"card-key", 64, str(generation))

    def inspect_secret(self) -> str:
        """The inspect secret, which gateways of one mesh send to each other."""
        return "mgp_" + _b64(self._derive(b"inspect", 24))

    def call_key(self, agent: str, tenant: str, instance: str) -> str:
        """The call key under which an agent makes its calls; it ends with the instance's lease."""
        body = _b64(msgspec.json.encode((agent, tenant, instance)))
        return f"mgc_{body}.{_b64(self._derive(b'call', 18, body))}"

    def read_call_key(self, key: str) -> tuple[str, str, str] | None:
        """(agent, tenant, instance) of a genuine call key, else None."""
        body, _, mac = key.removeprefix("mgc_").partition(".")
        if not hmac.compare_digest(_b64(self._derive(b"call", 18, body)).encode(), mac.encode("utf-8", "replace")):
            return None
        agent, tenant, instance = msgspec.json.decode(
            base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=tuple[str, str, str]
        )
        return agent, tenant, instance


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str, source: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise WeakSecret(f"the mesh key in {source} is not base64: openssl rand -base64 32 makes one") from None
