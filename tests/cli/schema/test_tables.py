"""What people read of contracts, letter by letter, at 80 columns and without colour."""

from __future__ import annotations

import io

import httpx
import pytest
from rich.console import Console, RenderableType

from meshgate.cli.admin_client import Admin
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.schema.api import find_subject, list_subjects, path_of, release_of
from meshgate.cli.schema.changes import Change, Diff
from meshgate.cli.schema.model import (
    ContractSettings,
    ContractUsage,
    MessageRef,
    ReleaseView,
    SubjectSummary,
    SubjectView,
    UsageRow,
)
from meshgate.cli.schema.proposal import Proposal, StoredRelease
from meshgate.cli.schema.report import EntryReport, Report, ReportedViolation
from meshgate.cli.schema.views.diff import diff_view
from meshgate.cli.schema.views.proposal import proposed_view
from meshgate.cli.schema.views.report import report_view
from meshgate.cli.schema.views.subjects import subject_view, subjects_table
from meshgate.cli.schema.views.usage import ago, usage_view

QUERY, FORECAST = MessageRef("agents.weather.forecast.Query"), MessageRef("agents.weather.forecast.Forecast")
DAY = 1_767_225_600.0
"""2026-01-01, in seconds since 1970."""


def shown(view: RenderableType, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(view)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def report(*checked: EntryReport) -> str:
    return shown(report_view(Report(all(one.compatible for one in checked), "git:main", checked)))


def told(rule: str, path: str = "p.A.b", remedy: str = "keep field 2", against: str = "") -> ReportedViolation:
    return ReportedViolation(
        path, "" if against else "input", rule, "both", "both", f"it was broken by {rule}", remedy, against=against
    )


def test_what_goes_with_the_contract_is_one_line() -> None:
    fine = EntryReport("weather/forecast", "1.1.0", "1.0.0 at main", compatible=True)
    new = EntryReport("weather/storm", "1.0.0", "", compatible=True, notes=("new: it is not at main",))
    assert report(fine, new) == (
        "✓ weather/forecast 1.1.0 goes with 1.0.0 at main\n✓ weather/storm 1.0.0\n  new: it is not at main"
    )


@pytest.mark.requirement("cli.schema.check")
def test_what_breaks_is_told_by_place_with_its_remedies_once() -> None:
    broken = EntryReport(
        "weather/forecast",
        "1.1.0",
        "1.0.0 at main",
        compatible=False,
        code="INCOMPATIBLE",
        violations=(told("json-type"), told("wire-type"), told("field-removed", "p.A.c", "add 'reserved 3;' to p.A")),
        translated=(told("json-name", "p.A.d"),),
        suggested_version="2.0.0",
    )
    assert report(broken) == (
        "✗ weather/forecast 1.1.0 breaks the contract, compared with 1.0.0 at main\n"
        "\n"
        "  p.A.b  input\n"
        "    it was broken by json-type [json-type]\n"
        "    it was broken by wire-type [wire-type]\n"
        "    → keep field 2\n"
        "\n"
        "  p.A.c  input\n"
        "    it was broken by field-removed [field-removed]\n"
        "    → add 'reserved 3;' to p.A\n"
        "\n"
        "  Gateways make up for this, so it breaks nothing:\n"
        "  p.A.d  input\n"
        "    it was broken by json-name [json-name]\n"
        "\n"
        "  Correct these 3, or raise the version to 2.0.0."
    )


def test_the_mesh_says_which_releases_it_compared_with() -> None:
    one = EntryReport(
        "a/b", "1.2.0", "the mesh", compatible=False, code="INCOMPATIBLE", violations=(told("x", against="1.0.0"),)
    )
    assert report(one) == (
        "✗ a/b 1.2.0 breaks the contract, compared with the mesh\n"
        "\n"
        "  p.A.b\n"
        "    it was broken by x [x]\n"
        "    compared with 1.0.0\n"
        "    → keep field 2\n"
        "\n"
        "  Correct it."
    )


def test_a_refusal_without_violations_has_its_message() -> None:
    taken = EntryReport(
        "a/b",
        "1.0.0",
        "the mesh",
        compatible=False,
        code="VERSION_TAKEN",
        message="raise the version",
        suggested_version="1.1.0",
    )
    assert report(taken) == (
        "✗ a/b 1.0.0 is refused [VERSION_TAKEN], compared with the mesh\n  raise the version\n  1.1.0 would be taken."
    )


def test_a_file_without_contracts_is_told() -> None:
    assert report() == "There is no contract in the file."


@pytest.mark.requirement("cli.schema.life")
def test_a_diff_shows_both_directions_and_explains_its_words() -> None:
    found = Diff(
        "weather/forecast",
        "1.0.0",
        "2.0.0",
        major=True,
        output=(
            Change("agents.weather.Forecast.temperature", "was called temp_c", "translated", "translated"),
            Change("agents.weather.Forecast.wind", "added: Wind, number 6", "migrated", "lost"),
        ),
        migrations=({"from": "^1"},),
    )
    assert shown(diff_view(found, "observe")) == (
        "weather/forecast 1.0.0 → 2.0.0\n"
        "a new major version, with 1 migration\n"
        "\n"
        "input: the same\n"
        "\n"
        "output                 change                  1.0.0 → 2.0.0   2.0.0 → 1.0.0\n"
        "────────────────────────────────────────────────────────────────────────────\n"
        "Forecast.temperature   was called temp_c       translated      translated\n"
        "Forecast.wind          added: Wind, number 6   migrated        lost\n"
        "\n"
        "translated: gateways make up for it\n"
        "migrated: a migration of the release says how\n"
        "lost: who reads it misreads it, or refuses it\n"
        "Mediation of this skill is observe: gateways do not translate now."
    )


def test_contracts_are_one_line_each() -> None:
    listed = [
        SubjectSummary("a/b", "1.1.0", 3, {"active": 2, "retired": 1}, "p.Query", "p.Forecast", "enforce"),
        SubjectSummary("a/c", "1.0.0", 1, {"active": 1}, "", "", "off"),
    ]
    assert shown(subjects_table(listed)) == (
        "skill   latest   releases        takes   gives      mediation\n"
        "─────────────────────────────────────────────────────────────\n"
        "a/b     1.1.0    3 (1 retired)   Query   Forecast   enforce\n"
        "a/c     1.0.0    1               -       -          off"
    )
    assert "contracts.lock.json" in shown(subjects_table([]))
    assert "contracts.lock.json" not in shown(subjects_table([], "nobody"))


@pytest.mark.requirement("cli.schema.life")
def test_a_contract_is_shown_with_settings_releases_notices_and_migrations() -> None:
    migrations = (
        {"from": "^1", "up": {"wind.speed": "old.wind_kmh"}, "down": {"wind_kmh": "old.wind.speed"}},
        {"from": "^0", "function": "convert"},
    )
    found = SubjectView(
        "weather/forecast",
        ContractSettings("FULL", "NONE", (), "enforce"),
        (
            ReleaseView("1.0.0", "deprecated", QUERY, FORECAST, "", "", "use 2.0.0", DAY, DAY + 86_400, "2027-03-31"),
            ReleaseView("2.0.0", "active", QUERY, None, "ann", "bob", registered=DAY, migrations=migrations),
            ReleaseView("2.1.0", "proposed", QUERY, None, registered=DAY),
        ),
        stale=True,
    )
    assert shown(subject_view(found), 100) == (
        "weather/forecast\n"
        "The registry is away: this is what the gateway knew last.\n"
        "\n"
        "setting           value     means\n"
        "───────────────────────────────────────────────────────────────────────────────────\n"
        "input             FULL      each reads the other, with the release before\n"
        "output            NONE      any change of the output is taken\n"
        "mediation         enforce   gateways refuse what breaks the contract, and translate\n"
        "validate-output   no        answers are not checked\n"
        "review            no        agents bring new releases themselves\n"
        "\n"
        "release   stage        since        takes   gives      owner\n"
        "───────────────────────────────────────────────────────────────\n"
        "2.1.0     proposed     2026-01-01   Query   -          -\n"
        "2.0.0     active       2026-01-01   Query   -          ann, bob\n"
        "1.0.0     deprecated   2026-01-02   Query   Forecast   -\n"
        "\n"
        "2.1.0 is proposed: no agent and no caller uses it yet\n"
        "\n"
        "migration ^1 ↔ 2.0.0\n"
        "  ^1 → 2.0.0  wind.speed = old.wind_kmh\n"
        "  2.0.0 → ^1  wind_kmh = old.wind.speed\n"
        "\n"
        "migration ^0 ↔ 2.0.0\n"
        "  by the installed function convert\n"
        "\n"
        "1.0.0 is deprecated: use 2.0.0; to be retired on 2027-03-31"
    )


@pytest.mark.requirement("cli.schema.propose")
def test_what_was_proposed_is_shown_with_the_next_step() -> None:
    stored = (StoredRelease("a/b", "1.1.0", "proposed", "ann", "bob"), StoredRelease("a/c", "1.0.0", "active"))
    assert shown(proposed_view(Proposal(compatible=True, against="registry", checked=(), releases=stored)), 100) == (
        "✓ a/b 1.1.0 is proposed\n"
        "  → meshgate schema promote a/b 1.1.0 active, for its steward bob\n"
        "✓ a/c 1.0.0 is active already"
    )
    assert "no contract" in shown(proposed_view(Proposal(compatible=True, against="registry", checked=())))


@pytest.mark.requirement("cli.schema.life")
def test_usage_shows_who_uses_what_since_when_and_who_did_not_answer() -> None:
    rows = (
        UsageRow("dev", "1.0.0", "input", "1.1.0", 3, 1, {"city": 3}, DAY - 7200, DAY - 90),
        UsageRow("ops", "1.0.0", "input", "1.1.0", 2, 0, {"city": 1, "days": 2}, DAY - 30, DAY),
    )
    found = ContractUsage("a/b", {"gw1": DAY - 3 * 86_400}, ("gw2",), 1, rows)
    assert shown(usage_view(found, DAY, fields=True)) == (
        "a/b\n"
        "\n"
        "version   caller           agent   calls   invalid      first        last\n"
        "─────────────────────────────────────────────────────────────────────────\n"
        "1.0.0     dev      sends   1.1.0       3         1    2 h ago   1 min ago\n"
        "1.0.0     ops      sends   1.1.0       2         0   30 s ago         now\n"
        "\n"
        "version           field   calls   callers\n"
        "──────────────────────────────────────────\n"
        "1.0.0     sends   city        4   dev, ops\n"
        "1.0.0     sends   days        2   ops\n"
        "\n"
        "Counted by 1 gateway, the longest for 3 d.\n"
        "Missing: gw2 did not answer.\n"
        "1 row made room for others and are not in here."
    )
    assert "No gateway answered." in shown(usage_view(ContractUsage("a/b"), DAY))


@pytest.mark.requirement("cli.terminal")
def test_what_agents_wrote_reaches_the_terminal_as_text_alone() -> None:
    bad = "\x1b[31mred\x1b[0m\u202e"
    release = ReleaseView(
        "1.0.0",
        "deprecated",
        MessageRef(f"p.{bad}"),
        None,
        bad,
        bad,
        bad,
        DAY,
        DAY,
        bad,
        ({"from": bad, "up": {bad: bad}},),
    )
    checked = EntryReport(bad, bad, bad, compatible=False, code=bad, violations=(told(bad, bad, bad),), notes=(bad,))
    row = UsageRow(bad, bad, bad, bad, 1, 0, {bad: 1}, DAY, DAY)
    stored = (StoredRelease(bad, bad, bad), StoredRelease(bad, bad, "proposed", bad, bad))
    views: list[RenderableType] = [
        subject_view(SubjectView(bad, ContractSettings(bad, bad, (), bad), (release,))),
        subjects_table([SubjectSummary(bad, bad, 1, {bad: 1}, bad, bad, bad)]),
        usage_view(ContractUsage(bad, {"g": DAY}, (bad,), 0, (row,)), DAY, fields=True),
        report_view(Report(compatible=False, against=bad, checked=(checked,))),
        proposed_view(Proposal(compatible=True, against=bad, checked=(), releases=stored)),
        diff_view(Diff(bad, bad, bad, major=True, input=(Change(bad, bad),)), bad),
    ]
    for view in views:
        text = shown(view)
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_usage_is_in_the_order_of_versions() -> None:
    written = ("10.0.0", "2.0.0", "2.0.0-rc.1", "")
    rows = tuple(UsageRow("dev", version, "input", "", 1, 0, {"f": 1}, DAY, DAY) for version in written)
    text = shown(usage_view(ContractUsage("a/b", rows=rows), DAY, fields=True))
    assert [line.split()[0] for line in text.splitlines() if ".0.0" in line] == ["2.0.0-rc.1", "2.0.0", "10.0.0"] * 2


def test_how_long_ago_something_was_is_one_number() -> None:
    assert [ago(span) for span in (-5, 0.4, 59, 60, 3_599, 7_200, 200_000)] == [
        *("now", "now", "59 s ago", "1 min ago", "59 min ago", "2 h ago", "2 d ago")
    ]


# -- what is asked of the admin API


ENVIRON = {"MESHGATE_ADMIN_URL": "http://127.0.0.1:1", "MESHGATE_ADMIN_KEY": "k"}


def admin(answer: httpx.Response | list[httpx.Response], seen: list[str] | None = None) -> Admin:
    answers = answer if isinstance(answer, list) else [answer]

    def answering(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(str(request.url))
        return answers.pop(0)

    return Admin(ENVIRON, httpx.MockTransport(answering))


def test_a_long_list_is_read_page_by_page() -> None:
    seen: list[str] = []
    pages = [
        httpx.Response(200, json={"subjects": [{"subject": "a/b"}], "next": "a/b"}),
        httpx.Response(200, json={"subjects": [{"subject": "a/c"}], "next": ""}),
    ]
    assert [one.subject for one in list_subjects(admin(pages, seen)).subjects] == ["a/b", "a/c"]
    assert "after=a%2Fb" in seen[1]


def test_a_skill_without_a_contract_is_told_from_a_mesh_that_is_out_of_reach() -> None:
    unknown = httpx.Response(404, json={"code": "UNKNOWN_CONTRACT", "message": "no"})
    assert find_subject(admin(unknown), "a/b") is None
    away = httpx.Response(503, json={"code": "REGISTRY_UNAVAILABLE", "message": "no"})
    with pytest.raises(CliError) as refused:
        find_subject(admin(away), "a/b")
    assert refused.value.code == Exit.UNREACHABLE


def test_names_are_segments_of_a_path() -> None:
    assert path_of("a b/c?d") == "schemas/a%20b/c%3Fd"
    for wrong in ("a", "a/", "/b", "a/b/c", ""):
        with pytest.raises(CliError) as refused:
            path_of(wrong)
        assert refused.value.code == Exit.USAGE


def test_the_latest_release_is_the_newest_that_is_not_retired() -> None:
    releases = ReleaseView("1.0.0"), ReleaseView("1.1.0", "deprecated"), ReleaseView("2.0.0", "retired")
    assert release_of(SubjectView("a/b", releases=releases), "latest").version == "1.1.0"
    assert release_of(SubjectView("a/b", releases=releases[2:]), "latest").version == "2.0.0"
    with pytest.raises(CliError):
        release_of(SubjectView("a/b"), "latest")
