"""The verdicts of ``make faults``, and the table of its limits."""

from __future__ import annotations

import math

import pytest

from tests.faults.limits import LIMITS, UNITS, Limit
from tests.faults.report import Report, verdict

_ALL = [(f"{row} {metric}", limit) for row, metrics in LIMITS.items() for metric, limit in metrics.items()]


def test_a_budget_that_lets_700_of_256_calls_through_fails() -> None:
    assert LIMITS["F74"]["calls"] == Limit(256, "calls")
    assert verdict(700, LIMITS["F74"]["calls"]) == "FAIL"
    assert verdict(257, LIMITS["F74"]["calls"]) == "FAIL"
    assert verdict(256, LIMITS["F74"]["calls"]) == "PASS"


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "PASS"), (100, "PASS"), (100.1, "SLOW"), (300, "SLOW"), (300.1, "FAIL")]
)
@pytest.mark.parametrize("unit", UNITS["time"])
def test_a_time_is_slow_up_to_three_times_its_limit(unit: str, value: float, expected: str) -> None:
    assert verdict(value, Limit(100, unit)) == expected


@pytest.mark.parametrize("unit", [*UNITS["count"], *UNITS["ratio"], *UNITS["size"]])
def test_a_count_a_ratio_and_a_size_are_exact(unit: str) -> None:
    assert verdict(100, Limit(100, unit)) == "PASS"
    assert verdict(100.001, Limit(100, unit)) == "FAIL"
    assert verdict(1, Limit(0, unit)) == "FAIL"


@pytest.mark.parametrize("unit", [unit for units in UNITS.values() for unit in units])
def test_what_must_be_at_least_so_much_has_no_slack(unit: str) -> None:
    limit = Limit(100, unit, least=True)
    assert [verdict(value, limit) for value in (99.999, 100, 1000)] == ["FAIL", "PASS", "PASS"]


@pytest.mark.parametrize("least", [False, True])
def test_a_measurement_without_a_value_fails(least: bool) -> None:
    assert verdict(math.nan, Limit(100, "ms", least)) == "FAIL"


def test_each_unit_is_of_one_kind() -> None:
    units = [unit for units in UNITS.values() for unit in units]
    assert len(units) == len(set(units))
    assert {unit: Limit(1, unit).kind for unit in units} == {
        unit: kind for kind, units in UNITS.items() for unit in units
    }


@pytest.mark.parametrize("limit", [pytest.param(limit, id=name) for name, limit in _ALL])
def test_each_limit_has_a_kind(limit: Limit) -> None:
    assert limit.kind in UNITS


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name, _ in _ALL])
def test_a_metric_is_named_after_a_unit_of_time_if_it_is_a_time(name: str) -> None:
    row, metric = name.split()
    limit = LIMITS[row][metric]
    assert metric.rpartition("_")[2] == limit.unit if limit.kind == "time" else not metric.endswith(("_ms", "_s"))


def test_a_count_over_its_limit_makes_the_report_fail(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report({"F74"})
    report.measure("F74", "calls", 700)
    report.measure("F74", "cancelled_s", 7.5)
    report.measure("F5", "memory_one", 1000)  # was not asked for
    assert capsys.readouterr().out == "F74 FAIL calls=700 limit=256 calls\nF74 SLOW cancelled_s=7.5 limit=5 s\n"
    assert report.verdicts == {("F74", "calls"): "FAIL", ("F74", "cancelled_s"): "SLOW"}


def test_a_metric_is_measured_once() -> None:
    report = Report({"F74"})
    report.measure("F74", "calls", 700)
    with pytest.raises(ValueError, match="F74 calls is measured twice"):
        report.measure("F74", "calls", 1)


@pytest.mark.parametrize(("value", "shown"), [(math.inf, "inf"), (math.nan, "nan")])
def test_a_time_that_never_came_is_shown_and_fails(
    value: float, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Report({"F43"}).measure("F43", "full_share_s", value)
    assert capsys.readouterr().out == f"F43 FAIL full_share_s={shown} limit=2 s\n"
