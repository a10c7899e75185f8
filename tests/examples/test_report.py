"""The report, and the critic that believes none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.audit.checks import (
    Report,
    check_commands,
    check_startup,
    find_place,
    licence_of,
    markdown,
    merge,
    recount,
    take_inventory,
    verify,
)
from examples.audit.checks.forms import Finding, Row
from tests.examples.scratch import hash_of, install


def audit(env: Path) -> Report:
    place = find_place(env)
    inventory = take_inventory(place)
    folders = [one.folder for one in inventory.distributions]
    return merge(
        inventory,
        {folder: licence_of(Path(folder)) for folder in folders},
        {folder: verify(Path(folder), place) for folder in folders},
        check_startup(place),
        check_commands(place, os.defpath),
    )


@pytest.fixture
def env(tmp_path: Path) -> Path:
    install(tmp_path, "alpha", commands=["alpha-tool"])
    install(tmp_path, "beta", extra=[f"beta/gone.so,{hash_of(b'')},0", "beta/x.py,md5=abc,1", "../../up.py,,"])
    install(tmp_path, "gamma", metadata=[])
    (install(tmp_path, "delta") / "RECORD").unlink()
    install(tmp_path, "legacy", metadata=["License: UNKNOWN", "Classifier: License :: OSI Approved"])
    (tmp_path / "code.pth").write_bytes(b"\xef\xbb\xbfimport os\n")
    (tmp_path / "broken.pth").symlink_to("nowhere")
    (tmp_path / "old-2.0.egg-info").write_text("Name: old\nVersion: 2.0\nLicense: ISC\n")
    return tmp_path


def test_a_true_report_is_accepted(env: Path) -> None:
    report = audit(env)
    assert recount(report).problems == []
    found = {kind: count for kind, count in report.totals.findings.items() if count}
    assert found == {
        "missing": 1,
        "outside": 1,
        "bad_record": 1,
        "no_record": 2,
        "no_licence": 1,
        "startup_code": 1,
    }
    assert report.totals.licences["permissive"] == 4


def test_files_beyond_those_listed_are_in_the_sums(env: Path) -> None:
    install(env, "many", extra=[f"many/{number}.py,{hash_of(b'x')},1" for number in range(200)])
    report = audit(env)
    assert report.totals.findings["missing"] == 201
    assert recount(report).accepted
    assert "- and 161 more" in markdown(report)


def _row(report: Report, change: Callable[[Row], Row]) -> Report:
    return report.model_copy(update={"distributions": [change(report.distributions[0]), *report.distributions[1:]]})


def _total(name: str) -> Callable[[Report], Report]:
    def lie(report: Report) -> Report:
        totals = report.totals.model_copy(update={name: getattr(report.totals, name) + 1})
        return report.model_copy(update={"totals": totals})

    return lie


def _with(report: Report, rows: list[Row]) -> Report:
    """A lie that adds up: other rows, and the totals that they make."""
    names = ("files", "verified", "unhashed", "native")
    sums = {name: sum(getattr(row.integrity, name) for row in rows) for name in names}
    licences = {kind: sum(row.licence.kind == kind for row in rows) for kind in report.totals.licences}
    totals = report.totals.model_copy(update={**sums, "licences": licences, "distributions": len(rows)})
    return report.model_copy(update={"distributions": rows, "totals": totals})


def _dropped(report: Report) -> Report:
    return _with(report, report.distributions[1:])


def _invented(report: Report) -> Report:
    row = report.distributions[0]
    nothing = row.integrity.model_copy(update=dict.fromkeys(("files", "verified", "unhashed"), 0))
    invented = {"folder": row.folder.replace("alpha", "omega"), "integrity": nothing}
    missing = row.licence.model_copy(update={"kind": "missing"})
    rows = [*report.distributions, row.model_copy(update=invented | {"licence": missing})]
    counts = {**report.totals.findings, "no_licence": report.totals.findings["no_licence"] + 1}
    findings = [*report.findings, Finding(kind="no_licence", subject="omega")]
    lied = _with(report, rows)
    totals = lied.totals.model_copy(update={"findings": counts})
    return lied.model_copy(update={"findings": findings, "totals": totals})


def _repeated(report: Report) -> Report:
    return _with(report, [*report.distributions, report.distributions[0]])


def _miscounted(report: Report) -> Report:
    return _row(
        report, lambda row: row.model_copy(update={"integrity": row.integrity.model_copy(update={"verified": 7})})
    )


def _padded(report: Report) -> Report:
    first, *rest = report.distributions
    more = first.integrity.model_copy(update={"files": 50, "verified": 48, "unhashed": 2})
    return _with(report, [first.model_copy(update={"integrity": more}), *rest])


def _licensed(report: Report) -> Report:
    """Consistent in itself: only the files tell that one distribution has no licence."""
    licence = report.distributions[0].licence
    lied = _with(report, [row.model_copy(update={"licence": licence}) for row in report.distributions])
    kept = [finding for finding in report.findings if finding.kind != "no_licence"]
    counts = {**report.totals.findings, "no_licence": 0}
    return lied.model_copy(update={"findings": kept, "totals": lied.totals.model_copy(update={"findings": counts})})


def _hushed(report: Report) -> Report:
    kept = [finding for finding in report.findings if finding.kind != "startup_code"]
    counts = {**report.totals.findings, "startup_code": 0}
    return report.model_copy(update={"findings": kept, "totals": report.totals.model_copy(update={"findings": counts})})


def _made_up(report: Report) -> Report:
    return report.model_copy(update={"findings": [*report.findings, Finding(kind="clash", subject="x")]})


@pytest.mark.parametrize(
    "lie",
    [
        _total("distributions"),
        _total("files"),
        _total("verified"),
        _total("unhashed"),
        _total("native"),
        _total("pth_files"),
        _dropped,
        _invented,
        _repeated,
        _miscounted,
        _padded,
        _licensed,
        _hushed,
        _made_up,
    ],
)
def test_a_false_report_is_rejected(env: Path, lie: Callable[[Report], Report]) -> None:
    report = audit(env)
    assert recount(report).accepted
    assert not recount(lie(report)).accepted


def test_a_file_that_changes_after_it_was_verified_is_noticed(env: Path) -> None:
    report = audit(env)
    (env / "alpha/__init__.py").write_text("import this\n")
    assert [problem.folder for problem in recount(report).problems] == [str(env / "alpha-1.0.dist-info")]


def test_the_report_for_people_shows_names_as_they_are_and_never_as_markup(env: Path) -> None:
    install(env, "odd", metadata=["License: <b>|*mine*|</b> \x1b[31m"])
    text = markdown(audit(env))
    assert "\\<b\\>\\|\\*mine\\*\\|\\</b\\>" in text
    assert "\x1b" not in text
