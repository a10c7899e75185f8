"""The list of a mesh's keys: what ``keys.json`` holds, and, with a MAC, what gateways of several machines share."""

from __future__ import annotations

import hmac
from typing import Any

import msgspec

from meshgate.a2a.codec.type_fault import fault_at
from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.identity.key_record import OPERATOR, KeyRecord
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret

__all__ = ["FIRST", "MAX_BYTES", "MAX_KEYS", "KeyList", "read_signed", "signed"]

FIRST = "first-"
"""The beginning of the names of the keys that are made in a home without any."""
MAX_KEYS = 1000
"""Most keys of a mesh."""
MAX_BYTES = 448 * 1024
"""Largest list of keys: Consul takes values of at most 512 KiB."""


class KeyList(msgspec.Struct, frozen=True):
    """The keys of a mesh at one moment, hashes only."""

    number: int = 0
    """Grows with each change of a list that machines share, so that an older one is told from a newer one; 0 for the
    list of one home, which joins the shared one when the home first meets it."""
    keys: tuple[KeyRecord, ...] = ()

    @classmethod
    def read(cls, data: bytes, source: str) -> KeyList:
        """The list in a file: as it is written now, or the plain array of earlier releases.

        Raises:
            WeakSecret: the file, which ``source`` names, cannot be read as one.
        """
        try:
            if data.lstrip().startswith(b"["):
                return cls(0, _upgraded(msgspec.json.decode(data, type=tuple[KeyRecord, ...])))
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise WeakSecret(f"{source} cannot be read as a list of keys: {fault_at(error)}") from None

    def with_keys(self, keys: tuple[KeyRecord, ...]) -> KeyList:
        """The next list, with these keys.

        Raises:
            InvalidParams: they are too many.
        """
        found = KeyList(self.number + 1, tuple(sorted(keys, key=lambda key: key.id)))
        if len(keys) > MAX_KEYS or len(found.encode()) > MAX_BYTES:
            raise InvalidParams(
                f"a mesh has at most {MAX_KEYS:,} keys in {MAX_BYTES // 1024} KiB: revoke some, or give one key more "
                "patterns ('meshgate key list' shows all)"
            )
        return found

    def merged(self, other: KeyList) -> KeyList:
        """This list with the keys of another that it lacks; itself if there are none."""
        known = {key.id for key in self.keys}
        lacking = tuple(key for key in other.keys if key.id not in known)
        return self.with_keys((*self.keys, *lacking)) if lacking else self

    def encode(self) -> bytes:
        """The list as JSON."""
        return msgspec.json.encode(self)


class _Signed(msgspec.Struct, frozen=True):
    mac: str
    list: msgspec.Raw


def signed(keys: KeyList, mesh: MeshKey) -> bytes:
    """A list with the MAC of the mesh key, for a place that others may write to."""
    body = keys.encode()
    document: dict[str, Any] = {"mac": mesh.list_mac(body), "list": msgspec.Raw(body)}
    return msgspec.json.encode(document)


def read_signed(data: bytes, mesh: MeshKey) -> KeyList | None:
    """The list in ``data`` if a holder of the mesh key wrote it, else None."""
    try:
        found = msgspec.json.decode(data, type=_Signed)
        if not hmac.compare_digest(found.mac.encode(), mesh.list_mac(bytes(found.list)).encode()):
            return None
        return msgspec.json.decode(found.list, type=KeyList)
    except msgspec.MsgspecError:
        return None


def _upgraded(keys: tuple[KeyRecord, ...]) -> tuple[KeyRecord, ...]:
    """Keys of 0.1, which had no roles: the operator's own join key keeps what it could do."""
    return tuple(
        msgspec.structs.replace(key, roles=(OPERATOR,))
        if key.kind == "join" and key.name == FIRST + "join" and not key.roles
        else key
        for key in keys
    )
