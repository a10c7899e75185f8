"""Secrets and credentials: the mesh key, the keys of callers, and what is derived from the mesh key.

Nothing here is stored in the registry. A caller's key is kept as a hash; an agent's *call key* and the *inbound secret*
that the gateway shows to it are MACs under the mesh key, so every gateway knows them without telling each other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import MeshError, Unauthenticated

__all__ = ["KEY_KINDS", "KeyRecord", "KeyStore", "MeshKey", "WeakSecret", "new_key"]

KeyKind = Literal["client", "join", "admin"]
KEY_KINDS: tuple[KeyKind, ...] = ("client", "join", "admin")
_PREFIX = "mg"
_KNOWN = ("changeme", "password", "secret", "default", "test", "example", "meshgate", "0123456789")


class WeakSecret(MeshError):
    """A secret is too short, too regular or publicly known; nothing starts with it."""

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
    """The one secret that all gateways of a mesh share, and what follows from it.

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
            WeakSecret: what is there is too weak, or no base64, or readable by others.
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

    def inbound_secret(self, instance: str) -> str:
        """What the gateway shows to an SDK agent, which answers nobody without it."""
        return "mgi_" + _b64(self._derive(b"inbound", 24, instance))

    def dev_key(self, kind: KeyKind) -> tuple[str, KeyRecord]:
        """The development key of a kind, for loopback: the same in every run, so that agents outlive a restart."""
        key_id, secret = self._derive(b"dev-id", 5, kind).hex(), _b64(self._derive(b"dev", 32, kind))
        # One principal for all runs: a task of the last run is still the developer's own.
        return f"{_PREFIX}_{kind}_{key_id}_{secret}", KeyRecord(key_id, kind, _hash(secret), "dev")

    def inspect_secret(self) -> str:
        """What gateways of one mesh show to each other."""
        return "mgp_" + _b64(self._derive(b"inspect", 24))

    def call_key(self, agent: str, tenant: str, instance: str) -> str:
        """The credential under which an agent makes its calls; it ends with the instance's lease."""
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


class KeyRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One caller's key as it is kept: its hash, whose it is and what it may do."""

    id: str
    kind: KeyKind
    hash: str
    """BLAKE2b-256 of the secret part, in hex. The part is 32 random bytes, so a plain hash cannot be searched."""
    name: str
    """The principal's id: rotating a key keeps it, and so keeps the principal's tasks."""
    tenant: str = "default"
    agents: tuple[str, ...] = ("*",)
    """Patterns: the agents that may be called (client), or the names that may be registered (join)."""
    skills: tuple[str, ...] = ("*",)
    roles: tuple[str, ...] = ()
    principal: Literal["user", "service"] = "user"


def _hash(secret: str) -> str:
    return hashlib.blake2b(secret.encode("utf-8", "replace"), digest_size=32, person=b"api-key").hexdigest()


def new_key(kind: KeyKind, name: str, **scope: object) -> tuple[str, KeyRecord]:
    """A new key in clear, and what is kept of it. ``scope`` are fields of ``KeyRecord``."""
    key_id, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    record = msgspec.convert({"id": key_id, "kind": kind, "hash": _hash(secret), "name": name, **scope}, KeyRecord)
    return f"{_PREFIX}_{kind}_{key_id}_{secret}", record


_NOBODY = KeyRecord("", "client", _hash(""), "")


class KeyStore:
    """The keys of callers, by id. A look-up takes the same time whether or not the key exists."""

    def __init__(self, records: Iterable[KeyRecord] = ()) -> None:
        self._records = {record.id: record for record in records}
        self._principals: dict[str, Principal] = {}

    @classmethod
    def load(cls, path: Path) -> KeyStore:
        """The store in ``path`` (JSON, 0600); empty if there is no file."""
        if not path.exists():
            return cls()
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=list[KeyRecord]))
        except msgspec.MsgspecError as error:
            raise WeakSecret(f"{path} cannot be read as a key store: {error}") from None

    def save(self, path: Path) -> None:
        """Write the store, readable by its owner only."""
        partial = path.with_suffix(".tmp")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(sorted(self._records.values(), key=lambda r: r.id))))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def add(self, record: KeyRecord) -> None:
        """Keep a key."""
        self._records[record.id] = record
        self._principals.clear()

    def records(self) -> tuple[KeyRecord, ...]:
        """What is kept, hashes only."""
        return tuple(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: str, kind: KeyKind) -> KeyRecord | None:
        """The record of a genuine key of that kind, else None."""
        prefix, _, rest = key.partition("_")
        named, _, rest = rest.partition("_")
        key_id, _, secret = rest.partition("_")
        record = self._records.get(key_id, _NOBODY)
        genuine = hmac.compare_digest(_hash(secret), record.hash)
        return record if genuine and record.id and prefix == _PREFIX and named == record.kind == kind else None

    def principal(self, key: str) -> Principal:
        """Who calls with a client key.

        Raises:
            Unauthenticated: the key is not known.
        """
        record = self.find(key, "client")
        if record is None:
            raise Unauthenticated
        found = self._principals.get(record.id)
        if found is None:
            found = self._principals[record.id] = Principal(
                kind=record.principal,
                id=record.name,
                tenant=record.tenant,
                agents=record.agents,
                skills=record.skills,
                roles=frozenset(record.roles),
            )
        return found

    def require(self, header: str | None, kind: KeyKind) -> KeyRecord:
        """The record behind an ``Authorization`` header.

        Raises:
            Unauthenticated: there is none.
        """
        scheme, _, key = (header or "").partition(" ")
        record = self.find(key.strip(), kind) if scheme.lower() == "bearer" else None
        if record is None:
            raise Unauthenticated(f"a valid {kind} key is needed: send it as 'Authorization: Bearer KEY'")
        return record
