"""The time limits of tests: how long a test waits before it counts the event it waits for as hung.

Tests wait for events, and go on as soon as these come, so a limit costs nothing while all is well. It is there to end
what hangs, not to measure speed: thirty seconds or more, whatever the wait is for. On a machine with little to give to
each process the variable ``TEST_PATIENCE`` multiplies all limits at once; pytest's own limit among them, which
``tests/conftest.py`` sees to.
"""

import math
import os
from collections.abc import Mapping

__all__ = ["HANG", "VARIABLE", "patience", "scale"]

VARIABLE = "TEST_PATIENCE"
HANG = 30.0
"""Seconds that are enough for anything that a test waits for in its own process."""


def patience(seconds: float = HANG) -> float:
    """The limit of a wait in real seconds: ``seconds``, or more where the variable says so."""
    return seconds * _SCALE


def scale(environ: Mapping[str, str]) -> float:
    """The factor of all limits, 1 unless the variable is set.

    Raises:
        ValueError: the variable is no number above 0.
    """
    text = environ.get(VARIABLE) or "1"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{VARIABLE} is {text!r}; it must be a number above 0, such as 3")
    return number


_SCALE = scale(os.environ)
