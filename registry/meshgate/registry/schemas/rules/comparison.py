"""The comparison of two schemas of one contract: every rule in one table, and the walk that asks them.

A rule is a function of one change: a type, message, field or enum as two schemas have it, with old data read by the new
schema or new data by the old. It yields what the reader loses. So one rule covers both directions of a change. Readers
are taken to ignore fields that they do not know, in JSON too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from meshgate.registry.schemas.description import message_view
from meshgate.registry.schemas.errors import BadSchema
from meshgate.registry.schemas.image import Image
from meshgate.registry.schemas.rules.constraints import FIELD_CONSTRAINTS, MESSAGE_CONSTRAINTS
from meshgate.registry.schemas.rules.enums import ENUM_RULES
from meshgate.registry.schemas.rules.fields import FIELD_RULES, MESSAGE_RULES
from meshgate.registry.schemas.rules.model import Rule
from meshgate.registry.schemas.views import MESSAGE, EnumView, FieldView, MessageView
from meshgate.registry.schemas.violation import Change, Direction, Finding, Violation

__all__ = ["RULES", "Views", "compare"]

_MOST_PAIRS = 4000
"""Pairs of messages that one comparison looks at. Schemas that belong together have one a message."""


Views = dict[tuple[str, str], MessageView]
"""Messages of images, by digest and name."""


def type_removed(change: Change[str]) -> Iterator[Finding]:
    """A release does not drop the contract that an earlier one had."""
    if change.old and not change.new:
        yield Finding(
            "the release has no such type any more", f"declare {change.old} again, or raise the major version"
        )


def type_renamed(change: Change[str]) -> Iterator[Finding]:
    """Payloads name their type in the media type."""
    if change.old and change.new and change.old != change.new:
        what = f"the type was {change.old} and is {change.new}"
        yield Finding(what, f"keep the name {change.old}, or raise the major version", mediated=True)


def _table(
    about: Literal["message", "field", "enum"], checks: Mapping[str, Callable[[Any], Iterable[Finding]]]
) -> dict[str, Rule]:
    return {name: Rule(about, check) for name, check in checks.items()}


RULES: dict[str, Rule] = {
    "type-removed": Rule("type", type_removed),
    "type-renamed": Rule("type", type_renamed),
    **_table("message", MESSAGE_RULES),
    **_table("message", MESSAGE_CONSTRAINTS),
    **_table("field", FIELD_RULES),
    **_table("field", FIELD_CONSTRAINTS),
    **_table("enum", ENUM_RULES),
}
"""Every rule by its id."""


def compare(
    old: Image | None, new: Image | None, old_type: str, new_type: str, views: Views | None = None
) -> tuple[Violation, ...]:
    """What breaks between two schemas of a contract, in either direction, sorted by path; nothing if nothing does.

    Args:
        old: the image of the earlier release; None if it has no such contract.
        new: that of the later one.
        old_type: full name of the message that the earlier release takes (or gives); empty if it has no such contract.
        new_type: that of the later release.
        views: kept between comparisons of the same images.

    Raises:
        BadSchema: an image has no message of that name, or the two are too different to be compared.
    """
    found = set(_ask("type", new_type or old_type, old_type, new_type))
    if old is None or new is None or not (old_type and new_type):
        return tuple(sorted(found))
    views = {} if views is None else views
    asked: set[tuple[str, str]] = set()
    waiting = [(old_type, new_type)]
    while waiting:
        names = waiting.pop()
        if names in asked or (names[0] == names[1] and names[0].startswith("google.protobuf.")):
            continue
        asked.add(names)
        if len(asked) > _MOST_PAIRS:
            raise BadSchema(
                new_type, "its messages and the earlier ones are mixed too much to compare", "raise the major version"
            )
        before, after = _view(old, names[0], views), _view(new, names[1], views)
        found |= set(_ask("message", after.name, before, after))
        for number in before.fields.keys() & after.fields.keys():
            first, then = before.fields[number], after.fields[number]
            if first.same(then):
                continue
            found |= set(_ask("field", f"{after.name}.{then.name}", first, then))
            found |= _enums(first, then, asked)
            if first.type == then.type == MESSAGE and first.shape == then.shape:
                waiting.append((first.target, then.target))
    return tuple(sorted(found))


def _view(image: Image, name: str, views: Views) -> MessageView:
    key = image.digest, name
    if key not in views:
        views[key] = message_view(image, name)
    return views[key]


def _enums(first: FieldView, then: FieldView, asked: set[tuple[str, str]]) -> set[Violation]:
    names = first.target, then.target
    if first.enum is None or then.enum is None or names in asked:
        return set()
    asked.add(names)
    return set(_ask("enum", then.enum.name, first.enum, then.enum))


def _ask(about: str, path: str, old: str | MessageView | FieldView | EnumView, new: Any) -> Iterator[Violation]:
    """What the rules find about a thing; a finding that holds in both directions is one violation."""
    for name, rule in RULES.items():
        if rule.about != about:
            continue
        backward = list(rule.check(Change(old, new, backward=True)))
        forward = list(rule.check(Change(old, new, backward=False)))
        for finding in dict.fromkeys([*backward, *forward]):
            where = f"{path}.{finding.at}" if finding.at else path
            direction = _direction(backward=finding in backward, forward=finding in forward)
            what, remedy, form = finding.what, finding.remedy, finding.form
            yield Violation(where, name, direction, form, what, remedy, mediated=finding.mediated)


def _direction(*, backward: bool, forward: bool) -> Direction:
    if backward and forward:
        return "both"
    return "backward" if backward else "forward"
