"""Making, rotating and revoking the keys of callers while the mesh runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.a2a.selector import NAME
from meshgate.gateway.identity.key_record import KeyKind, KeyRecord
from meshgate.gateway.identity.keys import new_key
from meshgate.gateway.identity.shared_keys import SharedKeys

__all__ = ["KeyChanges", "LastAdminKey", "UnknownKey"]

log = structlog.get_logger(__name__)
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", re.ASCII)
"""A key's name. No colon: ``agent:NAME`` are agents, and ``TENANT:NAME`` names a key of another tenant."""
_PATTERN = re.compile(r"[!-~]{1,128}", re.ASCII)


class UnknownKey(MeshError):
    """No key has this id or name, or several have the name."""

    code, summary = "UNKNOWN_KEY", "no key has this id or name"


class LastAdminKey(MeshError):
    """Without this key nobody could open the admin API."""

    code = "LAST_ADMIN_KEY"
    summary = "this is the last key that opens the admin API: make another one first"


class KeyChanges:
    """Makes, rotates and revokes keys. What is done is in force here, and at the other gateways within two seconds.

    All methods that change something raise what ``SharedKeys.change`` does, and log who did it.

    Args:
        keys: the keys of the mesh.
        wall: seconds since 1970.
    """

    def __init__(self, keys: SharedKeys, wall: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._wall = wall

    def records(self) -> list[KeyRecord]:
        """All keys, development keys too, by kind and name."""
        return sorted(self._keys.store.records(), key=lambda key: (key.kind, key.tenant, key.name, key.created, key.id))

    def is_fixed(self, key: KeyRecord) -> bool:
        """Whether it is a development key, which is made from the mesh key and stands in no list."""
        return self._keys.store.is_fixed(key.id)

    def find(self, named: str) -> KeyRecord:
        """The key with an id, or with a name that no other key has.

        Raises:
            UnknownKey: there is none, or there are several.
        """
        return _find(self.records(), named, self._wall())

    async def create(self, kind: KeyKind, name: str, by: str, **scope: Any) -> tuple[str, KeyRecord]:
        """Make a key; returns it in clear, with its record. ``scope`` are fields of ``KeyRecord``.

        Raises:
            InvalidParams: a name or a pattern is none, or it would have expired already.
        """
        now = self._wall()
        check_scope(name, **scope)
        expires = scope.get("expires", 0.0)
        if expires and expires <= now:
            raise InvalidParams("expires: a key cannot expire in the past")
        clear, record = new_key(kind, name, created=now, **scope)
        await self._keys.change(lambda keys: (*keys, record))
        log.info("key_created", key=record.id, kind=kind, name=name, tenant=record.tenant, by=by)
        return clear, record

    async def rotate(self, named: str, keep: float, by: str) -> tuple[str, KeyRecord, KeyRecord]:
        """Make a key in the place of another: the same name and scope, and as long a life.

        Args:
            keep: seconds for which the old key stays valid, so that its holders have time to change.

        Returns:
            The new key in clear, its record, and the old one's record.
        """
        now = self._wall()
        old = self._changeable(named)
        expires = now + (old.expires - old.created) if old.expires and old.created else old.expires
        scope = {name: getattr(old, name) for name in ("tenant", "agents", "skills", "roles", "principal")}
        clear, record = new_key(old.kind, old.name, created=now, expires=expires, **scope)
        ends = min(now + keep, old.expires or float("inf"))

        def edit(keys: tuple[KeyRecord, ...]) -> tuple[KeyRecord, ...]:
            _find(keys, old.id, now)
            ended = (msgspec.structs.replace(key, expires=ends) if key.id == old.id else key for key in keys)
            return (*ended, record)

        await self._keys.change(edit)
        log.info("key_rotated", key=record.id, replaces=old.id, kind=old.kind, name=old.name, keep=keep, by=by)
        return clear, record, msgspec.structs.replace(old, expires=ends)

    async def revoke(self, named: str, by: str) -> KeyRecord:
        """End a key now.

        Raises:
            LastAdminKey: nobody could open the admin API any more.
        """
        now, old = self._wall(), self._changeable(named)

        def edit(keys: tuple[KeyRecord, ...]) -> tuple[KeyRecord, ...]:
            _find(keys, old.id, now)
            left = tuple(key for key in keys if key.id != old.id)
            if old.kind == "admin" and not any(map(self._opens, left)) and not self._keys.store.has_fixed("admin"):
                raise LastAdminKey
            return left

        await self._keys.change(edit)
        log.info("key_revoked", key=old.id, kind=old.kind, name=old.name, tenant=old.tenant, by=by)
        return old

    def _opens(self, key: KeyRecord) -> bool:
        return key.kind == "admin" and not key.has_expired(self._wall())

    def _changeable(self, named: str) -> KeyRecord:
        key = self.find(named)
        if self.is_fixed(key):
            raise InvalidParams(
                "a development key is made from the mesh key, for loopback alone: replace mesh.key and start again"
            )
        return key


def check_scope(name: str, **scope: Any) -> None:
    """Refuse a key whose name nobody could tell from another's, or with a pattern that fits nothing.

    Raises:
        InvalidParams: what is wrong, and what it may be.
    """
    if _OWNER.fullmatch(name) is None:
        raise InvalidParams(
            f"name: {name[:64]!r} is no name of a key: letters, digits, '.', '_', '-', '@', '+', at most 128"
        )
    for field in ("tenant", "roles"):
        given = scope.get(field, ())
        for one in (given,) if isinstance(given, str) else given:
            if NAME.match(one) is None:
                raise InvalidParams(f"{field}: {one[:64]!r} is no name: letters, digits, '.', '_', '-', at most 128")
    for field in ("agents", "skills"):
        for one in scope.get(field, ()):
            if _PATTERN.fullmatch(one) is None:
                raise InvalidParams(f"{field}: {one[:64]!r} is no pattern: 1 to 128 visible ASCII characters")


def _find(keys: Iterable[KeyRecord], named: str, now: float) -> KeyRecord:
    known = tuple(keys)
    same_name = [key for key in known if key.name == named]
    living = [key for key in same_name if not key.has_expired(now)]
    found = [key for key in known if key.id == named] or living or same_name
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(key.id for key in found[:5])
        raise UnknownKey(f"{len(found)} keys have the name {named[:64]!r}: say which by its id: {ids}")
    raise UnknownKey(f"no key has the id or name {named[:64]!r}: 'meshgate key list' shows all")
