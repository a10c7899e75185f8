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
from meshgate.registry.model import KINDS, SWITCH_KINDS, Delta, Endpoint, Entry, Instance, Unread

__all__ = ["PassedOver", "RowFilter"]

PassedOver = Literal["unreadable", "manifest", "kind", "unsigned", "address", "unreachable", "switch", "subject"]
"""Why a row is passed over.

``unreadable``: its content. ``manifest``: its manifest is missing or unreadable. ``kind``: the kind of instance is not
known. ``unsigned``: a gateway that no holder of the mesh key listed. ``address``: one address of an instance, in a
binding or version that is not spoken here. ``unreachable``: an instance that has no other address. ``switch``,
``subject``: no kill switch, or no pointer to a contract, that is known.
"""


_ADDRESS: tuple[PassedOver, ...] = ("address",)


class RowFilter:
    """Takes from each delta what cannot be used, and counts what is passed over now.

    Args:
        usable: whether an address can be called.
        genuine: whether an instance that is no agent proves that it belongs to the mesh.
    """

    def __init__(
        self, usable: Callable[[Endpoint], bool] = spoken, genuine: Callable[[Instance], bool] = lambda _: True
    ) -> None:
        self._usable, self._genuine = usable, genuine
        self._instances: dict[str, tuple[PassedOver, ...]] = {}
        self.older: frozenset[str] = frozenset()
        """Ids of gateways that do not say their release: 0.1 did not."""
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
            self.older = frozenset()
            self._unread, self._switches = (), 0
        for key in delta.gone:
            self._instances.pop(key, None)
        listed = {entry.instance.id: entry.instance for entry in delta.put}
        unlabelled = {key for key, one in listed.items() if one.kind == "gateway" and "version" not in one.labels}
        self.older = (self.older - listed.keys() - set(delta.gone)) | unlabelled
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
            elif not self._genuine(instance):
                self._instances[instance.id] = ("unsigned",)
            elif strange and not addresses:
                self._instances[instance.id] = (*strange, "unreachable")
            elif strange:
                self._instances[instance.id] = strange
                yield Entry(msgspec.structs.replace(instance, endpoints=addresses), entry.manifest)
            else:
                yield entry
