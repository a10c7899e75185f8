"""Whether a call got dearer: the median of the rounds' ratios, its quartiles, and how many rounds that takes."""

from __future__ import annotations

import pytest

from bench.comparison import LIMIT, MOST, WIDE, Comparison, rounds_due

STEADY = [1.0] * 9


def spread(distance: float, rounds: int = 9) -> list[float]:
    """Ratios whose quartiles are as far apart as this, around 1."""
    low, high = 1 - distance / 2, 1 + distance / 2
    return [low] * (rounds // 2) + [1.0] * (rounds % 2) + [high] * (rounds // 2)


def test_of_nine_rounds_median_and_quartiles_are_the_fifth_the_third_and_the_seventh() -> None:
    ratios = [1.09, 1.01, 1.05, 1.03, 1.07, 1.02, 1.08, 1.04, 1.06]
    assert Comparison.of(ratios) == Comparison(median=1.05, low=1.03, high=1.07, rounds=9)


def test_between_two_rounds_quartiles_are_interpolated() -> None:
    assert Comparison.of([1.0, 2.0]) == Comparison(median=1.5, low=1.25, high=1.75, rounds=2)


def test_one_wild_round_moves_neither_median_nor_quartiles() -> None:
    assert Comparison.of([*STEADY[1:], 9.0]) == Comparison(1.0, 1.0, 1.0, 9)


@pytest.mark.parametrize(("median", "good"), [(0.9, True), (LIMIT, True), (LIMIT + 0.0001, False), (2.0, False)])
def test_a_call_got_no_dearer_up_to_the_limit_and_at_it(median: float, good: bool) -> None:
    assert Comparison(median, median, median, 9).good is good


def test_quartiles_are_wide_beyond_the_width_that_is_allowed_and_not_at_it() -> None:
    assert not Comparison(1.0, 1.0, 1.0 + WIDE - 0.0001, 9).wide
    assert not Comparison(0.0, 0.0, WIDE, 9).wide
    assert Comparison(1.0, 1.0, 1.0 + WIDE + 0.0001, 9).wide


def test_the_first_rounds_are_run_whatever_they_show() -> None:
    assert rounds_due([], 9) == 9
    assert rounds_due([1.0, 1.0], 9) == 7
    assert rounds_due([0.5, 1.5], 9) == 7


def test_no_round_follows_when_the_quartiles_are_close() -> None:
    assert rounds_due(STEADY, 9) == 0
    assert rounds_due(spread(WIDE / 2), 9) == 0


def test_four_more_rounds_follow_while_the_quartiles_are_wide_apart() -> None:
    assert rounds_due(spread(WIDE * 2), 9) == 4
    assert rounds_due(spread(WIDE * 2, 13), 9) == 4


def test_rounds_end_at_the_most_that_are_allowed() -> None:
    assert rounds_due(spread(WIDE * 2, MOST - 3), 9) == 3
    assert rounds_due(spread(WIDE * 2, MOST), 9) == 0


def test_more_first_rounds_than_the_most_are_run_if_they_are_asked_for() -> None:
    assert rounds_due([], MOST + 5) == MOST + 5
    assert rounds_due(spread(WIDE * 2, MOST + 5), MOST + 5) == 0


def test_the_verdict_names_the_figures_the_limit_and_what_was_compared() -> None:
    assert Comparison(1.0126, 1.0049, 1.0151, 9).lines("this tree / HEAD") == [
        "PASS this tree / HEAD: 1.0126 (quartiles 1.0049-1.0151, 9 rounds), limit 1.02"
    ]


def test_the_verdict_says_so_when_the_machine_was_too_noisy() -> None:
    failed, warning = Comparison(1.05, 1.0, 1.0721, 45).lines("this tree / HEAD")
    assert failed == "FAIL this tree / HEAD: 1.0500 (quartiles 1.0000-1.0721, 45 rounds), limit 1.02"
    assert warning.startswith("the quartiles are still 0.072 apart, more than 0.02: this machine is too noisy")
