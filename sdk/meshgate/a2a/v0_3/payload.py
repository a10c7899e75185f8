"""The payload of a message that came in A2A 0.3: it leaves in that form as it is, and is upgraded once to be read."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.codec.strict_json import check
from meshgate.a2a.payload import IdMap, JsonPayload, Payload, map_tree
from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3.form import Form

__all__ = ["LegacyPayload", "native_of"]


class LegacyPayload(Payload):
    """A message of 0.3.

    Args:
        kind: the class of ``view()``, of 1.0.
        form: the form that it came in.
        native: the message in that form, checked.
        tree: the same as A2A 1.0 JSON, checked.
    """

    __slots__ = ("_ids", "_tree", "form", "native")

    def __init__(
        self, kind: type[A2AMessage], form: Form, native: Any, tree: dict[str, Any], view: A2AMessage | None = None
    ) -> None:
        super().__init__(kind, view)
        self.form = form
        self.native = native
        self._tree = tree
        self._ids: IdMap | None = None
        """What the ids of the tree have still to go through."""

    @classmethod
    def read(cls, kind: type[A2AMessage], form: Form, native: Any) -> LegacyPayload:
        """The payload of what was read in a form.

        Raises:
            InvalidParams: it is no valid A2A, with the field as 1.0 calls it.
        """
        tree, view = check(form.upgrade(kind, native), kind)
        return cls(kind, form, native, tree, view)

    def tree(self) -> dict[str, Any]:
        """The message as A2A 1.0 JSON."""
        if self._ids is not None:
            self._tree = map_tree(self._tree, self.kind, self._ids)
            self._ids = None
        return self._tree

    @property
    def label(self) -> str:
        """See ``Payload.label``."""
        label: str = self._tree.get("tenant", "")
        return label

    def with_ids(self, ids: IdMap) -> Payload:
        """See ``Payload.with_ids``. The tree is mapped when it is read: one that goes on in its form may not be."""
        native = self.form.with_ids(self.kind, self.native, ids)
        if native is None:
            return JsonPayload(self.kind, map_tree(self.tree(), self.kind, ids))
        mapped = LegacyPayload(self.kind, self.form, native, self.tree())
        mapped._ids = ids
        return mapped


def native_of(payload: Payload, form: Form) -> Any:
    """A payload in a form of 0.3: as it came, if it came in that form, else downgraded.

    Raises:
        InvalidParams: it has no place in that form.
    """
    if isinstance(payload, LegacyPayload) and payload.form is form:
        return payload.native
    return form.downgrade(payload.kind, payload.tree())
