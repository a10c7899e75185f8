"""The keys of callers: made, kept as hashes, and looked up in the same time whether or not a key exists."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec

from meshgate.a2a.call import Principal
from meshgate.a2a.codec.type_fault import fault_at
from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.key_record import KEY_PREFIX, KeyKind, KeyRecord, hash_secret, spell_key
from meshgate.gateway.identity.mesh_key import WeakSecret
from meshgate.registry.home import write_private

__all__ = ["KeyStore", "new_key"]


def new_key(kind: KeyKind, name: str, **scope: object) -> tuple[str, KeyRecord]:
    """A new key in clear, and its record. ``scope`` are fields of ``KeyRecord``."""
    key_id, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    record = msgspec.convert(
        {"id": key_id, "kind": kind, "hash": hash_secret(secret), "name": name, **scope}, KeyRecord
    )
    return spell_key(kind, key_id, secret), record


_NOBODY = KeyRecord("", "client", hash_secret(""), "")


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
            raise WeakSecret(f"{path} cannot be read as a key store: {fault_at(error)}") from None

    def save(self, path: Path) -> None:
        """Write the store, readable by its owner only."""
        records = sorted(self._records.values(), key=lambda record: record.id)
        write_private(path, msgspec.json.format(msgspec.json.encode(records)))

    def add(self, record: KeyRecord) -> None:
        """Add a key."""
        self._records[record.id] = record
        self._principals.clear()

    def records(self) -> tuple[KeyRecord, ...]:
        """The records, which hold hashes only."""
        return tuple(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: str, kind: KeyKind) -> KeyRecord | None:
        """The record of a genuine key of that kind, else None."""
        prefix, _, rest = key.partition("_")
        named, _, rest = rest.partition("_")
        key_id, _, secret = rest.partition("_")
        record = self._records.get(key_id, _NOBODY)
        genuine = hmac.compare_digest(hash_secret(secret), record.hash)
        return record if genuine and record.id and prefix == KEY_PREFIX and named == record.kind == kind else None

    def principal(self, key: str) -> Principal:
        """The principal of a client key.

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
