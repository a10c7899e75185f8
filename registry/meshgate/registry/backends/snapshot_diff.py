"""What a registry looks like at one moment, and how two moments differ: the part that every backend's watch shares."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshgate.registry.model import Delta, Entry, Instance, Manifest, Switch

__all__ = ["State", "difference", "entry_of", "same_entry"]


class State(msgspec.Struct, frozen=True):
    """Everything listed at one moment. ``entries`` are by instance id, ``subjects`` by name, ``switches`` sorted."""

    entries: Mapping[str, Entry] = {}
    switches: tuple[Switch, ...] = ()
    subjects: Mapping[str, str] = {}


def entry_of(instance: Instance, manifest: Manifest | None) -> Entry:
    """The entry of an instance; a gateway has no manifest of its own and gets an empty one."""
    return Entry(instance, manifest or Manifest(agent=instance.agent, version="0.0.0"))


def same_entry(old: Entry | None, new: Entry) -> bool:
    """Whether nothing changed. Manifests are named by their content, so comparing their names compares them."""
    return old is new or (old is not None and old.instance == new.instance)


def difference(old: State | None, new: State) -> Delta | None:
    """The delta that leads from ``old`` to ``new``: None if there is none, a reset if ``old`` is None."""
    if old is None:
        return Delta(put=tuple(new.entries.values()), switches=new.switches, subjects=new.subjects, reset=True)
    put = tuple(entry for key, entry in new.entries.items() if not same_entry(old.entries.get(key), entry))
    gone = tuple(key for key in old.entries if key not in new.entries)
    switches = None if old.switches == new.switches else new.switches
    subjects = None if old.subjects is new.subjects or old.subjects == new.subjects else new.subjects
    if not put and not gone and switches is None and subjects is None:
        return None
    return Delta(put=put, gone=gone, switches=switches, subjects=subjects)
