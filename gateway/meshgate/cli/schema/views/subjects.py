"""The views of contracts: the list of them, and one with its settings, releases and migrations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from meshgate.cli.schema.model import ReleaseView, SubjectSummary, SubjectView
from meshgate.cli.schema.views.text import indented, plain_line, plain_text
from meshgate.cli.views.tables import grid

if TYPE_CHECKING:
    pass

__all__ = ["subject_view", "subjects_table"]

_STAGES = {"active": "green", "proposed": "cyan", "deprecated": "yellow", "retired": "red"}


# -- check


# -- diff


def subjects_table(subjects: Sequence[SubjectSummary], agent: str = "") -> RenderableType:
    """One line for each contract.

    Args:
        subjects: the contracts.
        agent: the agent whose skills were asked for; "" for all.
    """
    if not subjects and agent:
        return plain_text(f"No skill of {agent} has a contract.")
    if not subjects:
        return Text("No skill has a contract yet. In Python: Agent(..., contracts='contracts.lock.json').")
    table = grid("skill", "latest", "releases", "takes", "gives", "mediation")
    for one in subjects:
        stages = ", ".join(f"{count} {stage}" for stage, count in one.stages.items() if stage != "active")
        table.add_row(
            plain_text(one.subject, "bold"),
            plain_text(one.latest),
            plain_text(f"{one.releases} ({stages})" if stages else str(one.releases)),
            plain_text(_short(one.input)),
            plain_text(_short(one.output)),
            plain_text(one.mediation, "" if one.mediation == "enforce" else "yellow"),
        )
    return table


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2] or "-"


def _day(moment: float | None) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d") if moment else "-"


def subject_view(found: SubjectView) -> RenderableType:
    """Settings, releases, migrations."""
    settings = found.settings
    rows = grid("setting", "value", "means")
    rows.add_row("input", plain_text(settings.input), plain_text(_meaning(settings.input, "input"), "dim"))
    rows.add_row("output", plain_text(settings.output), plain_text(_meaning(settings.output, "output"), "dim"))
    rows.add_row("mediation", plain_text(settings.mediation), plain_text(_MEDIATION.get(settings.mediation, ""), "dim"))
    checked = "answers are checked too" if settings.validate_output else "answers are not checked"
    rows.add_row("validate-output", "yes" if settings.validate_output else "no", plain_text(checked, "dim"))
    reviewed = "releases are proposed, and promoted, before agents join with them"
    taken = "agents bring new releases themselves"
    rows.add_row(
        "review", "yes" if settings.review else "no", plain_text(reviewed if settings.review else taken, "dim")
    )
    if found.default_major is not None:
        speaks = "callers that name no release speak it"
        rows.add_row("default", f"{found.default_major}.x", plain_text(speaks, "dim"))
    table = grid("release", "stage", "since", "takes", "gives", "owner")
    for one in reversed(found.releases):
        table.add_row(
            plain_text(one.version, "bold"),
            plain_text(one.stage, _STAGES.get(one.stage, "")),
            _day(one.deprecated or one.registered),
            plain_text(_short(one.input.type) if one.input else "-"),
            plain_text(_short(one.output.type) if one.output else "-"),
            plain_text(_owner(one)),
        )
    lines: list[RenderableType] = [plain_text(found.subject, "bold")]
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


def _owner(one: ReleaseView) -> str:
    return f"{one.owner}, {one.steward}".strip(", ") or "-"


def _remarks(one: ReleaseView) -> list[RenderableType]:
    """The lines about a release that are too long for its row."""
    lines: list[RenderableType] = []
    if one.stage == "proposed":
        lines += [Text(), plain_line((f"{one.version} is proposed: ", "cyan"), "no agent and no caller uses it yet")]
    if one.stage == "deprecated" and (one.notice or one.sunset):
        sunset = f"to be retired on {one.sunset}" if one.sunset else ""
        said = "; ".join(part for part in (one.notice, sunset) if part)
        lines += [Text(), plain_line((f"{one.version} is deprecated: ", "yellow"), said)]
    for migration in one.migrations:
        lines += [Text(), *_migration(one.version, migration)]
    return lines


def _migration(version: str, migration: dict[str, Any]) -> list[RenderableType]:
    source = str(migration.get("from", ""))
    lines: list[RenderableType] = [plain_line(("migration ", "bold"), f"{source} ↔ {version}")]
    if migration.get("function"):
        return [*lines, indented(plain_text(f"by the installed function {migration['function']}"), 2)]
    for way, arrow in (("up", f"{source} → {version}"), ("down", f"{version} → {source}")):
        for path, expression in migration.get(way, {}).items():
            lines.append(indented(plain_line((f"{arrow}  ", "dim"), f"{path} = {expression}"), 2))
    return lines


# -- usage
