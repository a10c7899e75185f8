"""The rows of a registry that this release can use; the others are passed over and counted.

A later release may write kinds of instances, bindings, versions and kinds of kill switches that this one does not know.
Such a row harms none of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from meshgate.registry.limits import spoken
from meshgate.registry.model import KINDS, SWITCH_KINDS, Delta, Endpoint, Entry, Unread

__all__ = ["PassedOver", "RowFilter"]

PassedOver = Literal["unreadable", "manifest", "kind", "address", "unreachable", "switch", "subject"]
"""Why a row is passed over.

``unreadable``: its content. ``manifest``: its manifest is missing or unreadable. ``kind``: the kind of instance is not
known. ``address``: one address of an instance, in a binding or version that is not spoken here. ``unreachable``: an
instance that has no other address. ``switch``, ``subject``: no kill switch, or no pointer to a contract, that is known.
"""


_ADDRESS: tuple[PassedOver, ...] = ("address",)


class RowFilter:
    """Takes from each delta what cannot be used, and counts what is passed over now.

    Args:
        usable: whether an address can be called.
    """

    def __init__(self, usable: Callable[[Endpoint], bool] = spoken) -> None:
        self._usable = usable
        self._instances: dict[str, tuple[PassedOver, ...]] = {}
        self._unread: tuple[Unread, ...] = ()
        self._switches = 0

    @property
    def passed_over(self) -> Mapping[PassedOver, int]:
        """How many rows of the registry are passed over at present, by reason; reasons without any are left out."""
        counts: Counter[PassedOver] = Counter(reason for reasons in self._instances.values() for reason in reasons)
        counts.update(self._unread)
        counts["switch"] += self._switches
        return {reason: counts[reason] for reason in sorted(counts) if counts[reason]}

    def apply(self, delta: Delta) -> Delta:
        """The part of a delta that can be used. An instance that no longer can be is among those that are gone."""
        if delta.reset:
            self._instances.clear()
            self._unread, self._switches = (), 0
        for key in delta.gone:
            self._instances.pop(key, None)
        put = tuple(self._entries(delta.put))
        kept = {entry.instance.id for entry in put}
        dropped = tuple(entry.instance.id for entry in delta.put if entry.instance.id not in kept)
        if delta.unread is not None:
            self._unread = tuple(delta.unread.values())
        switches = delta.switches
        if delta.switches is not None:
            switches = tuple(switch for switch in delta.switches if switch.kind in SWITCH_KINDS)
            self._switches = len(delta.switches) - len(switches)
        gone = delta.gone if delta.reset else (*delta.gone, *dropped)
        return msgspec.structs.replace(delta, put=put, gone=gone, switches=switches)

    def _entries(self, entries: Iterable[Entry]) -> Iterable[Entry]:
        for entry in entries:
            instance = entry.instance
            addresses = tuple(endpoint for endpoint in instance.endpoints if self._usable(endpoint))
            strange = _ADDRESS * (len(instance.endpoints) - len(addresses))
            self._instances.pop(instance.id, None)
            if instance.kind not in KINDS:
                self._instances[instance.id] = ("kind",)
            elif strange and not addresses:
                self._instances[instance.id] = (*strange, "unreachable")
            elif strange:
                self._instances[instance.id] = strange
                yield Entry(msgspec.structs.replace(instance, endpoints=addresses), entry.manifest)
            else:
                yield entry
