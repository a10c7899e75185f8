"""The unknown keys of JSON objects: they are put back into the JSON that is written for the converted message."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.gateway.contracts.transform.fields.descriptors import element_type, is_map, is_message
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM
from meshgate.gateway.contracts.transform.violations import UnknownKey

__all__ = ["UnknownFields"]


class UnknownFields:
    """Puts unknown keys into the JSON of a message of this type."""

    def __init__(self, root: Descriptor) -> None:
        self._root = root
        self._known: dict[str, frozenset[str]] = {}

    def restore(self, tree: Any, unknown_key: UnknownKey) -> bool:
        """Put the key back where it was. Field numbers lead there, so the object is found in another release too.

        A key that is a field here is not put back, because its value was not checked as that field.

        Returns:
            Whether it was put back.
        """
        node, scope = tree, self._root
        way = iter(unknown_key.at)
        for number in way:
            if not is_object(node) or scope.full_name in VALUE_FORM or not isinstance(number, int):
                return False
            field = scope.fields_by_number.get(number)
            if field is None:
                return False
            held, node = field, node.get(field.json_name)
            if field.is_repeated:
                node = _element(node, next(way, None))
                if is_map(field):
                    held = element_type(field).fields_by_name["value"]
            if not is_message(held):
                return False
            scope = element_type(held)
        if not is_object(node) or scope.full_name in VALUE_FORM:
            return False
        if unknown_key.key in node or unknown_key.key in self._names(scope):
            return False
        node[unknown_key.key] = unknown_key.value
        return True

    def _names(self, scope: Descriptor) -> frozenset[str]:
        found = self._known.get(scope.full_name)
        if found is None:
            found = frozenset(name for field in scope.fields for name in (field.name, field.json_name))
            self._known[scope.full_name] = found
        return found


def _element(node: Any, ref: int | str | None) -> Any:
    if is_array(node):
        return node[ref] if isinstance(ref, int) and ref < len(node) else None
    return node.get(ref) if is_object(node) and isinstance(ref, str) else None
