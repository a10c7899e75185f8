"""Contracts as people read them: data in, rich renderables out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meshgate.a2a.versions import Version
from meshgate.cli.console import plain
from meshgate.cli.schema.model import Listed, Release, Subject, Usage, UsageRow
from meshgate.cli.views.tables import grid, plural
from meshgate.registry.index import version_of

if TYPE_CHECKING:
    from meshgate.cli.schema.check import Checked, Report, Told
    from meshgate.cli.schema.diff import Change, Diff

__all__ = ["ago", "diff_view", "report_view", "subject_view", "subjects_table", "usage_view"]

_STAGES = {"active": "green", "proposed": "cyan", "deprecated": "yellow", "retired": "red"}
_FATES = {"ok": "green", "translated": "cyan", "migrated": "cyan", "lost": "red"}


def _text(value: str, style: str = "") -> Text:
    return Text(plain(value), style)


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*(plain(one) if isinstance(one, str) else (plain(one[0]), one[1]) for one in parts))


def _indent(what: RenderableType, by: int) -> Padding:
    return Padding(what, (0, 0, 0, by), expand=False)


# -- check


def report_view(report: Report) -> RenderableType:
    """What was found, one block a skill."""
    if not report.checked:
        return Text("There is no contract in the file.")
    lines: list[RenderableType] = []
    for one in report.checked:
        if lines and (one.violations or one.translated):
            lines.append(Text())
        lines.append(_headline(one))
        lines += [_indent(_text(note, "dim"), 2) for note in one.notes]
        lines += _told(one.violations)
        if one.translated:
            lines += [Text(), Text("  Gateways make up for this, so it breaks nothing:", "dim")]
            lines += _told(one.translated, quiet=True)
        lines += _remedies(one)
    return Group(*lines)


def _headline(one: Checked) -> Text:
    name = f"{one.subject} {one.version}".rstrip()
    if one.compatible:
        how = f" goes with {one.against}" if one.against else ""
        return _line(("✓ ", "green"), (name, "bold"), how)
    how = "breaks the contract" if one.code == "INCOMPATIBLE" else f"is refused [{one.code}]"
    return _line(("✗ ", "bold red"), (name, "bold"), (f" {how}", "red"), f", compared with {one.against}")


def _told(found: Sequence[Told], *, quiet: bool = False) -> list[RenderableType]:
    """The violations, those of one place together."""
    lines: list[RenderableType] = []
    for path, side in dict.fromkeys((one.path, one.side) for one in found):
        here = [one for one in found if (one.path, one.side) == (path, side)]
        if not quiet:
            lines.append(Text())
        lines.append(_indent(_line((path, "" if quiet else "bold"), (f"  {side}" if side else "", "dim")), 2))
        lines += [_indent(_line(one.what, (f" [{one.rule}]", "dim")), 4) for one in here]
        versions = sorted({one.against for one in here if one.against}, key=_age)
        if versions:
            lines.append(_indent(_text(f"compared with {', '.join(versions)}", "dim"), 4))
        if not quiet:
            lines += [_indent(_line(("→ ", "cyan"), remedy), 4) for remedy in dict.fromkeys(one.remedy for one in here)]
    return lines


def _remedies(one: Checked) -> list[RenderableType]:
    if one.compatible:
        return []
    if not one.violations:
        said = [one.message, f"{one.suggested_version} would be taken." if one.suggested_version else ""]
        return [_indent(_text(each), 2) for each in said if each]
    version = f", or raise the version to {one.suggested_version}" if one.suggested_version else ""
    these = "it" if len(one.violations) == 1 else f"these {len(one.violations)}"
    return [Text(), _indent(_text(f"Mend {these}{version}."), 2)]


# -- diff


def diff_view(diff: Diff, mediation: str) -> RenderableType:
    """Each change, and what becomes of data in both directions."""
    lines: list[RenderableType] = [_line((diff.subject, "bold"), f" {diff.old} → {diff.new}")]
    if diff.major:
        said = plural(len(diff.migrations), "migration") if diff.migrations else "no migrations"
        lines.append(Text(f"a new major version, with {said}", "dim"))
    for side, found in (("input", diff.input), ("output", diff.output)):
        lines += [Text(), _changes_table(side, found, diff) if found else Text(f"{side}: the same", "dim")]
    fates = {fate for one in (*diff.input, *diff.output) for fate in (one.up, one.down)}
    told = {
        "translated": "translated: gateways make up for it",
        "migrated": "migrated: a migration of the release says how",
        "lost": "lost: who reads it misreads it, or refuses it",
    }
    legend = [text for fate, text in told.items() if fate in fates]
    if legend:
        lines += [Text(), *(Text(text, "dim") for text in legend)]
    if mediation not in ("", "enforce") and fates - {"ok"}:
        lines.append(Text(f"Mediation of this skill is {mediation}: gateways do not translate now.", "yellow"))
    return Group(*lines)


def _changes_table(side: str, found: Sequence[Change], diff: Diff) -> Table:
    table = grid(side, "change")
    for here, there in ((diff.old, diff.new), (diff.new, diff.old)):
        table.add_column(_text(f"{here} → {there}"), no_wrap=True)
    prefix = _common(one.path for one in found)
    for one in found:
        path, fates = one.path.removeprefix(prefix), (Text(fate, _FATES[fate]) for fate in (one.up, one.down))
        table.add_row(_text(path, "bold"), _text(one.what), *fates)
    return table


def _common(paths: Iterable[str]) -> str:
    """The package that all paths begin with: the parts up to the first that is written with a capital."""
    packages = {".".join(_package(path.split("."))) for path in paths}
    return f"{packages.pop()}." if len(packages) == 1 and packages != {""} else ""


def _package(parts: list[str]) -> list[str]:
    first = next((index for index, part in enumerate(parts) if part[:1].isupper()), 0)
    return parts[:first]


# -- list, show


def subjects_table(subjects: Sequence[Listed], agent: str = "") -> RenderableType:
    """One line a contract; ``agent`` is whose skills were asked for."""
    if not subjects and agent:
        return _text(f"No skill of {agent} has a contract.")
    if not subjects:
        return Text("No skill has a contract yet. In Python: Agent(..., contracts='contracts.lock.json').")
    table = grid("skill", "latest", "releases", "takes", "gives", "mediation")
    for one in subjects:
        stages = ", ".join(f"{count} {stage}" for stage, count in one.stages.items() if stage != "active")
        table.add_row(
            _text(one.subject, "bold"),
            _text(one.latest),
            _text(f"{one.releases} ({stages})" if stages else str(one.releases)),
            _text(_short(one.input)),
            _text(_short(one.output)),
            _text(one.mediation, "" if one.mediation == "enforce" else "yellow"),
        )
    return table


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2] or "-"


def _day(moment: float | None) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d") if moment else "-"


def subject_view(found: Subject) -> RenderableType:
    """Settings, releases, migrations."""
    settings = found.settings
    rows = grid("setting", "value", "means")
    rows.add_row("input", _text(settings.input), _text(_meaning(settings.input, "input"), "dim"))
    rows.add_row("output", _text(settings.output), _text(_meaning(settings.output, "output"), "dim"))
    rows.add_row("mediation", _text(settings.mediation), _text(_MEDIATION.get(settings.mediation, ""), "dim"))
    checked = "answers are checked too" if settings.validate_output else "answers are not checked"
    rows.add_row("validate-output", "yes" if settings.validate_output else "no", _text(checked, "dim"))
    reviewed = "releases are proposed, and promoted, before agents join with them"
    taken = "agents bring new releases themselves"
    rows.add_row("review", "yes" if settings.review else "no", _text(reviewed if settings.review else taken, "dim"))
    table = grid("release", "stage", "since", "takes", "gives", "owner")
    for one in reversed(found.releases):
        table.add_row(
            _text(one.version, "bold"),
            _text(one.stage, _STAGES.get(one.stage, "")),
            _day(one.deprecated or one.registered),
            _text(_short(one.input.type) if one.input else "-"),
            _text(_short(one.output.type) if one.output else "-"),
            _text(_owner(one)),
        )
    lines: list[RenderableType] = [_text(found.subject, "bold")]
    if found.stale:
        lines.append(Text("The registry is away: this is what the gateway knew last.", "yellow"))
    lines += [Text(), rows, Text(), table]
    for one in reversed(found.releases):
        lines += _remarks(one)
    return Group(*lines)


_MEDIATION = {
    "enforce": "gateways refuse what breaks the contract, and translate",
    "observe": "gateways count, and touch nothing",
    "off": "gateways do not look",
}
_MODES = {"BACKWARD": "the new reads the old", "FORWARD": "the old reads the new", "FULL": "each reads the other"}


def _meaning(mode: str, side: str) -> str:
    kind, transitive, _ = mode.partition("_TRANSITIVE")
    if kind not in _MODES:
        return f"any change of the {side} is taken" if mode == "NONE" else ""
    return f"{_MODES[kind]}, {'with every release of the major version' if transitive else 'with the release before'}"


def _owner(one: Release) -> str:
    return f"{one.owner}, {one.steward}".strip(", ") or "-"


def _remarks(one: Release) -> list[RenderableType]:
    """What of a release is too long for its row."""
    lines: list[RenderableType] = []
    if one.stage == "proposed":
        lines += [Text(), _line((f"{one.version} is proposed: ", "cyan"), "no agent and no caller uses it yet")]
    if one.stage == "deprecated" and (one.notice or one.sunset):
        sunset = f"to be retired on {one.sunset}" if one.sunset else ""
        said = "; ".join(part for part in (one.notice, sunset) if part)
        lines += [Text(), _line((f"{one.version} is deprecated: ", "yellow"), said)]
    for migration in one.migrations:
        lines += [Text(), *_migration(one.version, migration)]
    return lines


def _migration(version: str, migration: dict[str, Any]) -> list[RenderableType]:
    source = str(migration.get("from", ""))
    lines: list[RenderableType] = [_line(("migration ", "bold"), f"{source} ↔ {version}")]
    if migration.get("function"):
        return [*lines, _indent(_text(f"by the installed function {migration['function']}"), 2)]
    for way, arrow in (("up", f"{source} → {version}"), ("down", f"{version} → {source}")):
        for path, expression in migration.get(way, {}).items():
            lines.append(_indent(_line((f"{arrow}  ", "dim"), f"{path} = {expression}"), 2))
    return lines


# -- usage


def usage_view(found: Usage, now: float, *, fields: bool = False) -> RenderableType:
    """Who uses which version, and since when that was counted.

    Args:
        now: seconds since 1970.
        fields: whether to show the fields too.
    """
    lines: list[RenderableType] = [_text(found.subject, "bold"), Text()]
    rows = sorted(found.rows, key=lambda one: (_age(one.version), one.direction, one.caller))
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
        lines.append(_text(f"Missing: {', '.join(found.missing)} did not answer.", "yellow"))
    if found.forgotten:
        lines.append(Text(f"{plural(found.forgotten, 'row')} made room for others and are not in here.", "yellow"))
    return Group(*lines)


def ago(span: float) -> str:
    """How long ago something was that was so many seconds ago."""
    return f"{_length(span)} ago" if span >= 1 else "now"


def _length(span: float) -> str:
    """A length of time in seconds, as one number."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if span >= size:
            return f"{int(span // size)} {unit}"
    return f"{max(0, int(span))} s"


def _age(text: str) -> tuple[Version, str]:
    """What versions are sorted by, whatever stands in them, and whatever follows them ("1.0.0 at main")."""
    return version_of(text.partition(" ")[0]), text


def _rows_table(rows: Sequence[UsageRow], now: float) -> Table:
    table = grid("version", "caller", "", "agent", ">calls", ">invalid", ">first", ">last")
    for one in rows:
        table.add_row(
            _text(one.version, "bold"),
            _text(one.caller),
            _VERBS.get(one.direction, ""),
            _text(one.agent_version),
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
        counted.items(), key=lambda item: (_age(item[0][0]), item[0][1:])
    ):
        names = (_text(version, "bold"), _VERBS.get(direction, ""), _text(field))
        table.add_row(*names, str(count), _text(", ".join(callers)))
    return table
