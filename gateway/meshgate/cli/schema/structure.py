"""The structural changes between two schemas: what was added, removed, renamed or given another type."""

from __future__ import annotations

from meshgate.registry.schemas import Image
from meshgate.registry.schemas.description import message_view
from meshgate.registry.schemas.views import MESSAGE, EnumView, FieldView, MessageView

__all__ = []

_MOST_PAIRS = 4000


def structural_changes(old: Image, new: Image, old_type: str, new_type: str) -> dict[str, str]:
    """Return the changes by path: a field added, removed, renamed or given another type.

    Args:
        old, new: the images.
        old_type, new_type: full names of the messages.
    """
    found: dict[str, str] = {}
    pairs: set[tuple[str, str]] = set()
    waiting = [(old_type, new_type)]
    while waiting and len(pairs) < _MOST_PAIRS:
        names = waiting.pop()
        if names in pairs:
            continue
        pairs.add(names)
        before, after = message_view(old, names[0]), message_view(new, names[1])
        found |= _fields(before, after)
        for number in before.fields.keys() & after.fields.keys():
            first, then = before.fields[number], after.fields[number]
            if first.type == then.type == MESSAGE:
                waiting.append((first.target, then.target))
            if first.enum is not None and then.enum is not None:
                found |= _values(first.enum, then.enum)
    return found


def _fields(before: MessageView, after: MessageView) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in before.fields.keys() | after.fields.keys():
        was, now = before.fields.get(number), after.fields.get(number)
        if was is None and now is not None:
            found[f"{after.name}.{now.name}"] = f"added: {_kind(now)}, number {number}"
        elif was is not None and now is None:
            kept = any(low <= number < high for low, high in after.reserved)
            text = f"removed: {_kind(was)}, number {number}"
            found[f"{after.name}.{was.name}"] = text + ("" if kept else ", which is not reserved")
        elif was is not None and now is not None:
            told = _changed(was, now)
            if told:
                found[f"{after.name}.{now.name}"] = told
    return found


def _changed(was: FieldView, now: FieldView) -> str:
    told = [f"was called {was.name}"] if was.name != now.name else []
    if _kind(was) != _kind(now):
        told.append(f"was {_kind(was)}, is {_kind(now)}")
    return ", ".join(told)


def _kind(field: FieldView) -> str:
    kind = field.kind.rpartition(".")[2] if field.target else field.kind
    return {"singular": kind, "repeated": f"list of {kind}", "map": "map"}[field.shape]


def _values(before: EnumView, after: EnumView) -> dict[str, str]:
    was, now = before.numbers, after.numbers
    added = {f"{after.name}.{name}": f"added: value {now[name]}" for name in now.keys() - was.keys()}
    return added | {f"{after.name}.{name}": f"removed: value {was[name]}" for name in was.keys() - now.keys()}
