"""The keys of callers: made, kept as hashes, and looked up in the same time whether or not a key exists."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import Unauthenticated
from meshgate.gateway.identity.key_list import KeyList
from meshgate.gateway.identity.key_record import KEY_PREFIX, KeyKind, KeyRecord, hash_secret, spell_key
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
    """The keys of callers, by id. A look-up takes the same time whether or not the key exists.

    Args:
        records: the keys in the list of the mesh.
        fixed: keys that are in no list.
        wall: seconds since 1970, for keys that expire.
    """

    def __init__(
        self,
        records: Iterable[KeyRecord] = (),
        fixed: Iterable[KeyRecord] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._fixed = {record.id: record for record in fixed}
        self._records = {record.id: record for record in records} | self._fixed
        self._principals: dict[str, Principal] = {}
        self._wall = wall
        self.fault = ""
        """Why the keys are those that were last known, or ""; who follows the list says so."""

    @classmethod
    def load(cls, path: Path) -> KeyStore:
        """The store in ``path`` (JSON, 0600); empty if there is no file."""
        return cls(KeyList.read(path.read_bytes(), str(path)).keys) if path.exists() else cls()

    def save(self, path: Path) -> None:
        """Write the store, readable by its owner only."""
        records = sorted(self._records.values(), key=lambda record: record.id)
        write_private(path, msgspec.json.format(KeyList(0, tuple(records)).encode()))

    def add(self, record: KeyRecord) -> None:
        """Add a key."""
        self._records[record.id] = record
        self._principals.clear()

    def replace(self, records: Iterable[KeyRecord]) -> None:
        """Have these keys in the place of those that were listed."""
        self._records = {record.id: record for record in records} | self._fixed
        self._principals.clear()

    def is_fixed(self, key_id: str) -> bool:
        """Whether a key is in no list."""
        return key_id in self._fixed

    def has_fixed(self, kind: KeyKind) -> bool:
        """Whether a key of that kind is in no list, so that it stays."""
        return any(record.kind == kind for record in self._fixed.values())

    def records(self) -> tuple[KeyRecord, ...]:
        """The records, which hold hashes only."""
        return tuple(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: str, kind: KeyKind) -> KeyRecord | None:
        """The record of a genuine key of that kind, else None.

        Raises:
            Unauthenticated: it is genuine, and has expired.
        """
        prefix, _, rest = key.partition("_")
        named, _, rest = rest.partition("_")
        key_id, _, secret = rest.partition("_")
        record = self._records.get(key_id, _NOBODY)
        genuine = hmac.compare_digest(hash_secret(secret), record.hash)
        if not (genuine and record.id and prefix == KEY_PREFIX and named == record.kind == kind):
            return None
        if record.expires and record.has_expired(self._wall()):
            # Only who holds the key is told.
            ended = datetime.fromtimestamp(record.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
            raise Unauthenticated(f"this key expired at {ended}: 'meshgate key rotate {record.id}' makes a new one")
        return record

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
