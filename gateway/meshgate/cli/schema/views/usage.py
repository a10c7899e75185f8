"""The view of the usage of a contract."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from meshgate.a2a.versions import Version
from meshgate.cli.schema.model import ContractUsage, UsageRow
from meshgate.cli.schema.views.text import plain_text
from meshgate.cli.views.tables import grid, plural
from meshgate.registry.index import version_of

__all__ = ["ago", "usage_view", "version_key"]


def usage_view(found: ContractUsage, now: float, *, fields: bool = False) -> RenderableType:
    """The table of the users of each version, with the time the gateways have counted.

    Args:
        now: seconds since 1970.
        fields: whether to show the fields too.
    """
    lines: list[RenderableType] = [plain_text(found.subject, "bold"), Text()]
    rows = sorted(found.rows, key=lambda one: (version_key(one.version), one.direction, one.caller))
    if not rows:
        lines.append(Text("No typed message yet, as far as gateways have counted."))
    else:
        lines.append(_rows_table(rows, now))
    if rows and fields:
        lines += [Text(), _fields_table(rows)]
    longest = max((now - one for one in found.since.values()), default=0.0)
    counted = f"Counted by {plural(len(found.since), 'gateway')}, the longest for {_length(longest)}."
    lines += [Text(), Text(counted if found.since else "No gateway answered.", "dim")]
    if found.missing:
        lines.append(plain_text(f"Missing: {', '.join(found.missing)} did not answer.", "yellow"))
    if found.forgotten:
        lines.append(Text(f"{plural(found.forgotten, 'row')} made room for others and are not in here.", "yellow"))
    return Group(*lines)


def ago(span: float) -> str:
    """The age of something in words, from the seconds since."""
    return f"{_length(span)} ago" if span >= 1 else "now"


def _length(span: float) -> str:
    """A length of time in seconds, as one number."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if span >= size:
            return f"{int(span // size)} {unit}"
    return f"{max(0, int(span))} s"


def version_key(text: str) -> tuple[Version, str]:
    """The key by which versions are sorted, whatever their form, and whatever follows them ("1.0.0 at main")."""
    return version_of(text.partition(" ")[0]), text


def _rows_table(rows: Sequence[UsageRow], now: float) -> Table:
    table = grid("version", "caller", "", "agent", ">calls", ">invalid", ">first", ">last")
    for one in rows:
        table.add_row(
            plain_text(one.version, "bold"),
            plain_text(one.caller),
            _VERBS.get(one.direction, ""),
            plain_text(one.agent_version),
            str(one.calls),
            Text(str(one.invalid), "red" if one.invalid else "dim"),
            ago(now - one.first),
            ago(now - one.last),
        )
    return table


_VERBS = {"input": "sends", "output": "reads"}


def _fields_table(rows: Sequence[UsageRow]) -> Table:
    """Each field with its calls, of all callers."""
    counted: dict[tuple[str, str, str], tuple[int, list[str]]] = {}
    for one in rows:
        for field, count in one.fields.items():
            key = (one.version, one.direction, field)
            known, callers = counted.get(key, (0, []))
            counted[key] = (known + count, [*callers, *([] if one.caller in callers else [one.caller])])
    table = grid("version", "", "field", ">calls", "callers")
    for (version, direction, field), (count, callers) in sorted(
        counted.items(), key=lambda item: (version_key(item[0][0]), item[0][1:])
    ):
        names = (plain_text(version, "bold"), _VERBS.get(direction, ""), plain_text(field))
        table.add_row(*names, str(count), plain_text(", ".join(callers)))
    return table
