"""The variable that makes every limit of the tests longer."""

import os

import pytest

from tests.support.patience import HANG, VARIABLE, patience, scale


@pytest.mark.parametrize(("text", "factor"), [(None, 1.0), ("", 1.0), ("3", 3.0), ("0.5", 0.5)])
def test_limits_are_multiplied_with_what_the_variable_says(text: str | None, factor: float) -> None:
    assert scale({} if text is None else {VARIABLE: text}) == factor


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_what_is_no_number_above_0_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=f"{VARIABLE} is '{text}'"):
        scale({VARIABLE: text})


def test_a_limit_and_that_of_pytest_follow_the_variable(request: pytest.FixtureRequest) -> None:
    factor = scale(os.environ)
    assert (patience(), patience(60.0)) == (HANG * factor, 60.0 * factor)
    marker = request.node.get_closest_marker("timeout")
    assert marker is not None
    assert marker.args == (float(request.config.getini("timeout")) * factor,)
