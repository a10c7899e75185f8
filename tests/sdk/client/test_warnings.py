"""A caller is warned of a deadline that is longer than the gateway gives."""

from __future__ import annotations

import itertools
import warnings

import pytest

from meshgate.sdk import ShorterDeadline
from meshgate.sdk.skills.deprecation import warn_of_deadline

_paths = itertools.count()


@pytest.mark.requirement("bounds.deadline")
def test_a_shorter_deadline_is_warned_of_once_for_each_place() -> None:
    path, other = f"/agents/a{next(_paths)}", f"/agents/b{next(_paths)}"

    def calls() -> None:
        for _ in range(3):
            warn_of_deadline(path, "900.000000")
        warn_of_deadline(other, "7.500000")

    with pytest.warns(ShorterDeadline) as caught:
        calls()
    assert [str(one.message) for one in caught] == [
        f"{path}: the gateway gives this call 900 s, less than its deadline (limits.max_deadline)",
        f"{other}: the gateway gives this call 7.5 s, less than its deadline (limits.max_deadline)",
    ]


def test_a_deadline_that_was_given_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_deadline("/agents/c", "")
