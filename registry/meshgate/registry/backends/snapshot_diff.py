"""How two snapshots of a registry differ, as a delta: the part that every backend's watch shares."""

from __future__ import annotations

from meshgate.registry.backends.model import Snapshot
from meshgate.registry.model import Delta

__all__ = ["difference"]


def difference(old: Snapshot | None, new: Snapshot) -> Delta | None:
    """The delta that leads from ``old`` to ``new``: None if there is none, a reset if ``old`` is None."""
    if old is None:
        put = tuple(new.entries.values())
        return Delta(put=put, switches=new.switches, subjects=new.subjects, unread=new.unread, reset=True)
    put = tuple(entry for key, entry in new.entries.items() if not entry.same(old.entries.get(key)))
    gone = tuple(key for key in old.entries if key not in new.entries)
    switches = None if old.switches == new.switches else new.switches
    subjects = None if old.subjects is new.subjects or old.subjects == new.subjects else new.subjects
    unread = None if old.unread == new.unread else new.unread
    if not put and not gone and switches is None and subjects is None and unread is None:
        return None
    return Delta(put=put, gone=gone, switches=switches, subjects=subjects, unread=unread)
